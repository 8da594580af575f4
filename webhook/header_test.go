package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
)

func TestReservedHeader(t *testing.T) {
	reserved := []string{
		"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "TE", "Trailer",
		"Connection", "Keep-Alive", "Upgrade", "HTTP2-Settings", "Expect", "User-Agent", "Accept-Encoding", "Date",
		"Via", "Forwarded", "Cookie", "Set-Cookie", "Origin", "Referer", "Range", "Content-Range", "Max-Forwards",
		"Traceparent", "Tracestate", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip",
		"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url",
		"webhook-id", "webhook-timestamp", "webhook-signature", "webhook-anything", "webhook-",
		"Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection", "X-Forwarded-For", "X-Forwarded-Host",
		"CF-Connecting-IP", "Sec-Fetch-Site", "Access-Control-Allow-Origin",
	}
	for _, name := range reserved {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ToUpper(strings.ReplaceAll(name, "-", "_"))} {
			if !webhook.ReservedHeader(spelling) {
				t.Errorf("ReservedHeader(%q) = false; want true: an endpoint could forge or break the request", spelling)
			}
			got := webhook.CheckHeaders(map[string]string{spelling: "x"})
			if len(got) != 1 || got[0].Field != "headers" || got[0].Code != webhook.CodeHeaderNotAllowed {
				t.Errorf("CheckHeaders(%q) = %v; want %s", spelling, got, webhook.CodeHeaderNotAllowed)
			}
		}
	}
	for _, name := range []string{"Authorization", "X-Api-Key", "Accept", "X-Host", "Webhooks", "Hosts", "X-Webhook-Id", "Proxy", "Cf", "X_Tenant"} {
		if webhook.ReservedHeader(name) {
			t.Errorf("ReservedHeader(%q) = true; want false", name)
		}
	}
}

func TestCheckHeaders(t *testing.T) {
	many := func(n int) map[string]string {
		h := map[string]string{}
		for i := range n {
			h[fmt.Sprintf("X-%d", i)] = "v"
		}
		return h
	}
	long := strings.Repeat("v", 4<<10-len("X-A"))
	for _, tt := range []struct {
		name    string
		headers map[string]string
		want    string // the code, or "" if all is well
	}{
		{"none", nil, ""},
		{"an API key", map[string]string{"Authorization": "Bearer x", "X-Api-Key": "k"}, ""},
		{"empty value", map[string]string{"X-A": ""}, ""},
		{"spaces inside", map[string]string{"X-A": "a \t b"}, ""},
		{"every token character", map[string]string{"!#$%&'*+-.^_`|~09AZaz": "v"}, ""},
		{"20", many(20), ""},
		{"21", many(21), webhook.CodeInvalidField},
		{"4 KiB", map[string]string{"X-A": long}, ""},
		{"4 KiB and a byte", map[string]string{"X-A": long + "v"}, webhook.CodeInvalidField},
		{"empty name", map[string]string{"": "v"}, webhook.CodeInvalidField},
		{"space in name", map[string]string{"X A": "v"}, webhook.CodeInvalidField},
		{"colon in name", map[string]string{"X:A": "v"}, webhook.CodeInvalidField},
		{"pseudo-header", map[string]string{":authority": "v"}, webhook.CodeInvalidField},
		{"CRLF in name", map[string]string{"X\r\nHost": "v"}, webhook.CodeInvalidField},
		{"non-ASCII name", map[string]string{"X-Ä": "v"}, webhook.CodeInvalidField},
		{"CRLF in value", map[string]string{"X-A": "v\r\nHost: evil"}, webhook.CodeInvalidField},
		{"LF in value", map[string]string{"X-A": "v\nw"}, webhook.CodeInvalidField},
		{"NUL in value", map[string]string{"X-A": "v\x00"}, webhook.CodeInvalidField},
		{"DEL in value", map[string]string{"X-A": "v\x7f"}, webhook.CodeInvalidField},
		{"non-ASCII value", map[string]string{"X-A": "é"}, webhook.CodeInvalidField},
		{"space before", map[string]string{"X-A": " v"}, webhook.CodeInvalidField},
		{"tab after", map[string]string{"X-A": "v\t"}, webhook.CodeInvalidField},
		{"same name by case", map[string]string{"X-A": "1", "x-a": "2"}, webhook.CodeInvalidField},
		{"same name by underscore", map[string]string{"X-A": "1", "X_A": "2"}, webhook.CodeInvalidField},
		{"reserved", map[string]string{"Host": "evil"}, webhook.CodeHeaderNotAllowed},
	} {
		got := webhook.CheckHeaders(tt.headers)
		switch {
		case tt.want == "" && got != nil:
			t.Errorf("CheckHeaders, %s = %v; want none", tt.name, got)
		case tt.want != "" && (len(got) != 1 || got[0].Code != tt.want || got[0].Field != "headers"):
			t.Errorf("CheckHeaders, %s = %v; want one of code %s", tt.name, got, tt.want)
		}
	}
}

