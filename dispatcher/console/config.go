package console

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// ErrNoAuthentication is returned by New without Config.Authenticate: there is no console
// that is open to all.
var ErrNoAuthentication = errors.New("console: Config.Authenticate is required")

// Config configures the console. Only Authenticate has no default.
type Config struct {
	// Authenticate says who makes a request. An error is answered with 401, one that
	// matches webhook.ErrForbidden with 403 and one that matches store.ErrUnavailable
	// with 503. It must be safe for concurrent use, and should be quick: it is called
	// for every page.
	Authenticate func(*http.Request) (webhook.Principal, error)
	// AllowViewer lets viewers look at what developers may.
	// Defaults to no viewers.
	AllowViewer bool
	// Brand is how the console looks.
	// Defaults to our own name and colours.
	Brand Brand
	// Portal lets customers in with portal tokens, which manage.CreatePortalToken makes:
	// by a link to the page "portal" below the mount with the token after a "#", or by a
	// form that posts it there as "token". The console then keeps it in its only cookie.
	// Who has that cookie is not asked for by Authenticate.
	// Defaults to off.
	Portal bool
	// SignIn answers whoever wants to see a page and is not signed in, such as by a
	// redirect to the host's login.
	// Defaults to a page that says so.
	SignIn http.Handler
	// FrameAncestors are the origins whose pages may show the console in a frame, such
	// as "https://app.example.com", or "'self'". With Portal they may also post tokens.
	// Defaults to none.
	FrameAncestors []string
	// ClientAddress returns where a request comes from, for the audit log, where the
	// host stands behind a proxy.
	// Defaults to the address of the connection.
	ClientAddress func(*http.Request) string
	// SourceIPs are the addresses that deliveries come from, which receivers need for
	// their firewalls.
	// Defaults to none that are known.
	SourceIPs []string
	// Logger hears of failures that are nobody's mistake but ours.
	// Defaults to the dispatcher's.
	Logger *zap.Logger
}

// New returns the handler of the console over m. Errors are ErrNoAuthentication, and those
// of a Config that cannot be.
func New(m *manage.Manager, cfg Config) (http.Handler, error) {
	if cfg.Authenticate == nil {
		return nil, ErrNoAuthentication
	}
	for _, origin := range cfg.FrameAncestors {
		if origin == "" || strings.ContainsAny(origin, ";, \t\r\n") {
			return nil, errors.New("console: Config.FrameAncestors must be origins, one each")
		}
	}
	if cfg.ClientAddress == nil {
		cfg.ClientAddress = connectionAddress
	}
	if cfg.Logger == nil {
		cfg.Logger = m.Dispatcher().Logger()
	}
	assets, err := newAssets(cfg.Brand)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	pages, err := parsePages()
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c := &console{
		m: m, cfg: cfg, assets: assets, pages: pages, policy: policy(cfg.FrameAncestors),
		crossOrigin: http.NewCrossOriginProtection(), entrance: trusting(cfg.FrameAncestors),
	}
	c.build()
	return c, nil
}

func connectionAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
