package dispatcher_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func TestIdempotencyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		ev := event("invoice.paid", map[string]int{"total": 4200})
		ev.IdempotencyKey, ev.Subject, ev.Metadata = "inv_1", "cus_1", map[string]string{"a": "b"}
		ev.Channels = []string{"p 1", "p 2"}
		first, err := w.Publish(t.Context(), ev)
		if err != nil || first.Duplicate {
			t.Fatalf("Publish = %+v, %v; want a new event", first, err)
		}
		ev.Channels = []string{"p 2", "p 1", "p 2"} // the same ones
		again, err := w.Publish(t.Context(), ev)
		if err != nil || !again.Duplicate || again.EventID != first.EventID || again.Deliveries != first.Deliveries {
			t.Errorf("Publish again = %+v, %v; want the first receipt %+v as a duplicate", again, err, first)
		}
		for name, change := range map[string]func(*webhook.Event){
			"type":     func(ev *webhook.Event) { ev.Type = "invoice.sent" },
			"data":     func(ev *webhook.Event) { ev.Data = []byte(`{"total": 4200}`) },
			"subject":  func(ev *webhook.Event) { ev.Subject = "cus_2" },
			"metadata": func(ev *webhook.Event) { ev.Metadata = map[string]string{"a": "c"} },
			"channels": func(ev *webhook.Event) { ev.Channels = []string{"p 1"} },
		} {
			other := ev.Clone()
			change(&other)
			if r, err := w.Publish(t.Context(), other); !errors.Is(err, webhook.ErrIdempotencyConflict) {
				t.Errorf("same key, other %s: Publish = %+v, %v; want ErrIdempotencyConflict", name, r, err)
			}
		}
		wait(25 * time.Hour)
		if r, err := w.Publish(t.Context(), ev); err != nil || r.Duplicate {
			t.Errorf("a day later Publish = %+v, %v; want a new event", r, err)
		}
		synctest.Wait()
		want(t, "arrivals", len(w.net.to(ep.URL)), 2)
	})
}

func TestPublishRefusesBadInput(t *testing.T) {
	w := newWorld(t, nil, dispatcher.Config{MaxPayload: 100})
	ok := event("a.b", 1)
	for name, tc := range map[string]struct {
		change func(*webhook.Event)
		field  string
	}{
		"no type":          {func(ev *webhook.Event) { ev.Type = "" }, "type"},
		"bad type":         {func(ev *webhook.Event) { ev.Type = "a..b" }, "type"},
		"reserved type":    {func(ev *webhook.Event) { ev.Type = "webhook.endpoint.paused" }, "type"},
		"no data":          {func(ev *webhook.Event) { ev.Data = nil }, "data"},
		"bad JSON":         {func(ev *webhook.Event) { ev.Data = []byte("{") }, "data"},
		"too large":        {func(ev *webhook.Event) { ev.Data = []byte(`"` + strings.Repeat("x", 99) + `"`) }, "data"},
		"NUL in a key":     {func(ev *webhook.Event) { ev.IdempotencyKey = "a\x00" }, "idempotency_key"},
		"long subject":     {func(ev *webhook.Event) { ev.Subject = strings.Repeat("x", 256) }, "subject"},
		"huge metadata":    {func(ev *webhook.Event) { ev.Metadata = map[string]string{"a": strings.Repeat("x", 5000)} }, "metadata"},
		"tenant not UTF-8": {func(ev *webhook.Event) { ev.Tenant = "\xff" }, "tenant"},
	} {
		ev := ok.Clone()
		tc.change(&ev)
		_, err := w.Publish(t.Context(), ev)
		inv, isInvalid := errors.AsType[*webhook.InvalidError](err)
		if !isInvalid || inv.Fields[0].Field != tc.field {
			t.Errorf("%s: Publish = %v, want an error about %s", name, err, tc.field)
		}
	}
	events, err := w.store.ListEvents(t.Context(), "acme", store.Page{})
	if err != nil || len(events) != 0 {
		t.Errorf("after refused publishes the store has %d events (%v), want none", len(events), err)
	}
}

func TestPublishManyAnswersEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		events := make([]webhook.Event, 600)
		for i := range events {
			events[i] = event("a", i)
		}
		events[7].Type = "-.-.." // invalid
		events[8].IdempotencyKey, events[9].IdempotencyKey = "k", "k"
		events[9].Data = events[8].Data
		answers := w.PublishMany(t.Context(), events)
		for i, a := range answers {
			switch {
			case i == 7 && !errors.Is(a.Err, webhook.ErrInvalid):
				t.Errorf("answer 7 = %+v, want ErrInvalid", a)
			case i == 9 && !(a.Duplicate && a.EventID == answers[8].EventID):
				t.Errorf("answer 9 = %+v, want a duplicate of %s", a, answers[8].EventID)
			case i != 7 && a.Err != nil:
				t.Errorf("answer %d = %v", i, a.Err)
			}
		}
		synctest.Wait()
		want(t, "arrivals", len(w.net.to(ep.URL)), 598)
	})
}

// A reply that is lost after the commit is found out: the caller learns the
// truth, and the event arrives once.
func TestLostReplyOfAPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		lose := true
		st.setFault(func(call string, after bool) error {
			if call == "publish" && after && lose {
				lose = false
				return fmt.Errorf("connection reset: %w", store.ErrUnknown)
			}
			return nil
		})
		r, err := w.Publish(t.Context(), event("a", 1))
		if err != nil || r.EventID == "" || r.Deliveries != 1 {
			t.Errorf("Publish = %+v, %v; want the receipt of what was stored", r, err)
		}
		synctest.Wait()
		want(t, "arrivals", len(w.net.to(ep.URL)), 1)
	})
}

// A commit that may still come is answered as unknown, never as refused.
func TestUnknownPublishIsAnsweredAsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		w.endpoint("ok", status(200))
		defer w.run()()
		st.setFault(func(call string, after bool) error {
			if call == "publish" && !after {
				return fmt.Errorf("connection reset: %w", store.ErrUnknown)
			}
			return nil
		})
		if _, err := w.Publish(t.Context(), event("a", 1)); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("Publish = %v, want ErrUnknown", err)
		}
		st.setFault(nil)
	})
}

// One event that the store refuses must not take the batch along.
func TestRejectedEventStandsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("value too long")
		st := &rejecting{Store: memstore.New(), err: bad}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		events := make([]webhook.Event, 50)
		for i := range events {
			events[i] = event("a", i)
		}
		events[31].Subject = "refuse"
		for i, a := range w.PublishMany(t.Context(), events) {
			if (i == 31) != errors.Is(a.Err, bad) {
				t.Errorf("event %d: %v", i, a.Err)
			}
		}
		synctest.Wait()
		want(t, "arrivals", len(w.net.to(ep.URL)), 49)
	})
}

type rejecting struct {
	store.Store
	err error
}

func (r *rejecting) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	for _, p := range pubs {
		if p.Event.Subject == "refuse" {
			return nil, r.err
		}
	}
	return r.Store.Publish(ctx, now, pubs)
}

func TestPublishHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		w.endpoint("ok", status(200))
		release := make(chan struct{})
		st.setFault(func(call string, after bool) error {
			if call == "publish" && !after {
				<-release
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			wg.Go(func() { _, errs[i] = w.Publish(ctx, event("a", i)) })
			synctest.Wait() // the first is being written, the second is queued
		}
		wg.Wait()
		if !errors.Is(errs[0], store.ErrUnknown) || !errors.Is(errs[0], context.DeadlineExceeded) {
			t.Errorf("a call that gave up while being written = %v, want ErrUnknown and the context's error", errs[0])
		}
		if errors.Is(errs[1], store.ErrUnknown) || !errors.Is(errs[1], context.DeadlineExceeded) {
			t.Errorf("a call that gave up in the queue = %v, want the context's error alone: nothing was written", errs[1])
		}
		close(release)
		synctest.Wait()
		events, _ := w.store.ListEvents(t.Context(), "acme", store.Page{})
		want(t, "stored events", len(events), 1)
	})
}

func TestPublishTxInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		for _, commit := range []bool{false, true} {
			tx := st.Begin()
			if _, err := w.PublishTx(t.Context(), tx, event("a", 1)); err != nil {
				t.Fatal(err)
			}
			wait(5 * time.Second)
			want(t, "arrivals before the end of the transaction", len(w.net.to(ep.URL)), 0)
			if !commit {
				_ = tx.Rollback()
				wait(5 * time.Second)
				continue
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
		}
		want(t, "arrivals after the commit", len(w.net.to(ep.URL)), 1)
	})
}

// After CreateEndpoint returns every later Publish matches it; after
// DeleteEndpoint no later one does; in the process that did it and in another.
func TestDirectoryIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		here, there := newWorld(t, st, dispatcher.Config{}), newWorld(t, st, dispatcher.Config{})
		for i := range 100 {
			ep := here.endpoint(fmt.Sprintf("e%d", i), status(200))
			for _, w := range []*world{there, here} {
				if n := w.publish(1, "a")[0].Deliveries; n != 1 {
					t.Fatalf("round %d: deliveries after the creation = %d, want 1", i, n)
				}
			}
			deleter := []*world{here, there}[i%2]
			if err := deleter.manage.DeleteEndpoint(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
			for _, w := range []*world{there, here} {
				if n := w.publish(1, "a")[0].Deliveries; n != 0 {
					t.Fatalf("round %d: deliveries after the deletion = %d, want 0", i, n)
				}
			}
		}
	})
}

// A pause in one process stops sends in another within a second.
func TestPauseIsHeardElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		sender, other := newWorld(t, st, dispatcher.Config{}), newWorld(t, st, dispatcher.Config{})
		ep := sender.endpoint("ok", after(100*time.Millisecond, 200))
		defer sender.run()()
		sender.publish(4000, "a")
		wait(300 * time.Millisecond)
		if _, err := other.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		n := len(sender.net.to(ep.URL))
		wait(time.Minute)
		want(t, "sends after the pause was a second old", len(sender.net.to(ep.URL))-n, 0)
		if n == 4000 {
			t.Error("all was sent before the pause could show; the test proves nothing")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		st   store.Store
		cfg  dispatcher.Config
		want string
	}{
		"a durable store without a keyring": {durable{memstore.New()}, dispatcher.Config{}, "needs Config.Keyring"},
		"negative slots":                    {memstore.New(), dispatcher.Config{Slots: -1}, "Slots"},
		"a short lease":                     {memstore.New(), dispatcher.Config{Lease: time.Millisecond}, "Lease"},
		"deliveries shorter than payloads":  {memstore.New(), dispatcher.Config{Retention: dispatcher.Retention{Deliveries: time.Hour}}, "Retention"},
		"negative payload":                  {memstore.New(), dispatcher.Config{MaxPayload: -1}, "MaxPayload"},
		"negative drain":                    {memstore.New(), dispatcher.Config{DrainTimeout: -1}, "DrainTimeout"},
		"no entropy":                        {memstore.New(), dispatcher.Config{Entropy: bytes.NewReader(nil)}, "entropy"},
	} {
		if _, err := dispatcher.New(tc.st, tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: New = %v, want an error about %s", name, err, tc.want)
		}
	}
}

// durable hides that a memstore is volatile.
type durable struct{ store.Store }

func TestWrongKeyIsFoundAtStart(t *testing.T) {
	st := memstore.New()
	keyring := func() *seal.Keyring {
		kr, err := seal.NewKeyring(seal.NewKey())
		if err != nil {
			t.Fatal(err)
		}
		return kr
	}
	right := keyring()
	for range 2 {
		if _, err := dispatcher.New(st, dispatcher.Config{Keyring: right}); err != nil {
			t.Fatalf("New with the right key: %v", err)
		}
	}
	if _, err := dispatcher.New(st, dispatcher.Config{Keyring: keyring()}); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("New with another key = %v, want ErrWrongKey", err)
	}
}
