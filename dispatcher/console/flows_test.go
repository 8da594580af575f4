package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestCreateWithoutScript goes through the steps as a browser without JavaScript does.
func TestCreateWithoutScript(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := furnished(t)
		form := url.Values{"step": {"1"}, "act": {"next"}, "url": {"http://127.0.0.1/"}, "description": {"Orders"}}
		w.post(asAdmin, "/create", form).is(http.StatusUnprocessableEntity).says("Endpoint must be a valid HTTPS URL.", "Where should we send events?")
		form.Set("url", "https://acme.example/orders")
		w.post(asAdmin, "/create", form).is(http.StatusOK).says("Which events do you want?", "user.registered")

		form.Set("step", "2")
		w.post(asAdmin, "/create", form).is(http.StatusUnprocessableEntity).says("Choose at least one event type, or every event.")
		form["event_types"] = []string{"user.registered"}
		form.Set("act", "find")
		form.Set("find", "invoice")
		found := w.post(asAdmin, "/create", form).is(http.StatusOK).says("invoice")
		if !strings.Contains(found.body, `value="user.registered" checked`) || strings.Contains(found.body, `value="sms.sent"`) {
			t.Error("a search loses what was chosen, or does not narrow the list")
		}
		form.Set("act", "next")
		form.Set("more_types", "order.*\norder.*")
		w.post(asAdmin, "/create", form).is(http.StatusOK).says("Security and delivery")

		form.Set("step", "3")
		form.Set("act", "create")
		form.Set("timeout_seconds", "soon")
		w.post(asAdmin, "/create", form).is(http.StatusUnprocessableEntity).says("Must be a number.")
		form.Set("timeout_seconds", "7")
		form.Set("retry.kind", "schedule")
		form.Set("retry.schedule_seconds", "0, 30s, 5m, 2h, 1d")
		form.Set("auth.type", "bearer")
		form.Set("auth.secret", "a-token-of-a-test")
		form.Set("headers", "X-Team: orders\r\nX-Env: test")
		made := w.post(asAdmin, "/create", form).is(http.StatusCreated).says("This is the only time that it is shown.")
		secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(html.UnescapeString(made.body))
		if secret == "" || strings.Contains(made.body, "a-token-of-a-test") {
			t.Fatal("the page has no secret, or shows the token")
		}

		eps, err := w.m.Endpoints(t.Context(), acme, store.Page{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		ep := eps[0]
		if ep.Status != webhook.EndpointPaused || ep.Timeout != 7*time.Second || len(ep.Retry.Schedule) != 5 || ep.Retry.Schedule[4] != 24*time.Hour ||
			ep.Auth.Type != webhook.AuthBearer || len(ep.Headers) != 2 || strings.Join(ep.EventTypes, " ") != "user.registered order.*" {
			t.Errorf("the form has made %+v", ep)
		}
		w.post(asAdmin, "/"+ep.ID+"/resume", nil).to("../" + ep.ID + "?done=resumed")
		page := w.get(asAdmin, "/"+ep.ID+"?done=resumed").is(http.StatusOK).says("The webhook is active again.")
		if strings.Contains(page.body, secret) || strings.Contains(page.body, "a-token-of-a-test") {
			t.Error("the details show a secret again")
		}
	})
}

