package console

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// route is a page or a form: what it needs, and what makes it. An error of serve is
// answered with a page that says what to do.
type route struct {
	method, path string
	need         need
	serve        func(http.ResponseWriter, *http.Request) error
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// routes is the table of all pages. An {id} is a webhook's.
func (c *console) routes() []route {
	return []route{
		{get, "/", reader, c.overview},
		{get, "/manage", reader, c.overview},
		{get, "/create", developer, c.creator},
		{post, "/create", developer, c.create},

		{get, "/testing", developer, c.testing},
		{post, "/testing/check", developer, c.check},
		{get, "/history", reader, c.history},
		{get, "/history/{event}", reader, c.event},
		{post, "/history/{event}/cancel", developer, c.cancelEvent},
		{get, "/keys", owner, c.keys},
		{post, "/keys", owner, c.createKey},
		{post, "/keys/{key}/revoke", owner, c.revokeKey},
		{get, "/events", reader, c.reference},
		{get, "/events/{type}", reader, c.eventType},
		{get, "/events/{type}/edit", registrar, c.typeEditor},
		{post, "/events/{type}/edit", registrar, c.changeType},
		{post, "/events/{type}/retire", registrar, c.retireType},
		{get, "/event-types/new", registrar, c.newType},
		{post, "/event-types/new", registrar, c.registerType},
		{get, "/analytics", reader, c.analytics},
		{get, "/audit", admin, c.audit},
		{get, "/dead-letters", reader, c.deadLetters},
		{post, "/dead-letters/redeliver", developer, c.redeliverDeadLetters},
		{get, "/redeliveries/{job}", reader, c.redelivery},
		{post, "/redeliveries/{job}/cancel", developer, c.cancelRedelivery},

		{get, "/{id}", reader, c.details},
		{post, "/{id}", developer, c.verifyOnDetails},
		{post, "/{id}/pause", developer, c.pause},
		{post, "/{id}/resume", developer, c.resume},
		{post, "/{id}/delete", developer, c.delete},
		{post, "/{id}/rotate", developer, c.rotate},

		{get, "/{id}/edit", developer, c.editor},
		{post, "/{id}/edit", developer, c.edit},
		{get, "/{id}/test", developer, c.tester},
		{post, "/{id}/test", developer, c.test},

		{get, "/{id}/deliveries", reader, c.deliveries},
		{get, "/{id}/deliveries/live", reader, c.follow},
		{get, "/{id}/deliveries/export", reader, c.export},
		{get, "/{id}/deliveries/{delivery}", reader, c.delivery},
		{post, "/{id}/deliveries/redeliver", developer, c.redeliverWebhook},
		{post, "/{id}/deliveries/{delivery}/retry", developer, c.retry},
		{post, "/{id}/deliveries/{delivery}/cancel", developer, c.cancel},
	}
}

// portalRoutes are those that let customers in, if the host wants a portal.
func (c *console) portalRoutes() []route {
	if !c.cfg.Portal {
		return nil
	}
	return []route{
		{get, portalPath, anyone, c.portal},
		{post, portalPath, anyone, c.enter},
		{post, leavePath, anyone, c.leave},
	}
}

// build makes the router.
func (c *console) build() {
	c.router = chi.NewRouter()
	for _, rt := range append(c.routes(), c.portalRoutes()...) {
		c.router.Method(rt.method, rt.path, c.letIn(rt))
		if rt.method == get {
			c.router.Method(http.MethodHead, rt.path, c.letIn(rt))
		}
	}
	c.router.Get("/static/{version}/{file}", func(w http.ResponseWriter, r *http.Request) {
		if !c.assets.serve(w, r) {
			c.fail(w, r, &trouble{status: http.StatusNotFound})
		}
	})
	c.router.NotFound(func(w http.ResponseWriter, r *http.Request) { c.fail(w, r, &trouble{status: http.StatusNotFound}) })
	c.router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, &trouble{status: http.StatusMethodNotAllowed})
	})
}
