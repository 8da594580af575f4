package transport_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// rawReceiver accepts connections on loopback and hands each to serve, which
// may do with it what no HTTP server would.
type rawReceiver struct {
	net.Listener
	accepted atomic.Int64
}

func newRawReceiver(t *testing.T, serve func(net.Conn)) *rawReceiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rawReceiver{Listener: l}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			wg.Go(func() {
				defer c.Close()
				// A receiver that waits for its sender to go away must not
				// wait for ever if that is what is broken.
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return r
}

// readRequest reads one HTTP/1 request, body included.
func readRequest(c net.Conn) (*http.Request, error) {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return req, err
}

// afterRequest is a receiver that reads a request and then does f.
func afterRequest(f func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := readRequest(c); err == nil {
			f(c)
		}
	}
}

// reset closes c with RST instead of FIN.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// forever writes s until the other side has gone.
func forever(c net.Conn, s string) {
	for {
		if _, err := io.WriteString(c, s); err != nil {
			return
		}
	}
}

// hold keeps the connection until the other side has gone.
func hold(c net.Conn) { drain(c) }

// say writes s. Whether the sender is still there is its own affair.
func say(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

// drain reads to the end, whatever it is.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

func post(t *testing.T, h *transport.HTTP, url string, timeout time.Duration) (*transport.Response, *transport.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	start := time.Now()
	resp, err := h.Send(ctx, &transport.Request{URL: url, Body: []byte(`{"a":1}`)})
	// A Send that goes by no deadline never ends with most of these receivers.
	if took := time.Since(start); took > timeout+generous/2 {
		t.Errorf("Send(%s) took %v; want at most its deadline %v and a moment", url, took, timeout)
	}
	if err == nil {
		return resp, nil
	}
	var e *transport.Error
	if !errors.As(err, &e) {
		t.Fatalf("Send(%s) = %v (%T); want a *transport.Error", url, err, err)
	}
	return nil, e
}

// wantClass fails t unless Send failed with the class, whose text is want.
func wantClass(t *testing.T, resp *transport.Response, err *transport.Error, class webhook.ErrorClass, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("Send = status %d %q; want an error of class %s", resp.StatusCode, resp.Body, class)
	}
	if err.Class != class || err.Error() != string(class)+": "+text {
		t.Errorf("Send = %q; want %q", err, string(class)+": "+text)
	}
}