// TestEditKeepsWhatItDoesNotShow saves a webhook as it is, and then changes it.
func TestEditKeepsWhatItDoesNotShow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := furnished(t)
		before := w.create(webhook.Endpoint{
			URL: "https://acme.example/all", Description: "All of it", Labels: []string{"a", "b"}, EventTypes: []string{"user.*", "user.registered", "own.type", "*"}, Channels: []string{"c1", "c2"}, Sources: []string{"s"},
			Method: "PUT", Headers: map[string]string{"X-A": "secret-of-a-header"}, Timeout: 2500 * time.Millisecond, Retry: webhook.RetryPolicy{Initial: 90 * time.Second, Multiplier: 1.5, MaxInterval: 36 * time.Hour, MaxAttempts: 7, Jitter: 0.1},
			MaxInFlight: 3, RateLimit: webhook.RateLimit{PerSecond: 2.5, Burst: 4}, Batch: webhook.Batch{MaxEvents: 10, MaxWait: 500 * time.Millisecond}, Order: webhook.Order{Enabled: true, OnFailure: webhook.OrderSkip},
			Priority: webhook.PriorityHigh, OnPaused: webhook.OnPausedSkip, SuccessStatuses: []int{200, 409}, DeadLetter: webhook.DeadLetter{Retain: 48 * time.Hour, Quiet: true}, AutoPauseAfter: 9,
			Auth: webhook.Auth{Type: webhook.AuthJWT, Secret: webhook.NewCredential(strings.Repeat("k", 32)), JWT: webhook.JWT{Algorithm: webhook.JWTHS256, KeyID: "k1", Issuer: "i", Subject: "s", Audience: "a", Lifetime: 2 * time.Minute}},
			TLS:  webhook.TLS{MinVersion: "1.3"}, AllowedIPs: []string{"198.51.100.0/24", "2001:db8::/32"}, DeniedIPs: []string{"198.51.100.7"}, DiscardResponses: true,
			Format: webhook.FormatCloudEvents, Anonymize: []webhook.Anonymization{{Pointer: "/email", Action: webhook.AnonymizeHash}}, Metadata: map[string]string{"m": "1"},
		})
		form := formOf(w.get(asAdmin, "/"+before.ID+"/edit").is(http.StatusOK), "edit")
		if strings.Contains(form.Encode(), "secret-of-a-header") {
			t.Error("the form shows the value of a header")
		}
		w.post(asAdmin, "/"+before.ID+"/edit", form).to("../" + before.ID + "?done=saved")
		after, err := w.m.Endpoint(t.Context(), acme, before.ID)
		if err != nil {
			t.Fatal(err)
		}
		if after.Version != before.Version {
			t.Errorf("saving a webhook as it is has changed it:\n%+v\n%+v", before, after)
		}

		form.Set("description", "Changed")
		w.post(asAdmin, "/"+before.ID+"/edit", form).to("../" + before.ID + "?done=saved")
		form.Set("description", "Changed by somebody who is late")
		w.post(asAdmin, "/"+before.ID+"/edit", form).is(http.StatusUnprocessableEntity).says("Somebody else has changed this webhook")
		form = formOf(w.get(asAdmin, "/"+before.ID+"/edit"), "edit")
		form.Set("filter", "data.total >")
		form.Set("max_in_flight", "many")
		w.post(asAdmin, "/"+before.ID+"/edit", form).is(http.StatusUnprocessableEntity).says("Must be a whole number.")
	})
}

// formOf returns what a browser would send of the form with an id.
func formOf(r reply, id string) url.Values {
	r.t.Helper()
	values := make(url.Values)
	for form := range r.parse().Descendants() {
		if got, _ := attribute(form, "id"); form.Data != "form" || got != id {
			continue
		}
		for n := range form.Descendants() {
			name, _ := attribute(n, "name")
			value, _ := attribute(n, "value")
			kind, _ := attribute(n, "type")
			_, checked := attribute(n, "checked")
			switch {
			case name == "", n.Data == "button":
			case n.Data == "textarea":
				if n.FirstChild != nil {
					values.Add(name, n.FirstChild.Data)
				}
			case n.Data == "select":
				first := true
				for o := range n.Descendants() {
					v, isOption := attribute(o, "value")
					if _, selected := attribute(o, "selected"); isOption && (first || selected) {
						values.Set(name, v)
						first = false
					}
				}
			case kind == "checkbox" && !checked:
			case n.Data == "input":
				values.Add(name, value)
			}
		}
	}
	return values
}

