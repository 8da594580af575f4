package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// runEverything calls every method in a way that reaches its statements.
func runEverything(t *testing.T, st *Store) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	epoch, err := st.Acquire(ctx, now, store.Process{}, time.Hour)
	must(err)
	must(st.Renew(ctx, now, epoch, time.Hour))
	ep := store.EndpointRecord{Endpoint: webhook.Endpoint{ID: webhook.NewID(webhook.PrefixEndpoint), Tenant: "acme"}}
	ep.DeadLetter.Retain = time.Nanosecond * 1000
	secret := store.SecretRecord{ID: webhook.NewID(webhook.PrefixSecret), Tenant: "acme", Endpoint: ep.ID}
	ep, err = st.CreateEndpoint(ctx, now, ep, secret, store.Creation{Key: "k", ContentHash: []byte("hash"), KeyExpires: now.Add(time.Hour)})
	must(err)
	ep.Status = webhook.EndpointPaused
	ep, err = st.UpdateEndpoint(ctx, now, ep)
	must(err)
	ep.Status = webhook.EndpointActive
	ep, err = st.UpdateEndpoint(ctx, now, ep)
	must(err)
	secret.ID = webhook.NewID(webhook.PrefixSecret)
	must(st.RotateSecret(ctx, now, secret, now))
	_, revision, err := st.TenantEndpoints(ctx, "acme", 0)
	must(err)
	var pubs []store.Publication
	for i := range 8 {
		pubs = append(pubs, store.Publication{
			Event: webhook.Event{
				ID: webhook.NewID(webhook.PrefixEvent), Tenant: "acme", Type: "a.b", Data: []byte("1"), Timestamp: now,
				IdempotencyKey: fmt.Sprint(i), Subject: fmt.Sprint("user/", i%2),
			},
			KeyExpires: now, Revision: revision, Epoch: epoch,
			Deliveries: []store.NewDelivery{{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: ep.ID}},
		})
	}
	ordered := pubs[7]
	ordered.Event.ID, ordered.Event.IdempotencyKey = webhook.NewID(webhook.PrefixEvent), ""
	ordered.Deliveries = []store.NewDelivery{{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: ep.ID, Ordered: true, Key: "k"}}
	pubs = append(pubs, ordered)
	_, err = st.Publish(ctx, now, pubs)
	must(err)
	again := pubs[0] // whose key has expired
	again.Event.ID, again.Deliveries = webhook.NewID(webhook.PrefixEvent), nil
	_, err = st.Publish(ctx, now, []store.Publication{again})
	must(err)
	key := store.EventKey{Tenant: "acme", ID: pubs[0].Event.ID}
	_, err = st.Published(ctx, []store.EventKey{key})
	must(err)
	gate := store.Gate{Tenant: "acme", Endpoint: ep.ID, Next: now, Revision: ep.Revision}
	n := 0
	claimed, _, err := st.Poll(ctx, now, epoch, 6, func(store.Waiting) store.Admission {
		n++
		return store.Admission{Lease: n%2 == 0, Gate: gate}
	})
	must(err)
	more, err := st.Take(ctx, now, epoch, 10, []store.Lane{{Tenant: "acme", Endpoint: ep.ID}}, func(store.Lane) store.Turn {
		return store.Turn{Max: 2, Shares: store.Ranks{1: 1, 2: 1}, Gate: gate}
	})
	must(err)
	_, err = st.Take(ctx, now.Add(-time.Hour), epoch, 10, nil, nil)
	must(err)
	claimed = append(claimed, more...)
	_, err = st.Start(ctx, epoch, []store.Held{{Tenant: claimed[0].Tenant, Delivery: claimed[0].Delivery, Claim: claimed[0].Claim}})
	must(err)
	bindEverything(t, st, epoch, claimed[:2], gate)
	settleEverything(t, st, epoch, claimed, gate)
	must(st.Redeliver(ctx, now, "acme", claimed[0].Delivery))
	jobEverything(t, st, epoch, claimed[3].Delivery)
	must(st.Redeliver(ctx, now, "acme", ordered.Deliveries[0].ID))
	_, err = st.Held(ctx, epoch, "", 10)
	must(err)
	_, err = st.Reap(ctx, now, epoch, time.Hour, 10)
	must(err)
	readEverything(t, st, ep, key, claimed[0].Delivery)
	_, err = st.Reap(ctx, now.Add(2*time.Hour), epoch, 0, 10) // its own lease has expired
	must(err)
	eraseEverything(t, st)
	sealEverything(t, st)
	must(st.DeleteEndpoint(ctx, now, "acme", ep.ID))
	must(st.Resign(ctx, now, epoch))
	for range 2 {
		_, err = st.Prune(ctx, now.Add(time.Hour), store.Retention{}, 10)
		must(err)
	}
}

