package manage

import (
	"maps"
	"net/http"
	"net/url"

	"github.com/postrider/postrider/webhook"
)

// Hidden stands for the value of a custom header wherever an endpoint is
// returned. Where one is changed it stands for the value that the header has.
const Hidden = "***"

// nothingHidden is what is wrong with Hidden for a header that has no value yet.
var nothingHidden = webhook.FieldError{
	Field: "headers", Code: webhook.CodeInvalidField,
	Message: `"***" stands for the value that a header has; a new header needs one.`,
}

// hide returns headers as people may see them.
func hide(headers map[string]string) map[string]string {
	hidden := maps.Clone(headers)
	for name := range hidden {
		hidden[name] = Hidden
	}
	return hidden
}

// keepHidden returns headers with the values of before for those that are
// Hidden. It reports false if before has no value for one; names are compared as
// HTTP does.
func keepHidden(headers, before map[string]string) (map[string]string, bool) {
	values := make(map[string]string, len(before))
	for name, value := range before {
		values[http.CanonicalHeaderKey(name)] = value
	}
	kept, ok := maps.Clone(headers), true
	for name, value := range kept {
		if value != Hidden {
			continue
		}
		old, has := values[http.CanonicalHeaderKey(name)]
		if kept[name] = old; !has {
			ok = false
		}
	}
	return kept, ok
}

// otherHost reports whether a credential that was given for one URL must not go
// to another: it is at another host or port, or goes there in another way, unless that
// is encrypted now.
func otherHost(from, to string) bool {
	a, err := url.Parse(from)
	if err != nil {
		return true
	}
	b, err := url.Parse(to)
	if err != nil {
		return true
	}
	if !isHTTP(a) && !isHTTP(b) { // the name of a topic may be anywhere in its URL
		return from != to
	}
	return a.Host != b.Host || a.Scheme != b.Scheme && (a.Scheme != "http" || b.Scheme != "https")
}

func isHTTP(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }
