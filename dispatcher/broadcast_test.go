package dispatcher_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// tenants creates n tenants with an endpoint each; every tenth wants something else.
func (w *world) tenants(n int) (urls []string) {
	w.t.Helper()
	for i := range n {
		ep := webhook.Endpoint{Tenant: fmt.Sprintf("tenant-%04d", i), URL: fmt.Sprintf("https://t%d.example/", i), EventTypes: []string{"system.*"}}
		if i%10 == 0 {
			ep.EventTypes = []string{"invoice.paid"}
		}
		urls = append(urls, w.create(ep, status(200)).URL)
	}
	return urls
}

// stored returns how many events a tenant has.
func (w *world) stored(tenant string) int {
	w.t.Helper()
	events, err := w.store.ListEvents(w.t.Context(), tenant, store.Page{})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(events)
}

// wantBroadcast fails the test unless each of the tenants that want it has got one
// event, and the others none.
func (w *world) wantBroadcast(urls []string, times int) {
	w.t.Helper()
	for i, url := range urls {
		n := times
		if i%10 == 0 {
			n = 0
		}
		ids := make(map[string]bool)
		for _, a := range w.net.to(url) {
			ids[a.id] = true
		}
		if got := w.stored(fmt.Sprintf("tenant-%04d", i)); got != n || len(ids) != n {
			w.t.Errorf("tenant %d has %d events, of which %d arrived; want %d", i, got, len(ids), n)
		}
	}
}

// A broadcast reaches every tenant once, though answers of the store are lost and
// the process that works on it dies half way.
func TestBroadcastSurvivesACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		cfg := dispatcher.Config{RedeliverRate: 500}
		w := newWorld(t, st, cfg)
		cfg.Transport = w.net
		other := newWorld(t, st.Store, cfg)
		urls := w.tenants(1000)
		stop := w.run()
		chance := rand.New(rand.NewPCG(1, 2))
		st.setFault(func(call string, after bool) error {
			if call != "advance job" && call != "tenants" && call != "lease jobs" {
				return nil
			}
			if chance.IntN(8) == 0 {
				return store.ErrUnknown
			}
			return nil
		})
		ev := event("system.maintenance", map[string]string{"text": "<tonight> & tomorrow"})
		ev.Tenant = ""
		id, err := w.Broadcast(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Hour); time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
			j, err := other.BroadcastJob(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if j.Done+j.Skipped >= 500 {
				break
			}
		}
		st.down.Store(true) // the process is gone, as far as the store can tell
		defer other.run()()
		time.Sleep(10 * time.Minute)
		st.down.Store(false)
		wait(time.Hour)
		stop()
		j, err := other.BroadcastJob(t.Context(), id)
		if err != nil || j.State != store.JobDone || j.Done != 900 || j.Skipped != 100 || j.Spec != nil {
			t.Errorf("BroadcastJob = %+v, %v; want done, 900 tenants, 100 skipped", j, err)
		}
		w.wantBroadcast(urls, 1)
		for _, a := range w.net.to(urls[1]) {
			if !strings.Contains(a.body, `"data":{"text":"\u003ctonight\u003e \u0026 tomorrow"}`) {
				t.Errorf("body of a broadcast = %s; want the data byte for byte", a.body)
			}
		}
	})
}

// A broadcast that is repeated under its idempotency key reaches nobody twice.
func TestBroadcastIsRepeatable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		urls := w.tenants(50)
		stop := w.run()
		defer func() { stop() }()
		ev := event("system.alert", 1)
		ev.Tenant, ev.IdempotencyKey = "", "alert-1"
		for range 2 {
			if _, err := w.Broadcast(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)
			// Longer than the keys of single events are kept; nothing is to be done meanwhile.
			stop()
			wait(24 * time.Hour)
			stop = w.run()
			wait(time.Hour)
		}
		w.wantBroadcast(urls, 1)
		ev.IdempotencyKey = ""
		for range 2 {
			if _, err := w.Broadcast(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Minute)
		w.wantBroadcast(urls, 3)
	})
}

func TestCancelBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{RedeliverRate: 10})
		w.tenants(100)
		defer w.run()()
		ev := event("system.alert", 1)
		ev.Tenant = ""
		id, err := w.Broadcast(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		for range 2 {
			if err := w.CancelBroadcast(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Minute)
		j, err := w.BroadcastJob(t.Context(), id)
		if err != nil || j.State != store.JobCanceled || j.Done+j.Skipped < 10 || j.Done+j.Skipped > 30 {
			t.Errorf("BroadcastJob = %+v, %v; want it canceled after about 20 tenants", j, err)
		}
		if err := w.CancelBroadcast(t.Context(), webhook.NewID(webhook.PrefixJob)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("CancelBroadcast of an unknown one = %v, want ErrNotFound", err)
		}
		if _, err := w.manage.Job(t.Context(), "", id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Job of a broadcast = %v, want ErrNotFound: it is the host's", err)
		}
	})
}

// Over shards every one has its part of the broadcast.
func TestBroadcastOverShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := newWorld(t, c.open(), dispatcher.Config{})
		urls := w.tenants(40)
		defer w.run()()
		ev := event("system.alert", 1)
		ev.Tenant = ""
		id, err := w.Broadcast(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		j, err := w.BroadcastJob(t.Context(), id)
		if err != nil || j.State != store.JobDone || j.Done != 36 || j.Skipped != 4 {
			t.Errorf("BroadcastJob over two shards = %+v, %v; want done, 36 tenants, 4 skipped", j, err)
		}
		w.wantBroadcast(urls, 1)
	})
}

func TestBroadcastRefuses(t *testing.T) {
	w := newWorld(t, nil, dispatcher.Config{})
	for field, change := range map[string]func(*webhook.Event){
		"tenant":          func(ev *webhook.Event) { ev.Tenant = "acme" },
		"type":            func(ev *webhook.Event) { ev.Type = "webhook.endpoint.paused" },
		"data":            func(ev *webhook.Event) { ev.Data = []byte("{") },
		"idempotency_key": func(ev *webhook.Event) { ev.IdempotencyKey = strings.Repeat("k", 250) },
	} {
		ev := event("system.alert", 1)
		ev.Tenant = ""
		change(&ev)
		_, err := w.Broadcast(t.Context(), ev)
		inv, ok := errors.AsType[*webhook.InvalidError](err)
		if !ok || len(inv.Fields) != 1 || inv.Fields[0].Field != field {
			t.Errorf("Broadcast = %v, want the field %s at fault", err, field)
		}
	}
}

// What the host does to a broadcast has one audit record each, whatever the number of
// shards, in the transaction of the change.
func TestBroadcastsAreAudited(t *testing.T) {
	for name, open := range map[string]func(*testing.T) store.Store{
		"one store":   func(*testing.T) store.Store { return memstore.New() },
		"some shards": func(t *testing.T) store.Store { return newCluster(t).open() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { auditBroadcasts(t, open(t)) })
		})
	}
}

func auditBroadcasts(t *testing.T, st store.Store) {
	w := newWorld(t, st, dispatcher.Config{})
	ada := webhook.Actor{Name: "ada@host.example"}
	ctx := webhook.WithActor(t.Context(), ada)
	ev := event("system.maintenance", "tonight")
	ev.Tenant = ""
	id, err := w.Broadcast(ctx, ev)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Millisecond)
	for range 2 { // the second time there is nothing to cancel
		if err := w.CancelBroadcast(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	log, err := st.ListAudit(t.Context(), "", store.AuditFilter{}, store.Page{})
	if err != nil || len(log) != 2 {
		t.Fatalf("audit log = %+v, %v; want that it was started and canceled", log, err)
	}
	for i, want := range []webhook.AuditAction{webhook.ActionBroadcastCanceled, webhook.ActionBroadcastStarted} {
		if r := log[i]; r.Action != want || r.Resource != id || r.Actor != ada || strings.Contains(string(r.After), "tonight") {
			t.Errorf("audit record = %+v %s; want %s of %s by %s, without its payload", r, r.After, want, id, ada.Name)
		}
	}
}

// A broadcast that is not stored is not audited.
func TestBroadcastThatFailsIsNotAudited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		st.setFault(func(call string, after bool) error {
			if call == "create job" && !after {
				return store.ErrUnavailable
			}
			return nil
		})
		ev := event("system.maintenance", "tonight")
		ev.Tenant = ""
		_, err := w.Broadcast(t.Context(), ev)
		log, logErr := st.ListAudit(t.Context(), "", store.AuditFilter{}, store.Page{})
		if !errors.Is(err, store.ErrUnavailable) || logErr != nil || len(log) > 0 {
			t.Errorf("Broadcast that cannot be stored = %v, audit log %+v, %v; want the error, and no record", err, log, logErr)
		}
	})
}