// bindEverything binds rows to a batch and takes them back as one.
func bindEverything(t *testing.T, st *Store, epoch int64, claimed []store.Claimed, gate store.Gate) {
	t.Helper()
	ctx, b := t.Context(), store.Binding{ID: webhook.NewID(webhook.PrefixBatch), Tenant: "acme"}
	back := store.Settlement{Epoch: epoch, Gates: []store.Gate{gate}}
	for _, c := range claimed {
		b.Members = append(b.Members, store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim})
		back.Items = append(back.Items, store.Settled{
			Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim, Status: webhook.DeliveryPending, Park: true,
		})
	}
	if bound, err := st.Bind(ctx, epoch, []store.Binding{b}); err != nil || len(bound) != 1 {
		t.Fatalf("Bind = %v, %v; want one batch", bound, err)
	}
	if _, err := st.Settle(ctx, gate.Next, back); err != nil {
		t.Fatal(err)
	}
	again, err := st.Take(ctx, gate.Next.Add(time.Second), epoch, 0, []store.Lane{{Tenant: gate.Tenant, Endpoint: gate.Endpoint}}, func(store.Lane) store.Turn {
		return store.Turn{Max: 1, Gate: gate}
	})
	if err != nil || len(again) != 2 {
		t.Fatalf("Take of a batch of two = %v, %v", again, err)
	}
	for i, c := range again {
		back.Items[i].Delivery, back.Items[i].Claim, back.Items[i].Park, back.Items[i].Unbind = c.Delivery, c.Claim, false, true
	}
	if _, err := st.Settle(ctx, gate.Next, back); err != nil {
		t.Fatal(err)
	}
	last, _, err := st.Poll(ctx, gate.Next.Add(time.Second), epoch, 10, func(w store.Waiting) store.Admission {
		return store.Admission{Lease: w.Delivery == again[0].Delivery || w.Delivery == again[1].Delivery, Gate: gate}
	})
	if err != nil || len(last) != 2 {
		t.Fatalf("Poll after Unbind = %v, %v; want both", last, err)
	}
	copy(claimed, last)
}

// eraseEverything erases half of the events, of which one is leased.
func eraseEverything(t *testing.T, st *Store) {
	t.Helper()
	for _, page := range []store.Page{{}, {Oldest: true}} {
		if events, err := st.SubjectEvents(t.Context(), "acme", "user/1", page); err != nil || len(events) != 5 {
			t.Fatalf("SubjectEvents = %d events, %v; want 5", len(events), err)
		}
	}
	if done, err := st.EraseSubject(t.Context(), time.Now(), "acme", "user/1", 10); err != nil || done.Events != 5 || done.Pending == 0 || done.Attempts == 0 {
		t.Fatalf("EraseSubject = %+v, %v; want 5 events, some of them pending and some with attempts", done, err)
	}
}

