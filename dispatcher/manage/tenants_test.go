package manage_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// byID is every method that takes an id, called for a tenant. A new one belongs
// here.
var byID = []struct {
	name   string
	prefix webhook.Prefix
	call   func(ctx context.Context, m *manage.Manager, tenant, id string) error
}{
	{"Endpoint", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Endpoint(ctx, tenant, id))
	}},
	{"UpdateEndpoint", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.UpdateEndpoint(ctx, tenant, id, func(ep *webhook.Endpoint) error {
			ep.Description += "."
			return nil
		}))
	}},
	{"Pause", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Pause(ctx, tenant, id))
	}},
	{"Resume", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Resume(ctx, tenant, id))
	}},
	{"RotateSecret", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.RotateSecret(ctx, tenant, id, manage.Rotation{}))
	}},
	{"Secrets", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Secrets(ctx, tenant, id))
	}},
	{"TestEndpoint", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.TestEndpoint(ctx, tenant, id, manage.Test{}))
	}},
	{"Health", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Health(ctx, tenant, id))
	}},
	{"Advice", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Advice(ctx, tenant, id))
	}},
	{"Event", webhook.PrefixEvent, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Event(ctx, tenant, id))
	}},
	{"Delivery", webhook.PrefixDelivery, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Delivery(ctx, tenant, id))
	}},
	{"Attempts", webhook.PrefixDelivery, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Attempts(ctx, tenant, id))
	}},
	{"Why", webhook.PrefixDelivery, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return second(m.Why(ctx, tenant, id))
	}},
	{"Redeliver", webhook.PrefixDelivery, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return m.Redeliver(ctx, tenant, id)
	}},
	// The last one, because it succeeds once.
	{"DeleteEndpoint", webhook.PrefixEndpoint, func(ctx context.Context, m *manage.Manager, tenant, id string) error {
		return m.DeleteEndpoint(ctx, tenant, id)
	}},
}

func second[T any](_ T, err error) error { return err }

func TestTenantsAreSeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		ep := w.endpoint()
		d := w.publish()
		own := map[webhook.Prefix]string{webhook.PrefixEndpoint: ep.ID, webhook.PrefixEvent: d.EventID, webhook.PrefixDelivery: d.ID}
		before := w.record(ep.ID)
		for _, method := range byID {
			foreign := method.call(t.Context(), w.Manager, globex, own[method.prefix])
			for name, err := range map[string]error{
				"a foreign id":              foreign,
				"an unknown id":             method.call(t.Context(), w.Manager, acme, webhook.NewID(method.prefix)),
				"an unknown tenant":         method.call(t.Context(), w.Manager, "nobody", own[method.prefix]),
				"no id":                     method.call(t.Context(), w.Manager, acme, ""),
				"an id of another kind":     method.call(t.Context(), w.Manager, acme, webhook.NewID(webhook.PrefixAttempt)),
				"an id with a NUL":          method.call(t.Context(), w.Manager, acme, own[method.prefix]+"\x00"),
				"an id that is not UTF-8":   method.call(t.Context(), w.Manager, acme, own[method.prefix][:len(own[method.prefix])-1]+"\xff"),
				"a long id":                 method.call(t.Context(), w.Manager, acme, strings.Repeat("x", 1<<20)),
				"an id in lower case":       method.call(t.Context(), w.Manager, acme, strings.ToLower(own[method.prefix])),
				"a tenant with a NUL":       method.call(t.Context(), w.Manager, acme+"\x00", own[method.prefix]),
				"a tenant that is no UTF-8": method.call(t.Context(), w.Manager, acme+"\xff", own[method.prefix]),
			} {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s of %s: error %v; want ErrNotFound", method.name, name, err)
				}
			}
			if unknown := method.call(t.Context(), w.Manager, acme, webhook.NewID(method.prefix)); unknown.Error() != foreign.Error() {
				t.Errorf("%s of a foreign id: error %q; want the words for an unknown one, %q", method.name, foreign, unknown)
			}
		}
		if after := w.record(ep.ID); after.Version != before.Version {
			t.Errorf("version after another tenant's attempts = %d; want %d", after.Version, before.Version)
		}
		for _, method := range byID {
			if err := method.call(t.Context(), w.Manager, acme, own[method.prefix]); err != nil {
				t.Errorf("%s of the tenant's own: %v", method.name, err)
			}
		}
	})
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
