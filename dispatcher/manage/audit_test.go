package manage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ada is who makes the changes of these tests.
var ada = webhook.Actor{Name: "ada@acme.example", Address: "192.0.2.7"}

// auditLog returns all audit records of acme, newest first.
func (w *world) auditLog() []webhook.AuditRecord {
	w.t.Helper()
	return w.auditLogOf(acme)
}

// tenant returns whose audit log has a call of the method for acme.
func (m method) tenant() string {
	if m.host {
		return ""
	}
	return acme
}

// auditLogOf returns all audit records of a tenant, newest first.
func (w *world) auditLogOf(tenant string) []webhook.AuditRecord {
	w.t.Helper()
	list, err := w.Audit(w.t.Context(), tenant, store.AuditFilter{}, store.Page{Limit: store.MaxPage})
	w.must(err, "Audit")
	return list
}

// prepared returns a world in which a method can be called, and the id to call it
// with. What comes then is later: ids of one millisecond are in no order.
func prepared(t *testing.T, m method) (*world, string) {
	defer time.Sleep(time.Millisecond)
	w := newWorld(t)
	ep := w.endpoint()
	if m.prepare != nil {
		return w, m.prepare(w)
	}
	d := w.publish()
	ids := own{webhook.PrefixEndpoint: ep.ID, webhook.PrefixEvent: d.EventID, webhook.PrefixDelivery: d.ID}
	if m.takes == webhook.PrefixJob {
		return w, w.job()
	}
	return w, ids[m.takes]
}

func TestEveryMutationIsAuditedOnce(t *testing.T) {
	for _, m := range methods {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { auditOnce(t, m) })
		})
	}
}

func auditOnce(t *testing.T, m method) {
	w, id := prepared(t, m)
	tenant := m.tenant()
	before := len(w.auditLogOf(tenant))
	_, err := m.call(webhook.WithActor(t.Context(), ada), w.Manager, acme, id)
	w.must(err, m.name)
	fresh := w.auditLogOf(tenant)
	fresh = fresh[:len(fresh)-before]
	switch {
	case m.action == "" && len(fresh) > 0:
		t.Errorf("%s, which only reads, left %d audit records; want none", m.name, len(fresh))
		return
	case m.action == "":
		return
	case len(fresh) != 1:
		t.Fatalf("%s left %d audit records; want exactly one", m.name, len(fresh))
	}
	r := fresh[0]
	if r.Action != m.action || r.Actor != ada || r.Tenant != tenant || r.Resource == "" || r.At.IsZero() {
		t.Errorf("audit record of %s = %+v; want %s by %+v", m.name, r, m.action, ada)
	}
	if (m.takes != "" || m.host) && m.name != "RedeliverMany" && r.Resource != id {
		t.Errorf("audit record of %s is about %s; want %s", m.name, r.Resource, id)
	}
	for _, side := range []json.RawMessage{r.Before, r.After} {
		if side != nil && (side[0] != '{' || !json.Valid(side)) {
			t.Errorf("audit record of %s has %s; want a JSON object or nothing", m.name, side)
		}
	}
}

func TestWhatFailsIsNotAudited(t *testing.T) {
	for _, m := range methods {
		if m.action == "" {
			continue
		}
		for _, fault := range []struct {
			name string
			err  error
			done bool
			want int
		}{
			{"the store is down", store.ErrUnavailable, false, 0},
			{"the commit is lost", store.ErrUnknown, false, 0},
			{"the answer is lost", store.ErrUnknown, true, 1},
		} {
			t.Run(m.name+", "+fault.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, id := prepared(t, m)
					before := len(w.auditLogOf(m.tenant()))
					w.store.fault = func(_ string, done bool) error {
						if done != fault.done {
							return nil
						}
						return fmt.Errorf("write: %w", fault.err)
					}
					_, err := m.call(t.Context(), w.Manager, acme, id)
					// A test that passes is told, whatever becomes of the pause.
					if m.name != "TestEndpoint" && !errors.Is(err, fault.err) {
						t.Errorf("%s when %s: error %v; want %v", m.name, fault.name, err, fault.err)
					}
					w.store.fault = nil
					if got := len(w.auditLogOf(m.tenant())) - before; got != fault.want {
						t.Errorf("%s when %s left %d audit records; want %d, as many as there are changes", m.name, fault.name, got, fault.want)
					}
				})
			})
		}
	}
}

func TestUnchangedIsNotAudited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		d := w.publish()
		before := len(w.auditLog())
		_, err := w.Resume(t.Context(), acme, ep.ID)
		w.must(err, "Resume")
		_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(*webhook.Endpoint) error { return nil })
		w.must(err, "UpdateEndpoint")
		_, err = w.TestEndpoint(t.Context(), acme, ep.ID, manage.Test{})
		w.must(err, "TestEndpoint")
		w.must(w.Redeliver(t.Context(), acme, d.ID), "Redeliver")
		_, err = w.RedeliverMany(t.Context(), acme, manage.Redelivery{DryRun: true})
		w.must(err, "RedeliverMany")
		_, _, err = w.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: acme, URL: "https://127.0.0.1/"})
		wantFields(t, "CreateEndpoint", err, "url url_not_allowed")
		if got := len(w.auditLog()) - before; got != 0 {
			t.Errorf("calls that changed nothing left %d audit records; want none", got)
		}
	})
}

