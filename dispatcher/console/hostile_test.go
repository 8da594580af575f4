package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

// hostile are texts that become markup, script or a link where they are not kept text.
// Each has the mark in a place where it would show.
var hostile = []string{
	`<script>mark()</script>`,
	`"><img src=x onerror=mark()>`,
	`'><svg onload=mark()>`,
	`</textarea><script>mark()</script>`,
	`</title><script>mark()</script>`,
	`</pre><iframe srcdoc="<script>mark()</script>"></iframe>`,
	`<!--<script>mark()//-->`,
	`" autofocus onfocus=mark() x="`,
	"` onmouseover=mark() `",
	`javascript:mark()`,
	`{{mark}} ${mark()} <%= mark() %>`,
	`<a href="javascript:mark()">x</a>`,
	`&lt;script&gt;mark()&lt;/script&gt;`,
	`<base href="https://evil.example/">`,
	`<meta http-equiv=refresh content="0;url=https://evil.example/">`,
	`<form action="https://evil.example/"><button>mark</button>`,
	`<style>@import "https://evil.example/mark";</style>`,
	`<math><mi//xlink:href="data:x,<script>mark()</script>">`,
	"\u202egnp.mark\u202c\ufeff<b>",
}

// allowed are the elements that our own templates have.
var allowed = strings.Fields(`html head meta title link script body a header span svg path circle line rect polyline text title desc button div nav ul ol li main
	h1 h2 h3 p dl dt dd kbd label input form dialog section article footer small b code table thead tbody tr th td caption time select option textarea
	details summary fieldset legend aside figure figcaption i pre progress img`)

// inert fails the test if something in a page acts: an element that we have not written, a
// handler, a style, a script that is not ours, or a link to somewhere else.
func (r reply) inert() {
	r.t.Helper()
	for n := range r.parse().Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(allowed, n.Data) {
			r.t.Errorf("%s has an element <%s>, which is not ours", r.call, n.Data)
		}
		if n.Data == "script" && n.FirstChild != nil {
			r.t.Errorf("%s has an inline script %q", r.call, n.FirstChild.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc", a.Key == "http-equiv", a.Key == "formaction", a.Key == "ping":
				r.t.Errorf("%s has <%s %s=%q>", r.call, n.Data, a.Key, a.Val)
			case a.Key == "href", a.Key == "src", a.Key == "action", a.Key == "data-swap", a.Key == "data-shown":
				if u, err := url.Parse(a.Val); err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(a.Val, "//") {
					r.t.Errorf("%s has <%s %s=%q>, which leads elsewhere", r.call, n.Data, a.Key, a.Val)
				}
			}
		}
	}
}

