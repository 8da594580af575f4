package e2e_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// vault is a host that does everything that has to do with secrets, and remembers
// which there are and all that it was told.
type vault struct {
	*host
	path     string
	canaries []canary
	// lost were replaced without an overlap: they need not be in the file.
	lost []canary

	log *observer.ObservedLogs
	// answers is what calls returned, printed in all the ways that a host might.
	answers bytes.Buffer
}

// said records what a call answered. An error is never more than its text.
func (v *vault) said(answers ...any) {
	for _, a := range answers {
		fmt.Fprintf(&v.answers, "%v %+v %#v\n", a, a, a)
	}
}

// logged returns the log as text.
func (v *vault) logged() []byte {
	var b bytes.Buffer
	enc := zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig())
	for _, entry := range v.log.All() {
		line, err := enc.EncodeEntry(entry.Entry, entry.Context)
		if err != nil {
			v.t.Fatal(err)
		}
		b.Write(line.Bytes())
	}
	return b.Bytes()
}

// canary notes a secret and returns its text.
func (v *vault) canary(name, text string) string {
	v.canaries = append(v.canaries, newCanary(name, text))
	return text
}

func newVault(t *testing.T, cfg dispatcher.Config) *vault {
	t.Helper()
	v := &vault{path: databaseFile(t)}
	var core zapcore.Core
	core, v.log = observer.New(zap.DebugLevel)
	cfg.Logger, cfg.AuthSchemes = zap.New(core), house
	v.host = newHost(t, openStore(t, v.path), cfg)
	return v
}

// sharedSecret returns the text of a v1 secret whose key is recognisable.
func sharedSecret(name string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte("CANARY-"+name+strings.Repeat("#", 40-len(name))))
}

// privateKey returns the text of a v1a key.
func privateKey(name string) string {
	seed := []byte("CANARY-" + name + strings.Repeat("#", 25-len(name)))
	return "whsk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed))
}

// query is a part of a URL that may be a credential. It is kept with the URL, and
// must not be in the log.
const query = "CANARY-query-7b1d"

// live creates endpoints with all kinds of secrets, rotates, tests, delivers and
// fails.
func (v *vault) live() {
	ctx, t := v.t.Context(), v.t
	ok, bad := newReceiver(t, nil), newReceiver(t, func(int, arrival) int { return http.StatusInternalServerError })
	gone := newReceiver(t, func(int, arrival) int { return http.StatusGone })
	stop := v.start()
	v.canary("key of the keyring", keyText)

	var eps []webhook.Endpoint
	for i, url := range []string{ok.URL, bad.URL, gone.URL, closedPort(t)} {
		credential := v.canary(fmt.Sprint("header of ", i), fmt.Sprintf("Bearer CANARY-header-%d-4f2a9c", i))
		ep := webhook.Endpoint{
			Tenant: tenant, URL: url + "/hook?token=" + query, Headers: map[string]string{"Authorization": credential},
			Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}},
		}
		made, secret, err := v.manage.CreateEndpoint(ctx, ep)
		v.said(made, secret, err)
		v.canary(fmt.Sprint("secret made for ", i), secret.Reveal())
		eps = append(eps, made)

		imported, secret, err := v.manage.ImportEndpoint(ctx, ep, v.canary(fmt.Sprint("secret given for ", i), sharedSecret(fmt.Sprint("given-", i))))
		v.said(imported, secret, err)
		ep.Signature.Scheme = webhook.SchemeGitHub
		foreign, secret, err := v.manage.ImportEndpoint(ctx, ep, v.canary(fmt.Sprint("text given for ", i), fmt.Sprintf("CANARY-text-secret-%d-7bd0", i)))
		v.said(foreign, secret, err)
		ep.Signature.Scheme = webhook.SchemeV1a
		asymmetric, secret, err := v.manage.ImportEndpoint(ctx, ep, v.canary(fmt.Sprint("private key for ", i), privateKey(fmt.Sprint("pair-", i))))
		v.said(asymmetric, secret, err)
		eps = append(eps, imported, asymmetric, foreign)
	}
	guarded := guardedEndpoints(t, v.canary)
	for _, id := range v.createGuarded(guarded, "guarded") {
		ep, err := v.manage.Endpoint(ctx, tenant, id)
		v.said(ep, err)
		eps = append(eps, ep)
	}
	v.publish(event("guarded", 1))
	v.rotate(eps[0].ID, eps[2].ID)
	v.change(eps[0].ID)
	v.refuse(eps[0].ID)
	for _, ep := range eps {
		r, err := v.manage.TestEndpoint(ctx, tenant, ep.ID, manage.Test{})
		v.said(r, err)
	}
	for range 8 {
		r, err := v.Publish(ctx, event("a", 1))
		v.said(r, err)
	}
	eventually(t, "deliveries do not end", func() bool {
		return v.count(store.DeliveryFilter{}, webhook.DeliveryDelivered) >= 24+len(guarded) && v.count(store.DeliveryFilter{}, webhook.DeliveryFailed) >= 10
	})
	for _, d := range v.deliveries(tenant, store.DeliveryFilter{}) {
		why, err := v.manage.Why(ctx, tenant, d.ID)
		v.said(d, why, err, v.attempts(d))
	}
	stop()
	for _, g := range guarded {
		for _, proof := range g.seen() { // what was minted; the rest is there already
			v.lost = append(v.lost, newCanary("proof", proof))
		}
	}
}