// TestDeliveryActions retries, cancels and redelivers, with the sentences that say so.
func TestDeliveryActions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		failed := w.deliveries(ep.ID)[1]
		at := "/" + ep.ID + "/deliveries/" + failed.ID
		w.get(asAdmin, at).is(http.StatusOK).says("Failed: all attempts are used up", "Answered 500", "Send again")
		w.post(asAdmin, at+"/retry", nil).to("../../../" + at[1:] + "?done=retrying")
		w.post(asAdmin, at+"/cancel", nil).to("../../../" + at[1:] + "?done=canceled")
		w.post(asAdmin, at+"/cancel", nil).to("../../../" + at[1:] + "?done=ended")
		w.get(asAdmin, at+"?done=ended").says("The delivery had ended already.")
		w.get(asAdmin, at+"?done=<b>anything</b>").inert()

		other := w.create(webhook.Endpoint{URL: "https://acme.example/other"})
		w.get(asAdmin, "/"+other.ID+"/deliveries/"+failed.ID).is(http.StatusNotFound)

		w.post(asAdmin, "/"+ep.ID+"/deliveries/redeliver", url.Values{"status": {"skipped"}}).to("../../" + ep.ID + "/deliveries?done=nothing")
		w.post(asAdmin, "/dead-letters/redeliver", url.Values{"act": {"selected"}}).to("../dead-letters?done=noneselected")
		w.post(asAdmin, "/"+ep.ID+"/deliveries/redeliver", url.Values{"status": {"canceled"}}).is(http.StatusOK).says("Send 1 delivery again?")
		w.post(asAdmin, "/"+ep.ID+"/deliveries/redeliver", url.Values{"status": {"pending"}}).is(http.StatusUnprocessableEntity)
		asked := w.post(asAdmin, "/dead-letters/redeliver", url.Values{"delivery": {failed.ID}}).is(http.StatusOK).says("Send 1 delivery again?")
		if !strings.Contains(asked.body, `name="delivery" value="`+failed.ID+`"`) {
			t.Error("the question forgets which delivery is meant")
		}
		begun := w.post(asAdmin, "/dead-letters/redeliver", url.Values{"delivery": {failed.ID}, "confirmed": {"yes"}}).is(http.StatusSeeOther)
		job := strings.TrimPrefix(begun.header.Get("Location"), "..")
		w.get(asAdmin, job).is(http.StatusOK).says("0 of 1 are on their way again", "Running")
		w.run(10 * time.Second)
		w.get(asAdmin, job).is(http.StatusOK).says("1 of 1 are on their way again", "Done")
		w.get(asAdmin, at).is(http.StatusOK).says("Delivered", "Attempt 2")
	})
}

// TestSecretsAreShownOnce rotates, and looks for secrets on all pages after that.
func TestSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		r := w.post(asAdmin, "/"+ep.ID+"/rotate", url.Values{"overlap": {"hour"}}).is(http.StatusOK).says("The new signing secret")
		secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(html.UnescapeString(r.body)) // pages write + as &#43;
		if secret == "" {
			t.Fatal("the page has no secret")
		}
		if got := r.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("the page with the secret has Cache-Control %q", got)
		}
		for page := range crawl(t, w.ui, asAdmin, "/") {
			if strings.Contains(html.UnescapeString(w.get(asAdmin, page).body), secret) {
				t.Errorf("%s has the secret", page)
			}
		}
		list, err := w.m.Secrets(t.Context(), acme, ep.ID)
		if err != nil || len(list) != 2 || list[1].Until.Sub(list[0].CreatedAt) > time.Hour+time.Second {
			t.Errorf("secrets = %+v, %v; want two, the old one for an hour", list, err)
		}
	})
}

// TestDeleted looks at what is left of a webhook that was deleted.
func TestDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		d := w.deliveries(ep.ID)[0]
		w.post(asAdmin, "/"+ep.ID+"/delete", nil).to("../?done=deleted")
		w.get(asAdmin, "/?done=deleted").is(http.StatusOK).says("The webhook is deleted.", "Send your first webhook")
		w.get(asAdmin, "/"+ep.ID).is(http.StatusNotFound).says("There is nothing here")
		w.get(asAdmin, "/"+ep.ID+"/deliveries/"+d.ID).is(http.StatusOK).says("deleted")
		w.get(asAdmin, "/dead-letters").is(http.StatusOK).says("deleted")
	})
}

// TestAutoPaused shows the sentence of the requirements, with the real number.
func TestAutoPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = statusCode(500)
		ep := w.create(webhook.Endpoint{URL: "https://acme.example/", AutoPauseAfter: 5, Retry: webhook.RetryPolicy{Schedule: make([]time.Duration, 8)}})
		w.publish(webhook.Event{Type: "a.b", Data: []byte(`1`)})
		w.run(10 * time.Minute)
		w.get(asAdmin, "/").is(http.StatusOK).says("Webhook paused after 5 consecutive failures. View details →")
		w.get(asAdmin, "/"+ep.ID).is(http.StatusOK).says("Webhook paused after 5 consecutive failures. View details →")
		w.answer = statusCode(200)
		w.post(asAdmin, "/"+ep.ID+"/test", url.Values{"event_type": {"ping"}, "payload": {"{}"}}).is(http.StatusOK).says("Delivered.", "It was paused because it failed, and is active again.")
	})
}

