package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/vault"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

const (
	acme   = "acme"
	jane   = "user/jane"
	secret = `{"about":"jane"}`
)

// world is a store in memory behind vaults.
type world struct {
	t      *testing.T
	raw    *counting
	sealer *seal.Keyring
	epoch  int64
}

// counting counts the calls for keys.
type counting struct {
	*memstore.Store
	reads, adds int
	err         error
}

func (c *counting) SubjectKeys(ctx context.Context, names []store.SubjectKeyName) ([]store.SubjectKey, error) {
	if c.reads++; c.err != nil {
		return nil, c.err
	}
	return c.Store.SubjectKeys(ctx, names)
}

func (c *counting) AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) ([]store.SubjectKey, error) {
	if c.adds++; c.err != nil {
		return nil, c.err
	}
	return c.Store.AddSubjectKeys(ctx, keys)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	kr, err := seal.NewKeyring(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, raw: &counting{Store: memstore.New()}, sealer: kr}
	w.epoch, err = w.raw.Acquire(t.Context(), time.Now(), store.Process{}, 1000*time.Hour)
	w.must(err, "Acquire")
	return w
}

func (w *world) must(err error, call string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s = error %v; want none", call, err)
	}
}

// process returns the store as a process sees it.
func (w *world) process(seals bool) (store.Store, *vault.Vault) {
	v := vault.New(vault.Config{Sealer: w.sealer, Keys: w.raw, Seals: seals})
	return v.Wrap(w.raw), v
}

// publish publishes an event with a delivery.
func (w *world) publish(st store.Store, subject string) webhook.Event {
	w.t.Helper()
	ev := webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Tenant: acme, Type: "a", Subject: subject, Data: []byte(secret), Timestamp: time.Now()}
	pubs := []store.Publication{{Event: ev, Deliveries: []store.NewDelivery{{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: "ep_1"}}}}
	_, err := st.Publish(w.t.Context(), time.Now(), pubs)
	w.must(err, "Publish")
	if string(pubs[0].Event.Data) != secret {
		w.t.Errorf("Publish changed its argument to %q; want it left alone: it is handed over", pubs[0].Event.Data)
	}
	return ev
}

// attempt leases the delivery that is due and settles an attempt of it.
func (w *world) attempt(st store.Store, subject string, body []byte, headers map[string]string) string {
	w.t.Helper()
	claimed, _, err := st.Poll(w.t.Context(), time.Now(), w.epoch, 1, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
	if err != nil || len(claimed) != 1 {
		w.t.Fatalf("Poll = %v, %v; want one delivery", claimed, err)
	}
	c := claimed[0]
	a := &webhook.Attempt{ID: webhook.NewID(webhook.PrefixAttempt), Tenant: acme, DeliveryID: c.Delivery, N: 1, At: time.Now(), ResponseBody: body, ResponseHeaders: headers}
	_, err = st.Settle(w.t.Context(), time.Now(), store.Settlement{Epoch: w.epoch, Items: []store.Settled{{
		Tenant: acme, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "a", Subject: subject, Claim: c.Claim,
		Status: webhook.DeliveryDelivered, Attempt: a,
	}}})
	w.must(err, "Settle")
	if !bytes.Equal(a.ResponseBody, body) {
		w.t.Errorf("Settle changed its argument to %q; want it left alone: it may be repeated", a.ResponseBody)
	}
	return c.Delivery
}

// data returns an event's payload as a store shows it.
func (w *world) data(st store.Store, ev webhook.Event) string {
	w.t.Helper()
	one, err := st.Event(w.t.Context(), ev.Tenant, ev.ID)
	w.must(err, "Event")
	many, err := st.EventsByKey(w.t.Context(), []store.EventKey{{Tenant: ev.Tenant, ID: ev.ID}})
	w.must(err, "EventsByKey")
	if len(many) != 1 || !bytes.Equal(many[0].Data, one.Data) {
		w.t.Errorf("EventsByKey = %q; want what Event says, %q", many, one.Data)
	}
	return string(one.Data)
}

func TestPayloadsAreSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, _ := w.process(true)
		for _, subject := range []string{jane, ""} {
			ev := w.publish(st, subject)
			if got := w.data(w.raw, ev); strings.Contains(got, "about") || got == "" {
				t.Errorf("payload about %q in the store = %q; want it sealed", subject, got)
			}
			if got := w.data(st, ev); got != secret {
				t.Errorf("payload about %q = %q; want %q", subject, got, secret)
			}
			other, _ := w.process(false)
			if got := w.data(other, ev); got != secret {
				t.Errorf("payload as another process reads it, which does not seal = %q; want %q", got, secret)
			}
		}
	})
}

func TestAnswersAreSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, _ := w.process(true)
		headers := map[string]string{"X-Of": "jane-header"}
		w.publish(st, jane)
		d := w.attempt(st, jane, []byte("jane-body"), headers)
		raw, err := w.raw.Attempts(t.Context(), acme, d)
		w.must(err, "Attempts")
		if text := fmt.Sprintf("%s %v", raw[0].ResponseBody, raw[0].ResponseHeaders); strings.Contains(text, "jane-") {
			t.Errorf("answer in the store = %q; want it sealed", text)
		}
		got, err := st.Attempts(t.Context(), acme, d)
		w.must(err, "Attempts")
		if string(got[0].ResponseBody) != "jane-body" || got[0].ResponseHeaders["X-Of"] != "jane-header" {
			t.Errorf("answer = %q, %v; want what was answered", got[0].ResponseBody, got[0].ResponseHeaders)
		}
	})
}

// What was stored before sealing was switched on, or looks as if it were sealed, is
// no error.
func TestMixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		plain, _ := w.process(false)
		st, _ := w.process(true)
		before := w.publish(plain, jane)
		if w.raw.reads+w.raw.adds > 0 {
			t.Errorf("publishing without sealing asked for keys %d times; want none", w.raw.reads+w.raw.adds)
		}
		if got := w.data(st, before); got != secret {
			t.Errorf("payload from before = %q; want %q", got, secret)
		}
		d := w.attempt(plain, jane, []byte("\x00ps1\x00\x00 a hostile answer"), nil)
		if got, err := st.Attempts(t.Context(), acme, d); err != nil || len(got) != 1 || len(got[0].ResponseBody) != 0 {
			t.Errorf("Attempts with an answer that looks sealed = %v, %v; want an empty answer", got, err)
		}
		w.publish(plain, jane)
		d = w.attempt(plain, jane, []byte("clear"), nil)
		if got, err := st.Attempts(t.Context(), acme, d); err != nil || string(got[0].ResponseBody) != "clear" {
			t.Errorf("Attempts from before = %v, %v; want the answer", got, err)
		}
	})
}

// Whoever forgets a subject leaves nothing that can be opened, not even by a process
// that has its key in memory once it has looked for it again; others are not touched.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, v := w.process(true)
		other, _ := w.process(true)
		ev, janet := w.publish(st, jane), w.publish(st, "user/janet")
		if got := w.data(other, ev); got != secret {
			t.Fatalf("payload = %q; want %q", got, secret)
		}
		if n, err := v.Forget(t.Context(), acme, jane); err != nil || n != 1 {
			t.Errorf("Forget = %d, %v; want one key", n, err)
		}
		if got := w.data(st, ev); got != "" {
			t.Errorf("payload after Forget = %q; want none", got)
		}
		if got := w.data(st, janet); got != secret {
			t.Errorf("payload of another subject after Forget = %q; want %q", got, secret)
		}
		time.Sleep(vault.SealFor)
		later := w.publish(other, jane)
		if got := w.data(st, later); got != secret {
			t.Errorf("payload that another process sealed %v after Forget = %q; want %q, under a new key", vault.SealFor, got, secret)
		}
		if got := w.data(st, ev); got != "" {
			t.Errorf("payload from before Forget after a new key was made = %q; want none", got)
		}
		time.Sleep(time.Hour)
		if got := w.data(other, ev); got != "" {
			t.Errorf("payload in a process that had the key, an hour after Forget = %q; want none", got)
		}
	})
}

