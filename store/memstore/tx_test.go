package memstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// TestTxIsJudgedAnewAtCommit changes what a transaction was told, which a
// database would prevent with a lock.
func TestTxIsJudgedAnewAtCommit(t *testing.T) {
	now := time.Now()
	pub := func(key string) store.Publication {
		return store.Publication{
			Event: webhook.Event{
				ID: webhook.NewID(webhook.PrefixEvent), Tenant: "acme", Type: "a", Data: []byte("1"), IdempotencyKey: key,
			},
			KeyExpires: now.Add(time.Hour),
		}
	}
	for name, meanwhile := range map[string]func(st *memstore.Store) error{
		"the key is taken": func(st *memstore.Store) error {
			_, err := st.Publish(t.Context(), now, []store.Publication{pub("k")})
			return err
		},
		"an endpoint is created": func(st *memstore.Store) error {
			_, err := st.CreateEndpoint(t.Context(), now, store.EndpointRecord{Endpoint: webhook.Endpoint{ID: "ep_1", Tenant: "acme"}}, store.SecretRecord{}, store.Creation{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			st := memstore.New()
			tx := st.Begin()
			p, q := pub("k"), pub("")
			if _, err := tx.Publish(t.Context(), now, []store.Publication{p, q}); err != nil {
				t.Fatalf("Publish = error %v; want none", err)
			}
			if err := meanwhile(st); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); !errors.Is(err, memstore.ErrSerialization) {
				t.Errorf("Commit after %s = %v; want ErrSerialization", name, err)
			}
			got, err := st.Published(t.Context(), []store.EventKey{{Tenant: "acme", ID: p.Event.ID}, {Tenant: "acme", ID: q.Event.ID}})
			if err != nil || len(got) != 0 {
				t.Errorf("Published after a failed Commit = %v, error %v; want none: half of a transaction was written", got, err)
			}
			if err := tx.Commit(); err == nil {
				t.Errorf("Commit for the second time = no error; want one")
			}
		})
	}
}