// TestConfig refuses what cannot be, and takes what a host wants.
func TestConfig(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for name, cfg := range map[string]console.Config{
			"no Authenticate": {},
			"a colour":        {Authenticate: authenticate, Brand: console.Brand{Accent: "red; } body {"}},
			"an ancestor":     {Authenticate: authenticate, FrameAncestors: []string{"https://a.example; script-src *"}},
			"no logo":         {Authenticate: authenticate, Brand: console.Brand{Logo: logo("logo.exe")}},
		} {
			if _, err := console.New(w.m, cfg); err == nil {
				t.Errorf("New with %s = nil; want an error", name)
			}
		}
		branded := newWorld(t, func(_ *dispatcher.Config, cfg *console.Config) {
			cfg.Brand = console.Brand{Name: "Acme <Webhooks>", Logo: logo("logo.svg"), Accent: "#ffcc00", AccentDark: "#003366"}
		})
		page := branded.get(asAdmin, "/").says("Acme <Webhooks>")
		dir := regexp.MustCompile(`href="\./(static/[^/]+/)console\.css"`).FindStringSubmatch(page.body)[1]
		if css := branded.get("", "/"+dir+"brand.css").is(http.StatusOK).body; !strings.Contains(css, "--brand: #ffcc00; --on-brand: #000000;") || !strings.Contains(css, "--brand-dark: #003366; --on-brand-dark: #ffffff;") {
			t.Errorf("brand.css = %s; want the colours, and text that can be read on them", css)
		}
		if r := branded.get("", "/"+dir+"logo").is(http.StatusOK); r.header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("the logo is %q", r.header.Get("Content-Type"))
		}
	})
}

// TestExport has the log of a webhook as a file, as it is narrowed on the page.
func TestExport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		for _, tt := range []struct {
			query, contentType string
			lines              int
		}{
			{"", "text/csv", 3}, {"?status=failed&format=csv", "text/csv", 2}, {"?format=ndjson", "application/x-ndjson", 2}, {"?format=ndjson&q=user.comes", "application/x-ndjson", 1},
		} {
			r := w.get("viewer "+acme, "/"+ep.ID+"/deliveries/export"+tt.query).is(http.StatusOK)
			if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, tt.contentType) || strings.Count(r.body, "\n") != tt.lines {
				t.Errorf("%s = %q:\n%s\nwant %s of %d lines", r.call, got, r.body, tt.contentType, tt.lines)
			}
			if got := r.header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") {
				t.Errorf("%s has the disposition %q; want an attachment", r.call, got)
			}
		}
		w.get(asAdmin, "/"+ep.ID+"/deliveries/export?status=lost").is(http.StatusUnprocessableEntity)
	})
}

// TestHistory narrows the history, and cancels what waits.
func TestHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		w.get(asAdmin, "/history").is(http.StatusOK).says("user.fails", "user.comes", "1 failed", "1 delivered")
		if page := w.get(asAdmin, "/history?status=failed").is(http.StatusOK).says("user.fails"); strings.Contains(page.body, "user.comes") {
			t.Error("the history of what failed has what was delivered")
		}
		w.get(asAdmin, "/history?q=nothing.like.it").is(http.StatusOK).says("No event matches")
		if _, err := w.m.Pause(t.Context(), acme, ep.ID); err != nil {
			t.Fatal(err)
		}
		id := w.publish(webhook.Event{Type: "user.waits", Data: []byte(`{"n":3}`), Subject: "customer-7"})
		w.get(asAdmin, "/history?subject=customer-7").is(http.StatusOK).says("user.waits", "1 pending")
		w.get(asAdmin, "/history/"+id).is(http.StatusOK).says("customer-7", "Cancel what has not gone out", "acme.example/hooks")
		w.post(asAdmin, "/history/"+id+"/cancel", nil).to("../../history/" + id + "?done=evcanceled")
		w.post(asAdmin, "/history/"+id+"/cancel", nil).to("../../history/" + id + "?done=evnothing")
		w.get(asAdmin, "/history/"+id).is(http.StatusOK).says("Canceled")
	})
}

