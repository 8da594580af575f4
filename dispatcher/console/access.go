package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// need is what a principal needs for a page.
type need int

const (
	reader    need = iota // a developer or an admin; a viewer, if the host allows that
	developer             // a developer or an admin
	admin                 // an admin
)

// meets reports whether a role is enough.
func (n need) meets(role webhook.Role, allowViewer bool) bool {
	switch role {
	case webhook.RoleAdmin:
		return true
	case webhook.RoleDeveloper:
		return n != admin
	case webhook.RoleViewer:
		return n == reader && allowViewer
	}
	return false
}

type principalKey struct{}

// principal returns who makes a request that was let in.
func principal(ctx context.Context) webhook.Principal {
	p, _ := ctx.Value(principalKey{}).(webhook.Principal)
	return p
}

// tenant returns the only tenant that a request may be about.
func tenant(ctx context.Context) string { return principal(ctx).Tenant }

// maxForm bounds the body of a form: a payload of 256 KiB that is escaped throughout fits.
const maxForm = 1 << 20

// letIn returns what stands before a page: it finds out who asks, whether they may, and
// whether they have sent what we read.
func (c *console) letIn(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := c.crossOrigin.Check(r); err != nil {
			c.fail(w, r, &trouble{status: http.StatusForbidden, code: "cross_origin", text: "This request came from another site, and nothing was done.", todo: "Open the console itself and try again there."})
			return
		}
		p, err := c.cfg.Authenticate(r)
		switch {
		case err == nil && p.Role.Valid() && webhook.ValidTenant(p.Tenant):
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrUnknown):
			c.fail(w, r, &trouble{status: http.StatusServiceUnavailable})
			return
		case err == nil, errors.Is(err, webhook.ErrForbidden):
			c.fail(w, r, &trouble{status: http.StatusForbidden})
			return
		default:
			c.fail(w, r, &trouble{status: http.StatusUnauthorized})
			return
		}
		ctx := webhook.WithActor(r.Context(), webhook.Actor{Name: p.Actor, Address: c.cfg.ClientAddress(r)})
		r = r.WithContext(context.WithValue(ctx, principalKey{}, p))
		if !rt.need.meets(p.Role, c.cfg.AllowViewer) {
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