// Maps have no order; the answer about one must not depend on chance.
func TestCheckHeadersIsDeterministic(t *testing.T) {
	h := map[string]string{"Host": "a", "X A": "b", "X-B": "\n", "x-b": "c"}
	first := webhook.CheckHeaders(h)
	for range 50 {
		if diff := cmp.Diff(first, webhook.CheckHeaders(h)); diff != "" {
			t.Fatalf("the same headers, another answer: %s", diff)
		}
	}
}

// FuzzCheckHeaders writes what is accepted as a request and reads it back as a
// server does: nothing but that one header may have changed.
func FuzzCheckHeaders(f *testing.F) {
	f.Add("X-Api-Key", "secret")
	f.Add("Host", "evil")
	f.Add("transfer_encoding", "chunked")
	f.Add("X-A", "v\r\nContent-Length: 0")
	f.Add("X-A", " \t")
	f.Add("!#$%&'*+-.^_`|~", "")
	f.Fuzz(func(t *testing.T, name, value string) {
		if webhook.CheckHeaders(map[string]string{name: value}) != nil {
			t.Skip()
		}
		header := http.Header{http.CanonicalHeaderKey(name): {value}}
		resp, err := dialOnly.RoundTrip(newRequest(t, header))
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, errDialed) {
			t.Fatalf("accepted %q: %q, which net/http refuses to send: %v", name, value, err)
		}
		plain, custom := roundTrip(t, nil), roundTrip(t, header)
		if got := custom.Header.Values(name); len(got) != 1 || got[0] != value {
			t.Fatalf("%q: %q arrived as %q", name, value, got)
		}
		custom.Header.Del(name)
		if diff := cmp.Diff(plain.Header, custom.Header); diff != "" {
			t.Fatalf("%q: %q changed other headers: %s", name, value, diff)
		}
		if custom.Host != plain.Host || custom.ContentLength != plain.ContentLength || custom.Close != plain.Close ||
			len(custom.TransferEncoding) != 0 || len(custom.Trailer) != 0 || custom.body != plain.body {
			t.Fatalf("%q: %q changed the framing or the target of the request", name, value)
		}
	})
}

type received struct {
	*http.Request
	body string
}

// dialOnly gets as far as dialling, which it does once it has found the headers
// valid.
var (
	errDialed = errors.New("dialled")
	dialOnly  = &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return nil, errDialed }}
)

func newRequest(t *testing.T, h http.Header) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://acme.example/hooks", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if h != nil {
		req.Header = h
	}
	return req
}

func roundTrip(t *testing.T, h http.Header) received {
	t.Helper()
	var wire bytes.Buffer
	if err := newRequest(t, h).Write(&wire); err != nil {
		t.Fatalf("write request: %v", err)
	}
	r := bufio.NewReader(&wire)
	got, err := http.ReadRequest(r)
	if err != nil {
		t.Fatalf("read request: %v", err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Fatalf("%d bytes follow the request, %v: a second request was smuggled", len(rest), err)
	}
	return received{got, string(body)}
}
