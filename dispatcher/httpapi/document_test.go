package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// document returns the document as kin-openapi reads it, and what finds routes in it.
func (w *world) document() (*openapi3.T, routers.Router) {
	w.t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(w.call("", "GET", "/openapi.json", "").is(200).body))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil && !*update { // what is written anew may not fit any more
		w.t.Fatalf("the document is not valid: %v", err)
	}
	doc.Servers = nil // "." is wherever it is mounted
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc, router
}

// TestDocumentedExamples sends every example of the document, and every request without a
// body, and holds request and answer to the document.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(`{"url":"https://acme.example/hooks","event_types":["invoice.*"]}`) // so that lists have something
	w.publish(`{"type":"invoice.paid","data":{"id":"inv_1"},"subject":"customer-7"}`)
	doc, router := w.document()
	examples, calls := 0, 0
	tags := make(map[string]bool)
	for _, tag := range doc.Tags {
		tags[tag.Name] = false
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, tag := range op.Tags {
				if _, ok := tags[tag]; !ok {
					t.Errorf("%s %s is in the group %s, which the document does not describe", method, path, tag)
				}
				tags[tag] = true
			}
			var body []byte
			if op.RequestBody != nil {
				var err error
				if body, err = json.Marshal(op.RequestBody.Value.Content.Get("application/json").Example); err != nil || string(body) == "null" {
					t.Errorf("%s %s has no example of its body: %v", method, path, err)
					continue
				}
				examples++
			}
			if path == "/webhooks/erase" {
				continue // it waits for what is being sent; TestErase has the time
			}
			calls++
			o := operation{method: method, path: path}
			w.check(router, method, o.at(w.own(o)), body, true)
			if o.takes() { // and a problem
				w.check(router, method, o.at("nobody"), body, false)
			}
		}
	}
	for tag, used := range tags {
		if !used {
			t.Errorf("the group %s has no routes", tag)
		}
	}
	if examples < 10 || calls < 30 {
		t.Errorf("sent %d examples in %d calls; want all of them", examples, calls)
	}
	w.wantAnswerExamples(doc)
}

// check makes a request, and holds it and its answer to the document.
func (w *world) check(router routers.Router, method, path string, body []byte, well bool) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, bytes.NewReader(body))
	r.Header.Set("Authorization", asAdmin)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	route, params, err := router.FindRoute(r)
	if err != nil {
		w.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(w.t.Context(), in); err != nil {
		w.t.Errorf("%s %s: the example does not fit the document: %v", method, path, err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	if well != (rec.Code < http.StatusBadRequest) {
		w.t.Errorf("%s %s = %d %.300s; want success: %v", method, path, rec.Code, rec.Body, well)
	}
	if rec.Header().Get("Content-Type") == "application/x-ndjson" {
		return // lines, each with a shape of its own
	}
	if well {
		w.note(method+" "+route.Path, rec)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: rec.Code, Header: rec.Header(), Options: in.Options}
	if err := openapi3filter.ValidateResponse(w.t.Context(), out.SetBodyBytes(rec.Body.Bytes())); err != nil {
		w.t.Errorf("%s %s = %d %.200s: the answer does not fit the document: %v", method, path, rec.Code, rec.Body, err)
	}
}

// seedRoutes are what the requirements ask for, in their words.
var seedRoutes = []string{
	"GET /webhooks", "POST /webhooks", "GET /webhooks/{id}", "PUT /webhooks/{id}", "DELETE /webhooks/{id}", "POST /webhooks/{id}/test",
	"POST /webhooks/{id}/subscribe", "DELETE /webhooks/{id}/unsubscribe",
	"GET /webhooks/{id}/deliveries", "GET /webhooks/deliveries/{id}", "POST /webhooks/deliveries/{id}/retry", "GET /webhooks/analytics",
}

func TestDocumentHasWhatWasAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var have []string
	for _, op := range w.operations() {
		have = append(have, op.method+" "+op.path)
	}
	for _, want := range seedRoutes {
		if !slices.Contains(have, want) {
			t.Errorf("the API has no %s", want)
		}
	}
}
