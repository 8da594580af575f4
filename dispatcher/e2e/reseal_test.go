package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ring returns a keyring, the primary key first.
func ring(t *testing.T, keys ...seal.Key) *seal.Keyring {
	t.Helper()
	kr, err := seal.NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return kr
}

// wantKeys compares the keys that are in use with those of the given ids.
func (h *host) wantKeys(when string, keys ...seal.Key) {
	h.t.Helper()
	got, err := h.KeysInUse(h.t.Context())
	if err != nil {
		h.t.Fatalf("KeysInUse = %v; want nil", err)
	}
	for _, k := range keys {
		if got[k.ID()] == 0 {
			h.t.Errorf("KeysInUse %s = %v; want %s among them", when, got, k.ID())
		}
		delete(got, k.ID())
	}
	if len(got) > 0 {
		h.t.Errorf("KeysInUse %s has %v beside what was wanted", when, got)
	}
}

// sealAll makes everything that is sealed: endpoints with credentials, secrets, and a
// payload about somebody. It returns the event and an endpoint.
func (h *host) sealAll(n int) (event, endpoint string) {
	h.t.Helper()
	for i := range n {
		ep, _ := h.create(webhook.Endpoint{URL: "https://receiver.example/", Headers: map[string]string{"Authorization": fmt.Sprint("Bearer RESEALED-", i)}})
		if _, err := h.manage.RotateSecret(h.t.Context(), tenant, ep.ID, manage.Rotation{}); err != nil {
			h.t.Fatal(err)
		}
		ev := raw("a", `"about somebody"`)
		ev.Subject = fmt.Sprint("user/", i)
		event, endpoint = h.publish(ev).EventID, ep.ID
	}
	return event, endpoint
}

// wantOpen fails unless what sealAll made can be read.
func (h *host) wantOpen(event, endpoint string) {
	h.t.Helper()
	if ev, err := h.manage.Event(h.t.Context(), tenant, event); err != nil || string(ev.Data) != `"about somebody"` {
		h.t.Errorf("Event = %q, %v; want its payload", ev.Data, err)
	}
	rec, err := h.database.Endpoint(h.t.Context(), tenant, endpoint)
	if err != nil {
		h.t.Fatal(err)
	}
	if ep, err := h.OpenEndpoint(h.t.Context(), rec); err != nil || !strings.HasPrefix(ep.Headers["Authorization"], "Bearer RESEALED-") {
		h.t.Errorf("endpoint opened = %v; want its credential", err)
	}
	if _, err := h.manage.TestEndpoint(h.t.Context(), tenant, endpoint, manage.Test{}); err != nil { // which signs
		h.t.Errorf("TestEndpoint = %v; want it signed, whatever the receiver says", err)
	}
}

// TestReseal rotates the key of a database that is in use: with the old one behind the
// new one, until nothing needs it any more.
func TestReseal(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		older, newer := seal.NewKey(), seal.NewKey()
		cfg := func(keys ...seal.Key) dispatcher.Config {
			return dispatcher.Config{Keyring: ring(t, keys...), SealPayloads: true}
		}
		wrong := func(what string, keys ...seal.Key) {
			t.Helper()
			if _, err := dispatcher.New(st, local(cfg(keys...))); !errors.Is(err, seal.ErrWrongKey) {
				t.Errorf("New %s = %v; want ErrWrongKey", what, err)
			}
		}
		first := newHost(t, st, cfg(older))
		event, endpoint := first.sealAll(60) // more than a page of each kind
		first.wantKeys("at first", older)
		wrong("with another key", newer)

		both := newHost(t, st, cfg(newer, older))
		both.wantKeys("after a start with a new key", older, newer)
		wrong("without the new key, before it has sealed a row", older)
		both.sealAll(1)
		wrong("without the old key, before Reseal", newer)

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := both.Reseal(ended); err == nil {
			t.Error("Reseal with a context that has ended = nil; want its error")
		}
		done, err := both.Reseal(t.Context())
		if err != nil || done.Sealed < 4*60 || done.Unopened != 0 || done.Values < done.Sealed {
			t.Errorf("Reseal = %+v, %v; want everything sealed anew", done, err)
		}
		both.wantKeys("after Reseal", newer)
		if again, err := both.Reseal(t.Context()); err != nil || again.Sealed != 0 || again.Values != done.Values {
			t.Errorf("Reseal again = %+v, %v; want nothing to do with %d values", again, err, done.Values)
		}
		wrong("without the new key, after Reseal", older)
		last := newHost(t, st, cfg(newer))
		last.wantOpen(event, endpoint)
	})
}

// What is damaged is named, does not keep the rest from being sealed anew, and is left
// as it is.
func TestResealOfDamaged(t *testing.T) {
	t.Parallel()
	st := openStore(t, databaseFile(t))
	older, newer := seal.NewKey(), seal.NewKey()
	h := newHost(t, st, dispatcher.Config{Keyring: ring(t, older), SealPayloads: true})
	_, endpoint := h.sealAll(3)
	db := st.DB()
	if _, err := db.ExecContext(t.Context(), `UPDATE postrider_endpoints SET sealed = x'00' WHERE id = ?`, endpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `UPDATE postrider_subject_keys SET sealed = x'00' WHERE subject = 'user/1'`); err != nil {
		t.Fatal(err)
	}
	both := newHost(t, st, dispatcher.Config{Keyring: ring(t, newer, older)})
	done, err := both.Reseal(t.Context())
	if done.Unopened != 2 || done.Sealed != done.Values-2-1 || !errors.Is(err, seal.ErrCorrupt) || !strings.Contains(fmt.Sprint(err), endpoint) {
		t.Errorf("Reseal with two damaged values = %+v, %v; want the rest done but one that was new, and the endpoint named", done, err)
	}
	if strings.Contains(fmt.Sprint(err), "user/1") {
		t.Errorf("the error names a subject: %v", err)
	}
}

// A host that begins with plaintext and gets a keyring seals what there is.
func TestResealOfPlaintext(t *testing.T) {
	t.Parallel()
	st := openStore(t, databaseFile(t))
	plain := newHost(t, st, dispatcher.Config{AllowPlaintextSecrets: true})
	plain.sealAll(2)
	key := seal.NewKey()
	lax := newHost(t, st, dispatcher.Config{Keyring: ring(t, key).AcceptPlaintext()})
	if _, err := lax.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	lax.wantKeys("after Reseal", key)
	// The watch of the suite finds what was in clear until the file is written anew.
	if err := st.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := dispatcher.New(st, local(dispatcher.Config{Keyring: ring(t, key)})); err != nil {
		t.Errorf("New with the strict keyring after Reseal = %v; want nil", err)
	}
}
