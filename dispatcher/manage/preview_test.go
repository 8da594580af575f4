package manage_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

func TestPreview(t *testing.T) {
	engine, err := celexpr.New()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, dispatcher.Config{Expressions: engine})
	ep := newEndpoint()
	ep.EventTypes, ep.Sources, ep.Channels = []string{"invoice.*"}, []string{"billing"}, []string{"eu"}
	ep.Filter, ep.Transform = `data.total > 10`, `{"total": data.total, "email": data.email, "name": data.name}`
	ep.Anonymize = []webhook.Anonymization{{Pointer: "/email", Action: webhook.AnonymizeHash}, {Pointer: "/name", Action: webhook.AnonymizeRemove}}
	ep.Format = webhook.FormatRaw
	stored, _, err := w.CreateEndpoint(t.Context(), ep)
	w.must(err, "CreateEndpoint")
	sample := func(change func(*manage.Sample)) manage.Sample {
		s := manage.Sample{
			EventType: "invoice.paid", Source: "billing", Channels: []string{"eu"},
			Data: json.RawMessage(`{"total":11,"email":"jane@a.example","name":"Jane","more":1}`),
		}
		change(&s)
		return s
	}
	sentences := map[string]string{}
	for name, tt := range map[string]struct {
		change  func(*manage.Sample)
		matched bool
		class   webhook.ErrorClass
		body    bool
	}{
		"all":          {func(*manage.Sample) {}, true, "", true},
		"another type": {func(s *manage.Sample) { s.EventType = "user.created" }, false, "", true},
		"a source":     {func(s *manage.Sample) { s.Source = "shop" }, false, "", true},
		"a channel":    {func(s *manage.Sample) { s.Channels = nil }, false, "", true},
		"a filter":     {func(s *manage.Sample) { s.Data = json.RawMessage(`{"total":1,"email":"","name":""}`) }, false, "", true},
		"no field":     {func(s *manage.Sample) { s.Data = json.RawMessage(`{}`) }, false, webhook.ClassFilterError, false},
	} {
		saved, err := w.Preview(t.Context(), acme, stored.ID, sample(tt.change))
		w.must(err, "Preview")
		unsaved, err := w.PreviewUnsaved(t.Context(), ep, sample(tt.change))
		w.must(err, "PreviewUnsaved")
		for _, p := range []manage.Preview{saved, unsaved} {
			if p.Matched != tt.matched || p.Class != tt.class || (p.Body != nil) != tt.body {
				t.Errorf("Preview, %s = %+v; want matched %t, class %q, a body: %t", name, p, tt.matched, tt.class, tt.body)
			}
		}
		if other := sentences[saved.Why]; other != "" || saved.Why == "" {
			t.Errorf("Preview, %s says %q, like %s", name, saved.Why, other)
		}
		sentences[saved.Why] = name
	}
	p, err := w.Preview(t.Context(), acme, stored.ID, sample(func(*manage.Sample) {}))
	w.must(err, "Preview")
	if string(p.Transformed) != `{"email":"jane@a.example","name":"Jane","total":11}` {
		t.Errorf("Transformed = %s", p.Transformed)
	}
	if got := string(p.Data); strings.Contains(got, "jane") || strings.Contains(got, "name") || !strings.HasSuffix(got, `","total":11}`) || got != string(p.Body) {
		t.Errorf("Data = %s, Body = %s; want the email hashed and no name", p.Data, p.Body)
	}
	if got := p.Headers["Content-Type"]; got != "application/json" {
		t.Errorf("Content-Type = %q", got)
	}
	if len(w.requests) != 0 {
		t.Errorf("%d requests were sent by previews", len(w.requests))
	}
}

func TestPreviewRefuses(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	for field, s := range map[string]manage.Sample{
		"event_type": {EventType: "canary input"}, "payload": {Data: json.RawMessage(`{`)}, "channels": {Channels: []string{""}},
	} {
		_, err := w.Preview(t.Context(), acme, ep.ID, s)
		if got := fieldsOf(t, err); len(got) != 1 || got[0].Field != field {
			t.Errorf("Preview = %v; want it to refuse %s", err, field)
		}
	}
	unsaved := newEndpoint()
	unsaved.URL, unsaved.Filter, unsaved.Format = "", "true", "canary"
	if _, err := w.PreviewUnsaved(t.Context(), unsaved, manage.Sample{}); !errors.Is(err, webhook.ErrInvalid) || len(fieldsOf(t, err)) != 2 {
		t.Errorf("PreviewUnsaved = %v; want it to refuse format and filter, and not to ask for a URL", err)
	}
}