// sealEverything adds a key, lists what is sealed and replaces it.
func sealEverything(t *testing.T, st *Store) {
	t.Helper()
	ctx, key := t.Context(), store.SubjectKey{SubjectKeyName: store.SubjectKeyName{Tenant: "acme", Period: 1}, Sealed: []byte("x")}
	if _, err := st.AddSubjectKeys(ctx, []store.SubjectKey{key}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range store.SealedKinds {
		values, err := st.SealedValues(ctx, kind, store.SealedValue{}, 10)
		if err != nil || len(values) == 0 && kind != store.SealedEndpoint {
			t.Fatalf("SealedValues of %s = %v, %v; want some", kind, values, err)
		}
		for _, v := range append(values, store.SealedValue{Kind: kind}) {
			if _, err := st.ReplaceSealed(ctx, []store.SealedChange{{SealedValue: v, Was: v.Sealed}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := st.PruneTenant(ctx, time.Now(), "acme", time.Now().Add(-24*time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := st.PruneSubjectKeys(ctx, 1, 10); err != nil {
		t.Fatal(err)
	}
	if n, err := st.DeleteSubjectKeys(ctx, "acme", ""); err != nil || n != 1 {
		t.Fatalf("DeleteSubjectKeys = %d, %v; want 1", n, err)
	}
}

func settleEverything(t *testing.T, st *Store, epoch int64, claimed []store.Claimed, gate store.Gate) {
	t.Helper()
	now := time.Now()
	var items []store.Settled
	for i, c := range claimed {
		it := store.Settled{
			Tenant: "acme", Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "a.b", Claim: c.Claim,
			Status: webhook.DeliveryDelivered, Attempt: &webhook.Attempt{N: 1, At: now}, Health: store.HealthSuccess,
		}
		if i == 1 {
			it.Status, it.Due, it.Attempt.Class, it.Health = webhook.DeliveryPending, now, webhook.ClassDNS, store.HealthFailure
		}
		if c.Ordered {
			it.Status, it.Block = webhook.DeliveryFailed, true
		} else if i == 2 {
			it.Status, it.Attempt, it.Park = webhook.DeliveryPending, nil, true
		}
		if i > 3 {
			it.Status = webhook.DeliveryFailed
		}
		items = append(items, it)
	}
	if _, err := st.Settle(t.Context(), now, store.Settlement{Epoch: epoch, Items: items, Gates: []store.Gate{gate}}); err != nil {
		t.Fatal(err)
	}
}

func jobEverything(t *testing.T, st *Store, epoch int64, delivery string) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	j := store.Job{ID: webhook.NewID(webhook.PrefixJob), Tenant: "acme"}
	for i, call := range []func() error{
		func() error { return st.CreateJob(ctx, now, j) },
		func() error { _, err := st.LeaseJobs(ctx, now, epoch, 10); return err },
		func() error { _, err := st.ChangedHealth(ctx, now, time.Second); return err },
		func() error {
			return st.AdvanceJob(ctx, now, epoch, store.JobStep{Tenant: "acme", ID: j.ID, Cursor: "1", Redeliver: []string{delivery}})
		},
		func() error { _, err := st.Job(ctx, "acme", j.ID); return err },
		func() error { return st.CancelJob(ctx, now, "acme", j.ID) },
		func() error { return st.CancelJob(ctx, now, "acme", j.ID) },
		func() error { _, _, err := st.Tenants(ctx, "", 10); return err },
		func() error { _, _, err := st.Tenants(ctx, "=", 10); return err },
	} {
		if err := call(); err != nil {
			t.Fatalf("call %d = %v", i, err)
		}
	}
}

func readEverything(t *testing.T, st *Store, ep store.EndpointRecord, event store.EventKey, delivery string) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	for i, read := range []func() error{
		func() error { _, err := st.Endpoint(ctx, "acme", ep.ID); return err },
		func() error { _, err := st.ListEndpoints(ctx, "acme", store.Page{}); return err },
		func() error { _, _, err := st.ChangedEndpoints(ctx, 0, 10); return err },
		func() error { _, err := st.LatestChange(ctx); return err },
		func() error {
			_, err := st.EngineEndpoints(ctx, []store.Lane{{Tenant: "acme", Endpoint: ep.ID}})
			return err
		},
		func() error { _, err := st.Secrets(ctx, "acme", ep.ID); return err },
		func() error { _, err := st.Event(ctx, "acme", event.ID); return err },
		func() error { _, err := st.ListEvents(ctx, "acme", store.Page{}); return err },
		func() error { _, err := st.Delivery(ctx, "acme", delivery); return err },
		func() error {
			_, err := st.TailDeliveries(ctx, now, now, []store.TailAsk{
				{Tenant: "acme"}, {Tenant: "acme", Endpoint: ep.ID, Backlog: true}, {Tenant: "acme", Backlog: true, Known: []string{delivery}},
			})
			return err
		},
		func() error { _, err := st.Lag(ctx, now); return err },
		func() error { _, err := st.Attempts(ctx, "acme", delivery); return err },
		func() error { _, err := st.Place(ctx, "acme", delivery); return err },
		func() error {
			_, err := st.Stats(ctx, "acme", store.StatScope{}, now.Add(-time.Hour), now)
			return err
		},
		func() error { _, err := st.Setting(ctx, "name", []byte("value")); return err },
		func() error { _, err := st.ListAudit(ctx, "acme", store.AuditFilter{}, store.Page{}); return err },
		func() error {
			n := store.IncidentCount{ID: webhook.NewID(webhook.PrefixIncident), Tenant: "acme", Count: 1, Rule: webhook.IncidentRule{Threshold: 1, Window: time.Hour}}
			_, err := st.CountIncidents(ctx, now, []store.IncidentCount{n, n})
			return err
		},
		func() error {
			_, err := st.ListIncidents(ctx, "acme", store.IncidentFilter{Kind: "a", From: now, To: now}, store.Page{})
			return err
		},
		func() error {
			_, err := st.CreateToken(ctx, now, webhook.Token{ID: "key_1", Tenant: "acme", Kind: webhook.TokenAPIKey}, []byte("hash"), 1)
			return err
		},
		func() error { _, err := st.TokenByHash(ctx, []byte("hash")); return err },
		func() error { return st.UseToken(ctx, now, "acme", "key_1") },
		func() error {
			_, err := st.ListTokens(ctx, "acme", webhook.TokenAPIKey, store.Page{After: "key_2"})
			return err
		},
		func() error { return st.RevokeToken(ctx, now, "acme", "key_1") },
		func() error {
			_, err := st.ListAudit(ctx, "acme", store.AuditFilter{Resource: ep.ID, Actor: "a", From: now, To: now}, store.Page{})
			return err
		},
	} {
		if err := read(); err != nil {
			t.Fatalf("read %d = %v", i, err)
		}
	}
	findEverything(t, st, ep.ID, event.ID)
	for _, status := range []webhook.DeliveryStatus{"", webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed} {
		for _, endpoint := range []string{"", ep.ID} {
			for _, eventID := range []string{"", event.ID} {
				for _, from := range []time.Time{{}, now.Add(-time.Hour)} {
					f := store.DeliveryFilter{Endpoint: endpoint, Event: eventID, Status: status, From: from}
					for _, page := range []store.Page{{}, {Oldest: true}} {
						if _, err := st.ListDeliveries(ctx, "acme", f, page); err != nil {
							t.Fatalf("ListDeliveries(%+v) = %v", f, err)
						}
					}
				}
			}
		}
	}
}

// findEverything looks for events and deliveries by all that people look for.
func findEverything(t *testing.T, st *Store, endpoint, event string) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	for _, f := range []store.EventFilter{
		{}, {Type: "a"}, {TypePrefix: "a"}, {Source: "s"}, {Subject: "user/1"}, {Subject: "user/1", Type: "a", Source: "s"}, {From: now, To: now},
	} {
		if _, err := st.FindEvents(ctx, "acme", f, store.Page{}); err != nil {
			t.Fatalf("FindEvents(%+v) = %v", f, err)
		}
	}
	for _, status := range []webhook.DeliveryStatus{"", webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed} {
		for _, f := range []store.DeliveryFilter{
			{}, {EventType: "a"}, {TypePrefix: "a"}, {From: now, To: now}, {Event: event}, {Endpoint: endpoint, TypePrefix: "a"}, {Endpoint: endpoint},
		} {
			f.Status = status
			if _, err := st.FindDeliveries(ctx, "acme", f, store.Page{}); err != nil {
				t.Fatalf("FindDeliveries(%+v) = %v", f, err)
			}
		}
	}
	for _, read := range []func() error{
		func() error { _, err := st.Outcomes(ctx, "acme", []string{event}); return err },
		func() error { _, err := st.EventsWithoutData(ctx, "acme", []string{event}); return err },
	} {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
}
