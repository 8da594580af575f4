package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// ErrNoAuthentication is returned by New without Config.Authenticate: there is no API
// that is open to all.
var ErrNoAuthentication = errors.New("httpapi: Config.Authenticate is required")

// Config configures the API. Only Authenticate has no default.
type Config struct {
	// Authenticate says who makes a request. An error is answered with 401, one that
	// matches webhook.ErrForbidden with 403 and one that matches webhook.ErrUndecided
	// or store.ErrUnavailable with 503. It must be safe for concurrent use, and should be
	// quick: it is called for every request. Package auth has some.
	Authenticate func(*http.Request) (webhook.Principal, error)
	// Authorize narrows what a principal may do beyond its role: an error is answered
	// with 403. resource is the id in the request's path, or "".
	// Defaults to what roles and scopes allow.
	Authorize func(ctx context.Context, p webhook.Principal, action Action, resource string) error
	// AllowViewer lets viewers read what developers may.
	// Defaults to no viewers.
	AllowViewer bool
	// Limiter bounds what principals may ask for, such as NewLimiter. The host may
	// share it with an API of its own.
	// Defaults to no limit.
	Limiter Limiter
	// ClientAddress returns where a request comes from, for the audit log and for
	// counting failures, where the host stands behind a proxy.
	// Defaults to the address of the connection.
	ClientAddress func(*http.Request) string
	// SourceIPs are the addresses that deliveries come from, which receivers ask for
	// to let them through their firewalls.
	// Defaults to none that are known.
	SourceIPs []string
	// Logger hears of failures that are nobody's mistake but ours.
	// Defaults to the dispatcher's.
	Logger *zap.Logger
}

// New returns the handler of the API over m. The error is ErrNoAuthentication.
func New(m *manage.Manager, cfg Config) (http.Handler, error) {
	if cfg.Authenticate == nil {
		return nil, ErrNoAuthentication
	}
	if cfg.ClientAddress == nil {
		cfg.ClientAddress = connectionAddress
	}
	if cfg.Logger == nil {
		cfg.Logger = m.Dispatcher().Logger()
	}
	a := &api{m: m, d: m.Dispatcher(), cfg: cfg, router: chi.NewRouter(), failures: newFailures()}
	if err := a.build(); err != nil {
		return nil, err
	}
	return a, nil
}

func connectionAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