// TestKeys makes keys that can do no more than who makes them, shows each once, and revokes
// them.
func TestKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.post(asAdmin, "/keys", url.Values{"role": {"viewer"}}).is(http.StatusUnprocessableEntity)
		w.post(asAdmin, "/keys", url.Values{"name": {"x"}, "scopes": {"publish"}}).is(http.StatusForbidden)
		for _, kind := range []webhook.TokenKind{webhook.TokenAPIKey, webhook.TokenPortal} {
			r := w.post(asAdmin+" publish", "/keys", url.Values{"name": {"exporter"}, "kind": {string(kind)}, "scopes": {"publish"}, "life": {"hour"}}).is(http.StatusCreated).says("This is the only time that it is shown.", "exporter")
			shown := regexp.MustCompile(`<code id="the-secret">([^<]+)</code>`).FindStringSubmatch(r.body)
			if shown == nil {
				t.Fatal("the page has no secret")
			}
			token, err := w.m.CheckToken(t.Context(), kind, shown[1])
			if err != nil || token.Role != webhook.RoleDeveloper || len(token.Scopes) != 1 || token.ExpiresAt.Sub(token.CreatedAt) > time.Hour {
				t.Errorf("the secret of %s is that of %+v, %v", kind, token, err)
			}
			if page := w.get(asAdmin, "/keys").is(http.StatusOK).says("exporter"); strings.Contains(page.body, shown[1]) {
				t.Error("the list of keys has the secret")
			}
			w.post(asAdmin, "/keys/"+token.ID+"/revoke", nil).to("../../keys?done=revoked")
			w.post(asAdmin, "/keys/"+token.ID+"/revoke", nil).is(http.StatusNotFound)
			if _, err := w.m.CheckToken(t.Context(), kind, shown[1]); err == nil {
				t.Errorf("the revoked %s still lets in", kind)
			}
		}
	})
}

// TestCreateTwice sends the last form again, as who presses a button twice or loads the page
// again: there is one webhook, and the page says what has happened.
func TestCreateTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		once := regexp.MustCompile(`name="once" value="([^"]+)"`)
		key := once.FindStringSubmatch(w.get(asAdmin, "/create").is(http.StatusOK).body)
		if key == nil {
			t.Fatal("the form has no key")
		}
		form := url.Values{"step": {"1"}, "act": {"next"}, "url": {"https://acme.example/twice"}, "event_types": {"*"}, "once": {key[1]}}
		for _, step := range []string{"1", "2"} {
			form.Set("step", step)
			if kept := once.FindStringSubmatch(w.post(asAdmin, "/create", form).is(http.StatusOK).body); kept == nil || kept[1] != key[1] {
				t.Fatalf("after step %s the key is %q; want %q", step, kept, key[1])
			}
		}
		form.Set("step", "3")
		form.Set("act", "create")
		first := w.post(asAdmin, "/create", form).is(http.StatusCreated).says("This is the only time that it is shown.")
		second := w.post(asAdmin, "/create", form).is(http.StatusCreated).says("Your webhook is there already", "Its secret was shown the first time")
		if at := second.header.Get("Content-Location"); at == "" || at != first.header.Get("Content-Location") {
			t.Errorf("the second time made %q; want what the first time made", at)
		}
		form.Set("url", "https://acme.example/another")
		w.post(asAdmin, "/create", form).is(http.StatusConflict).says("This form has made a webhook already")
		eps, err := w.m.Endpoints(t.Context(), acme, store.Page{Limit: 10})
		if err != nil || len(eps) != 1 {
			t.Fatalf("there are %d webhooks, %v; want one", len(eps), err)
		}
		if err := w.m.DeleteEndpoint(t.Context(), acme, eps[0].ID); err != nil {
			t.Fatal(err)
		}
		form.Set("url", "https://acme.example/twice")
		w.post(asAdmin, "/create", form).is(http.StatusConflict).says("It was deleted since")
	})
}
