package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/jwe"
)

const (
	// handleWithin is less than the 15 seconds that the sender waits: what is not
	// booked by then is given up, before the sender gives us up and sends it again.
	handleWithin = 10 * time.Second
	// stopWithin is what a restart may take: longer than any request.
	stopWithin = 2 * handleWithin
)

// server takes webhooks at url.
type server struct {
	url      string
	listener net.Listener
	http     *http.Server
	books    *books
	log      *log.Logger
}

// start opens everything that can fail. Receipts go to out.
func start(ctx context.Context, c config, out, logs io.Writer) (*server, error) {
	b, err := openBooks(ctx, c.database, out)
	if err != nil {
		return nil, err
	}
	s := &server{books: b, log: log.New(logs, "", log.LstdFlags)}
	if err := s.listen(ctx, c); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return s, nil
}

// listen puts the chain together that a request goes through.
func (s *server) listen(ctx context.Context, c config) error {
	verifier, err := s.verifier(c)
	if err != nil {
		return err
	}
	router, err := s.router()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks", hurried(verifier.Middleware(router)))
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: handleWithin,
		ReadTimeout:       handleWithin,
		ErrorLog:          s.log,
	}
	if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", c.addr); err != nil {
		return err
	}
	s.url = "http://" + s.listener.Addr().String() + "/hooks"
	return nil
}

// verifier lets genuine webhooks through, and opens them. The sender is told nothing of
// why one is refused; the log is.
func (s *server) verifier(c config) (*signer.Verifier, error) {
	cfg := signer.VerifierConfig{
		Secrets:    c.secrets,
		PublicKeys: c.publicKeys,
		OnReject: func(r *http.Request, reason error) {
			s.log.Printf("refused a request from %s: %v", r.RemoteAddr, reason)
		},
	}
	if c.key != nil {
		decrypter, err := jwe.NewDecrypter(*c.key)
		if err != nil {
			return nil, err
		}
		cfg.Decrypter = decrypter
	}
	return signer.NewVerifierWith(cfg)
}

// router hands events on by their types. Others than these are answered 204, for what
// is of no interest now need not come again.
func (s *server) router() (*signer.Router, error) {
	return signer.NewRouter(signer.RouterConfig{
		Routes: map[string]signer.Handler{
			"invoice.paid":     once(s.books, credit),
			"invoice.refunded": once(s.books, debit),
		},
		OnError: func(_ context.Context, ev signer.Event, err error) {
			s.log.Printf("event %s of type %s is not booked: %v", ev.ID, ev.Type, err)
		},
	})
}

// hurried ends the context of a request in time for an answer.
func hurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), handleWithin)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// serve takes webhooks until ctx ends. Then no more are taken, those that have begun are
// answered, and the receipts under way are posted.
func (s *server) serve(ctx context.Context) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		s.books.work(working, s.log)
	}()
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()

	var err error
	select {
	case err = <-served: // the listener is gone
	case <-ctx.Done():
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = s.http.Shutdown(end)
		if closed := <-served; !errors.Is(closed, http.ErrServerClosed) {
			err = errors.Join(err, closed)
		}
	}
	stop()
	<-worked
	return errors.Join(err, s.books.close())
}