// A key is read once in a while and made once.
func TestKeysAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, _ := w.process(true)
		for range 5 {
			w.publish(st, jane)
		}
		if w.raw.reads != 1 || w.raw.adds != 1 {
			t.Errorf("5 events about one subject took %d reads and %d writes of keys; want one of each", w.raw.reads, w.raw.adds)
		}
		time.Sleep(vault.SealFor)
		w.publish(st, jane)
		if w.raw.reads != 2 || w.raw.adds != 1 {
			t.Errorf("%v later there were %d reads and %d writes; want another look whether the key is there", vault.SealFor, w.raw.reads, w.raw.adds)
		}
		first := w.publish(st, jane)
		time.Sleep(vault.Period)
		w.publish(st, jane)
		if w.raw.adds != 2 {
			t.Errorf("after %v there were %d keys; want a second one", vault.Period, w.raw.adds)
		}
		retention := store.Retention{Payloads: 24 * time.Hour, Deliveries: 1000 * 24 * time.Hour, Statistics: time.Hour, Tombstones: time.Hour}
		done, err := st.Prune(t.Context(), time.Now(), retention, 100)
		if err != nil || done.SubjectKeys != 0 {
			t.Errorf("Prune = %+v, %v; want no key gone: payloads of that time may be there", done, err)
		}
		time.Sleep(2*vault.Period + retention.Payloads)
		if done, err = st.Prune(t.Context(), time.Now(), retention, 100); err != nil || done.SubjectKeys == 0 {
			t.Errorf("Prune = %+v, %v; want old keys gone", done, err)
		}
		_ = first
	})
}

func TestStoreOfKeysFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, _ := w.process(true)
		ev := w.publish(st, jane)
		fresh, _ := w.process(true)
		for _, cause := range []error{store.ErrUnavailable, store.ErrUnknown} {
			w.raw.err = cause
			pub := []store.Publication{{Event: webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Tenant: acme, Type: "a", Subject: "x", Data: []byte("1")}}}
			_, err := fresh.Publish(t.Context(), time.Now(), pub)
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
				t.Errorf("Publish when the keys answer %v = %v; want ErrUnavailable alone: nothing was written", cause, err)
			}
			if _, err := fresh.Event(t.Context(), acme, ev.ID); !errors.Is(err, cause) {
				t.Errorf("Event when the keys answer %v = %v; want that: the payload is not gone", cause, err)
			}
		}
	})
}

// Another keyring opens nothing, and says so.
func TestWrongKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, _ := w.process(true)
		ev := w.publish(st, jane)
		var err error
		if w.sealer, err = seal.NewKeyring(seal.NewKey()); err != nil {
			t.Fatal(err)
		}
		wrong, _ := w.process(true)
		if _, err := wrong.Event(t.Context(), acme, ev.ID); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("Event with another keyring = %v; want ErrWrongKey", err)
		}
	})
}

// A payload that was put in another place does not open.
func TestPlacesAreBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, _ := w.process(true)
		ev := w.publish(st, jane)
		raw, err := w.raw.Event(t.Context(), acme, ev.ID)
		w.must(err, "Event")
		moved := ev
		moved.ID, moved.Data = webhook.NewID(webhook.PrefixEvent), raw.Data
		altered := ev
		altered.ID, altered.Data = webhook.NewID(webhook.PrefixEvent), slices.Concat(raw.Data, []byte("x"))
		_, err = w.raw.Publish(t.Context(), time.Now(), []store.Publication{{Event: moved}, {Event: altered}})
		w.must(err, "Publish")
		for _, ev := range []webhook.Event{moved, altered} {
			if got := w.data(st, ev); got != "" {
				t.Errorf("payload of another event = %q; want none", got)
			}
		}
	})
}

func TestJobsAreSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st, _ := w.process(true)
		j := store.Job{ID: webhook.NewID(webhook.PrefixJob), Kind: store.JobBroadcast, Spec: []byte(secret)}
		w.must(st.CreateJob(t.Context(), time.Now(), j), "CreateJob")
		raw, err := w.raw.Job(t.Context(), "", j.ID)
		if err != nil || strings.Contains(string(raw.Spec), "about") {
			t.Errorf("job in the store = %q, %v; want it sealed", raw.Spec, err)
		}
		leased, err := st.LeaseJobs(t.Context(), time.Now(), w.epoch, 1)
		if err != nil || len(leased) != 1 || string(leased[0].Spec) != secret {
			t.Errorf("LeaseJobs = %v, %v; want the job with %q", leased, err, secret)
		}
	})
}
