package webhooktest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// Receiver is a server that deliveries go to. It verifies every request, records it
// and then answers by its script; a request that is not genuine is recorded and
// answered 401. Create it with NewReceiver, or in memory with Network.NewReceiver.
// It is closed with its test. It is safe for concurrent use.
//
// The challenge of dispatcher.Config.OwnershipCheck is answered and not recorded.
type Receiver struct {
	// URL is the receiver's address. Endpoints may have any path below it.
	URL string

	t      testing.TB
	expire func() // makes the certificate one that has expired
	stop   func() // ends the listening, and waits for what is being answered

	mu       sync.Mutex
	answer   http.Handler
	keys     signer.VerifierConfig
	verifier *signer.Verifier // nil as long as there are no keys
	requests []*Request
	times    map[string]int // requests by id
	arrived  chan struct{}  // closed and replaced at each request
}

func newReceiver(t testing.TB, url string, script []http.Handler) *Receiver {
	rc := &Receiver{URL: url, t: t, times: make(map[string]int), arrived: make(chan struct{})}
	rc.keys.MaxBody = maxBody
	rc.Answer(script...)
	return rc
}

// maxBody bounds a request: 100 events, which is the largest batch, of a mebibyte each,
// four times dispatcher.Config.MaxPayload.
const maxBody = 100 << 20

// Answer replaces the script: the next request gets the first answer, the one after
// it the second, and so on; the last answers all that follow. Without any, everything
// is answered 204. See Script.
func (rc *Receiver) Answer(script ...http.Handler) {
	answer := Script(script...)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.answer = answer
}

// CreateEndpoint creates an endpoint for the receiver and lets it verify by the
// endpoint's secret. A URL that is empty is the receiver's. It fails the test if
// manage.CreateEndpoint does.
func (rc *Receiver) CreateEndpoint(m *manage.Manager, ep webhook.Endpoint) webhook.Endpoint {
	rc.t.Helper()
	if ep.URL == "" {
		ep.URL = rc.URL
	}
	ep, secret, err := m.CreateEndpoint(rc.t.Context(), ep)
	if err != nil {
		rc.t.Fatalf("webhooktest: %v", err)
	}
	form, err := ep.Signature.Form()
	if err != nil {
		rc.t.Fatalf("webhooktest: %v", err)
	}
	rc.mu.Lock()
	if rc.verifier == nil {
		rc.keys.Scheme = form
	}
	rc.mu.Unlock()
	rc.Trust(secret.Reveal())
	return ep
}

// Close makes the receiver refuse connections from now on, and waits until what it is
// answering has ended. The test closes it by itself at its end.
func (rc *Receiver) Close() { rc.stop() }

// ExpireCertificate replaces the receiver's certificate by one that has expired, and
// closes the connections that were made with the other: deliveries fail with class
// tls_error from now on, but one that goes by a connection just then with connect_error.
func (rc *Receiver) ExpireCertificate() { rc.expire() }

// Requests returns all requests so far, those that were not genuine too, in the
// order in which they arrived.
func (rc *Receiver) Requests() []Request {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.copied()
}

func (rc *Receiver) copied() []Request {
	requests := make([]Request, len(rc.requests))
	for i, r := range rc.requests {
		requests[i] = *r
		requests[i].Header, requests[i].Batch = r.Header.Clone(), slices.Clone(r.Batch)
	}
	return requests
}

// Duplicates returns the requests with an id that the receiver had answered 2xx
// before: a receiver sees them after the sender's crash, or after an administrator's
// redelivery.
func (rc *Receiver) Duplicates() []Request {
	accepted := make(map[string]bool)
	var again []Request
	for _, r := range rc.Requests() {
		if r.Err == nil && accepted[r.ID] {
			again = append(again, r)
		}
		accepted[r.ID] = accepted[r.ID] || r.Err == nil && r.Status/100 == 2
	}
	return again
}

// requestKey is where a request's context has the *Request that it is recorded as.
type requestKey struct{}

// serve verifies a request, records it and answers.
func (rc *Receiver) serve(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the sender broke off
	}
	if answerChallenge(w, body) {
		return
	}
	req := newRequest(r, body, at)
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, req))
	r.Body = io.NopCloser(bytes.NewReader(body))
	defer func() { rc.report(recover()) }()
	rc.mu.Lock()
	verifier := rc.verifier
	rc.mu.Unlock()
	w = &recorder{ResponseWriter: w, receiver: rc, request: req}
	if verifier == nil {
		rc.record(req, signer.ErrNoKey)
		http.Error(w, "The receiver knows no keys.", http.StatusUnauthorized)
		return
	}
	verifier.Middleware(http.HandlerFunc(rc.accept)).ServeHTTP(w, r)
}

// report lets the test fail if a handler of its own panicked, which a server would only
// log.
func (rc *Receiver) report(panicked any) {
	if panicked == nil {
		return
	}
	if panicked != http.ErrAbortHandler {
		rc.t.Errorf("webhooktest: a receiver's handler panicked: %v", panicked)
	}
	panic(http.ErrAbortHandler)
}

// accept records a genuine request and answers it by the script.
func (rc *Receiver) accept(w http.ResponseWriter, r *http.Request) {
	req := requestIn(r.Context())
	if body, err := io.ReadAll(r.Body); err == nil { // it is in memory, and decrypted
		req.read(r.Header, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	rc.record(req, nil)
	rc.mu.Lock()
	answer := rc.answer
	rc.mu.Unlock()
	answer.ServeHTTP(w, r)
	rc.answered(req, http.StatusOK)
}

func (rc *Receiver) record(req *Request, err error) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.times[req.ID]++
	req.Attempt, req.Err = rc.times[req.ID], err
	rc.requests = append(rc.requests, req)
	close(rc.arrived)
	rc.arrived = make(chan struct{})
}

// answered notes the status of a request unless it has one.
func (rc *Receiver) answered(req *Request, status int) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if req.Status == 0 {
		req.Status = status
	}
}

// recorder notes the status that a request is answered with.
type recorder struct {
	http.ResponseWriter
	receiver *Receiver
	request  *Request
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if status >= http.StatusOK {
		r.receiver.answered(r.request, status)
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.receiver.answered(r.request, http.StatusOK)
	return r.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() } // a sender that is gone

// FlushError is what http.ResponseController asks for.
func (r *recorder) FlushError() error {
	r.receiver.answered(r.request, http.StatusOK)
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController find the rest.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// answerChallenge answers the question of a host that makes endpoints prove whose they
// are. It is asked before anybody can know the secret.
func answerChallenge(w http.ResponseWriter, body []byte) bool {
	var event struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &event) != nil || event.Type != webhook.TypeChallenge {
		return false
	}
	_, _ = w.Write(event.Data) // a sender that is gone
	return true
}
