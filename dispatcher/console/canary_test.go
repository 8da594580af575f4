package console_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/leaktest"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/webhook"
)

// kept has all answers of a handler, with their headers, by their requests. Of lines that
// many have it keeps one: no secret has several.
type kept struct {
	http.Handler
	mu      sync.Mutex
	answers map[string][]byte
	seen    map[string]bool
}

func (k *kept) keep(request, answer string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var fresh []byte
	for line := range strings.Lines(answer) {
		if !k.seen[line] {
			k.seen[line] = true
			fresh = append(fresh, line...)
		}
	}
	k.answers[fmt.Sprintf("%s, the %dth", request, len(k.answers))] = fresh
}

func (k *kept) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	k.Handler.ServeHTTP(rec, r)
	k.keep(fmt.Sprintf("%s %s of %.60s", r.Method, r.URL, r.Header.Get("Authorization")), fmt.Sprintf("%d %v\n%s", rec.Code, rec.Header(), rec.Body))
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // to a recorder
}

// repeats answers with all that was sent.
func repeats(_ context.Context, req *transport.Request) (*transport.Response, error) {
	header := http.Header{}
	for name, values := range req.Header {
		header["X-Echo-"+name] = values
	}
	status := http.StatusOK
	if strings.HasPrefix(req.URL, "https://broken.") {
		status = http.StatusInternalServerError
	}
	return &transport.Response{StatusCode: status, Header: header, Body: fmt.Appendf(nil, "%v %s", req.Header, req.Body)}, nil
}

// TestNoSecretIsShown fills a tenant with all kinds of secrets, and looks at every page as
// every role and as a customer, and at what forms answer: none has any of them. Receivers
// repeat all that they are sent.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withPortal, func(cfg *dispatcher.Config, _ *console.Config) {
			cfg.EventTypes = []webhook.EventType{{Name: "user.comes"}}
			// The token endpoint is behind a proxy that does not run: a name must not be looked up
			// in a bubble, where the resolver would keep a channel that is of no use to the next.
			cfg.HTTP.Proxy, cfg.HTTP.ProxyTrusted = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, true
		})
		w.answer = repeats
		ep := w.create(webhook.Endpoint{URL: "https://acme.example/hooks", EventTypes: []string{"user.*"}})
		var secrets []leaktest.Secret
		secret := func(name, text string) webhook.Credential {
			for line := range strings.SplitSeq(text, "\n") { // of PEM
				if len(line) > 12 && !strings.HasPrefix(line, "-----") {
					secrets = append(secrets, leaktest.NewSecret(name, line))
				}
			}
			return webhook.NewCredential(text)
		}
		key, _ := authtest.NewKey(string(webhook.JWTES256))
		certificate, clientKey := authtest.NewClientCertificate()
		hooks := []webhook.Endpoint{
			{Headers: map[string]string{"Authorization": "Bearer CANARY-of-a-header-77ab21"}},
			{Auth: webhook.Auth{Type: webhook.AuthAPIKey, Header: "X-Key", Secret: secret("API key", "CANARY-of-an-api-key-4f2a9c")}},
			{Auth: webhook.Auth{Type: webhook.AuthBasic, Username: "ann", Secret: secret("password", "CANARY-of-a-password-90bb12")}},
			{Auth: webhook.Auth{Type: webhook.AuthBearer, Secret: secret("bearer token", "CANARY-of-a-bearer-token-5c")}},
			{Auth: webhook.Auth{Type: webhook.AuthJWT, Secret: secret("JWT key", key), JWT: webhook.JWT{Algorithm: webhook.JWTES256}}},
			{Auth: webhook.Auth{Type: webhook.AuthOAuth2, Secret: secret("client secret", "CANARY-of-a-client-secret-6e"), OAuth2: webhook.OAuth2{TokenURL: "https://token.example/", ClientID: "c1"}}},
			{TLS: webhook.TLS{ClientCertificate: webhook.NewCredential(certificate), ClientKey: secret("client key", clientKey)}},
			{Signature: webhook.Signature{Scheme: webhook.SchemeV1a}},
			{Signature: webhook.Signature{Scheme: webhook.SchemeGitHub}},
			{URL: "https://broken.example/", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}}},
		}
		secret("header", "Bearer CANARY-of-a-header-77ab21")
		for i, hook := range hooks {
			if hook.URL == "" {
				hook.URL = fmt.Sprintf("https://r%d.example/hooks", i)
			}
			hook.EventTypes = []string{"user.*"}
			hooks[i] = w.create(hook)
		}
		given := "whsec_" + base64.StdEncoding.EncodeToString([]byte("CANARY-of-a-given-secret-31aa90"))
		secret("given secret", given)
		if _, _, err := w.m.ImportEndpoint(t.Context(), webhook.Endpoint{Tenant: acme, URL: "https://given.example/"}, given); err != nil {
			t.Fatal(err)
		}
		if _, err := w.m.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Overlap: time.Hour}); err != nil {
			t.Fatal(err)
		}
		w.publish(webhook.Event{Type: "user.comes", Data: []byte(`{"n":1}`), Subject: "user/ada"})
		w.run(10 * time.Second)

		pages := &kept{Handler: w.ui, answers: make(map[string][]byte), seen: make(map[string]bool)}
		_, token := w.token(webhook.RoleAdmin, time.Hour)
		secret("portal token", token)
		cookie := w.enter(token)
		customer := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			r.Header.Set("Cookie", cookie)
			pages.ServeHTTP(rw, r)
		})
		for _, as := range []string{asHost, asAdmin, "developer " + acme, "viewer " + acme} {
			crawl(t, pages, as, "/")
		}
		crawl(t, customer, "customer", "/")
		for i := range hooks {
			formsOf(t, pages, &hooks[i], secret)
			time.Sleep(5 * time.Second) // virtual: tests are limited
		}
		if len(pages.answers) < 300 {
			t.Errorf("%d answers were kept; want those of every page as every role", len(pages.answers))
		}
		sealed, err := leaktest.Sealed(t.Context(), w.d.Store(), seal.Plaintext{}, 1000)
		if err != nil || len(sealed) <= len(hooks) {
			t.Fatalf("Sealed = %d secrets, %v; want one of each of %d webhooks at least", len(sealed), err, len(hooks))
		}
		all := append(secrets, sealed...)
		for _, leak := range leaktest.Find(all, pages.answers) {
			t.Error(leak)
		}
		page := w.post(asAdmin, "/"+ep.ID+"/rotate", nil).is(http.StatusOK)
		fresh, err := leaktest.Sealed(t.Context(), w.d.Store(), seal.Plaintext{}, 1000)
		if err != nil || len(leaktest.Find(fresh, map[string][]byte{"rotation": []byte(page.body)})) == 0 {
			t.Errorf("a secret is not found where it is, %v: the scan means nothing", err)
		}
		t.Logf("%d secrets in %d answers", len(all), len(pages.answers))
	})
}

