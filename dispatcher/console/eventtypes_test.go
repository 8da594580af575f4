package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postrider/postrider/webhook"
)

const asHost = asAdmin + " event-types"

// TestEventTypesOfTheHost registers a type, gives it versions, and retires it, as a browser
// without JavaScript does. Each change is one row of the audit log.
func TestEventTypesOfTheHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rows := w.hostRows()
		changed := func(name string) {
			t.Helper()
			if now := w.hostRows(); now != rows+1 {
				t.Errorf("%s has written %d rows of the audit log; want one", name, now-rows)
			} else {
				rows = now
			}
		}
		form := url.Values{
			"name": {"invoice.paid"}, "group": {"Billing"}, "description": {"An invoice was paid."}, "example": {`{"id":"inv_1"}`}, "redact": {"/id"},
			"schema": {`{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}`},
		}
		w.get(asHost, "/events").is(http.StatusOK).says("New event type")
		w.get(asHost, "/event-types/new").is(http.StatusOK).inert()
		w.post(asHost, "/event-types/new", url.Values{"name": {"no good"}, "schema": {"{"}}).is(http.StatusUnprocessableEntity).says("Please mend this first.")
		w.post(asHost, "/event-types/new", form).to("../events/invoice.paid?done=registered")
		changed("registering")
		w.post(asHost, "/event-types/new", form).is(http.StatusUnprocessableEntity).says("There is an event type of this name already.")
		w.get(asHost, "/events/invoice.paid").is(http.StatusOK).says("An invoice was paid.", "Version 1 of the schema", "Deprecate", "Archive")

		form = w.formOf("/events/invoice.paid/edit")
		form.Set("description", "Somebody has paid an invoice.")
		w.post(asHost, "/events/invoice.paid/edit", form).to("../../events/invoice.paid?done=typesaved")
		changed("describing")
		w.post(asHost, "/events/invoice.paid/edit", form).is(http.StatusConflict).says("Somebody else was faster")

		// What breaks is shown, and refused until the form consents to just that.
		form = w.formOf("/events/invoice.paid/edit")
		form.Set("schema", `{"type":"object","properties":{"id":{"type":["string","null"]}}}`)
		refused := w.post(asHost, "/events/invoice.paid/edit", form).is(http.StatusConflict).says("The new schema may break receivers.", "/id", "Nothing was saved.")
		refused.inert()
		consent := regexp.MustCompile(`name="allow_breaking" value="([0-9a-f]+)"`).FindStringSubmatch(refused.body)
		if consent == nil {
			t.Fatal("the page does not ask for consent")
		}
		form.Set("allow_breaking", "on")
		w.post(asHost, "/events/invoice.paid/edit", form).is(http.StatusConflict)
		form.Set("allow_breaking", consent[1])
		meant := form.Get("schema")
		form.Set("schema", `{}`)
		w.post(asHost, "/events/invoice.paid/edit", form).is(http.StatusConflict).says("The new schema may break receivers.")
		form.Set("schema", "")
		w.post(asHost, "/events/invoice.paid/edit", form).is(http.StatusUnprocessableEntity).says("A schema cannot be taken away.")
		if now := w.hostRows(); now != rows {
			t.Errorf("what was refused has written %d rows of the audit log", now-rows)
		}
		form.Set("schema", meant)
		w.post(asHost, "/events/invoice.paid/edit", form).to("../../events/invoice.paid?done=typesaved")
		changed("a breaking schema")
		w.get("viewer "+acme, "/events/invoice.paid").is(http.StatusOK).says("Version 2 of the schema")

		for _, step := range []struct{ act, then string }{
			{"deprecate", "In its place: invoice.settled"}, {"undeprecate", "Deprecate it"}, {"archive", "This type is archived."}, {"unarchive", "Archive it"},
		} {
			w.post(asHost, "/events/invoice.paid/retire", url.Values{"act": {step.act}, "in_its_place": {"invoice.settled"}}).to("../../events/invoice.paid?done=typesaved")
			changed(step.act)
			w.get(asHost, "/events/invoice.paid").is(http.StatusOK).says(step.then).inert()
		}
		w.post(asHost, "/events/invoice.paid/retire", url.Values{"act": {"burn"}}).is(http.StatusUnprocessableEntity)
		w.post(asHost, "/events/not.there/retire", url.Values{"act": {"archive"}}).is(http.StatusNotFound)
		w.get(asHost, "/events/not.there/edit").is(http.StatusNotFound)
	})
}

// TestTypesOfCodeStay sees that types in the host's code are not offered for a change, and
// that neither admins without the scope nor others with it change any.
func TestTypesOfCodeStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := furnished(t)
		page := w.get(asHost, "/events/user.registered").is(http.StatusOK).says("This type is in the code of the platform")
		if strings.Contains(page.body, "/retire") || strings.Contains(page.body, "user.registered/edit") {
			t.Error("a type in code is offered for a change")
		}
		w.post(asHost, "/events/user.registered/retire", url.Values{"act": {"archive"}}).is(http.StatusConflict).says("This event type is in the code of the platform")
		w.post(asHost, "/events/user.registered/edit", w.formOf("/events/user.registered/edit")).is(http.StatusConflict)
		if _, err := w.m.RegisterEventType(t.Context(), webhook.EventType{Name: "own.type", Example: json.RawMessage(`{}`)}); err != nil {
			t.Fatal(err)
		}
		for _, as := range []string{asAdmin, "developer " + acme + " event-types", "viewer " + acme + " event-types"} {
			if page := w.get(as, "/events/own.type").is(http.StatusOK); strings.Contains(page.body, "/retire") || strings.Contains(page.body, "own.type/edit") {
				t.Errorf("%s is offered to change an event type", as)
			}
			w.get(as, "/event-types/new").is(http.StatusForbidden)
			w.post(as, "/events/own.type/retire", url.Values{"act": {"archive"}}).is(http.StatusForbidden)
		}
	})
}

// formOf returns what the form of a page would send.
func (w *world) formOf(path string) url.Values {
	w.t.Helper()
	form := url.Values{}
	for n := range w.get(asHost, path).is(http.StatusOK).parse().Descendants() {
		name, _ := attribute(n, "name")
		switch n.Data {
		case "input":
			value, _ := attribute(n, "value")
			form.Set(name, value)
		case "textarea":
			form.Set(name, raw(n))
		}
	}
	return form
}
