package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

type editPage struct {
	page
	Endpoint webhook.Endpoint
	Form     *form
	Selector selector
	Choices  choices
	Types    []option
	// Preview is what would be sent of a sample.
	Preview *manage.Preview
}

func (c *console) editor(w http.ResponseWriter, r *http.Request) error {
	ep, types, err := c.readForEdit(r)
	if err != nil {
		return err
	}
	f := formOf(&ep, types)
	f.set("version", strconv.FormatInt(ep.Version, 10))
	return c.showEditor(w, r, &editPage{Endpoint: ep, Form: f}, types)
}

func (c *console) readForEdit(r *http.Request) (webhook.Endpoint, []webhook.EventType, error) {
	ep, err := c.m.Endpoint(r.Context(), tenant(r.Context()), chi.URLParam(r, "id"))
	if err != nil {
		return ep, nil, err
	}
	types, err := c.m.EventTypes(r.Context(), manage.EventTypeFilter{})
	return ep, types, err
}

// edit saves a webhook, or shows what would be sent if it were saved.
func (c *console) edit(w http.ResponseWriter, r *http.Request) error {
	ep, types, err := c.readForEdit(r)
	if err != nil {
		return err
	}
	p := &editPage{Endpoint: ep, Form: newForm(r.PostForm)}
	switch r.PostForm.Get("act") {
	case "find":
	case "preview":
		if err := c.preview(r, p, ep); err != nil {
			return err
		}
	default:
		saved, err := c.save(r, p)
		if err != nil {
			return err
		}
		if saved {
			return done(w, r, ep.ID, "saved")
		}
	}
	return c.showEditor(w, r, p, types)
}

// save writes what the form says, unless somebody else was faster.
func (c *console) save(r *http.Request, p *editPage) (bool, error) {
	f := p.Form
	_, err := c.m.UpdateEndpoint(r.Context(), tenant(r.Context()), p.Endpoint.ID, func(ep *webhook.Endpoint) error {
		if strconv.FormatInt(ep.Version, 10) != f.text("version") {
			return store.ErrVersion
		}
		had := len(ep.EventTypes) > 0
		f.read(ep)
		if had && len(ep.EventTypes) == 0 {
			f.fault("event_types", "Choose at least one event type, or every event.")
		}
		if f.Bad() {
			return webhook.ErrInvalid
		}
		return nil
	})
	if errors.Is(err, store.ErrVersion) {
		f.fault("version", "Somebody else has changed this webhook while you were editing it. Copy what you have typed, and open this page again.")
		return false, nil
	}
	if f.Bad() { // which is why change returned an error
		return false, f.faults(c.m.CheckEndpoint(r.Context(), unsaved(p.Endpoint, f)))
	}
	if err := f.faults(err); err != nil {
		return false, err
	}
	return !f.Bad(), nil
}

// unsaved returns an endpoint as the form has it, without what is the library's.
func unsaved(ep webhook.Endpoint, f *form) webhook.Endpoint {
	out := webhook.Endpoint{Tenant: ep.Tenant}
	f.read(&out)
	out.Headers = nil // those that are kept have no values here
	return out
}

func (c *console) preview(r *http.Request, p *editPage, ep webhook.Endpoint) error {
	p.Form.read(&ep)
	p.Form.keep(func(string) bool { return false })
	preview, err := c.m.PreviewUnsaved(r.Context(), ep, manage.Sample{
		EventType: p.Form.text("sample.type"), Data: json.RawMessage(p.Form.text("sample.data")),
	})
	if err == nil {
		p.Preview = &preview
		return nil
	}
	return p.Form.faults(err)
}

func (c *console) showEditor(w http.ResponseWriter, r *http.Request, p *editPage, types []webhook.EventType) error {
	p.page = c.newPage(r, "overview", "Edit "+host(p.Endpoint.URL))
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}, {p.Root + p.Endpoint.ID, host(p.Endpoint.URL)}}
	p.Choices, p.Selector = formChoices, selectorOf(p.Form, types)
	for _, t := range types {
		p.Types = append(p.Types, option{t.Name, t.Name})
	}
	if len(p.Types) == 0 {
		p.Types = []option{{pingType, pingType}}
	}
	status := http.StatusOK
	if p.Form.Bad() {
		status = http.StatusUnprocessableEntity
	}
	c.show(w, r, status, "edit", p)
	return nil
}