// TestHostileText writes hostile texts into every field that a customer or a receiver
// controls, and looks at every page.
func TestHostileText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		expressions, err := celexpr.New()
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, withPortal, func(cfg *dispatcher.Config, _ *console.Config) {
			cfg.Expressions = expressions
			for i, text := range hostile {
				cfg.EventTypes = append(cfg.EventTypes, webhook.EventType{
					Name: fmt.Sprintf("hostile.t%d", i), Group: text[:min(len(text), 60)], Description: text,
					Schemas: []webhook.SchemaVersion{{Number: 1, Schema: hostileSchema(text)}}, Example: hostileData(text),
				})
			}
		})
		var eps []webhook.Endpoint
		for i, text := range hostile {
			other := printable(hostile[(i+1)%len(hostile)]) // an answer that repeats a credential is not shown
			w.answer = func(context.Context, *transport.Request) (*transport.Response, error) {
				return &transport.Response{StatusCode: 500 - 300*(i%2), Body: []byte(text), Header: http.Header{"X-Hostile": {text}, "Location": {text}}, RemoteAddr: text}, nil
			}
			ep := w.create(webhook.Endpoint{
				URL: "https://acme.example/" + url.PathEscape(text) + "?q=" + url.QueryEscape(text), Description: text, Labels: []string{text[:min(len(text), 64)]},
				EventTypes: []string{"hostile.*"}, Metadata: map[string]string{"m": text}, Filter: "true || " + quoted(text) + ` == ""`, Transform: `{"v": ` + quoted(text) + `}`,
				Sources: []string{text[:min(len(text), 60)]}, Channels: []string{text[:min(len(text), 60)]}, Anonymize: []webhook.Anonymization{{Pointer: "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(text), Action: webhook.AnonymizeHash}},
				Headers: map[string]string{"X-Value": other}, Auth: webhook.Auth{Type: webhook.AuthBasic, Username: strings.ReplaceAll(other, ":", ""), Secret: webhook.NewCredential("a-password-of-a-test")},
				Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}},
			})
			w.publish(webhook.Event{Type: fmt.Sprintf("hostile.t%d", i), Data: hostileData(text), Subject: text, OrderingKey: text, IdempotencyKey: text, Channels: []string{text[:min(len(text), 60)]}, Metadata: map[string]string{"m": text}, Source: text[:min(len(text), 60)]})
			w.run(time.Second)
			if _, err := w.m.Pause(t.Context(), acme, ep.ID); err != nil { // so that the next event is its own
				t.Fatal(err)
			}
			eps = append(eps, ep)
		}
		for i, ep := range eps {
			text := hostile[i]
			delivery := w.deliveries(ep.ID)
			if len(delivery) == 0 {
				t.Fatalf("the webhook of %q has no delivery", text)
			}
			pages := []string{"/" + ep.ID, "/" + ep.ID + "/edit", "/" + ep.ID + "/test?event_type=" + fmt.Sprintf("hostile.t%d", i), "/" + ep.ID + "/deliveries", "/events/" + fmt.Sprintf("hostile.t%d", i)}
			for _, d := range delivery {
				pages = append(pages, "/"+ep.ID+"/deliveries/"+d.ID, "/history/"+d.EventID)
			}
			for _, name := range []string{"q", "label", "status", "event", "action", "actor", "resource", "range", "webhook", "event_type", "done", "view", "find"} {
				for _, page := range []string{"/", "/audit", "/history", "/analytics", "/events", "/dead-letters", "/create", "/" + ep.ID + "/deliveries"} {
					if i%5 == len(name)%5 { // each page with each name, if not with each text
						pages = append(pages, page+"?"+url.Values{name: {text}}.Encode())
					}
				}
			}
			for _, page := range pages {
				if r := w.get(asAdmin, page); r.status == http.StatusOK || strings.Contains(page, "?") {
					r.inert()
				} else {
					t.Errorf("%s = %d; want the page", r.call, r.status)
				}
			}
			form := url.Values{"step": {"1"}, "url": {text}, "description": {text}, "labels": {text}, "headers": {text}, "filter": {text}, "more_types": {text}, "event_types": {text}, text: {text}, "auth.type": {text}, "find": {text}}
			for _, step := range []string{"1", "2", "3"} {
				form.Set("step", step)
				for _, act := range []string{"next", "find", "back"} {
					form.Set("act", act)
					w.post(asAdmin, "/create", form).inert()
				}
			}
			w.post(asAdmin, "/"+ep.ID+"/edit", form).inert()
			form.Set("act", "preview")
			form.Set("sample.data", text)
			w.post(asAdmin, "/"+ep.ID+"/edit", form).inert()
			w.post(asAdmin, "/"+ep.ID, url.Values{"act": {"verify"}, "headers": {"webhook-id: " + text}, "body": {text}}).inert()
			w.post(asAdmin, "/"+ep.ID+"/test", url.Values{"act": {"check"}, "event_type": {fmt.Sprintf("hostile.t%d", i)}, "payload": {text}}).inert()
			w.post(asAdmin, "/"+ep.ID+"/test", url.Values{"event_type": {fmt.Sprintf("hostile.t%d", i)}, "payload": {string(hostileData(text))}}).inert()
			w.post(asAdmin, "/keys", url.Values{"name": {text}, "role": {"admin"}}).inert()
			w.post(asAdmin, "/keys", url.Values{"name": {text[:min(len(text), 30)]}, "scopes": {text}, "role": {text}, "kind": {text}, "life": {text}}).inert()
			w.post(asHost, "/event-types/new", url.Values{"name": {fmt.Sprintf("own.t%d", i)}, "group": {text}, "description": {text}, "schema": {string(hostileSchema(text))}, "example": {text}, "redact": {text}}).inert()
			_, token, err := w.m.CreatePortalToken(t.Context(), webhook.Principal{Tenant: acme, Role: webhook.RoleAdmin}, webhook.Token{Name: text, Role: webhook.RoleAdmin})
			if err != nil {
				t.Fatal(err)
			}
			cookie := w.enter(token.Reveal())
			w.post("", "/"+ep.ID+"/resume", nil, "Cookie", cookie).is(http.StatusSeeOther) // which the audit log has
			w.get("", "/", "Cookie", cookie).is(http.StatusOK).says(text).inert()
			w.post(asAdmin, "/dead-letters/redeliver", url.Values{"event_types": {text}, "status": {text}, "delivery": {text}}).inert()
			time.Sleep(5 * time.Second) // virtual: tests are limited
		}
		for _, page := range []string{"/", "/manage", "/create", "/testing", "/events", "/analytics", "/history", "/keys", "/dead-letters", "/audit", "/audit?view=incidents", "/audit?view=security"} {
			w.get("admin "+acme+" "+hostile[0], page).is(http.StatusOK).inert()
		}
	})
}

// TestHostileTextIsThere sees that the test above looks at pages which have the texts.
func TestHostileTextIsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, *transport.Request) (*transport.Response, error) {
			return &transport.Response{StatusCode: 400, Body: []byte(hostile[0]), Header: http.Header{"X-Hostile": {hostile[1]}}}, nil
		}
		ep := w.create(webhook.Endpoint{URL: "https://acme.example/", Description: hostile[2], Labels: []string{hostile[3]}})
		w.publish(webhook.Event{Type: "a.b", Data: hostileData(hostile[4]), Subject: hostile[5]})
		w.run(time.Second)
		w.get(asAdmin, "/"+ep.ID).is(http.StatusOK).says(hostile[2], hostile[3])
		w.get(asAdmin, "/"+ep.ID+"/deliveries/"+w.deliveries(ep.ID)[0].ID).is(http.StatusOK).says(hostile[0], hostile[1], "mark()", hostile[5])
	})
}

func hostileData(text string) json.RawMessage {
	b, _ := json.Marshal(map[string]string{"v": text, text: "v"}) // strings always can
	return b
}

func hostileSchema(text string) json.RawMessage {
	b, _ := json.Marshal(map[string]any{ // what it is made of always can
		"type": "object", "title": text, "description": text, "properties": map[string]any{"v": map[string]any{"type": "string", "description": text, "enum": []string{text}}, text: map[string]any{"description": text}},
	})
	return b
}

// printable returns the visible ASCII of a text, which is what headers take.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text))
}
