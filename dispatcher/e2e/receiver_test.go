package e2e_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// receiver is a server on the loopback interface that remembers what arrived.
type receiver struct {
	*httptest.Server
	// answer returns the status for the nth request, counted from 1.
	answer func(n int, a arrival) int

	mu       sync.Mutex
	arrivals []arrival
}

// arrival is one request. Its status is 0 until it was answered.
type arrival struct {
	at     time.Time
	status int
	id     string
	header http.Header
	body   string
}

// newReceiver starts a server that answers 204, or what answer says.
func newReceiver(t testing.TB, answer func(n int, a arrival) int) *receiver {
	t.Helper()
	rc := &receiver{answer: answer}
	rc.Server = httptest.NewServer(rc)
	t.Cleanup(rc.Close)
	return rc
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := arrival{at: time.Now(), id: r.Header.Get("Webhook-Id"), header: r.Header.Clone()}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender broke off
	}
	a.body = string(body)
	rc.mu.Lock()
	rc.arrivals = append(rc.arrivals, a)
	n := len(rc.arrivals)
	rc.mu.Unlock()
	status := http.StatusNoContent
	if rc.answer != nil {
		status = rc.answer(n, a)
	}
	rc.mu.Lock()
	rc.arrivals[n-1].status = status
	rc.mu.Unlock()
	w.WriteHeader(status)
}

// got returns what has arrived so far.
func (rc *receiver) got() []arrival {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.arrivals)
}

// count returns how many requests have arrived so far.
func (rc *receiver) count() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.arrivals)
}

// byID returns how often each event arrived.
func (rc *receiver) byID() map[string]int {
	times := make(map[string]int)
	for _, a := range rc.got() {
		times[a.id]++
	}
	return times
}

// accepted returns how often each event was answered with 2xx.
func (rc *receiver) accepted() map[string]int {
	times := make(map[string]int)
	for _, a := range rc.got() {
		if a.status/100 == 2 {
			times[a.id]++
		}
	}
	return times
}

// failFirst answers the first request with an error.
func failFirst(n int, _ arrival) int {
	if n == 1 {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// closedPort returns the URL of a port that nobody listens on.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}
