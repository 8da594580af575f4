package auth_test

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/webhook"
)

// What passes validation is one header, with one line, whatever is in it.
func FuzzFixedCredentials(f *testing.F) {
	for _, secret := range []string{"s3cret", "a\r\nX-B: c", "a\x00", "a b", "ü", "", " a", "a:b"} {
		for i := range fixedTypes {
			f.Add(i, "X-Token", "ann", secret)
		}
	}
	f.Add(0, "X-Token\r\nX-B", "a:b", "x")
	f.Add(0, "webhook_id", "", "x")
	f.Fuzz(func(t *testing.T, kind int, header, username, secret string) {
		a := webhook.Auth{Type: fixedTypes[uint(kind)%uint(len(fixedTypes))], Secret: webhook.NewCredential(secret)}
		switch a.Type {
		case webhook.AuthAPIKey:
			a.Header = header
		case webhook.AuthBasic:
			a.Username = username
		}
		ep := webhook.Endpoint{URL: "https://a.example/", Auth: a}
		if ep.Validate() != nil {
			return
		}
		set := auth.NewCredentials(&ep).Fixed()
		var wire bytes.Buffer
		req := &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "a.example", Path: "/"}, Header: set}
		if err := req.Write(&wire); err != nil {
			t.Fatalf("a request with %q cannot be written: %v", set, err)
		}
		read, err := http.ReadRequest(bufio.NewReader(&wire))
		if err != nil {
			t.Fatalf("a request with %q cannot be read: %v", set, err)
		}
		read.Header.Del("User-Agent")
		read.Header.Del("Content-Length")
		for name, values := range set {
			if len(read.Header) != 1 || !slices.Equal(read.Header[name], values) || webhook.ReservedHeader(name) {
				t.Errorf("the headers %q arrive as %q; want one, the same, and not a reserved one", set, read.Header)
			}
		}
	})
}

var fixedTypes = []webhook.AuthType{webhook.AuthAPIKey, webhook.AuthBasic, webhook.AuthBearer}
