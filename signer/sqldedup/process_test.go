package sqldedup_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/sqldedup"
)

// secretText is what sender and receivers of these tests share.
const secretText = "whsec_bm90IGEgc2VjcmV0LCBvbmx5IGEgdGVzdCBvZiBvbmU="

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// receive is the main function of a receiving process. Its handler counts its
// calls and waits until it is told with which status to answer.
func receive(dsn string) error {
	db, dialect, err := openDSN(dsn)
	if err != nil {
		return err
	}
	dd, err := sqldedup.New(db, sqldedup.Config{Dialect: dialect})
	if err != nil {
		return err
	}
	secret, err := signer.ParseSecret(secretText)
	if err != nil {
		return err
	}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: []signer.Secret{secret}, Duplicates: dd})
	if err != nil {
		return err
	}
	var calls atomic.Int64
	statuses := make(chan int, 1)
	mux := http.NewServeMux()
	mux.Handle("POST /hooks", v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(<-statuses)
	})))
	mux.HandleFunc("POST /answer/{status}", func(_ http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.PathValue("status"))
		statuses <- status
	})
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, calls.Load()) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	go func() { // it ends with its parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, mux)
}

// receiver is a receiving process.
type receiver struct{ url string }

func startReceiver(t *testing.T, dsn string) receiver {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), envReceiver+"="+dsn), os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err, "StdinPipe")
	stdout, err := cmd.StdoutPipe()
	must(t, err, "StdoutPipe")
	must(t, cmd.Start(), "start a receiver")
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err, "read the receiver's address")
	return receiver{strings.TrimSpace(url)}
}

// call makes a request and returns its status and answer.
func (r receiver) call(ctx context.Context, method, path string, header http.Header) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader("{}"))
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// deliver sends the webhook of an id and returns the status of the answer.
func (r receiver) deliver(ctx context.Context, id string) (int, error) {
	secret, err := signer.ParseSecret(secretText)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	value, err := signer.Header(ctx, id, now, []byte("{}"), secret)
	if err != nil {
		return 0, err
	}
	status, _, err := r.call(ctx, http.MethodPost, "/hooks", http.Header{
		"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {value},
	})
	return status, err
}

func (r receiver) calls(t *testing.T) int {
	t.Helper()
	_, text, err := r.call(t.Context(), http.MethodGet, "/calls", nil)
	must(t, err, "calls")
	n, err := strconv.Atoi(text)
	must(t, err, "calls")
	return n
}

// answer lets a process's handler answer, the present one or the next.
func (r receiver) answer(t *testing.T, status int) {
	t.Helper()
	_, _, err := r.call(t.Context(), http.MethodPost, fmt.Sprint("/answer/", status), nil)
	must(t, err, "answer")
}

// TestOneOfManyPasses has a hundred requests with one id come at the same time,
// to two processes over one database.
func TestOneOfManyPasses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		processes := []receiver{startReceiver(t, d.dsn), startReceiver(t, d.dsn)}
		calls := func() int { return processes[0].calls(t) + processes[1].calls(t) }
		const requests = 100
		var wg sync.WaitGroup
		defer wg.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), patience) // if two pass, one is never answered
		defer cancel()
		statuses := make(chan int, requests)
		for i := range requests {
			wg.Go(func() {
				status, err := processes[i%2].deliver(ctx, "evt_1")
				if err != nil {
					status = 0
				}
				statuses <- status
			})
		}
		// All but one are turned away while the one is being handled.
		for range requests - 1 {
			if status := <-statuses; status != http.StatusConflict {
				t.Errorf("request while another is being handled was answered %d; want 409", status)
			}
		}
		if got := calls(); got != 1 {
			t.Fatalf("%d of %d requests with one id passed; want 1", got, requests)
		}
		one := processes[0]
		if one.calls(t) == 0 {
			one = processes[1]
		}
		one.answer(t, http.StatusInternalServerError)
		wg.Wait()
		if status := <-statuses; status != http.StatusInternalServerError {
			t.Errorf("the one that passed was answered %d; want the handler's 500", status)
		}
		// It failed, so the sender tries again, in whatever process.
		for _, p := range processes {
			p.answer(t, http.StatusAccepted)
		}
		for i, want := range []int{http.StatusAccepted, http.StatusOK, http.StatusOK} {
			status, err := processes[i%2].deliver(t.Context(), "evt_1")
			if err != nil || status != want {
				t.Errorf("delivery %d after the failure was answered %d, %v; want %d", i+1, status, err, want)
			}
		}
		if got := calls(); got != 2 {
			t.Errorf("the handlers were called %d times; want twice: one failure, one success, no repetition", got)
		}
	})
}
