package transport_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

const (
	generous = 10 * time.Second
	shortly  = 200 * time.Millisecond
)

// TestHostileReceivers sends to receivers that break HTTP in every way we know
// of, and wants the one class that each has.
func TestHostileReceivers(t *testing.T) {
	for _, c := range []struct {
		name    string
		serve   func(net.Conn)
		timeout time.Duration
		class   webhook.ErrorClass
		text    string
	}{
		{"silence", hold, shortly, webhook.ClassTimeout, "context deadline exceeded"},
		{"close before the header", afterRequest(func(net.Conn) {}), generous, webhook.ClassConnect, "connection was closed before a response came"},
		{"reset before the header", afterRequest(reset), generous, webhook.ClassConnect, "connection reset by peer"},
		{"close inside the header", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nX-A: b\r\n") }), generous, webhook.ClassConnect, "connection was closed before a response came"},
		{"slow header", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nX-A: b\r\n"); hold(c) }), shortly, webhook.ClassTimeout, "context deadline exceeded"},
		{"slow body", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"); hold(c) }), shortly, webhook.ClassTimeout, "context deadline exceeded"},
		{"slow error body", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nabc"); hold(c) }), shortly, webhook.ClassTimeout, "context deadline exceeded"},
		{"slow chunks", afterRequest(func(c net.Conn) {
			say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
			hold(c)
		}), shortly, webhook.ClassTimeout, "context deadline exceeded"},
		{"endless header", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\n"); forever(c, "X-A: b\r\n") }), generous, webhook.ClassProtocol, "response header is too large"},
		{"endless header line", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nX-A: "); forever(c, "bbbbbbbb") }), generous, webhook.ClassProtocol, "response header is too large"},
		{"endless status line", afterRequest(func(c net.Conn) { forever(c, "HTTP/1.1") }), generous, webhook.ClassProtocol, "response header is too large"},
		{"1xx flood", afterRequest(func(c net.Conn) { forever(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") }), generous, webhook.ClassProtocol, "response header is too large"},
		{"1xx and silence", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 102 Processing\r\n\r\n"); hold(c) }), shortly, webhook.ClassTimeout, "context deadline exceeded"},
		{"switching protocols", afterRequest(func(c net.Conn) {
			say(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			hold(c)
		}), generous, webhook.ClassProtocol, "receiver switched protocols"},
		{"garbage", afterRequest(func(c net.Conn) { say(c, "\x00\xff c4n4ry \r\n\r\n") }), generous, webhook.ClassProtocol, "response is not valid HTTP"},
		{"another protocol", afterRequest(func(c net.Conn) { say(c, "SSH-2.0-OpenSSH_9.6\r\n"); hold(c) }), generous, webhook.ClassProtocol, "response is not valid HTTP"},
		{"bad header", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\n: c4n4ry\r\n\r\n") }), generous, webhook.ClassProtocol, "response is not valid HTTP"},
		{"two lengths", afterRequest(func(c net.Conn) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
		}), generous, webhook.ClassProtocol, "response is not valid HTTP"},
		{"bad length", afterRequest(func(c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n") }), generous, webhook.ClassProtocol, "response is not valid HTTP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRawReceiver(t, c.serve)
			resp, err := post(t, newHTTP(t, transport.HTTPConfig{Guard: open}), "http://"+r.Addr().String()+"/", c.timeout)
			wantClass(t, resp, err, c.class, c.text)
			if err.RemoteAddr != r.Addr().String() {
				t.Errorf("RemoteAddr = %q; want %q", err.RemoteAddr, r.Addr())
			}
			if n := r.accepted.Load(); n != 1 {
				t.Errorf("Send made %d connections; want 1", n)
			}
		})
	}
}

// TestOddResponses sends to receivers whose answers are complete enough: the
// status was whole, so the receiver has decided.
func TestOddResponses(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		status       int
		body         string
		truncated    bool
	}{
		{"close inside the body", "HTTP/1.1 201 OK\r\nContent-Length: 10\r\n\r\nabc", 201, "abc", true},
		{"close inside a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", 200, "abc", true},
		{"close before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 200, "abc", true},
		{"broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n", 200, "abc", true},
		{"body until close", "HTTP/1.0 200 OK\r\n\r\nabc", 200, "abc", false},
		{"more than the length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", 200, "abc", false},
		{"length of a giant", "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nabc", 200, "abc", true},
		{"204 with a body", "HTTP/1.1 204 No Content\r\n\r\nabc", 204, "", false},
		{"1xx first", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false},
		{"status of no class", "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", 999, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRawReceiver(t, afterRequest(func(conn net.Conn) {
				say(conn, c.answer)
			}))
			resp, err := post(t, newHTTP(t, transport.HTTPConfig{Guard: open}), "http://"+r.Addr().String()+"/", generous)
			if err != nil {
				t.Fatalf("Send = %v; want status %d", err, c.status)
			}
			if resp.StatusCode != c.status || resp.Truncated != c.truncated || string(resp.Body) != c.body {
				t.Errorf("Send = %d %q, truncated %v; want %d %q, %v", resp.StatusCode, resp.Body, resp.Truncated, c.status, c.body, c.truncated)
			}
		})
	}
}

// TestResetInsideBody accepts two outcomes: a reset may overtake the header, and
// then there was none.
func TestResetInsideBody(t *testing.T) {
	r := newRawReceiver(t, afterRequest(func(c net.Conn) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		reset(c)
	}))
	h := newHTTP(t, transport.HTTPConfig{Guard: open})
	for range 20 {
		resp, err := post(t, h, "http://"+r.Addr().String()+"/", generous)
		if err != nil && err.Class != webhook.ClassConnect || err == nil && (resp.StatusCode != 200 || !resp.Truncated) {
			t.Fatalf("Send = %+v, %v; want 200 truncated, or connect_error", resp, err)
		}
	}
}

func TestRedirectToLoopbackIsNotFollowed(t *testing.T) {
	inside := newRawReceiver(t, hold)
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := newRawReceiver(t, afterRequest(func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status), inside.Addr())
		}))
		resp, err := post(t, newHTTP(t, transport.HTTPConfig{Guard: open}), "http://"+r.Addr().String()+"/", generous)
		if err != nil || resp.StatusCode != status {
			t.Errorf("Send = %+v, %v; want status %d", resp, err, status)
		}
	}
	if n := inside.accepted.Load(); n != 0 {
		t.Errorf("redirects made %d connections; want 0", n)
	}
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	resp, e := post(t, newHTTP(t, transport.HTTPConfig{Guard: open}), "http://"+l.Addr().String()+"/", generous)
	wantClass(t, resp, e, webhook.ClassConnect, "connection refused")
}

func TestInvalidRequest(t *testing.T) {
	r := newRawReceiver(t, hold)
	h := newHTTP(t, transport.HTTPConfig{Guard: open})
	for name, req := range map[string]*transport.Request{
		"CRLF in a header value": {Header: http.Header{"X-A": {"b\r\nX-C: c4n4ry"}}},
		"NUL in a header name":   {Header: http.Header{"X\x00": {"b"}}},
		"method with a space":    {Method: "POST /"},
	} {
		req.URL = "http://" + r.Addr().String() + "/"
		resp, err := h.Send(t.Context(), req)
		if err == nil || !strings.HasPrefix(err.Error(), "internal: ") || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("Send with %s = %+v, %v; want class internal", name, resp, err)
		}
	}
	if n := r.accepted.Load(); n != 0 {
		t.Errorf("invalid requests made %d connections; want 0", n)
	}
}