// rotate gives endpoints new secrets, with and without an overlap.
func (v *vault) rotate(shared, asymmetric string) {
	ctx := v.t.Context()
	for _, r := range []struct {
		endpoint string
		manage.Rotation
	}{
		{shared, manage.Rotation{Secret: v.canary("secret rotated to", sharedSecret("rotated"))}},
		{shared, manage.Rotation{}},
		{asymmetric, manage.Rotation{Secret: v.canary("private key rotated to", privateKey("rotated"))}},
		{asymmetric, manage.Rotation{Signature: webhook.Signature{Scheme: webhook.SchemeV1}, Secret: v.canary("secret instead of a pair", sharedSecret("instead"))}},
	} {
		secret, err := v.manage.RotateSecret(ctx, tenant, r.endpoint, r.Rotation)
		v.said(secret, err)
		if r.Secret == "" {
			v.canary("secret made by a rotation", secret.Reveal())
		}
		infos, err := v.manage.Secrets(ctx, tenant, r.endpoint)
		v.said(infos, err)
	}
}

// change replaces credentials and reads the endpoints back.
func (v *vault) change(id string) {
	ctx := v.t.Context()
	ep, err := v.manage.UpdateEndpoint(ctx, tenant, id, func(ep *webhook.Endpoint) error {
		v.said(ep)
		ep.Headers["X-Api-Key"] = v.canary("header added", "CANARY-added-91c0de")
		return nil
	})
	v.said(ep, err)
	list, err := v.manage.Endpoints(ctx, tenant, store.Page{})
	v.said(list, err)
}

