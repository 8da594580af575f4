package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/signer"
)

// maxPorts is how many ports a receiver listens on. Endpoints on different
// ports are different hosts to the client, as they are in real life.
const maxPorts = 64

// receiver is the servers of all endpoints. The path of a request says which
// endpoint is meant. It does what any receiver must, and nothing else: read the
// body, verify the signature, remember the event.
type receiver struct {
	server    http.Server
	listeners []net.Listener
	serving   sync.WaitGroup

	verifiers []*signer.Verifier // by endpoint
	arrivals  atomic.Pointer[arrivals]
	refused   atomic.Int64
}

// newReceiver listens. It answers after serve.
func newReceiver(ctx context.Context, endpoints int) (*receiver, error) {
	rc := &receiver{verifiers: make([]*signer.Verifier, endpoints)}
	rc.server.Handler = rc
	rc.server.ReadHeaderTimeout = time.Minute
	for range min(endpoints, maxPorts) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen: %w", err), rc.close())
		}
		rc.listeners = append(rc.listeners, l)
	}
	return rc, nil
}

// trust sets the secret of an endpoint. It is called before serve.
func (rc *receiver) trust(endpoint int, secret string) (err error) {
	rc.verifiers[endpoint], err = signer.NewVerifier(secret)
	return err
}

func (rc *receiver) serve() {
	for _, l := range rc.listeners {
		rc.serving.Go(func() { _ = rc.server.Serve(l) }) // ends with close
	}
}

func (rc *receiver) url(endpoint int) string {
	return fmt.Sprintf("http://%s/%d", rc.listeners[endpoint%len(rc.listeners)].Addr(), endpoint)
}

// close breaks all connections off.
func (rc *receiver) close() error {
	for _, l := range rc.listeners {
		_ = l.Close() // those that serve knows are closed again below
	}
	err := rc.server.Close()
	rc.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// ServeHTTP implements http.Handler.
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || endpoint >= len(rc.verifiers) {
		rc.refuse(w, http.StatusNotFound)
		return
	}
	body := bodies.Get().(*[]byte)
	defer bodies.Put(body)
	if *body, err = readAll(r, *body); err != nil {
		rc.refuse(w, http.StatusBadRequest)
		return
	}
	if err := rc.verifiers[endpoint].Verify(r.Header, *body); err != nil {
		rc.refuse(w, http.StatusUnauthorized)
		return
	}
	a := rc.arrivals.Load()
	if !a.arrive(eventNumber(*body), endpoint%a.fanout, processOf(r.Header)) {
		rc.refuse(w, http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// processOf returns the number of the process that has sent a request, and -1 if it
// is none.
func processOf(h http.Header) int {
	label := h.Get(processHeader)
	if label == "" {
		return 0
	}
	n, err := strconv.Atoi(label)
	if err != nil {
		return -1
	}
	return n
}

func (rc *receiver) refuse(w http.ResponseWriter, status int) {
	rc.refused.Add(1)
	w.WriteHeader(status)
}

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// readAll reads a body of known length into b, which grows as needed.
func readAll(r *http.Request, b []byte) ([]byte, error) {
	n := r.ContentLength
	if n < 0 || n > 2*maxPayload {
		return b, errors.New("body has no length, or is too long")
	}
	if int64(cap(b)) < n {
		b = make([]byte, n)
	}
	b = b[:n]
	_, err := io.ReadFull(r.Body, b)
	return b, err
}

// dark accepts connections, reads what comes and never answers.
type dark struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newDark(ctx context.Context) (*dark, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	d := &dark{listener: l}
	d.serving.Go(d.accept)
	return d, nil
}

func (d *dark) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		d.conns = append(d.conns, c)
		d.mu.Unlock()
		d.serving.Go(func() {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		})
	}
}

func (d *dark) url(endpoint int) string {
	return fmt.Sprintf("http://%s/%d", d.listener.Addr(), endpoint)
}

func (d *dark) close() error {
	err := d.listener.Close()
	d.mu.Lock()
	for _, c := range d.conns {
		_ = c.Close() // whatever is left of it
	}
	d.mu.Unlock()
	d.serving.Wait()
	return err
}
