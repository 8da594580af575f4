package send

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/webhook"
)

// echo masks credentials in what the receiver answers: one that repeats the request
// would have them kept unsealed. The zero value masks nothing.
type echo struct {
	pairs  []string
	values *strings.Replacer
}

// shortestEcho is the length from which a value can be told from ordinary text.
const shortestEcho = 6

// newEcho masks what an endpoint's owner has set as headers, and the secret of the
// authentication in the forms in which it is sent.
func newEcho(ep *webhook.Endpoint, c *auth.Credentials) echo {
	var e echo
	for _, value := range ep.Headers {
		e.add(value)
	}
	e.add(ep.Auth.Secret.Reveal())
	e.addHeader(c.Fixed())
	return e.made()
}

// with returns an echo that also masks the values of a header.
func (e echo) with(h http.Header) echo {
	e.pairs = slices.Clone(e.pairs)
	e.addHeader(h)
	return e.made()
}

func (e *echo) addHeader(h http.Header) {
	for _, values := range h {
		for _, value := range values {
			e.add(value)
		}
	}
}

// add masks a value, and what stands after "Bearer", "Basic" or the like.
func (e *echo) add(value string) {
	e.addForms(value)
	if _, credential, ok := strings.Cut(value, " "); ok {
		e.addForms(credential)
	}
}

// addForms masks a text as it is and as JSON has it, with and without an escape
// before each slash.
func (e *echo) addForms(text string) {
	if len(text) < shortestEcho {
		return
	}
	forms := []string{text}
	if quoted, err := json.Marshal(text); err == nil {
		escaped := string(quoted[1 : len(quoted)-1])
		forms = append(forms, escaped, strings.ReplaceAll(escaped, "/", `\/`))
	}
	for _, form := range slices.Compact(forms) {
		e.pairs = append(e.pairs, form, redacted)
	}
}

func (e echo) made() echo {
	if len(e.pairs) > 0 {
		e.values = strings.NewReplacer(e.pairs...)
	}
	return e
}

func (e echo) mask(text string) string {
	if e.values == nil {
		return text
	}
	return e.values.Replace(text)
}

func (e echo) maskBytes(text []byte) []byte {
	if e.values == nil {
		return text
	}
	return []byte(e.values.Replace(string(text)))
}
