package transport_test

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// TestNoHiddenRepetition answers one request on a connection, so that it is
// kept, then reads the next and hangs up: a receiver that died after doing the
// work. net/http alone would send that request again.
func TestNoHiddenRepetition(t *testing.T) {
	for _, end := range []struct {
		name string
		f    func(net.Conn)
		text string
	}{
		{"close", func(net.Conn) {}, "connection was closed before a response came"},
		{"reset", reset, "connection reset by peer"},
	} {
		for _, method := range []string{"POST", "PUT", "PATCH"} {
			t.Run(end.name+" "+method, func(t *testing.T) {
				var requests atomic.Int64
				r := newRawReceiver(t, func(c net.Conn) {
					br := bufio.NewReader(c)
					for {
						req, err := http.ReadRequest(br)
						if err != nil {
							return
						}
						drain(req.Body)
						if requests.Add(1) == 2 {
							end.f(c)
							return
						}
						say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				})
				h := newHTTP(t, transport.HTTPConfig{Guard: open})
				req := &transport.Request{
					URL:    "http://" + r.Addr().String() + "/",
					Method: method,
					Header: http.Header{"Idempotency-Key": {"k"}, "X-Idempotency-Key": {"k"}},
					Body:   []byte(`{}`),
				}
				if _, err := h.Send(t.Context(), req); err != nil {
					t.Fatal(err)
				}
				resp, err := h.Send(t.Context(), req)
				if err == nil {
					t.Fatalf("Send to a receiver that hung up = %+v; want an error", resp)
				}
				wantClass(t, resp, err.(*transport.Error), webhook.ClassConnect, end.text)
				if n := requests.Load(); n != 2 {
					t.Errorf("two Sends made %d requests; want 2: the receiver has done the work of the repeated one", n)
				}
				if n := r.accepted.Load(); n != 1 {
					t.Errorf("two Sends made %d connections; want 1", n)
				}
			})
		}
	}
}

// TestNoHiddenRepetitionHTTP2 resets every request, read to its end, with the
// codes that make net/http try again.
func TestNoHiddenRepetitionHTTP2(t *testing.T) {
	cert := newCertificate(t, validCertificate)
	for _, code := range []http2.ErrCode{http2.ErrCodeProtocol, http2.ErrCodeRefusedStream, http2.ErrCodeInternal} {
		t.Run(code.String(), func(t *testing.T) {
			var requests atomic.Int64
			r := newHTTP2Receiver(t, cert, func(fr *http2.Framer, stream uint32, _ int) {
				requests.Add(1)
				_ = fr.WriteRSTStream(stream, code)
			})
			h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: cert.roots})
			resp, err := post(t, h, "https://"+r.Addr().String()+"/", generous)
			if err == nil || err.Class != webhook.ClassConnect {
				t.Errorf("Send = %+v, %v; want class connect_error", resp, err)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("one Send made %d requests; want 1", n)
			}
		})
	}
}

// TestClosedKeptConnection closes kept connections properly, as every receiver
// does after a while. That is nobody's failure.
func TestClosedKeptConnection(t *testing.T) {
	closed := make(chan struct{}, 1)
	r := newRawReceiver(t, func(c net.Conn) {
		if _, err := readRequest(c); err != nil {
			return
		}
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		c.Close()
		closed <- struct{}{}
	})
	h := newHTTP(t, transport.HTTPConfig{Guard: open})
	for range 5 {
		if _, err := post(t, h, "http://"+r.Addr().String()+"/", generous); err != nil {
			t.Fatalf("Send after the receiver closed a kept connection = %v; want a new connection", err)
		}
		<-closed
	}
}
