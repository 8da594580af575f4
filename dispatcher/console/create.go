package console

import (
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// The steps of a WebhookCreator that are forms. What was typed in one is carried through
// the others in hidden fields, so that the server has to remember nothing.
const (
	stepEndpoint = 1
	stepEvents   = 2
	stepDelivery = 3
)

// stepFields are the names of the fields of the first steps; all others are of the last.
var stepFields = map[int][]string{
	stepEndpoint: {"url", "description", "labels"},
	stepEvents:   {"event_types", customTypes, "find"},
}

// stepOf returns the step that a field, or a part of one, is on.
func stepOf(name string) int {
	name, _, _ = strings.Cut(name, "[")
	for step, names := range stepFields {
		if slices.Contains(names, name) {
			return step
		}
	}
	return stepDelivery
}

type createPage struct {
	page
	Form     *form
	Step     int
	Selector selector
	Choices  choices
	// Carried are the fields of other steps.
	Carried []header
}

func (c *console) creator(w http.ResponseWriter, r *http.Request) error {
	f := newForm(make(url.Values))
	f.set(onceField, rand.Text())
	if t := r.URL.Query().Get("event_type"); webhook.ValidPattern(t) {
		f.set("event_types", t)
	}
	return c.showStep(w, r, f, stepEndpoint)
}

// create takes a step of the form, and at the last one creates the webhook.
func (c *console) create(w http.ResponseWriter, r *http.Request) error {
	f := newForm(r.PostForm)
	step, err := strconv.Atoi(f.text("step"))
	if err != nil || step < stepEndpoint || step > stepDelivery {
		step = stepEndpoint
	}
	ep := webhook.Endpoint{Tenant: tenant(r.Context()), Status: webhook.EndpointPaused}
	f.read(&ep)
	ep.Signature = webhook.Signature{Scheme: webhook.SignatureScheme(f.text("signature.scheme")), Header: f.text("signature.header"), Prefix: f.text("signature.prefix")}
	switch f.text("act") {
	case "find":
		f.keep(func(string) bool { return false })
		return c.showStep(w, r, f, step)
	case "back":
		f.keep(func(string) bool { return false })
		return c.showStep(w, r, f, max(step-1, stepEndpoint))
	}
	if step >= stepEvents && len(ep.EventTypes) == 0 {
		f.fault("event_types", "Choose at least one event type, or every event.")
	}
	if err := f.faults(c.m.CheckEndpoint(r.Context(), ep)); err != nil {
		return err
	}
	f.keep(func(name string) bool { return stepOf(name) <= step })
	switch {
	case f.Bad():
		return c.showStep(w, r, f, stepOf(f.order[0]))
	case step < stepDelivery:
		return c.showStep(w, r, f, step+1)
	}
	ep, secret, err := c.createOnce(r, f, ep)
	switch {
	case errors.Is(err, webhook.ErrIdempotencyConflict):
		return &trouble{
			status: http.StatusConflict, title: "This form has made a webhook already", text: "It was sent before with something else in it, and nothing was made now.",
			todo: "Look at the overview, and begin anew for another webhook.",
		}
	case isNotFound(err):
		return &trouble{
			status: http.StatusConflict, title: "This form has made a webhook already", text: "It was deleted since, and nothing was made now.",
			todo: "Begin anew for another webhook.",
		}
	case err != nil:
		if err := f.faults(err); err != nil {
			return err
		}
		return c.showStep(w, r, f, stepOf(f.order[0]))
	}
	return c.created(w, r, ep, secret)
}

// onceField has the form's key: what it makes, it makes once, however often it is sent.
const onceField = "once"

// createOnce creates the webhook of a form, unless the form has made it already. A form
// without a key is no page of ours, and makes one each time.
func (c *console) createOnce(r *http.Request, f *form, ep webhook.Endpoint) (webhook.Endpoint, manage.Secret, error) {
	key := f.text(onceField)
	if key == "" {
		return c.m.CreateEndpoint(r.Context(), ep)
	}
	content := maps.Clone(f.values)
	delete(content, onceField)
	return c.m.CreateEndpointOnce(r.Context(), ep, manage.Once{Key: "console " + key, Content: []byte(content.Encode())})
}

// created shows the secret, which no URL may have, so this form does not redirect. Whoever
// sends the form again is told that the webhook is there.
func (c *console) created(w http.ResponseWriter, r *http.Request, ep webhook.Endpoint, secret manage.Secret) error {
	p := secretPage{page: c.newPage(r, "overview", "Webhook created"), Endpoint: ep, Secret: secret.Reveal()}
	p.Repeated = p.Secret == ""
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}}
	w.Header().Set("Content-Location", p.Root+ep.ID)
	c.show(w, r, http.StatusCreated, "secret", p)
	return nil
}

func (c *console) showStep(w http.ResponseWriter, r *http.Request, f *form, step int) error {
	types, err := c.m.EventTypes(r.Context(), manage.EventTypeFilter{})
	if err != nil {
		return err
	}
	p := &createPage{page: c.newPage(r, "create", "New webhook"), Form: f, Step: step, Choices: formChoices, Selector: selectorOf(f, types)}
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}}
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if stepOf(name) == step || slices.Contains([]string{"step", "act", "find", onceField, "auth.secret", "auth.key", "tls.client_key", "tls.client_certificate"}, name) {
			continue
		}
		for _, v := range f.values[name] {
			p.Carried = append(p.Carried, header{name, v})
		}
	}
	status := http.StatusOK
	if f.Bad() {
		status = http.StatusUnprocessableEntity
	}
	c.show(w, r, status, "create", p)
	return nil
}
