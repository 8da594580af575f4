package console

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The views of the audit page.
const (
	viewLog       = "log"
	viewIncidents = "incidents"
	viewSecurity  = "security"
)

type auditPage struct {
	page
	View  string
	Views []choice
	Query url.Values
	Next  string
	First bool

	Records   []webhook.AuditRecord
	Incidents []webhook.Incident
	Findings  []manage.Finding
}

// Narrowed says that not all records are meant.
func (p *auditPage) Narrowed() bool {
	return slices.ContainsFunc([]string{"action", "actor", "resource", "from", "to"}, func(name string) bool { return p.Query.Get(name) != "" })
}

func (c *console) audit(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	p := &auditPage{page: c.newPage(r, "audit", "Audit"), View: q.Get("view"), Query: q, First: q.Get("cursor") == ""}
	if p.View != viewIncidents && p.View != viewSecurity {
		p.View = viewLog
	}
	for _, v := range []option{{viewLog, "Audit log"}, {viewIncidents, "Incidents"}, {viewSecurity, "Security report"}} {
		p.Views = append(p.Views, choice{"?view=" + v.Value, v.Text, v.Value == p.View})
	}
	from, to, err := timesOf(q)
	if err != nil {
		return err
	}
	list := manage.Listing{Tenant: tenant(ctx), Name: p.View, Cursor: q.Get("cursor"), Limit: rowsOnPage}
	var next string
	switch p.View {
	case viewIncidents:
		filter := store.IncidentFilter{From: from, To: to}
		list.Filter = filter
		p.Incidents, next, err = manage.ReadPage(ctx, c.m, list, func(page store.Page) ([]webhook.Incident, error) {
			return c.m.Incidents(ctx, tenant(ctx), filter, page)
		}, func(i *webhook.Incident) string { return i.ID })
	case viewSecurity:
		p.Findings, err = c.m.SecurityReport(ctx, tenant(ctx))
	default:
		filter := store.AuditFilter{Action: webhook.AuditAction(q.Get("action")), Actor: q.Get("actor"), Resource: q.Get("resource"), From: from, To: to}
		list.Filter = filter
		p.Records, next, err = manage.ReadPage(ctx, c.m, list, func(page store.Page) ([]webhook.AuditRecord, error) {
			return c.m.Audit(ctx, tenant(ctx), filter, page)
		}, func(a *webhook.AuditRecord) string { return a.ID })
	}
	if err != nil {
		return err
	}
	p.Next = nextLink(q, next)
	c.show(w, r, http.StatusOK, "audit", p)
	return nil
}
