package transporttest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// shortly is a deadline that is meant to pass.
const shortly = 200 * time.Millisecond

func redirects(open func(http.Handler) Harness) error {
	var status, requests atomic.Int64
	h := open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if strings.HasSuffix(r.URL.Path, "/elsewhere") {
			return
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(status.Load()))
	}))
	for _, want := range []int{300, 301, 302, 303, 307, 308} {
		status.Store(int64(want))
		requests.Store(0)
		resp, err := send(h, transport.Request{})
		if err != nil || resp.StatusCode != want || resp.Header.Get("Location") != "/elsewhere" {
			return unkept("Send to a receiver that answers %d = %+v, %w; want that response", want, resp, err)
		}
		if n := requests.Load(); n != 1 {
			return unkept("a %d made %d requests; want 1: a redirect leads around the guard, and payloads along", want, n)
		}
	}
	return nil
}

func location(open func(http.Handler) Harness) error {
	resp, err := send(open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", strings.Repeat("x", transport.MaxLocation+1))
		w.WriteHeader(302)
	})), transport.Request{})
	if err != nil {
		return err
	}
	if n := len(resp.Header.Get("Location")); n != transport.MaxLocation {
		return unkept("a Location of %d bytes was kept as %d; want %d", transport.MaxLocation+1, n, transport.MaxLocation)
	}
	return nil
}

func bodyCap(open func(http.Handler) Harness) error {
	h := open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n, _ := strconv.Atoi(string(body))
		say(w, strings.Repeat("x", n))
	}))
	for _, n := range []int{0, 1, transport.MaxBodyKept - 1, transport.MaxBodyKept, transport.MaxBodyKept + 1, transport.MaxBodyRead, transport.MaxBodyRead + 1, 1 << 20} {
		resp, err := send(h, transport.Request{Body: []byte(strconv.Itoa(n))})
		if err != nil {
			return unkept("Send to a receiver that answers 200 with %d bytes = %w; want a response: too large is not a failure", n, err)
		}
		if want := min(n, transport.MaxBodyKept); len(resp.Body) != want || resp.Truncated != (n > want) {
			return unkept("a body of %d bytes was kept as %d, truncated %v; want %d, %v", n, len(resp.Body), resp.Truncated, want, n > want)
		}
	}
	return nil
}

func endlessBody(open func(http.Handler) Harness) error {
	var sent atomic.Int64
	gone := make(chan struct{})
	h := open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(gone)
		chunk := make([]byte, 4<<10)
		for sent.Load() < 1<<30 {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	resp, err := send(h, transport.Request{})
	if err != nil {
		return err
	}
	if len(resp.Body) != transport.MaxBodyKept || !resp.Truncated {
		return unkept("an endless body was kept as %d bytes, truncated %v; want %d, true", len(resp.Body), resp.Truncated, transport.MaxBodyKept)
	}
	<-gone
	if sent.Load() >= 1<<30 {
		return unkept("a receiver could send 1 GiB; want the connection closed after %d bytes", transport.MaxBodyRead)
	}
	return nil
}

func headerCap(open func(http.Handler) Harness) error {
	resp, err := send(open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 40 {
			w.Header().Set(fmt.Sprintf("X-%02d", i), strings.Repeat("x", 1000))
		}
	})), transport.Request{})
	if err != nil {
		return err
	}
	size := 0
	for name, values := range resp.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > transport.MaxHeaderKept || resp.Header.Get("X-00") == "" {
		return unkept("a header of 40 KB was kept as %d bytes; want the first names, at most %d bytes", size, transport.MaxHeaderKept)
	}
	return nil
}

func hugeHeader(open func(http.Handler) Harness) error {
	resp, err := send(open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 200 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
		}
	})), transport.Request{})
	return wantClass(resp, err, webhook.ClassProtocol)
}

func compression(open func(http.Handler) Harness) error {
	var bomb bytes.Buffer
	zw := gzip.NewWriter(&bomb)
	say(zw, strings.Repeat("x", 1<<20))
	zw.Close()
	accepts := make(chan string, 1)
	resp, err := send(open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepts <- r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		say(w, bomb.String())
	})), transport.Request{})
	if err != nil {
		return err
	}
	if a := <-accepts; a != "" {
		return unkept("Send asked for Accept-Encoding %q; want none", a)
	}
	if !bytes.Equal(resp.Body, bomb.Bytes()) {
		return unkept("a gzip body of %d bytes was kept as %d; want the bytes on the wire: caps count those", bomb.Len(), len(resp.Body))
	}
	return nil
}

func brokenBody(open func(http.Handler) Harness) error {
	for _, status := range []int{200, 500} {
		resp, err := send(open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			drain(r.Body)
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(status)
			say(w, "half")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})), transport.Request{})
		if err != nil || resp.StatusCode != status || !resp.Truncated {
			return unkept("Send to a receiver that breaks off inside the body of a %d = %+v, %w; want the response, truncated: it has been accepted", status, resp, err)
		}
	}
	return nil
}

func deadlineBeforeHeader(open func(http.Handler) Harness) error {
	h := open(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		drain(r.Body)
		<-r.Context().Done()
	}))
	return sendUntil(h, shortly)
}

func deadlineInBody(open func(http.Handler) Harness) error {
	h := open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		drain(r.Body)
		say(w, "half")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	return sendUntil(h, shortly)
}

// sendUntil sends with a deadline that the receiver does not keep.
func sendUntil(h Harness, deadline time.Duration) error {
	ctx, stop := context.WithTimeout(context.Background(), deadline)
	defer stop()
	return within(deadline+patience, func() error {
		resp, err := h.Transport.Send(ctx, &transport.Request{URL: h.URL, Body: []byte(`{}`)})
		return wantClass(resp, err, webhook.ClassTimeout)
	})
}

func cancel(open func(http.Handler) Harness) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	h := open(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		drain(r.Body)
		stop()
		<-r.Context().Done()
	}))
	return within(patience, func() error {
		resp, err := h.Transport.Send(ctx, &transport.Request{URL: h.URL, Body: []byte(`{}`)})
		return wantClass(resp, err, webhook.ClassCanceled)
	})
}

func canceledBefore(open func(http.Handler) Harness) error {
	var requests atomic.Int64
	h := open(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	ctx, stop := context.WithCancel(context.Background())
	stop()
	resp, err := h.Transport.Send(ctx, &transport.Request{URL: h.URL, Body: []byte(`{}`)})
	if err := wantClass(resp, err, webhook.ClassCanceled); err != nil {
		return err
	}
	if n := requests.Load(); n != 0 {
		return unkept("Send with a canceled context made %d requests; want 0", n)
	}
	return nil
}
