package transport_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// newHTTP2Receiver is a receiver that speaks HTTP/2 over TLS, frame by frame.
// answer is called when the nth request of a connection, counted from 1, has come
// to its end.
func newHTTP2Receiver(t *testing.T, cert certificate, answer func(fr *http2.Framer, stream uint32, n int)) *rawReceiver {
	t.Helper()
	return newRawReceiver(t, func(c net.Conn) {
		conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert.pair}, NextProtos: []string{"h2"}})
		defer conn.Close()
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(conn, preface); err != nil {
			return
		}
		fr := http2.NewFramer(conn, conn)
		_ = fr.WriteSettings()
		for n := 1; ; {
			f, err := fr.ReadFrame()
			if err != nil {
				return
			}
			if d, ok := f.(*http2.DataFrame); ok && d.StreamEnded() {
				answer(fr, f.Header().StreamID, n)
				n++
			}
		}
	})
}

// status answers on a stream with a status and the beginning of a body.
func status(fr *http2.Framer, stream uint32, code, body string, end bool) {
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: code})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = fr.WriteData(stream, end, []byte(body))
}

// TestGoAway restarts a receiver: it says GOAWAY after its first answer, once before
// it has heard of another request and once when it has.
func TestGoAway(t *testing.T) {
	cert := newCertificate(t, validCertificate)
	t.Run("between requests", func(t *testing.T) {
		r := newHTTP2Receiver(t, cert, func(fr *http2.Framer, stream uint32, _ int) {
			_ = fr.WriteGoAway(stream, http2.ErrCodeNo, nil) // as of the request after this one
			status(fr, stream, "200", "ok", true)
		})
		h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: cert.roots})
		for i := range 3 {
			if resp, err := post(t, h, "https://"+r.Addr().String()+"/", generous); err != nil || string(resp.Body) != "ok" {
				t.Fatalf("Send %d = %+v, %v; want an answer over a connection of its own", i, resp, err)
			}
		}
		// One more may have been begun for a request while the old one was being given up.
		if n := r.accepted.Load(); n != 3 && n != 4 {
			t.Errorf("the receiver saw %d connections; want 3", n)
		}
	})
	t.Run("instead of an answer", func(t *testing.T) {
		r := newHTTP2Receiver(t, cert, func(fr *http2.Framer, stream uint32, n int) {
			if n == 2 {
				_ = fr.WriteGoAway(stream-2, http2.ErrCodeNo, nil)
				return
			}
			status(fr, stream, "200", "ok", true)
		})
		h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: cert.roots})
		if _, err := post(t, h, "https://"+r.Addr().String()+"/", generous); err != nil {
			t.Fatal(err)
		}
		resp, err := post(t, h, "https://"+r.Addr().String()+"/", generous)
		wantClass(t, resp, err, webhook.ClassConnect, "connection was lost after the request was sent")
		if resp, err := post(t, h, "https://"+r.Addr().String()+"/", generous); err != nil {
			t.Errorf("Send after a GOAWAY = %+v, %v; want an answer over a new connection", resp, err)
		}
	})
	t.Run("with an error", func(t *testing.T) {
		r := newHTTP2Receiver(t, cert, func(fr *http2.Framer, stream uint32, _ int) {
			_ = fr.WriteGoAway(stream, http2.ErrCodeEnhanceYourCalm, []byte("c4n4ry"))
		})
		h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: cert.roots})
		_, err := post(t, h, "https://"+r.Addr().String()+"/", shortly)
		if err == nil || err.Class != webhook.ClassConnect && err.Class != webhook.ClassTimeout || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("Send = %v; want connect_error or timeout, without the receiver's bytes", err)
		}
	})
}

// TestResetMidStream resets a stream after the status, and inside the body. The
// status has come, so the receiver has decided.
func TestResetMidStream(t *testing.T) {
	cert := newCertificate(t, validCertificate)
	for _, code := range []http2.ErrCode{http2.ErrCodeNo, http2.ErrCodeCancel, http2.ErrCodeInternal, http2.ErrCodeProtocol} {
		r := newHTTP2Receiver(t, cert, func(fr *http2.Framer, stream uint32, _ int) {
			status(fr, stream, "202", "half", false)
			_ = fr.WriteRSTStream(stream, code)
		})
		h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: cert.roots})
		for range 3 {
			resp, err := post(t, h, "https://"+r.Addr().String()+"/", generous)
			if err != nil || resp.StatusCode != 202 || !resp.Truncated || !strings.HasPrefix("half", string(resp.Body)) {
				t.Errorf("Send to a receiver that resets with %s inside the body = %+v, %v; want 202, truncated", code, resp, err)
			}
		}
		if n := r.accepted.Load(); n != 1 && code != http2.ErrCodeProtocol { // after which net/http trusts no stream of it
			t.Errorf("three Sends made %d connections; want 1: a reset ends its stream alone", n)
		}
	}
}

// TestDeadHTTP2Connection has a connection that dies without a word: nothing that
// is sent on it is answered. The pings must find out, so that only what was sent in
// between is lost.
func TestDeadHTTP2Connection(t *testing.T) {
	cert := newCertificate(t, validCertificate)
	var mu sync.Mutex
	first := true
	release := make(chan struct{})
	defer close(release) // before the receiver is waited for
	r := newHTTP2Receiver(t, cert, func(fr *http2.Framer, stream uint32, n int) {
		mu.Lock()
		dies := first && n == 2
		if dies {
			first = false
		}
		mu.Unlock()
		if dies {
			<-release // no more frames are read, nor answered
			return
		}
		status(fr, stream, "200", "ok", true)
	})
	h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: cert.roots})
	h.SetPings(100*time.Millisecond, 100*time.Millisecond)
	url := "https://" + r.Addr().String() + "/"
	if _, err := post(t, h, url, generous); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	resp, err := post(t, h, url, generous)
	if err == nil || err.Class != webhook.ClassConnect && err.Class != webhook.ClassTimeout {
		t.Fatalf("Send over a dead connection = %+v, %v; want it lost", resp, err)
	}
	if took := time.Since(start); took > generous/2 {
		t.Errorf("Send over a dead connection took %v; want the pings to end it", took)
	}
	if resp, err := post(t, h, url, generous); err != nil || string(resp.Body) != "ok" {
		t.Errorf("Send after the pings = %+v, %v; want an answer over a new connection", resp, err)
	}
	if n := r.accepted.Load(); n != 2 {
		t.Errorf("the receiver saw %d connections; want 2", n)
	}
}
