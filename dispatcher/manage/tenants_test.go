package manage_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func second[T any](_ T, err error) error { return err }

// strangers returns texts that are no id of acme's, and tenants that are not acme, with
// acme's own ids.
func (m method) strangers(id string) map[string][2]string {
	return map[string][2]string{
		"an unknown id":             {acme, webhook.NewID(m.takes)},
		"an unknown tenant":         {"nobody", id},
		"no id":                     {acme, ""},
		"an id of another kind":     {acme, webhook.NewID(webhook.PrefixAttempt)},
		"an id with a NUL":          {acme, id + "\x00"},
		"an id that is not UTF-8":   {acme, id[:len(id)-1] + "\xff"},
		"a long id":                 {acme, strings.Repeat("x", 1<<20)},
		"an id in lower case":       {acme, strings.ToLower(id)},
		"a tenant with a NUL":       {acme + "\x00", id},
		"a tenant that is no UTF-8": {acme + "\xff", id},
	}
}

// TestTenantsAreSeparate calls every method with ids of another tenant: the answer is
// the one for an id that nobody has, and nothing changes.
func TestTenantsAreSeparate(t *testing.T) {
	for _, m := range methods {
		if m.host { // types are the same for all
			continue
		}
		t.Run(m.name+" "+string(m.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, id := prepared(t, m)
				before := w.everything()
				if m.takes == "" {
					w.wantNothingFor(m)
				} else {
					w.wantUnknown(m, id)
				}
				if after := w.everything(); before != after {
					t.Errorf("%s by other tenants changed\n%s to\n%s", m.name, before, after)
				}
				if _, err := m.call(t.Context(), w.Manager, acme, id); err != nil {
					t.Errorf("%s of the tenant's own: %v", m.name, err)
				}
			})
		})
	}
}

// wantUnknown calls a method with acme's id for another tenant, and compares what it
// answers with what it says of ids that nobody has.
func (w *world) wantUnknown(m method, id string) {
	w.t.Helper()
	ctx := w.t.Context()
	foreign, foreignErr := m.call(ctx, w.Manager, globex, id)
	unknown, unknownErr := m.call(ctx, w.Manager, globex, webhook.NewID(m.takes))
	if fmt.Sprint(foreignErr) != fmt.Sprint(unknownErr) || !reflect.DeepEqual(foreign, unknown) {
		w.t.Errorf("%s of a foreign id = %v, %v; want what an unknown one gets, %v, %v", m.name, foreign, foreignErr, unknown, unknownErr)
	}
	calls := m.strangers(id)
	calls["a foreign id"] = [2]string{globex, id}
	for name, c := range calls {
		got, err := m.call(ctx, w.Manager, c[0], c[1])
		switch {
		case m.finds && err != nil && !errors.Is(err, webhook.ErrInvalid), !m.finds && !errors.Is(err, store.ErrNotFound):
			w.t.Errorf("%s of %s: error %v; want what an unknown id gets", m.name, name, err)
		case err == nil && !reflect.DeepEqual(got, unknown):
			w.t.Errorf("%s of %s = %v; want nothing, as an unknown id gets, %v", m.name, name, got, unknown)
		}
	}
}

// wantNothingFor calls a method that is about all that a tenant has for tenants that
// have nothing.
func (w *world) wantNothingFor(m method) {
	w.t.Helper()
	for _, tenant := range []string{globex, "", acme + "\x00", "\xff"} {
		got, err := m.call(w.t.Context(), w.Manager, tenant, "")
		if err != nil && !errors.Is(err, webhook.ErrInvalid) {
			w.t.Errorf("%s of tenant %q: %v", m.name, tenant, err)
		}
		if text := fmt.Sprintf("%+v", got); strings.Contains(text, acme) {
			w.t.Errorf("%s of tenant %q = %s; want nothing of another's", m.name, tenant, text)
		}
	}
}

// everything returns what can be read of acme.
func (w *world) everything() string {
	w.t.Helper()
	var b strings.Builder
	for _, m := range methods {
		if m.action != "" || m.takes != "" || m.host {
			continue
		}
		all, err := m.call(w.t.Context(), w.Manager, acme, "")
		w.must(err, m.name)
		fmt.Fprintf(&b, "%s: %+v\n", m.name, all)
	}
	return b.String()
}

func TestListsAreSeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		labelled := newEndpoint()
		labelled.Labels = []string{"billing"}
		ep, _, err := w.CreateEndpoint(t.Context(), labelled)
		w.must(err, "CreateEndpoint")
		d := w.publish()
		for tenant, want := range map[string]int{acme: 1, globex: 0, "": 0, acme + "\x00": 0, "\xff": 0} {
			eps, err := w.Endpoints(t.Context(), tenant, store.Page{})
			w.must(err, "Endpoints")
			evs, err := w.Events(t.Context(), tenant, store.Page{})
			w.must(err, "Events")
			all, err := w.Deliveries(t.Context(), tenant, store.DeliveryFilter{}, store.Page{})
			w.must(err, "Deliveries")
			of, err := w.Deliveries(t.Context(), tenant, store.DeliveryFilter{Endpoint: ep.ID, Event: d.EventID, Status: webhook.DeliveryDelivered}, store.Page{})
			w.must(err, "Deliveries")
			labels, err := w.Labels(t.Context(), tenant)
			w.must(err, "Labels")
			if len(labels) != want {
				t.Errorf("labels of tenant %q = %+v; want %d", tenant, labels, want)
			}
			if len(eps) != want || len(evs) != want || len(all) != want || len(of) != want {
				t.Errorf("lists of tenant %q = %d endpoints, %d events, %d and %d deliveries; want %d each", tenant, len(eps), len(evs), len(all), len(of), want)
			}
		}
	})
}
