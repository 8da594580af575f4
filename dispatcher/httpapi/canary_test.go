package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/leaktest"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/webhook"
)

// asCanary is an admin whose credentials are recognisable.
const asCanary = asAdmin + " event-types CANARY-of-the-caller-8d31"

// scan is a world full of secrets, with all that was answered there.
type scan struct {
	*world
	secrets []leaktest.Secret
	answers map[string][]byte
	calls   int
}

// ask makes a request and keeps its answer, headers and all.
func (s *scan) ask(method, path, body string, extra ...string) reply {
	s.t.Helper()
	got := s.call(asCanary, method, path, body, extra...)
	s.calls++
	s.answers[fmt.Sprintf("%s %s %v", method, path, extra)] = fmt.Appendf(nil, "%d %v\n%s", got.status, got.header, got.body)
	return got
}

// secret notes a text that must be in no answer, and returns it as it is in JSON.
func (s *scan) secret(name, text string) string {
	s.t.Helper()
	for line := range strings.SplitSeq(text, "\n") { // of PEM
		if len(line) > 12 && !strings.HasPrefix(line, "-----") {
			s.secrets = append(s.secrets, leaktest.NewSecret(name, line))
		}
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(quoted)
}

// hooks creates a webhook with each kind of credential, and returns their ids. Receivers
// repeat all that they are sent.
func (s *scan) hooks() (ids []string) {
	key, _ := authtest.NewKey(string(webhook.JWTES256))
	certificate, clientKey := authtest.NewClientCertificate()
	given := "whsec_" + base64.StdEncoding.EncodeToString([]byte("CANARY-of-a-given-secret-31aa90"))
	for i, fields := range []string{
		`"secret":` + s.secret("given secret", given),
		`"headers":{"Authorization":` + s.secret("header", "Bearer CANARY-of-a-header-77ab21") + `}`,
		`"auth":{"type":"api_key","header":"X-Key","secret":` + s.secret("API key", "CANARY-of-an-api-key-4f2a9c") + `}`,
		`"auth":{"type":"basic","username":"ann","secret":` + s.secret("password", "CANARY-of-a-password-90bb12") + `}`,
		`"auth":{"type":"bearer","secret":` + s.secret("bearer token", "CANARY-of-a-bearer-token-5c") + `}`,
		`"auth":{"type":"jwt","secret":` + s.secret("JWT key", key) + `,"jwt":{"algorithm":"ES256"}}`,
		`"auth":{"type":"oauth2","secret":` + s.secret("client secret", "CANARY-of-a-client-secret-6e") + `,"oauth2":{"token_url":"https://token.example/","client_id":"c1"}}`,
		`"tls":{"client_certificate":` + quoted(certificate) + `,"client_key":` + s.secret("client key", clientKey) + `}`,
		`"signature":{"scheme":"v1a"}`,
		`"signature":{"scheme":"github"},"secret":` + s.secret("GitHub's secret", "CANARY-of-a-github-secret-71f0"),
		`"retry":{"schedule_seconds":[0]},"description":"fails"`,
	} {
		made := s.call(asCanary, "POST", "/webhooks", fmt.Sprintf(`{"url":"https://r%d.example/hooks",%s}`, i, fields)).is(201)
		ids = append(ids, made.text("id"))
		if secret := made.text("secret"); !strings.HasPrefix(secret, "whpk_") { // which is public
			s.secret("secret of "+fields[:12], secret)
		}
	}
	return ids
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// repeat answers with all that was sent, and with a failure to some.
func repeat(_ context.Context, req *transport.Request) (*transport.Response, error) {
	header := http.Header{}
	for name, values := range req.Header {
		header["X-Echo-"+name] = values
	}
	status := 200
	if strings.HasPrefix(req.URL, "https://r10.") {
		status = 500
	}
	return &transport.Response{StatusCode: status, Header: header, Body: fmt.Appendf(nil, "%v %s", req.Header, req.Body)}, nil
}

// nobodyIsAsked lets the token endpoint be unreachable through a proxy that does not run: a
// name must not be looked up in a bubble, where the resolver would keep a channel that is of
// no use to the next one.
func nobodyIsAsked(cfg *dispatcher.Config, _ *httpapi.Config) {
	cfg.HTTP.Proxy, cfg.HTTP.ProxyTrusted = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, true
}

// TestNoSecretIsAnswered fills a tenant with all kinds of secrets and credentials, and asks
// every route for everything: they are in the answers of creation and rotation alone.
func TestNoSecretIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scan{world: newWorld(t, nobodyIsAsked), answers: make(map[string][]byte)}
		s.answer = repeat
		s.secret("credentials of the caller", "CANARY-of-the-caller-8d31")
		hooks := s.hooks()
		rotated := s.call(asCanary, "POST", "/webhooks/"+hooks[0]+"/rotate-secret", `{"overlap_seconds":60}`).is(200)
		s.secret("rotated secret", rotated.text("secret"))
		for _, path := range []string{"/api-keys", "/portal-tokens"} {
			token := s.call(asCanary, "POST", path, `{"name":"canary"}`).is(201)
			s.secret("secret of "+path, token.text("secret"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.d.Run(ctx) }()
		live, ended := s.bubble(ctx)
		event := s.ask("POST", "/events", `{"type":"invoice.paid","data":{"total":1},"subject":"user/ada"}`).is(202).text("id")
		time.Sleep(time.Second)
		synctest.Wait()

		s.walk(map[string][]string{
			"/webhooks/{id}": hooks, "/events/{id}": {event}, "/webhooks/events/{type}": {"invoice.paid"},
			"/webhooks/deliveries/{id}": s.deliveries(), "/webhooks/redeliveries/{id}": {s.redelivery(hooks[10])},
		})
		s.change(hooks)
		s.refuse(hooks[0])
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		<-ended
		s.answers["live log"] = live.Body.Bytes()
		if !strings.Contains(live.Body.String(), "event: delivery") {
			t.Error("the live log is empty: the scan of it means nothing")
		}
		s.answers["log"] = []byte(s.logs.String())

		sealed, err := leaktest.Sealed(t.Context(), s.d.Store(), seal.Plaintext{}, 1000)
		if err != nil || len(sealed) <= len(hooks) {
			t.Fatalf("Sealed = %d secrets, %v; want a secret of each of %d webhooks, and more", len(sealed), err, len(hooks))
		}
		all := append(s.secrets, sealed...)
		for _, leak := range leaktest.Find(all, s.answers) {
			t.Error(leak)
		}
		if got := leaktest.Find(all, map[string][]byte{"the answer of a rotation": []byte(rotated.body)}); len(got) == 0 {
			t.Error("a secret is not found where it is: the scan means nothing")
		}
		t.Logf("%d secrets in %d answers", len(all), len(s.answers))
	})
}

// deliveries returns the ids of all.
func (s *scan) deliveries() (ids []string) {
	list, _ := s.ask("GET", "/webhooks/deliveries?limit=100", "").is(200).get("data").([]any)
	for _, d := range list {
		id, _ := d.(map[string]any)["id"].(string)
		ids = append(ids, id)
	}
	if len(ids) < 11 {
		s.t.Fatalf("%d deliveries; want one for each webhook", len(ids))
	}
	return ids
}

func (s *scan) redelivery(hook string) string {
	return s.ask("POST", "/webhooks/"+hook+"/redeliver", `{"status":"failed"}`).is(202).text("id")
}

// walk asks every GET route of the document, for all there is, in each form.
func (s *scan) walk(ids map[string][]string) {
	s.t.Helper()
	walked := 0
	for _, op := range s.operations() {
		if op.method != http.MethodGet {
			continue
		}
		var of []string
		for _, prefix := range slices.SortedFunc(maps.Keys(ids), func(a, b string) int { return len(b) - len(a) }) {
			if strings.HasPrefix(op.path, prefix) {
				of = ids[prefix]
				break
			}
		}
		if !op.takes() {
			of = []string{""}
		}
		for _, id := range append(slices.Clone(of), "nobody") {
			s.ask("GET", op.at(id), "")
			if strings.HasSuffix(op.path, "/deliveries") {
				s.ask("GET", op.at(id), "", "Accept", "text/csv")
				s.ask("GET", op.at(id), "", "Accept", "application/x-ndjson")
			}
			walked++
		}
	}
	if walked < 50 {
		s.t.Errorf("walked %d paths; want all GET routes, for each webhook and delivery", walked)
	}
}

// change changes things, whose answers show what became of them.
func (s *scan) change(hooks []string) {
	for _, id := range hooks {
		s.ask("POST", "/webhooks/"+id+"/test", "")
		s.ask("POST", "/webhooks/"+id+"/preview", `{"event_type":"invoice.paid","data":{"total":1}}`)
		s.ask("PATCH", "/webhooks/"+id, `{"description":"changed"}`)
		s.ask("PUT", "/webhooks/"+id, `{"url":"https://other.example/"}`)
		s.ask("POST", "/webhooks/"+id+"/pause", "")
		s.ask("POST", "/webhooks/"+id+"/resume", "")
		time.Sleep(time.Second) // tests are limited
	}
	s.ask("POST", "/webhooks/export-subject", `{"subject":"user/ada"}`)
	s.ask("GET", "/webhooks/audit?limit=100", "")
	s.ask("GET", "/webhooks/security-report", "")
}

// refuse sends secrets where they are refused: no problem repeats them.
func (s *scan) refuse(hook string) {
	short := s.secret("secret that is too short", "whsec_CANARYshortCANARY")
	header := s.secret("header that is refused", "CANARY-in-a-reserved-header")
	field := s.secret("field that is not known", "CANARY-in-an-unknown-field")
	for _, body := range []string{
		`{"url":"https://a.example/","secret":` + short + `}`,
		`{"url":"https://a.example/","headers":{"Webhook-Id":` + header + `}}`,
		`{"url":"https://a.example/","headers":{"a b":` + header + `}}`,
		`{"url":"https://a.example/",` + field + `:1}`,
		`{"url":"https://user:` + strings.Trim(s.secret("userinfo", "CANARY-in-the-userinfo-77"), `"`) + `@a.example/"}`,
		`{"url":"https://a.example/","auth":{"type":` + s.secret("type of authentication", "CANARY-as-a-type-of-auth") + `}}`,
		`{"url":` + s.secret("body that is no JSON", "CANARY-in-what-is-no-JSON"),
	} {
		if got := s.ask("POST", "/webhooks", body); got.status < 400 {
			s.t.Errorf("POST /webhooks with %s = %d; want it refused", body, got.status)
		}
		s.answers["POST /webhooks "+body[:20]+fmt.Sprint(len(s.answers))] = s.answers["POST /webhooks []"]
	}
	if got := s.ask("POST", "/webhooks/"+hook+"/rotate-secret", `{"secret":`+short+`}`); got.status < 400 {
		s.t.Errorf("rotate to a short secret = %d; want it refused", got.status)
	}
	s.ask("POST", "/webhooks/"+hook+"/verify-signature", `{"headers":{"webhook-signature":`+header+`},"body":"x"}`)
}