func TestLibraryIsAudited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answers(status(410))
		stop := w.run()
		defer stop()
		ep := w.endpoint()
		time.Sleep(time.Millisecond)
		w.publish()
		time.Sleep(time.Second)
		list := w.auditLog()
		if len(list) != 2 || list[0].Action != webhook.ActionEndpointPaused || list[0].Actor.Name != webhook.LibraryActor || list[0].Resource != ep.ID {
			t.Errorf("audit log of an endpoint that is gone = %+v; want that it was paused by the library", list)
		}
		if want := `"pause_cause":"gone"`; !strings.Contains(string(list[0].After), want) {
			t.Errorf("record of the pause has after %s; want %s in it", list[0].After, want)
		}
	})
}

func TestAuditSaysWhatChanged(t *testing.T) {
	synctest.Test(t, auditSaysWhatChanged)
}

func auditSaysWhatChanged(t *testing.T) {
	w := newWorld(t)
	ep, _, err := w.CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: acme, URL: "https://acme.example/hooks?token=canary-query", Headers: map[string]string{"X-Key": "canary-header", "X-Kept": "canary-kept"},
		Metadata: map[string]string{"crm": "canary-metadata"}, Labels: []string{"eu"},
	})
	w.must(err, "CreateEndpoint")
	time.Sleep(time.Millisecond)
	_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
		ep.Timeout, ep.Labels, ep.Headers["X-Key"] = 20*time.Second, nil, "canary-other"
		ep.Headers["X-New"] = "canary-new"
		return nil
	})
	w.must(err, "UpdateEndpoint")
	time.Sleep(time.Millisecond)
	_, err = w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Secret: ownSecret})
	w.must(err, "RotateSecret")
	time.Sleep(time.Millisecond)
	w.must(w.DeleteEndpoint(t.Context(), acme, ep.ID), "DeleteEndpoint")
	list := w.auditLog()
	if len(list) != 4 {
		t.Fatalf("audit log = %d records; want 4", len(list))
	}
	update := list[2]
	if got, want := string(update.Before), `{"headers":{"X-Key":"***"},"labels":["eu"],"timeout_seconds":15}`; got != want {
		t.Errorf("before = %s; want %s", got, want)
	}
	if got, want := string(update.After), `{"headers":{"X-Key":"***","X-New":"***"},"timeout_seconds":20}`; got != want {
		t.Errorf("after = %s; want %s", got, want)
	}
	for _, r := range list {
		text := fmt.Sprintf("%+v %s %s", r, r.Before, r.After)
		if strings.Contains(text, "canary") || strings.Contains(text, strings.TrimPrefix(ownSecret, "whsec_")) {
			t.Errorf("audit record of %s holds a credential: %s", r.Action, text)
		}
	}
	if r := list[0]; r.After != nil || !strings.Contains(string(r.Before), `"url":"https://acme.example/hooks?token=***"`) {
		t.Errorf("record of the deletion = %s, %s; want what there was", r.Before, r.After)
	}
}

func TestAuditRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Now()
	_, err := w.Audit(t.Context(), acme, store.AuditFilter{From: at, To: at}, store.Page{After: "evt_1"})
	wantFields(t, "Audit", err, "to invalid_field", "after invalid_field")
	for _, f := range []store.AuditFilter{{Actor: "a\x00"}, {Resource: "\xff"}, {Action: "no\x00ne"}} {
		if list, err := w.Audit(t.Context(), acme, f, store.Page{}); err != nil || len(list) != 0 {
			t.Errorf("Audit with %q = %v, error %v; want nothing", f, list, err)
		}
	}
}

func TestActorsAreCleaned(t *testing.T) {
	t.Parallel()
	for given, want := range map[webhook.Actor]webhook.Actor{
		ada:                              ada,
		{Name: webhook.LibraryActor}:     {Name: "host:" + webhook.LibraryActor},
		{Name: "a\x00b\xff\n"}:           {Name: "a\ufffdb\ufffd\ufffd"},
		{Name: strings.Repeat("é", 200)}: {Name: strings.Repeat("é", 128)},
		{Address: "::1" + strings.Repeat(" ", 99)}: {Address: "::1" + strings.Repeat(" ", 61)},
	} {
		if got := webhook.ActorOf(webhook.WithActor(t.Context(), given)); got != want {
			t.Errorf("actor %q = %q; want %q: a name must not keep a change from being made", given, got, want)
		}
	}
	if got := webhook.ActorOf(context.Background()); got != (webhook.Actor{}) {
		t.Errorf("actor of nobody = %+v", got)
	}
}
