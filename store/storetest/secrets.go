package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var secretCases = []testCase{
	{"FirstIsPresent", secretFirstIsPresent},
	{"RotationKeepsTheOldOneForAWhile", secretRotation},
	{"RotationSetsTheScheme", secretRotationSetsTheScheme},
	{"RotationRemovesEnded", secretRotationRemovesEnded},
	{"UnknownEndpointHasNone", secretUnknownEndpoint},
}

func (w *world) secrets(endpoint string) []store.SecretRecord {
	w.t.Helper()
	secrets, err := w.store.Secrets(w.ctx, acme, endpoint)
	w.must(err, "Secrets")
	return secrets
}

// present returns the secret that an endpoint signs with.
func (w *world) present(ep store.EndpointRecord) store.SecretRecord {
	w.t.Helper()
	secrets := w.secrets(ep.ID)
	if len(secrets) == 0 {
		w.t.Fatalf("Secrets of an endpoint = none; want at least the present one")
	}
	return secrets[0]
}

func (w *world) rotate(secret store.SecretRecord, oldUntil time.Time) {
	w.t.Helper()
	w.must(w.store.RotateSecret(w.ctx, w.now, secret, oldUntil), "RotateSecret")
}

func secretFirstIsPresent(w *world) {
	ep := w.newEndpoint(acme)
	secret := w.newSecret(acme, ep.ID)
	secret.Sealed = []byte{0, 0xff, 1}
	_, err := w.store.CreateEndpoint(w.ctx, w.now, ep, secret, store.Creation{})
	w.must(err, "CreateEndpoint")
	if got := w.secrets(ep.ID); !sameList(got, []store.SecretRecord{secret}) {
		w.t.Errorf("Secrets of a new endpoint = %+v; want %+v", got, secret)
	}
}

func secretRotation(w *world) {
	ep := w.endpoint(acme)
	first := w.present(ep)
	w.advance(time.Hour)
	second := w.newSecret(acme, ep.ID)
	w.rotate(second, w.now.Add(24*time.Hour))
	first.Until = w.now.Add(24 * time.Hour)
	if got, want := w.secrets(ep.ID), []store.SecretRecord{second, first}; !sameList(got, want) {
		w.t.Errorf("Secrets after RotateSecret = %+v; want the new one, then the old one with its end: %+v", got, want)
	}
	w.advance(time.Hour)
	third := w.newSecret(acme, ep.ID)
	w.rotate(third, w.now.Add(time.Hour))
	second.Until = w.now.Add(time.Hour)
	want := []store.SecretRecord{third, second, first}
	if got := w.secrets(ep.ID); !sameList(got, want) {
		w.t.Errorf("Secrets after a second rotation = %+v; want %+v: the present one, then newest first, ends kept", got, want)
	}
	if got := w.engine(acme, ep.ID).Secrets; !sameList(got, want) {
		w.t.Errorf("EngineEndpoint after rotations: secrets %+v; want %+v", got, want)
	}
	w.advance(48 * time.Hour)
	if got := w.secrets(ep.ID); !sameList(got, want) {
		w.t.Errorf("Secrets after their end = %+v; want them still listed: only a rotation removes them", got)
	}
}

func secretRotationSetsTheScheme(w *world) {
	ep := w.endpoint(acme)
	secret := w.newSecret(acme, ep.ID)
	secret.Signature = webhook.Signature{Scheme: webhook.SchemeStripe, Header: "Acme-Signature"}
	w.advance(time.Minute)
	w.rotate(secret, w.now)
	got, err := w.store.Endpoint(w.ctx, acme, ep.ID)
	w.must(err, "Endpoint")
	if got.Signature != secret.Signature || got.Revision <= ep.Revision || got.Revision != w.revision(acme) {
		w.t.Errorf("Endpoint after rotating to another scheme: %s at revision %d; want the secret's at a later one, the tenant's: processes would not notice", got.Signature, got.Revision)
	}
	if got := w.present(ep); got.Signature != secret.Signature {
		w.t.Errorf("secret after a rotation signs %q; want %q", got.Signature, secret.Signature)
	}
	if _, err := w.store.UpdateEndpoint(w.ctx, w.now, ep); !errors.Is(err, store.ErrVersion) {
		w.t.Errorf("UpdateEndpoint of the version before a rotation: error %v; want ErrVersion: it would set the old scheme for the new secret", err)
	}
}

func secretRotationRemovesEnded(w *world) {
	ep := w.endpoint(acme)
	first := w.present(ep).ID
	second := w.newSecret(acme, ep.ID)
	w.rotate(second, w.now.Add(time.Hour))
	w.advance(2 * time.Hour)
	third := w.newSecret(acme, ep.ID)
	w.rotate(third, w.now.Add(time.Hour))
	var got []string
	for _, s := range w.secrets(ep.ID) {
		got = append(got, s.ID)
	}
	if want := []string{third.ID, second.ID}; !slices.Equal(got, want) {
		w.t.Errorf("Secrets after a rotation = %v; want %v, without %s, which had ended: secrets would pile up", got, want, first)
	}
}

func secretUnknownEndpoint(w *world) {
	if got, err := w.store.Secrets(w.ctx, acme, "ep_unknown"); err != nil || len(got) != 0 {
		w.t.Errorf("Secrets of an unknown endpoint = %v, error %v; want none, no error", got, err)
	}
}
