package webhooktest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// Hang takes the request and never answers.
func Hang() http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// Reset takes the request and resets the connection instead of an answer.
func Reset() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil { // in memory
			panic(http.ErrAbortHandler)
		}
		if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = secure.NetConn()
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // closing then sends RST and not FIN
		}
		conn.Close()
	})
}

// SlowHeader begins to answer and sends a byte of a header that never ends each time
// that so much has passed. It holds up who has a timeout for each read, and none for
// the attempt.
func SlowHeader(every time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil { // in memory, where nobody sees half a header
			Hang().ServeHTTP(w, r)
			return
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Slow: "); err != nil {
			return
		}
		for pause(r, every) {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return // the sender has given up
			}
		}
	})
}

// SlowBody answers 200 at once and sends a byte of a body that never ends each time
// that so much has passed.
func SlowBody(every time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := http.NewResponseController(w)
		for err := stream.Flush(); err == nil && pause(r, every); err = stream.Flush() {
			if _, err := io.WriteString(w, "x"); err != nil {
				break
			}
		}
		panic(http.ErrAbortHandler) // or the body would have an end after all
	})
}

// HugeBody answers 200 with so many bytes, as far as the sender reads them.
func HugeBody(bytesLong int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, endless{}, bytesLong) // until the sender has had enough
	})
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	return copy(b, bytes.Repeat([]byte("x"), len(b))), nil
}

// HugeHeader answers 200 with a header of about so many bytes.
func HugeHeader(bytesLong int) http.Handler {
	const line = 1000
	value := string(bytes.Repeat([]byte("x"), line))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range bytesLong/line + 1 {
			w.Header().Add("X-Huge", value)
		}
		w.WriteHeader(http.StatusOK)
	})
}
