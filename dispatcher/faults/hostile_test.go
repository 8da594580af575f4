package faults_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/postrider/postrider/webhook"
)

// hostileMode is a way in which a receiver mistreats whoever sends to it, and what
// attempts at it must end with: one class, or either of two where chance decides.
type hostileMode struct {
	name    string
	classes []webhook.ErrorClass
	serve   func(hw *hostileNet, c net.Conn)
	secured bool // the URL is https
	refuses bool // nobody listens
}

var hostileModes = []hostileMode{
	{name: "refuses", classes: classes(webhook.ClassConnect), refuses: true},
	{name: "accepts and closes", classes: classes(webhook.ClassConnect), serve: func(_ *hostileNet, c net.Conn) { _ = c.Close() }},
	{name: "resets before the header", classes: classes(webhook.ClassConnect), serve: answering(func(_ *hostileNet, c net.Conn) { abort(c) })},
	// A reset may overtake what was sent before it.
	{name: "resets inside the body", classes: classes(webhook.ClassHTTPStatus, webhook.ClassConnect), serve: answering(func(_ *hostileNet, c net.Conn) {
		say(c, "HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nhalf")
		abort(c)
	})},
	{name: "header, a byte a second", classes: classes(webhook.ClassTimeout), serve: answering(func(_ *hostileNet, c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nX-Slow: yes\r\n") })},
	{name: "body, a byte a second", classes: classes(webhook.ClassTimeout), serve: answering(func(_ *hostileNet, c net.Conn) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
		drip(c, strings.Repeat("x", 1000))
	})},
	{name: "body without end", classes: classes(webhook.ClassNone), serve: answering(func(_ *hostileNet, c net.Conn) {
		say(c, "HTTP/1.1 200 OK\r\n\r\n")
		flood(c, strings.Repeat("x", 4<<10))
	})},
	{name: "header without end", classes: classes(webhook.ClassProtocol), serve: answering(func(_ *hostileNet, c net.Conn) {
		say(c, "HTTP/1.1 200 OK\r\n")
		flood(c, "X-More: yes\r\n")
	})},
	{name: "1xx without end", classes: classes(webhook.ClassProtocol), serve: answering(func(_ *hostileNet, c net.Conn) { flood(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") })},
	{name: "gzip bomb", classes: classes(webhook.ClassNone), serve: answering(func(_ *hostileNet, c net.Conn) {
		say(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(bomb), bomb))
	})},
	{name: "wrong Content-Length", classes: classes(webhook.ClassNone), serve: answering(func(_ *hostileNet, c net.Conn) { say(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort") })},
	{name: "garbage", classes: classes(webhook.ClassProtocol), serve: answering(func(_ *hostileNet, c net.Conn) { say(c, "\x00\xff\x16garbage\r\n\r\n") })},
	{name: "garbage for TLS", classes: classes(webhook.ClassTLS), secured: true, serve: func(_ *hostileNet, c net.Conn) {
		say(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		drain(c)
	}},
	{name: "expired certificate", classes: classes(webhook.ClassTLS), secured: true, serve: func(hw *hostileNet, c net.Conn) {
		_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{hw.expired}}).Handshake() // the sender refuses it
	}},
	{name: "redirects to this machine", classes: classes(webhook.ClassRedirect), serve: answering(func(hw *hostileNet, c net.Conn) {
		status := []int{301, 302, 303, 307, 308}[hw.turn.Add(1)%5]
		say(c, fmt.Sprintf("HTTP/1.1 %d Elsewhere\r\nLocation: http://%s/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status, hw.inside.Addr()))
	})},
	{name: "429 and a bad Retry-After", classes: classes(webhook.ClassHTTPStatus), serve: answering(func(hw *hostileNet, c net.Conn) {
		after := []string{"0", "-1", "1000000000", "Thu, 01 Jan 1970 00:00:00 GMT", "\x80soon", ""}[hw.turn.Add(1)%6]
		say(c, "HTTP/1.1 429 Slow Down\r\nRetry-After: "+after+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})},
	{name: "500 and a mebibyte", classes: classes(webhook.ClassHTTPStatus), serve: answering(func(_ *hostileNet, c net.Conn) {
		say(c, "HTTP/1.1 500 No\r\nContent-Length: 1048576\r\n\r\n"+strings.Repeat("x", 1<<20))
	})},
	{name: "answers too late", classes: classes(webhook.ClassTimeout), serve: answering(func(_ *hostileNet, c net.Conn) {
		<-time.After(hostileTimeout + 200*time.Millisecond)
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})},
	{name: "succeeds once in a hundred", classes: classes(webhook.ClassHTTPStatus, webhook.ClassNone), serve: answering(func(hw *hostileNet, c net.Conn) {
		status := 500
		if hw.turn.Add(1)%100 == 0 {
			status = 200
		}
		say(c, fmt.Sprintf("HTTP/1.1 %d Maybe\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status))
	})},
	{name: "GOAWAY and RST_STREAM", classes: classes(webhook.ClassConnect), secured: true, serve: breakHTTP2},
}

func classes(c ...webhook.ErrorClass) []webhook.ErrorClass { return c }

// answering is a mode that reads a request of HTTP/1 before it does anything.
func answering(f func(hw *hostileNet, c net.Conn)) func(*hostileNet, net.Conn) {
	return func(hw *hostileNet, c net.Conn) {
		if err := readHTTP1(c); err == nil {
			f(hw, c)
		}
	}
}

// breakHTTP2 answers requests with a reset and with a GOAWAY that leaves them out,
// in turn.
func breakHTTP2(hw *hostileNet, c net.Conn) {
	conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{hw.valid}, NextProtos: []string{"h2"}})
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	fr := http2.NewFramer(conn, conn)
	_ = fr.WriteSettings()
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return
		}
		if d, ok := f.(*http2.DataFrame); !ok || !d.StreamEnded() {
			continue
		}
		if hw.turn.Add(1)%2 == 0 {
			_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
			return
		}
		_ = fr.WriteRSTStream(f.Header().StreamID, http2.ErrCodeInternal)
	}
}

// bomb is a small body that stands for a large one.
var bomb = func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 64<<20)) // a buffer takes it all
	_ = z.Close()
	return b.Bytes()
}()

func say(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

// abort closes a connection with RST instead of FIN.
func abort(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// drip writes a byte a second until the other side has gone.
func drip(c net.Conn, s string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range s {
		if _, err := c.Write([]byte{s[i]}); err != nil {
			return
		}
		<-tick.C
	}
}

// flood writes until the other side has gone.
func flood(c net.Conn, s string) {
	for {
		if _, err := io.WriteString(c, s); err != nil {
			return
		}
	}
}

// mistreated counts what a mode did to attempts.
type mistreated struct {
	attempts, late atomic.Int64
	longest        atomic.Int64 // nanoseconds
}

func (m *mistreated) add(took, most time.Duration) {
	m.attempts.Add(1)
	if took > most {
		m.late.Add(1)
	}
	for {
		old := m.longest.Load()
		if int64(took) <= old || m.longest.CompareAndSwap(old, int64(took)) {
			return
		}
	}
}
