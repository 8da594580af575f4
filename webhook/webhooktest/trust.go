package webhooktest

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/postrider/postrider/signer"
)

// Trust lets the receiver verify by more keys: the text of a manage.Secret, as
// Reveal returns it. Any of them will do. It fails the test if one is not a key of
// the receiver's scheme, without showing it.
//
// Endpoints of Receiver.CreateEndpoint are trusted already. Call it for those that
// the code under test creates, and after a rotation; requests that came before are not
// judged anew.
func (rc *Receiver) Trust(keys ...string) {
	rc.t.Helper()
	rc.mu.Lock()
	cfg := rc.keys
	rc.mu.Unlock()
	for i, key := range keys {
		if err := addKey(&cfg, key); err != nil {
			rc.t.Fatalf("webhooktest: Trust: key %d of %d: %v", i+1, len(keys), err)
		}
	}
	rc.VerifyWith(cfg)
}

// VerifyWith replaces how the receiver verifies: by another scheme, with a Decrypter,
// another tolerance, or with Duplicates as the real receiver has them, which keep
// repetitions from being recorded. It fails the test if signer.NewVerifierWith
// refuses the configuration.
func (rc *Receiver) VerifyWith(cfg signer.VerifierConfig) {
	rc.t.Helper()
	keys := cfg
	if keys.MaxBody == 0 {
		keys.MaxBody = maxBody
	}
	cfg = keys
	cfg.OnReject = func(r *http.Request, reason error) {
		rc.record(requestIn(r.Context()), reason)
		if keys.OnReject != nil {
			keys.OnReject(r, reason)
		}
	}
	v, err := signer.NewVerifierWith(cfg)
	if err != nil {
		rc.t.Fatalf("webhooktest: VerifyWith: %v", err)
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.keys, rc.verifier = keys, v
}

// requestIn returns what a request is recorded as.
func requestIn(ctx context.Context) *Request {
	req, _ := ctx.Value(requestKey{}).(*Request)
	return req
}

// addKey adds a key in the form that the scheme has them in.
func addKey(cfg *signer.VerifierConfig, key string) error {
	if !cfg.Scheme.Standard() {
		text, err := signer.ParseTextSecret(key)
		cfg.TextSecrets = append(slices.Clip(cfg.TextSecrets), text)
		return err
	}
	if strings.HasPrefix(key, "whpk_") {
		public, err := signer.ParsePublicKey(key)
		cfg.PublicKeys = append(slices.Clip(cfg.PublicKeys), public)
		return err
	}
	secret, err := signer.ParseSecret(key)
	cfg.Secrets = append(slices.Clip(cfg.Secrets), secret)
	return err
}
