package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
)

const (
	apiPrefix     = "/api/v1/platform"
	consolePrefix = "/settings/webhooks"
)

// server is a dispatcher with the handlers over it.
type server struct {
	url      string
	listener net.Listener
	http     *http.Server
	d        *dispatcher.Dispatcher
	store    database
	logger   *zap.Logger
}

// start opens everything that can fail.
func start(ctx context.Context, c config) (*server, error) {
	logs := zap.NewProductionConfig()
	logs.Level = zap.NewAtomicLevelAt(c.logLevel)
	logger, err := logs.Build()
	if err != nil {
		return nil, fmt.Errorf("make a logger: %w", err)
	}
	keyring, err := seal.LoadKeyring(c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("load the keyring: %w", err)
	}
	db, err := open(ctx, c.store)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s := &server{store: db, logger: logger}
	if err := s.build(c, keyring); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return s, nil
}

func (s *server) build(c config, keyring *seal.Keyring) error {
	var err error
	s.d, err = dispatcher.New(s.store.Store, dispatcher.Config{
		Keyring: keyring, Logger: s.logger,
		HTTP: transport.HTTPConfig{Guard: guard.Config{AllowHTTP: c.allowHTTP, AllowPrivate: c.allowPrivate}},
	})
	if err != nil {
		return err
	}
	m := manage.New(s.d)
	api, err := httpapi.New(m, httpapi.Config{Authenticate: authenticator(c.apiKey, m)})
	if err != nil {
		return err
	}
	people := newLogin(c.apiKey)
	ui, err := console.New(m, console.Config{
		Authenticate: people.authenticate, SignIn: http.RedirectHandler(loginPath, http.StatusSeeOther),
		Portal: true, AllowViewer: true, // customers come with the tokens that the page of keys makes
	})
	if err != nil {
		return err
	}
	if s.listener, err = net.Listen("tcp", c.addr); err != nil {
		return err
	}
	s.url = "http://" + s.listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle(apiPrefix+"/", http.StripPrefix(apiPrefix, api))
	mux.Handle(consolePrefix+"/", http.StripPrefix(consolePrefix, ui))
	mux.Handle(loginPath, http.NewCrossOriginProtection().Handler(people))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, s.ready(r.Context())) })
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second, // a client that has something to say has said it by then
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          zap.NewStdLog(s.logger),
	}
	return nil
}

// answer says in one word whether all is well.
func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready")
		return
	}
	fmt.Fprintln(w, "ok")
}

// maxLag is how late deliveries may be: twice a lease, by when another process has taken
// over what one that died had in hand.
const maxLag = time.Minute

// ready returns an error unless the store answers and deliveries go out in time.
func (s *server) ready(ctx context.Context) error {
	h := s.d.Health(ctx)
	switch {
	case h.Store != nil:
		return h.Store
	case h.Lag > maxLag:
		return fmt.Errorf("deliveries are %v late", h.Lag)
	}
	return nil
}

// serve answers and delivers until ctx ends: then it takes no more requests, finishes
// those that have begun, and drains the dispatcher.
func (s *server) serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- s.d.Run(ctx) }()
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()

	var err error
	select {
	case <-ctx.Done():
	case err = <-served: // the listener is gone
		served <- nil
	}
	stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err = errors.Join(err, s.http.Shutdown(end))
	if closed := <-served; !errors.Is(closed, http.ErrServerClosed) {
		err = errors.Join(err, closed)
	}
	return errors.Join(err, <-ran, s.store.close())
}

// drainTimeout is as long as the dispatcher drains.
const drainTimeout = 30 * time.Second
