package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// arrival is what a receiver saw.
type arrival struct {
	method, path, query string
	header              http.Header
	body                []byte
}

// recorder answers 200 and hands over what arrives.
func recorder() (http.Handler, <-chan arrival) {
	seen := make(chan arrival, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- arrival{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Clone(), body}
	}), seen
}

func requestArrives(open func(http.Handler) Harness) error {
	receiver, seen := recorder()
	h := open(receiver)
	body := bytes.Repeat([]byte("{ \"a\" :\t1e400,\r\n\"\u00e9\":\"\\u0000\"}"), 10_000)
	header := http.Header{"Webhook-Id": {"evt_1"}, "Content-Type": {"application/json"}, "X-Two": {"a", "b"}, "User-Agent": {"Postrider/1.0"}}
	url := strings.TrimSuffix(h.URL, "/") + "/a%2Fb/c?d=%20e&f"
	if _, err := send(h, transport.Request{URL: url, Method: http.MethodPut, Header: header, Body: body}); err != nil {
		return err
	}
	got := <-seen
	if got.method != http.MethodPut || !strings.HasSuffix(got.path, "/a%2Fb/c") || got.query != "d=%20e&f" {
		return unkept("Send(PUT …/a%%2Fb/c?d=%%20e&f) arrived as %s %s?%s", got.method, got.path, got.query)
	}
	if !bytes.Equal(got.body, body) {
		return unkept("a body of %d bytes arrived as %d others; want it byte for byte: the signature would not verify", len(body), len(got.body))
	}
	for name, values := range header {
		if fmt.Sprint(got.header[name]) != fmt.Sprint(values) {
			return unkept("header %s arrived as %q; want %q", name, got.header[name], values)
		}
	}
	return nil
}

func methodDefault(open func(http.Handler) Harness) error {
	receiver, seen := recorder()
	if _, err := send(open(receiver), transport.Request{}); err != nil {
		return err
	}
	if got := <-seen; got.method != http.MethodPost {
		return unkept("Send without a method arrived as %s; want POST", got.method)
	}
	return nil
}

func userAgent(open func(http.Handler) Harness) error {
	receiver, seen := recorder()
	if _, err := send(open(receiver), transport.Request{Header: http.Header{"X-A": {"b"}}}); err != nil {
		return err
	}
	if got := (<-seen).header.Get("User-Agent"); got != "Postrider" {
		return unkept("Send without a User-Agent sent %q; want Postrider", got)
	}
	return nil
}

func requestNotModified(open func(http.Handler) Harness) error {
	receiver, _ := recorder()
	h := open(receiver)
	header := http.Header{"Webhook-Id": {"evt_1"}}
	req := transport.Request{URL: h.URL, Header: maps.Clone(header), Body: []byte(`{}`)}
	if _, err := h.Transport.Send(context.Background(), &req); err != nil {
		return err
	}
	if req.URL != h.URL || req.Method != "" || fmt.Sprint(req.Header) != fmt.Sprint(header) || string(req.Body) != `{}` {
		return unkept("after Send the request is %+v; want it unchanged: retries share it", req)
	}
	return nil
}

func responseComesBack(open func(http.Handler) Harness) error {
	resp, err := send(open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Answer", "42")
		w.WriteHeader(http.StatusAccepted)
		say(w, "thank you")
	})), transport.Request{})
	if err != nil {
		return err
	}
	if resp.StatusCode != 202 || resp.Header.Get("X-Answer") != "42" || string(resp.Body) != "thank you" || resp.Truncated {
		return unkept("Send = %d %v %q, truncated %v; want 202 with X-Answer and the whole body", resp.StatusCode, resp.Header, resp.Body, resp.Truncated)
	}
	if resp.Timings.Total <= 0 {
		return unkept("Timings.Total = %v; want how long it took", resp.Timings.Total)
	}
	return nil
}

func everyStatus(open func(http.Handler) Harness) error {
	var status atomic.Int64
	h := open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	for _, want := range []int{200, 204, 299, 304, 400, 404, 410, 429, 500, 503, 599} {
		status.Store(int64(want))
		resp, err := send(h, transport.Request{})
		if err != nil || resp.StatusCode != want {
			return unkept("Send to a receiver that answers %d = %+v, %w; want the response: what it means is not the transport's to decide", want, resp, err)
		}
	}
	return nil
}

func dropped(open func(http.Handler) Harness) error {
	resp, err := send(open(http.HandlerFunc(hangUp)), transport.Request{})
	return wantClass(resp, err, webhook.ClassConnect)
}

// hangUp reads the request and closes the connection.
func hangUp(_ http.ResponseWriter, r *http.Request) {
	drain(r.Body)
	panic(http.ErrAbortHandler)
}

func notRepeated(open func(http.Handler) Harness) error {
	var requests atomic.Int64
	h := open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 1 {
			hangUp(w, r)
		}
	}))
	header := http.Header{"Idempotency-Key": {"k"}} // tempts HTTP clients
	if _, err := send(h, transport.Request{Header: header}); err != nil {
		return err
	}
	resp, err := send(h, transport.Request{Header: header})
	if err := wantClass(resp, err, webhook.ClassConnect); err != nil {
		return err
	}
	if n := requests.Load(); n != 2 {
		return unkept("two Sends made %d requests; want 2: the receiver had read the repeated one, and nobody counts it", n)
	}
	return nil
}

// closedConnection has a receiver that ends every connection, in HTTP/2 by GOAWAY,
// once it has answered what came on it.
func closedConnection(open func(http.Handler) Harness) error {
	h := open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }))
	var lost error
	for i := range 10 {
		_, err := send(h, transport.Request{})
		if err == nil {
			continue
		}
		// A request that leaves in the very moment in which its connection is closed is lost,
		// which nobody can help; on a busy machine that may happen once.
		if lost != nil {
			return unkept("Send %d to a receiver that closes each connection after its answer: %w; want its answer: closing is nobody's failure", i+1, err)
		}
		lost = err
	}
	return nil
}

func errorsHideQueries(open func(http.Handler) Harness) error {
	const canary = "c4n4ry"
	h := open(http.HandlerFunc(hangUp))
	_, err := send(h, transport.Request{URL: strings.TrimSuffix(h.URL, "/") + "/?token=" + canary})
	for ; err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, canary) {
			return unkept("the error's text holds the URL's query: %s", text)
		}
	}
	return nil
}

func concurrentUse(open func(http.Handler) Harness) error {
	h := open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	errs := make([]error, 32)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for n := range 10 {
				want := fmt.Sprintf("%d/%d", i, n)
				resp, err := send(h, transport.Request{Body: []byte(want)})
				if err != nil || string(resp.Body) != want {
					errs[i] = errors.Join(err, unkept("concurrent Send of %q = %+v; want its own echo", want, resp))
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
