package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// receiver is a customer's server, with the endpoint that leads to it.
type receiver struct {
	name     string
	endpoint webhook.Endpoint
	// answer handles a genuine webhook; nil is a server that is not there.
	answer func(rc *receiver, w http.ResponseWriter, id string, data []byte)
	// never says that the receiver accepts nothing, so that nobody waits for it.
	never bool
	// expect says what must have come of it.
	expect func(outcome) error

	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup

	mu       sync.Mutex
	tries    map[string]int    // by event id
	accepted map[string][]hash // by event id, one for each time
	broken   int               // bodies that are no webhooks
}

// newReceivers returns the receivers of the demo.
func newReceivers() []*receiver {
	return []*receiver{
		{
			name:   "healthy",
			answer: accept,
			expect: allDelivered,
		}, {
			name: "flaky",
			endpoint: webhook.Endpoint{
				EventTypes: []string{"refund.*"},
				Retry:      webhook.RetryPolicy{Schedule: []time.Duration{0, 20 * time.Millisecond, 20 * time.Millisecond}},
			},
			answer: acceptThirdTry,
			expect: allDeliveredAtThirdTry,
		}, {
			name:     "slow",
			endpoint: webhook.Endpoint{EventTypes: []string{"report.*"}},
			answer:   acceptSlowly,
			expect:   allDelivered,
		}, {
			name: "dead",
			endpoint: webhook.Endpoint{
				EventTypes: []string{"invoice.*"},
				// One attempt, so that some deliveries fail for good at once.
				Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}},
			},
			never:  true,
			expect: heldBack,
		}, {
			name:     "gone",
			endpoint: webhook.Endpoint{EventTypes: []string{"user.*"}},
			answer:   refuseForGood,
			never:    true,
			expect:   pausedAsGone,
		},
	}
}

// accept remembers the event, and says so.
func accept(rc *receiver, w http.ResponseWriter, id string, data []byte) {
	rc.remember(id, data)
	w.WriteHeader(http.StatusNoContent)
}

// acceptThirdTry refuses each event twice.
func acceptThirdTry(rc *receiver, w http.ResponseWriter, id string, data []byte) {
	if rc.try(id) < 3 {
		http.Error(w, "come again", http.StatusInternalServerError)
		return
	}
	accept(rc, w, id, data)
}

func acceptSlowly(rc *receiver, w http.ResponseWriter, id string, data []byte) {
	time.Sleep(200 * time.Millisecond)
	accept(rc, w, id, data)
}

// refuseForGood says that nobody wants these webhooks any more.
func refuseForGood(_ *receiver, w http.ResponseWriter, _ string, _ []byte) {
	http.Error(w, "gone", http.StatusGone)
}

// listen opens a port and returns the URL of the receiver.
func (rc *receiver) listen(ctx context.Context) (url string, err error) {
	rc.tries, rc.accepted = make(map[string]int), make(map[string][]hash)
	if rc.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return "", err
	}
	return "http://" + rc.listener.Addr().String() + "/webhooks", nil
}

// serve answers requests. This is all that a receiver needs of Postrider: a
// verifier with the endpoint's secret, in front of its handler.
func (rc *receiver) serve(secret string) error {
	if rc.answer == nil {
		return rc.listener.Close() // nobody is there
	}
	verifier, err := signer.NewVerifier(secret)
	if err != nil {
		return err
	}
	rc.server = &http.Server{Handler: verifier.Middleware(rc), ReadHeaderTimeout: 10 * time.Second}
	rc.serving.Go(func() { _ = rc.server.Serve(rc.listener) }) // until close
	return nil
}

// ServeHTTP gets genuine webhooks only. signer.ID is the same on every attempt
// to deliver an event: a real receiver drops what it has handled before.
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		rc.mu.Lock()
		rc.broken++
		rc.mu.Unlock()
		http.Error(w, "not a webhook", http.StatusBadRequest)
		return
	}
	rc.answer(rc, w, signer.ID(r.Context()), event.Data)
}

// try counts the tries of an event, this one included.
func (rc *receiver) try(id string) int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.tries[id]++
	return rc.tries[id]
}

func (rc *receiver) remember(id string, data []byte) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.accepted[id] = append(rc.accepted[id], sha256.Sum256(data))
}

func (rc *receiver) has(id string) bool {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.accepted[id]) > 0
}

func (rc *receiver) count() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.accepted)
}

// missing compares what arrived with what was published: each event once, byte
// for byte, and nothing else.
func (rc *receiver) missing(want map[string]sentEvent) error {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	var lost, doubled, changed, strange int
	for id, s := range want {
		switch got := rc.accepted[id]; {
		case len(got) == 0:
			lost++
		case len(got) > 1:
			doubled++
		case got[0] != s.data:
			changed++
		}
	}
	for id := range rc.accepted {
		if _, ok := want[id]; !ok {
			strange++
		}
	}
	if lost+doubled+changed+strange+rc.broken > 0 {
		return fmt.Errorf("of %d events %d did not arrive, %d arrived more than once, %d with other bytes, %d uncalled for; %d were no webhooks",
			len(want), lost, doubled, changed, strange, rc.broken)
	}
	return nil
}

// close ends the server.
func (rc *receiver) close() error {
	if rc.server == nil {
		return nil
	}
	err := rc.server.Close()
	rc.serving.Wait()
	return err
}

// allArrived reports whether the receivers have accepted all that they will.
func allArrived(receivers []*receiver, l *ledger) bool {
	for _, rc := range receivers {
		if !rc.never && rc.count() < len(l.matching(&rc.endpoint)) {
			return false
		}
	}
	return true
}

// refundAccepted reports whether every receiver of refunds has accepted this one.
func refundAccepted(receivers []*receiver, id string) bool {
	for _, rc := range receivers {
		if rc.endpoint.Matches(refundType, "") && !rc.has(id) {
			return false
		}
	}
	return true
}
