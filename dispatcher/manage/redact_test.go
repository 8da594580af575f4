package manage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// canaries are values that must not be seen.
var canaries = []string{"canary-address", "canary-name", "987654321", "canary-inner", "canary-batch"}

const withCanaries = `{"email":"canary-address","user":{"n\u0061me" : "canary-name", "seen":"a"},"pin":987654321,"parts":[{"x":{"deep":["canary-inner"]}},{"x":1}],"open":"shown"}`

var redacted = []webhook.EventType{
	{Name: "user.joined", Redact: []string{"/email", "/user/name", "/pin", "/parts/0/x", "/none"}},
	{Name: "user.left", Redact: []string{"/who"}},
}

// seen returns all that Manager's methods return of acme, as text of Go and JSON.
func (w *world) seen() string {
	w.t.Helper()
	var all strings.Builder
	show := func(v any, err error) {
		w.t.Helper()
		w.must(err, "a method of Manager")
		text, err := json.Marshal(v)
		w.must(err, "Marshal")
		fmt.Fprintf(&all, "%+v\n%s\n", v, text)
	}
	ids := own{}
	eps, err := w.Endpoints(w.t.Context(), acme, store.Page{})
	w.must(err, "Endpoints")
	events, err := w.Events(w.t.Context(), acme, store.Page{})
	w.must(err, "Events")
	for i := range eps {
		for j := range events {
			deliveries, err := w.Deliveries(w.t.Context(), acme, store.DeliveryFilter{Event: events[j].ID}, store.Page{})
			w.must(err, "Deliveries")
			for k := range deliveries {
				ids[webhook.PrefixEndpoint], ids[webhook.PrefixEvent], ids[webhook.PrefixDelivery] = eps[i].ID, events[j].ID, deliveries[k].ID
				for _, m := range methods {
					if id, ok := ids[m.takes]; m.action == "" && (ok || m.takes == "") && m.name != "EventType" && m.name != "VerifySignature" {
						show(m.call(w.t.Context(), w.Manager, acme, id))
					}
				}
				attempts, err := w.Attempts(w.t.Context(), acme, deliveries[k].ID)
				w.must(err, "Attempts")
				for _, a := range attempts { // JSON has them in base64
					all.Write(a.ResponseBody)
				}
			}
		}
	}
	var export bytes.Buffer
	_, err = w.ExportSubject(w.t.Context(), acme, jane, &export)
	w.must(err, "ExportSubject")
	return all.String() + export.String()
}

// TestRedactedIsNowhere delivers events with values that are redacted to receivers that
// repeat them, and looks for them in everything that Manager returns.
func TestRedactedIsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, dispatcher.Config{EventTypes: redacted})
		w.endpoint()
		batches := newEndpoint()
		batches.Batch.MaxEvents = 2
		_, _, err := w.CreateEndpoint(t.Context(), batches)
		w.must(err, "CreateEndpoint")
		w.answers(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
			header := map[string][]string{"X-Plain": {"fine"}}
			if bytes.Contains(req.Body, []byte("987654321")) {
				header["X-Echo"] = []string{"canary-name and 987654321"}
			}
			return &transport.Response{StatusCode: 200, Body: append([]byte("thank you for "), req.Body...), Header: header}, nil
		})
		stop := w.run()
		for _, ev := range []webhook.Event{
			{Tenant: acme, Type: "user.joined", Subject: jane, Data: json.RawMessage(withCanaries)},
			{Tenant: acme, Type: "user.left", Subject: jane, Data: json.RawMessage(`{"who":"canary-batch"}`)},
			{Tenant: acme, Type: "plain.type", Subject: jane, Data: json.RawMessage(`{"who":"plain"}`)},
		} {
			_, err := w.d.Publish(t.Context(), ev)
			w.must(err, "Publish")
		}
		time.Sleep(time.Minute) // the batch waits
		synctest.Wait()
		stop()
		var bodies strings.Builder
		w.mu.Lock()
		for _, req := range w.requests {
			bodies.Write(req.Body)
		}
		w.mu.Unlock()
		for _, c := range canaries {
			if !strings.Contains(bodies.String(), c) {
				t.Errorf("%s was not delivered; want payloads whole", c)
			}
		}
		all := w.seen()
		for _, c := range canaries {
			if at := strings.Index(all, c); at >= 0 {
				t.Errorf("%s is in what Manager returns: …%s…", c, all[max(at-200, 0):min(at+100, len(all))])
			}
		}
		if !strings.Contains(all, `"email":"***"`) || !strings.Contains(all, `"open":"shown"`) || !strings.Contains(all, "thank you for") {
			t.Error("what is not redacted is missing in what Manager returns")
		}
	})
}
