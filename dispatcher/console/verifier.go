package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
)

// verifier is a SignatureVerifier: a form for a request as it arrived, and what is wrong
// with its signature.
type verifier struct {
	page
	// Action is where the form goes.
	Action        string
	Headers, Body string
	Checked       bool
	Result        manage.Verification
	Error         string
}

// Part says which part of the request to look at.
func (v *verifier) Part() string {
	switch v.Result.Reason {
	case manage.SignatureMissingHeader, manage.SignatureBadID, manage.SignatureUnknownScheme:
		return "Look at the headers."
	case manage.SignatureBadTimestamp, manage.SignatureTooOld, manage.SignatureTooNew:
		return "Look at the timestamp."
	case manage.SignatureBodyChanged:
		return "Look at the body."
	case manage.SignatureSecretEnded, manage.SignatureWrongSecret:
		return "Look at the secret."
	}
	return "Look at the secret first, then at the body."
}

func (c *console) verifyOnDetails(w http.ResponseWriter, r *http.Request) error {
	v, err := c.verify(r, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return c.showDetails(w, r, v)
}

// verify checks the request that was pasted into a SignatureVerifier.
func (c *console) verify(r *http.Request, endpoint string) (verifier, error) {
	v := verifier{Headers: r.PostForm.Get("headers"), Body: r.PostForm.Get("body")}
	header, ok := pastedHeaders(v.Headers)
	if !ok {
		v.Error = "Write one header a line, as “name: value”."
		return v, nil
	}
	var err error
	v.Result, err = c.m.VerifySignature(r.Context(), tenant(r.Context()), endpoint, header, []byte(v.Body))
	if errors.Is(err, manage.ErrTestLimit) {
		v.Error = "Too many tests in a row. Try again in a second."
		return v, nil
	}
	v.Checked = err == nil
	return v, err
}

// pastedHeaders reads headers of a line each.
func pastedHeaders(text string) (http.Header, bool) {
	header := make(http.Header)
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, false
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, true
}
