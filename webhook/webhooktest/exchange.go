package webhooktest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// exchange is one request to a handler in memory, and what the handler answers. It is
// the handler's http.ResponseWriter.
type exchange struct {
	header http.Header
	body   *bufio.Writer // like that of net/http, so that a little is not sent at once
	pipe   *io.PipeWriter
	from   *io.PipeReader
	cancel context.CancelFunc

	head chan *http.Response // gets the answer's beginning, once
	// status and committed are what the handler has decided on, status 0 if it has not.
	status    int
	committed http.Header
	sent      sync.Once
}

// sendBuffer is how much net/http keeps back before it sends a response.
const sendBuffer = 2048

func newExchange(cancel context.CancelFunc) *exchange {
	x := &exchange{header: make(http.Header), head: make(chan *http.Response, 1), cancel: cancel}
	x.from, x.pipe = io.Pipe()
	x.body = bufio.NewWriterSize(writerFunc(x.write), sendBuffer)
	return x
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// request returns what a handler gets.
func request(ctx context.Context, req *transport.Request, u *url.URL) *http.Request {
	out := &http.Request{
		Method: req.Method, URL: &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: u.Host,
		Header: maps.Clone(req.Header), Body: io.NopCloser(bytes.NewReader(req.Body)), ContentLength: int64(len(req.Body)),
	}
	if out.Method == "" {
		out.Method = http.MethodPost
	}
	if out.Header == nil {
		out.Header = make(http.Header, 1)
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{"Postrider"}
	}
	out.RequestURI = out.URL.RequestURI()
	return out.WithContext(ctx)
}

// serve runs the handler. Its request ends with the sender's context, or when the
// receiver is closed, and what it has not sent by then is lost.
func (x *exchange) serve(ctx context.Context, h *host, r *http.Request) {
	defer close(x.head)
	defer func() {
		if recover() != nil { // http.ErrAbortHandler: the receiver has reported others
			x.pipe.CloseWithError(io.ErrUnexpectedEOF)
		}
	}()
	defer context.AfterFunc(h.closing, x.cancel)()
	h.handler.ServeHTTP(x, r)
	if ctx.Err() != nil {
		panic(http.ErrAbortHandler)
	}
	x.start()
	err := x.body.Flush()
	if err == nil {
		err = io.EOF
	}
	x.pipe.CloseWithError(err)
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status, x.committed = status, x.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(b []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	return x.body.Write(b)
}

// FlushError is what http.ResponseController asks for.
func (x *exchange) FlushError() error {
	x.start()
	return x.body.Flush()
}

// write sends a part of the body, after the header.
func (x *exchange) write(b []byte) (int, error) {
	x.start()
	return x.pipe.Write(b)
}

// start sends the header.
func (x *exchange) start() {
	x.sent.Do(func() {
		x.WriteHeader(http.StatusOK)
		x.head <- &http.Response{StatusCode: x.status, Header: x.committed, Body: x.from}
	})
}

var (
	errDropped   = errors.New("connection was closed before a response came")
	errBigHeader = errors.New("response header is too large")
)

// response reads the answer as far as a transport does.
func (x *exchange) response(ctx context.Context) (*transport.Response, webhook.ErrorClass, error) {
	defer x.cancel()
	defer x.from.CloseWithError(io.ErrClosedPipe)
	stop := context.AfterFunc(ctx, func() { x.from.CloseWithError(ctx.Err()) })
	defer stop()
	var head *http.Response
	select {
	case head = <-x.head:
	case <-ctx.Done():
		return nil, classOf(ctx.Err()), ctx.Err()
	}
	if err := ctx.Err(); head == nil && err != nil {
		return nil, classOf(err), err
	}
	if head == nil {
		return nil, webhook.ClassConnect, errDropped
	}
	if size(head.Header) > transport.MaxHeaderRead {
		return nil, webhook.ClassProtocol, errBigHeader
	}
	promised, err := strconv.Atoi(head.Header.Get("Content-Length"))
	counted := &counter{Reader: x.from}
	head.Body = io.NopCloser(counted)
	resp, readErr := transport.ReadResponse(head)
	if ended := ctx.Err(); readErr != nil && ended != nil {
		return nil, classOf(ended), ended
	}
	if err == nil && counted.n < promised {
		resp.Truncated = true
	}
	return resp, webhook.ClassNone, nil
}

type counter struct {
	io.Reader
	n int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// size returns the bytes of a header as HTTP/1 sends it.
func size(h http.Header) int {
	n := 0
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}
