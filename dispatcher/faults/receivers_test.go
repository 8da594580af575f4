package faults_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// receivers are real HTTP servers on loopback, one for each endpoint.
type receivers struct {
	t      *testing.T
	ledger *ledger
	all    []*receiver
	// healed receivers accept everything at once.
	healed atomic.Bool
	// lenient receivers accept a signature whose time is wrong, and note that.
	lenient atomic.Bool
}

// receiver answers for one endpoint.
type receiver struct {
	endpoint webhook.Endpoint
	behave   behavior
	server   http.Server
	listener net.Listener
	verifier *signer.Verifier
	patient  *signer.Verifier // any day will do

	mu    sync.Mutex
	rnd   *rand.Rand
	conns map[net.Conn]bool // those that are open
}

// behavior chooses when a request is answered, and what: a status, or 0 to cut
// the connection.
type behavior func(*rand.Rand) (delay time.Duration, status int)

func good(*rand.Rand) (time.Duration, int) { return 0, http.StatusNoContent }

func slow(rnd *rand.Rand) (time.Duration, int) {
	return time.Duration(20+rnd.IntN(100)) * time.Millisecond, http.StatusOK
}

// sluggish keeps several deliveries under way.
func sluggish(rnd *rand.Rand) (time.Duration, int) {
	return time.Duration(100+rnd.IntN(400)) * time.Millisecond, http.StatusOK
}

func flaky(rnd *rand.Rand) (time.Duration, int) {
	switch n := rnd.IntN(100); {
	case n < 8:
		return 0, http.StatusInternalServerError
	case n < 12:
		return 30 * time.Millisecond, http.StatusServiceUnavailable
	case n < 15:
		return 10 * time.Millisecond, 0
	}
	return time.Duration(rnd.IntN(10)) * time.Millisecond, http.StatusOK
}

// shaky fails one time in twenty: too seldom for a breaker to open often, after which
// what waits comes at the 50/s of a recovery.
func shaky(rnd *rand.Rand) (time.Duration, int) {
	if rnd.IntN(20) == 0 {
		return 0, http.StatusInternalServerError
	}
	return time.Duration(rnd.IntN(10)) * time.Millisecond, http.StatusOK
}

// newReceivers returns receivers that listen, and answer after listen. They are
// closed with the test.
func newReceivers(t *testing.T, l *ledger, seed uint64, behaviors ...behavior) *receivers {
	t.Helper()
	rs := &receivers{t: t, ledger: l}
	for i, b := range behaviors {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r := &receiver{
			behave: b, listener: listener,
			rnd: rand.New(rand.NewPCG(seed, uint64(i))), conns: map[net.Conn]bool{},
		}
		r.server.ConnState = r.track
		r.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { rs.serve(i, w, req) })
		rs.all = append(rs.all, r)
	}
	return rs
}

// listen answers from now on. Every receiver has its verifier by then.
func (rs *receivers) listen() {
	var serving sync.WaitGroup
	for _, r := range rs.all {
		serving.Go(func() { _ = r.server.Serve(r.listener) }) // until it is closed
	}
	rs.t.Cleanup(func() {
		for _, r := range rs.all {
			_ = r.server.Close() // nobody is waiting
		}
		serving.Wait()
	})
}

func (r *receiver) track(c net.Conn, s http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s {
	case http.StateNew:
		r.conns[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(r.conns, c)
	}
}

func (r *receiver) url() string { return "http://" + r.listener.Addr().String() + "/hooks" }

// The headers by which senders and receivers know each other's requests.
const (
	lifeHeader   = "Child-Life"     // of a request: the number of the sender's life
	numberHeader = "Request-Number" // of an answer: that of the request
)

// knock is a path that is answered and not noted.
const knock = "/knock"

func (rs *receivers) serve(i int, w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == knock {
		return
	}
	r := rs.all[i]
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // it died in the middle of the request, which has not arrived
	}
	var envelope struct {
		Data struct {
			Key string `json:"key"`
		} `json:"data"`
	}
	refusal := r.verifier.Verify(req.Header, body)
	late := rs.lenient.Load() && untimely(refusal)
	if late {
		refusal = r.patient.Verify(req.Header, body)
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		refusal = errors.Join(refusal, err)
	}
	sender, err := strconv.Atoi(req.Header.Get(lifeHeader))
	if err != nil {
		sender = -1
	}
	arrived := &request{
		life: sender, receiver: i, id: req.Header.Get("Webhook-Id"), key: envelope.Data.Key,
		body: sha256.Sum256(body), refusal: refusal, untimely: late,
	}
	rs.ledger.arrived(arrived)
	delay, status := r.choose(rs.healed.Load())
	if delay > 0 {
		wait := time.NewTimer(delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-req.Context().Done(): // the sender is gone
			return
		}
	}
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	rs.ledger.replied(arrived, status)
	w.Header().Set(numberHeader, strconv.Itoa(arrived.number))
	w.WriteHeader(status)
}

func (r *receiver) choose(healed bool) (time.Duration, int) {
	if healed {
		return 0, http.StatusOK
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.behave(r.rnd)
}

// quiesce waits, after the sender is dead, until all that it had sent has been
// dealt with.
func (rs *receivers) quiesce() {
	rs.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, r := range rs.all {
		// Connections are accepted in turn: when a new one is answered, those
		// of the dead are known.
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
		resp, err := client.Get("http://" + r.listener.Addr().String() + knock)
		if err != nil {
			rs.t.Fatal(err)
		}
		_ = resp.Body.Close() // it is empty
		for ; r.open() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				rs.t.Fatalf("%d connections of a dead process are still open", r.open())
			}
		}
	}
}

func (r *receiver) open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// untimely reports whether a signature was refused for its time alone.
func untimely(refusal error) bool {
	return errors.Is(refusal, signer.ErrTooOld) || errors.Is(refusal, signer.ErrTooNew)
}
