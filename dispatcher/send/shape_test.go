package send_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// keyed is a hash under the tenant's name as its key.
func keyed(_ context.Context, tenant string, value ...[]byte) ([]byte, error) {
	if tenant == "keyless" {
		return nil, errors.New("no key")
	}
	h := hmac.New(sha256.New, []byte(tenant))
	for _, v := range value {
		h.Write(append(v, 0))
	}
	return h.Sum(nil), nil
}

// shaped returns what is sent as the data of a raw event, and the class of the attempt.
func shaped(t testing.TB, ep webhook.Endpoint, data string) (string, webhook.ErrorClass) {
	var body []byte
	s := send.NewSender(send.Config{
		Transport: transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
			body = req.Body
			return &transport.Response{StatusCode: 200}, nil
		}), Log: zap.NewNop(), Expressions: expression.New(nil), Hash: keyed,
	})
	ep.ID, ep.URL, ep.Format = "ep_1", "https://a.example/", webhook.FormatRaw
	x := s.Send(t.Context(), routeTo(t, ep), send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: json.RawMessage(data)}), time.Second)
	return string(body), x.Class
}

func anonymize(action webhook.AnonymizeAction, pointers ...string) (list []webhook.Anonymization) {
	for _, p := range pointers {
		list = append(list, webhook.Anonymization{Pointer: p, Action: action})
	}
	return list
}

func TestAnonymize(t *testing.T) {
	const data = `{"id": 1e400, "user": {"email":"jane@a.example","name":"J\u00e4ne"}, "list":[{"ip":"::1"},{"ip":"::2"}]}`
	got, class := shaped(t, webhook.Endpoint{Tenant: "acme", Anonymize: anonymize(webhook.AnonymizeRemove, "/user/name", "/list/0/ip", "/list/1/ip", "/none", "/id/none")}, data)
	if want := `{"id": 1e400, "user": {"email":"jane@a.example"}, "list":[{},{}]}`; got != want || class != webhook.ClassNone {
		t.Errorf("data without what is removed = %s, class %q; want %s", got, class, want)
	}
	hash := func(tenant, data string) string {
		t.Helper()
		got, class := shaped(t, webhook.Endpoint{Tenant: tenant, Anonymize: anonymize(webhook.AnonymizeHash, "/v")}, data)
		text, begins := strings.CutPrefix(got, `{"v":"`)
		text, ends := strings.CutSuffix(text, `"}`)
		if !begins || !ends || len(text) != 64 || class != webhook.ClassNone {
			t.Fatalf("hashed %s = %s, class %q; want 64 digits in the place of the value", data, got, class)
		}
		return text
	}
	jane := hash("acme", `{"v":"j\u00e4ne"}`)
	if again := hash("acme", `{"v":"jäne"}`); again != jane {
		t.Errorf("hashes of one string in two spellings = %s and %s; want one", jane, again)
	}
	if other := hash("globex", `{"v":"jäne"}`); other == jane {
		t.Errorf("hash of another tenant = %s, which is the same", other)
	}
	if hash("acme", `{"v":"1"}`) == hash("acme", `{"v":1}`) {
		t.Error("a number has the hash of the string of its digits")
	}
}

// A value that cannot be hashed never goes out as it is.
func TestNothingIsSentThatCannotBeAnonymized(t *testing.T) {
	got, class := shaped(t, webhook.Endpoint{Tenant: "keyless", Anonymize: anonymize(webhook.AnonymizeHash, "/v")}, `{"v":1}`)
	if got != "" || class != webhook.ClassInternal {
		t.Errorf("sent %s, class %q; want nothing, class internal", got, class)
	}
}

// A transform that this process cannot compute is not left out.
func TestNothingIsSentUntransformed(t *testing.T) {
	got, class := shaped(t, webhook.Endpoint{Tenant: "acme", Transform: "data"}, `{"v":1}`)
	if got != "" || class != webhook.ClassTransformError {
		t.Errorf("sent %s, class %q; want nothing, class transform_error", got, class)
	}
}

// What nothing is to be done to arrives byte for byte, whatever the endpoint does to
// other places.
func TestBytesAreUnchanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var b strings.Builder
		writeJSON(rt, &b, 4)
		ep := webhook.Endpoint{Tenant: "acme"}
		if rapid.Bool().Draw(rt, "anonymize") {
			ep.Anonymize = anonymize(webhook.AnonymizeRemove, "/absent", "/a/absent", "/0/absent")
		}
		if got, class := shaped(t, ep, b.String()); got != b.String() || class != webhook.ClassNone {
			rt.Fatalf("sent %s, class %q; want %s", got, class, b.String())
		}
	})
}

// writeJSON writes any JSON, oddly spaced, with numbers that no computer holds.
func writeJSON(t *rapid.T, b *strings.Builder, depth int) {
	space := func() { b.WriteString(rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space")) }
	space()
	defer space()
	switch kind := rapid.IntRange(0, 2).Draw(t, "kind"); {
	case kind == 0 || depth == 0:
		b.WriteString(rapid.SampledFrom([]string{"null", "true", "0", "-0", "1.10", "1E400", "12345678901234567890", `""`, `"<\u00e9\"é>"`}).Draw(t, "scalar"))
	case kind == 1:
		b.WriteByte('[')
		for i := range rapid.IntRange(0, 3).Draw(t, "len") {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(t, b, depth-1)
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i := range rapid.IntRange(0, 3).Draw(t, "len") {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(rapid.SampledFrom([]string{`"a"`, `"a"`, `"\u0061"`, `"b/~"`}).Draw(t, "name") + " :")
			writeJSON(t, b, depth-1)
		}
		b.WriteByte('}')
	}
}