// refuse makes calls that fail because of a secret, or with one in hand.
func (v *vault) refuse(id string) {
	ctx := v.t.Context()
	for _, text := range []string{"whsec_CANARY-short", "CANARY-no-prefix-3301", "whsk_" + base64.StdEncoding.EncodeToString([]byte("CANARY-bad-pair"))} {
		v.lost = append(v.lost, newCanary("refused secret", text))
		_, _, err := v.manage.ImportEndpoint(ctx, webhook.Endpoint{Tenant: tenant, URL: "https://a.example/"}, text)
		_, err2 := v.manage.RotateSecret(ctx, tenant, id, manage.Rotation{Secret: text})
		v.said(err, err2)
		if err == nil || err2 == nil {
			v.t.Errorf("secret %q is accepted; want it refused", text)
		}
	}
	for name, value := range map[string]string{"X-Token": "CANARY-control-\x01-character", "Webhook-Id": "CANARY-reserved-header", "Bad Name": "CANARY-bad-header-name"} {
		v.lost = append(v.lost, newCanary("refused header", value))
		_, _, err := v.manage.CreateEndpoint(ctx, webhook.Endpoint{Tenant: tenant, URL: "https://a.example/", Headers: map[string]string{name: value}})
		v.said(err)
		if err == nil {
			v.t.Errorf("header %q is accepted; want it refused", name)
		}
	}
	for _, url := range []string{"https://user:CANARY-userinfo-77aa@a.example/", "ftp://a.example/?CANARY-refused-query", "http://169.254.169.254/?CANARY-denied-query"} {
		v.lost = append(v.lost, newCanary("refused URL", url[strings.Index(url, "CANARY"):][:18]))
		_, _, err := v.manage.CreateEndpoint(ctx, webhook.Endpoint{Tenant: tenant, URL: url})
		v.said(err)
		if err == nil {
			v.t.Errorf("URL %q is accepted; want it refused", url)
		}
	}
}

// found returns what was found of the canaries in the files of the database.
func (v *vault) found() map[string][]string {
	hits := make(map[string][]string)
	for file, b := range filesOf(v.t.(*testing.T), v.path) {
		for _, c := range append(v.canaries, v.lost...) {
			for _, form := range c.In(b) {
				hits[c.Name()] = append(hits[c.Name()], form+" in "+file)
			}
		}
	}
	return hits
}

// With a keyring, no secret and no credential is in the file, in its log, in its
// shared memory, in what was logged or in what any call answered.
func TestNoSecretIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	v := newVault(t, dispatcher.Config{})
	v.live()
	files := filesOf(t, v.path)
	for _, name := range []string{"webhooks.db", "webhooks.db-wal", "webhooks.db-shm"} {
		if len(files[name]) == 0 {
			t.Errorf("%s is not there or empty: the scan misses it", name)
		}
	}
	for name, where := range v.found() {
		t.Errorf("%s: %v; want it nowhere in the database", name, where)
	}
	if err := v.database.(interface{ Close() error }).Close(); err != nil { // moves the log into the file
		t.Fatal(err)
	}
	for name, where := range v.found() {
		t.Errorf("after Close, %s: %v; want it nowhere in the database", name, where)
	}

	logged, answers := v.logged(), v.answers.Bytes()
	for _, c := range append(v.canaries, v.lost...) {
		if forms := c.In(logged); len(forms) > 0 {
			t.Errorf("%s: %v in the log; want it nowhere", c.Name(), forms)
		}
		if forms := c.In(answers); len(forms) > 0 {
			t.Errorf("%s: %v in an error or an answer; want it nowhere", c.Name(), forms)
		}
	}
	if forms := newCanary("query of a URL", query).In(logged); len(forms) > 0 {
		t.Errorf("query of a URL: %v in the log; want it nowhere", forms)
	}
	if n := v.log.Len(); n == 0 {
		t.Error("the log is empty: the scan of it means nothing")
	}
	t.Logf("%d canaries in %d files, %d lines of log and %d bytes of errors and answers", len(v.canaries)+len(v.lost), len(files), v.log.Len(), len(answers))
}

// The scan finds what is there: without a keyring, everything that is in use.
func TestScanFindsPlaintextSecrets(t *testing.T) {
	t.Parallel()
	v := newVault(t, dispatcher.Config{AllowPlaintextSecrets: true})
	v.live()
	hits := v.found()
	for _, c := range v.canaries {
		if len(hits[c.Name()]) == 0 && c.Name() != "key of the keyring" {
			t.Errorf("%s is not found although it is stored as it is: the scan misses it", c.Name())
		}
	}
}