// formsOf sends the forms of a webhook, with secrets where they are refused.
func formsOf(t *testing.T, h http.Handler, ep *webhook.Endpoint, secret func(name, text string) webhook.Credential) {
	t.Helper()
	typed := "CANARY-typed-" + ep.ID
	secret("what was typed into a form", typed)
	form := url.Values{
		"url": {"ftp://no.example/"}, "event_types": {"*"}, "version": {"1"}, "auth.type": {"bearer"}, "auth.secret": {typed}, "auth.key": {typed},
		"tls.client_key": {typed}, "tls.client_certificate": {typed},
	}
	for _, step := range []string{"1", "2", "3"} {
		form.Set("step", step)
		for _, act := range []string{"next", "back", "find", "create", "preview"} {
			form.Set("act", act)
			send(t, h, asAdmin, http.MethodPost, "/create", form)
			send(t, h, asAdmin, http.MethodPost, "/"+ep.ID+"/edit", form)
		}
	}
	sample := url.Values{"event_type": {"user.comes"}, "payload": {`{"n":1}`}, "url": {ep.URL}, "event_types": {"*"}, "sample.type": {"user.comes"}, "sample.data": {`{"n":1}`}}
	for path, act := range map[string]string{"/test": "send", "/edit": "preview"} {
		sample.Set("act", act)
		send(t, h, asAdmin, http.MethodPost, "/"+ep.ID+path, sample)
	}
	send(t, h, asAdmin, http.MethodPost, "/"+ep.ID, url.Values{"act": {"verify"}, "headers": {"webhook-id: x"}, "body": {"{}"}})
	send(t, h, asAdmin, http.MethodPost, "/portal", url.Values{"token": {typed}})
}
