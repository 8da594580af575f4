package transport

import (
	"context"
	"strings"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// Scheme is a Transport for URLs that are not HTTP's, such as those of topics. The
// guard has no say in them: CheckURL is all that stands between what a tenant types
// and what the host can reach.
type Scheme interface {
	Transport
	// CheckURL returns the normal form of a URL that an endpoint of a tenant is to
	// have; checking a normal form returns it unchanged. An error refuses the URL,
	// and its text is shown to nobody. There is no I/O. It is safe for concurrent
	// use.
	CheckURL(tenant, raw string) (normal string, err error)
}

// BySchemes returns a Transport that sends by the one that is registered for a URL's
// scheme, in lower case, and by other if there is none.
func BySchemes(other Transport, schemes map[string]Scheme) Transport {
	if len(schemes) == 0 {
		return other
	}
	return TransportFunc(func(ctx context.Context, req *Request) (*Response, error) {
		if s := SchemeOf(req.URL, schemes); s != nil {
			own := *req
			own.Scope.Tenant = nil // its ranges and domains are about HTTP; CheckURL knew the tenant
			return s.Send(ctx, &own)
		}
		return other.Send(ctx, req)
	})
}

// SchemeOf returns what is registered for a URL's scheme, or nil.
func SchemeOf(raw string, schemes map[string]Scheme) Scheme {
	name, _, ok := strings.Cut(raw, "://")
	if !ok {
		return nil
	}
	return schemes[strings.ToLower(name)]
}

// CheckSchemeURL returns the normal form of a URL by the judgement of its scheme, or
// the errors of guard.Guard.CheckURL, whose rules of syntax hold for every URL: its
// length, no control bytes, spaces, backslashes or fragment, and nothing before an
// "@", where passwords stand.
func CheckSchemeURL(s Scheme, tenant, raw string) (string, error) {
	_, rest, _ := strings.Cut(raw, "://")
	authority, _, _ := strings.Cut(rest, "/")
	if !guard.Clean(raw) || strings.Contains(authority, "@") {
		return "", webhook.Invalid("url", webhook.CodeURLInvalid, "Endpoint must be a valid HTTPS URL.")
	}
	normal, err := s.CheckURL(tenant, raw)
	if err != nil || !guard.Clean(normal) {
		return "", webhook.Invalid("url", webhook.CodeURLNotAllowed, "Endpoint address is not allowed.")
	}
	return normal, nil
}

// ValidScheme reports whether a Scheme can be registered under a name: one of RFC
// 3986, section 3.1, in lower case, and not http or https.
func ValidScheme(name string) bool {
	if name == "" || name[0] < 'a' || name[0] > 'z' || name == "http" || name == "https" {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}
