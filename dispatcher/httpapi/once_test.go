package httpapi_test

import (
	"strings"
	"testing"
)

const onceBody = `{"url":"https://acme.example/hooks","timeout_seconds":9,"metadata":{"a":"1","b":"2"}}`

// A request that is sent again creates nothing more, and its answer has no secret.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func(as, key, body string) reply {
		t.Helper()
		return w.call(as, "POST", "/webhooks", body, "Idempotency-Key", key)
	}
	first := create(asAdmin, "order 1", onceBody).is(201)
	id := first.text("id")
	if !strings.HasPrefix(first.text("secret"), "whsec_") {
		t.Errorf("the first answer is %s; want it with a secret", first.body)
	}
	w.call(asAdmin, "PATCH", "/webhooks/"+id, `{"description":"changed since"}`).is(200)
	for _, body := range []string{onceBody, `{ "metadata": {"b":"2", "a":"1"},` + "\n" + ` "timeout_seconds": 9, "url": "https://acme.example\/hooks" }`} {
		again := create(asAdmin, "order 1", body).is(201)
		if again.text("id") != id || again.header.Get("Location") != "webhooks/"+id || again.text("description") != "changed since" {
			t.Errorf("the request sent again = %s at %q; want webhook %s as it is now", again.body, again.header.Get("Location"), id)
		}
		if _, has := again.object()["secret"]; has {
			t.Errorf("the request sent again = %s; want no secret", again.body)
		}
	}
	if detail := create(asAdmin, "order 1", `{"url":"https://acme.example/other"}`).problem(409, "idempotency_conflict"); detail != "Idempotency key was used with a different webhook." {
		t.Errorf("another webhook by the key: %q", detail)
	}
	if other := create("developer "+globex, "order 1", onceBody).is(201).text("id"); other == id {
		t.Errorf("another tenant with the key got %s, which is not theirs", other)
	}
	if next := create(asAdmin, "order 2", onceBody).is(201).text("id"); next == id {
		t.Errorf("another key got %s, which was created before; want a new webhook", next)
	}
	w.call(asAdmin, "DELETE", "/webhooks/"+id, "").is(204)
	if detail := create(asAdmin, "order 1", onceBody).problem(409, "idempotency_conflict"); detail != "Idempotency key was used for a webhook that was deleted." {
		t.Errorf("the key of a deleted webhook: %q", detail)
	}
}

// A secret of one's own belongs to what was asked for.
func TestIdempotencyKeyWithSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := func(secret string) string { return `{"url":"https://acme.example/hooks","secret":"` + secret + `"}` }
	const one, two = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	create := func(secret string) reply {
		return w.call(asAdmin, "POST", "/webhooks", body(secret), "Idempotency-Key", "k")
	}
	id := create(one).is(201).text("id")
	if again := create(one).is(201); again.text("id") != id || strings.Contains(again.body, one) {
		t.Errorf("the request sent again = %s; want %s without its secret", again.body, id)
	}
	create(two).problem(409, "idempotency_conflict")
	create("").problem(422, "secret_invalid")
}

func TestIdempotencyKeyRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, key := range map[string]string{"too long": strings.Repeat("k", 256), "a control character": "a\tb", "no UTF-8": "\xff"} {
		w.call(asAdmin, "POST", "/webhooks", onceBody, "Idempotency-Key", key).is(422)
		if list := w.call(asAdmin, "GET", "/webhooks", "").is(200).get("data").([]any); len(list) != 0 {
			t.Errorf("a key that is %s has made %d webhooks; want none", name, len(list))
		}
	}
	// What was refused keeps no key.
	w.call(asAdmin, "POST", "/webhooks", `{"url":"ftp://acme.example"}`, "Idempotency-Key", "k").problem(422, "url_invalid")
	w.call(asAdmin, "POST", "/webhooks", onceBody, "Idempotency-Key", "k").is(201)
}
