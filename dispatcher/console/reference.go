package console

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// referencePage is the EventReference: all event types by group.
type referencePage struct {
	page
	Query  string
	Groups []typeGroup
	Count  int
	// Empty says that there are no types at all.
	Empty bool
}

func (c *console) reference(w http.ResponseWriter, r *http.Request) error {
	p := &referencePage{page: c.newPage(r, "events", "Event reference"), Query: r.URL.Query().Get("q")}
	types, err := c.m.EventTypes(r.Context(), manage.EventTypeFilter{Archived: p.Types})
	if err != nil {
		return err
	}
	p.Empty = len(types) == 0
	wanted := strings.ToLower(strings.TrimSpace(p.Query))
	for _, g := range groupTypes(types) {
		var found []typeChoice
		for _, t := range g.Types {
			if shown(&t, wanted, g.Name, nil) {
				found = append(found, t)
			}
		}
		if g.Types = found; len(found) > 0 {
			p.Groups = append(p.Groups, g)
			p.Count += len(found)
		}
	}
	c.show(w, r, http.StatusOK, "reference", p)
	return nil
}

// typePage documents one event type.
type typePage struct {
	page
	Type    webhook.EventType
	Rows    []schemaRow
	Schema  string
	Example string
	Samples []sample
}

// Ours says that the visitor may change it here.
func (p *typePage) Ours() bool { return p.Types && p.Type.Owner != webhook.OwnerCode }

func (c *console) eventType(w http.ResponseWriter, r *http.Request) error {
	t, err := c.m.EventType(r.Context(), chi.URLParam(r, "type"))
	if err != nil {
		return err
	}
	p := &typePage{page: c.newPage(r, "events", t.Name), Type: t, Rows: schemaRows(t.Schema())}
	p.Breadcrumbs = []crumb{{p.Root + "events", "Event reference"}}
	if len(t.Schema()) > 0 {
		p.Schema = pretty(t.Schema())
	}
	if len(t.Example) > 0 {
		p.Example = pretty(t.Example)
	}
	p.Samples = samplesOf(&t)
	c.show(w, r, http.StatusOK, "eventtype", p)
	return nil
}
