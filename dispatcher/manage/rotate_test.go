package manage_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var v1a = webhook.Signature{Scheme: webhook.SchemeV1a}

func TestRotateSecret(t *testing.T) {
	for _, tt := range []struct {
		name    string
		overlap time.Duration
		want    time.Duration
	}{
		{"default", 0, 24 * time.Hour},
		{"none", -1, 0},
		{"an hour", time.Hour, time.Hour},
		{"the most", 7 * 24 * time.Hour, 7 * 24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				ep, old, err := w.CreateEndpoint(t.Context(), newEndpoint())
				w.must(err, "CreateEndpoint")
				time.Sleep(time.Minute)
				fresh, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Overlap: tt.overlap})
				w.must(err, "RotateSecret")
				w.verifies(ep.ID, fresh)
				if tt.want > 0 {
					w.verifies(ep.ID, old)
					time.Sleep(tt.want)
				}
				if err := w.verify(ep.ID, old); err == nil {
					t.Errorf("the old secret signs %v after the rotation; want it to have ended", tt.want)
				}
				w.verifies(ep.ID, fresh)
			})
		})
	}
}

func TestSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep, first, err := w.CreateEndpoint(t.Context(), newEndpoint())
		w.must(err, "CreateEndpoint")
		created := time.Now().UTC()
		time.Sleep(time.Hour)
		second, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Signature: v1a})
		w.must(err, "RotateSecret")
		want := []manage.SecretInfo{
			{Signature: v1a, Fingerprint: second.Fingerprint(), PublicKey: second.Reveal(), CreatedAt: created.Add(time.Hour)},
			{Signature: webhook.Signature{Scheme: webhook.SchemeV1}, Fingerprint: first.Fingerprint(), CreatedAt: created, Until: created.Add(25 * time.Hour)},
		}
		got, err := w.Secrets(t.Context(), acme, ep.ID)
		w.must(err, "Secrets")
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(manage.SecretInfo{}, "ID")); diff != "" {
			t.Errorf("Secrets after a rotation differ:\n%s", diff)
		}
		if now, err := w.Endpoint(t.Context(), acme, ep.ID); err != nil || now.Signature != v1a {
			t.Errorf("scheme after rotating to v1a = %s, %v; want v1a", now.Signature, err)
		}
		time.Sleep(24 * time.Hour)
		if got, err = w.Secrets(t.Context(), acme, ep.ID); err != nil || len(got) != 1 {
			t.Errorf("Secrets after the overlap = %+v, %v; want the present one alone", got, err)
		}
	})
}

func TestRotateSecretRefuses(t *testing.T) {
	w := newWorld(t)
	const present = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	ep, _, err := w.ImportEndpoint(t.Context(), newEndpoint(), present)
	w.must(err, "ImportEndpoint")
	before := w.record(ep.ID)
	for _, tt := range []struct {
		name string
		r    manage.Rotation
		want []string
	}{
		{"overlap", manage.Rotation{Overlap: 7*24*time.Hour + 1}, []string{"overlap_seconds invalid_field"}},
		{"scheme", manage.Rotation{Signature: webhook.Signature{Scheme: "canary-input"}}, []string{"signature.scheme invalid_field"}},
		{"short secret", manage.Rotation{Secret: "whsec_Y2FuYXJ5"}, []string{"secret secret_invalid"}},
		{"no prefix", manage.Rotation{Secret: strings.TrimPrefix(present, "whsec_")}, []string{"secret secret_invalid"}},
		{"present secret", manage.Rotation{Secret: present}, []string{"secret secret_invalid"}},
		{"key of another scheme", manage.Rotation{Secret: "whsk_" + seedBase64}, []string{"secret secret_invalid"}},
		{"secret of another scheme", manage.Rotation{Secret: present, Signature: v1a}, []string{"secret secret_invalid"}},
		{"both", manage.Rotation{Secret: "canary-input", Overlap: 1 << 60}, []string{"secret secret_invalid", "overlap_seconds invalid_field"}},
	} {
		secret, err := w.RotateSecret(t.Context(), acme, ep.ID, tt.r)
		wantFields(t, "RotateSecret: "+tt.name, err, tt.want...)
		if secret.Reveal() != "" {
			t.Errorf("RotateSecret: %s: a secret was returned with the error", tt.name)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "MfKQ9r8G")) {
			t.Errorf("RotateSecret: %s: error %q repeats the input", tt.name, err)
		}
	}
	if diff := cmp.Diff(before, w.record(ep.ID)); diff != "" {
		t.Errorf("refused rotations changed the endpoint:\n%s", diff)
	}
}

func TestRotateSecretIsBounded(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	for range 9 {
		_, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{})
		w.must(err, "RotateSecret")
	}
	if _, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{}); !errors.Is(err, manage.ErrTooManySecrets) {
		t.Errorf("RotateSecret with ten secrets: error %v; want ErrTooManySecrets: every delivery carries a signature of each", err)
	}
}

// A secret that signs must be shown, whatever fails after it was written.
func TestRotateSecretShowsWhatWasWritten(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	w.store.engineFails = store.ErrUnavailable
	secret, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Overlap: -1})
	w.must(err, "RotateSecret")
	w.store.engineFails = nil
	w.verifies(ep.ID, secret)

	w.store.rotateFails = store.ErrUnavailable
	if secret, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{}); !errors.Is(err, store.ErrUnavailable) || secret.Reveal() != "" {
		t.Errorf("RotateSecret while the store fails: error %v; want ErrUnavailable and no secret", err)
	}
}
