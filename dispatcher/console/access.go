package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// need is what a visitor needs for a page.
type need int

const (
	anyone    need = iota // nobody in particular
	reader                // a developer or an admin; a viewer, if the host allows that
	developer             // a developer or an admin
	admin                 // an admin
	owner                 // an admin whom the host has let in: what a portal's session makes must not outlive it
	registrar             // an admin with the scope event-types
)

// scopeEventTypes opens what is the host's of event types.
const scopeEventTypes = "event-types"

// visitor is who makes a request.
type visitor struct {
	webhook.Principal
	// Portal says that they came with a portal token.
	Portal bool
}

// known says that somebody was let in.
func (v *visitor) known() bool { return v.Role.Valid() }

// metBy reports whether a visitor may see a page.
func (n need) metBy(v *visitor, allowViewer bool) bool {
	switch v.Role {
	case webhook.RoleAdmin:
		return (n != owner || !v.Portal) && (n != registrar || slices.Contains(v.Scopes, scopeEventTypes))
	case webhook.RoleDeveloper:
		return n <= developer
	case webhook.RoleViewer:
		return n <= reader && allowViewer
	}
	return n == anyone
}

type visitorKey struct{}

// visitorOf returns who makes a request, or nobody for one that was not let in.
func visitorOf(ctx context.Context) *visitor {
	v, ok := ctx.Value(visitorKey{}).(*visitor)
	if !ok {
		return new(visitor)
	}
	return v
}

// principal returns who makes a request that was let in.
func principal(ctx context.Context) webhook.Principal { return visitorOf(ctx).Principal }

// tenant returns the only tenant that a request may be about.
func tenant(ctx context.Context) string { return principal(ctx).Tenant }

// identify says who makes a request: the customer whose portal token is in the cookie, or
// whom the host knows. Errors are errSessionEnded, and those of Config.Authenticate.
func (c *console) identify(r *http.Request) (*visitor, error) {
	if v, err := c.customer(r); v != nil || err != nil {
		return v, err
	}
	p, err := c.cfg.Authenticate(r)
	switch {
	case err != nil:
		return nil, err
	case !p.Role.Valid(), !webhook.ValidTenant(p.Tenant):
		return nil, webhook.ErrForbidden
	}
	return &visitor{Principal: p}, nil
}

// maxForm bounds the body of a form: a payload of 256 KiB that is escaped throughout fits.
const maxForm = 1 << 20

// letIn returns what stands before a page: it finds out who asks, whether they may, and
// whether they have sent what we read.
func (c *console) letIn(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard := c.crossOrigin
		if rt.need == anyone {
			guard = c.entrance
		}
		if err := guard.Check(r); err != nil {
			c.fail(w, r, &trouble{status: http.StatusForbidden, code: "cross_origin", text: "This request came from another site, and nothing was done.", todo: "Open the console itself and try again there."})
			return
		}
		v, err := c.identify(r)
		if err != nil && rt.need != anyone {
			c.refuse(w, r, err)
			return
		}
		if v != nil {
			ctx := webhook.WithActor(r.Context(), webhook.Actor{Name: v.Actor, Address: c.cfg.ClientAddress(r)})
			r = r.WithContext(context.WithValue(ctx, visitorKey{}, v))
		}
		if !rt.need.metBy(visitorOf(r.Context()), c.cfg.AllowViewer) {
			c.fail(w, r, &trouble{status: http.StatusForbidden})
			return
		}
		if t := readForm(w, r); t != nil {
			c.fail(w, r, t)
			return
		}
		if err := rt.serve(w, r); err != nil {
			c.fail(w, r, c.troubleOf(r.Context(), err))
		}
	}
}

// refuse answers a request of somebody who could not be identified.
func (c *console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errSessionEnded):
		redirect(w, root(r.Context())+"portal", http.StatusSeeOther) // which says what to do
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrUnknown):
		c.fail(w, r, &trouble{status: http.StatusServiceUnavailable})
	case errors.Is(err, webhook.ErrForbidden):
		c.fail(w, r, &trouble{status: http.StatusForbidden})
	case c.cfg.SignIn != nil && r.Method != http.MethodPost:
		c.cfg.SignIn.ServeHTTP(w, r)
	default:
		c.fail(w, r, &trouble{status: http.StatusUnauthorized})
	}
}

// readForm reads the query and the form of a request. It refuses text that no database
// would take.
func readForm(w http.ResponseWriter, r *http.Request) *trouble {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !clean(query) {
		return &trouble{status: http.StatusUnprocessableEntity, text: "The address of this page has characters in it that cannot be.", todo: "Follow a link of the console instead."}
	}
	if r.Method != http.MethodPost {
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &trouble{status: http.StatusRequestEntityTooLarge, text: "The form is too large: at most 1 MiB can be sent.", todo: "Go back and shorten it."}
		}
		return &trouble{status: http.StatusBadRequest, text: "The form could not be read.", todo: "Go back and send it again."}
	}
	for name, values := range r.PostForm {
		for i := range values { // as browsers send what has several lines
			r.PostForm[name][i] = strings.ReplaceAll(values[i], "\r\n", "\n")
		}
	}
	if !clean(r.PostForm) {
		return &trouble{status: http.StatusUnprocessableEntity, text: "The form has control characters in it, or text that is not UTF-8.", todo: "Go back and take them out."}
	}
	return nil
}

// clean reports whether all values are UTF-8 without control characters but those of text
// with several lines.
func clean(values url.Values) bool {
	for name, list := range values {
		for _, v := range append(list, name) {
			if !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
				return false
			}
		}
	}
	return true
}
