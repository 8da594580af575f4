package send

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// Config is what a Sender works with. It is filled in by the dispatcher: no field
// has a default, and only TenantList, Keys and Hash may be nil.
type Config struct {
	Transport transport.Transport
	// Auth authenticates requests to endpoints that want more than a signature.
	Auth *auth.Authenticator
	// TenantList tells, at each attempt, what narrows a tenant's requests; nil for
	// nothing.
	TenantList func(tenant string) *guard.List
	// Keys are those that stay outside; nil for none.
	Keys ExternalKeys
	// Expressions compiles transforms.
	Expressions *expression.Cache
	// Hash returns the hash of a tenant's value under a key of the tenant's own; nil if
	// there are no such keys.
	Hash func(ctx context.Context, tenant string, value ...[]byte) ([]byte, error)
	// UserAgent is what receivers see in the header of that name.
	UserAgent string
	Log       *zap.Logger
}

// Sender makes attempts. It is safe for concurrent use.
type Sender struct {
	transport transport.Transport
	auth      *auth.Authenticator
	// tenantList narrows where a tenant's requests may go.
	tenantList  func(tenant string) *guard.List
	userAgent   string
	expressions *expression.Cache
	hash        func(ctx context.Context, tenant string, value ...[]byte) ([]byte, error)
	log         *zap.Logger
	// complained and warned are when something was last logged of what may happen
	// at every attempt: by our own fault, and by that of credentials.
	complained, warned atomic.Int64
	keys               ExternalKeys
}

// NewSender returns a sender.
func NewSender(cfg Config) *Sender {
	if cfg.TenantList == nil {
		cfg.TenantList = func(string) *guard.List { return nil }
	}
	return &Sender{
		expressions: cfg.Expressions, hash: cfg.Hash,
		transport: cfg.Transport, auth: cfg.Auth, keys: cfg.Keys, tenantList: cfg.TenantList, userAgent: cfg.UserAgent, log: cfg.Log,
	}
}

// Exchange is one request and what came of it.
type Exchange struct {
	Answer
	// At is when it ended.
	At time.Time
	// Attempt describes it, as far as it goes: it has no id, no tenant, no
	// delivery and no number yet.
	Attempt webhook.Attempt
}

// Send makes one signed attempt and describes it; whatever goes wrong, a panic
// of the transport's included, is in the answer. timeout bounds the attempt
// beside ctx.
func (s *Sender) Send(ctx context.Context, r *Route, msg *Message, timeout time.Duration) (x Exchange) {
	began := clock.Now()
	x.Attempt.At = began.UTC().Truncate(time.Microsecond)
	req := &request{Request: transport.Request{
		URL: r.Endpoint.URL, Method: r.Endpoint.Method, Header: r.header(),
		Scope: guard.Scope{Tenant: s.tenantList(r.Endpoint.Tenant), Endpoint: r.list}, TLS: r.tls,
	}}
	defer func() {
		if p := recover(); p != nil {
			s.log.With(telemetry.LogFields(ctx)...).Error("panic in an attempt", zap.String("event", msg.id), zap.String("endpoint", r.Endpoint.ID),
				zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			x.Answer = Answer{Class: webhook.ClassInternal}
		}
		x.At = clock.Now()
		x.Attempt.Class = x.Classify(&r.Endpoint)
		x.Attempt.StatusCode = x.StatusCode
		x.Attempt.RequestHeaders = redactHeaders(req.Header, r.Endpoint.Headers, req.proof)
		if x.Attempt.Timings.Total == 0 {
			x.Attempt.Timings.Total = x.At.Sub(began)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, contentType, err := s.bodyFor(ctx, r, msg)
	if err != nil {
		x.Answer = Answer{Class: classOf(err)}
		s.report(ctx, "make the body of a delivery", zap.String("endpoint", r.Endpoint.ID), zap.Error(err))
		return x
	}
	values := [5]string{contentType, s.userAgent} // of all headers in one piece of memory
	req.Header["Content-Type"], req.Header["User-Agent"] = values[0:1:1], values[1:2:2]
	if err := s.sign(ctx, req.Header, r, signedContent{msg.id, began, body, values[2:]}); err != nil {
		x.unsigned(ctx)
		s.report(ctx, "sign a delivery", zap.String("endpoint", r.Endpoint.ID), zap.Error(err))
		return x
	}
	if r.Endpoint.Format == webhook.FormatCloudEventsBinary && msg.members == nil {
		setCloudEvent(req.Header, msg)
	}
	telemetry.Inject(ctx, req.Header)
	req.Body = body
	resp, err := s.exchange(ctx, r, req)
	if resp != nil {
		x.responded(resp, r, req)
	}
	if err != nil {
		x.failed(err)
		s.complain(ctx, err)
	}
	return x
}

// unsigned says that there is no signature, and so no request. It is our own doing,
// whether a key could not be reached or we broke off.
func (x *Exchange) unsigned(ctx context.Context) {
	x.Answer = Answer{Class: webhook.ClassInternal}
	if errors.Is(ctx.Err(), context.Canceled) {
		x.Class = webhook.ClassCanceled
	}
}

// complain logs what went wrong on our side, once a second at most: an egress proxy
// that is down, or a KMS, fails all attempts.
func (s *Sender) complain(ctx context.Context, err error) {
	failure, ok := errors.AsType[*transport.Error](err)
	if !ok || failure.Class != webhook.ClassInternal {
		return
	}
	s.report(ctx, "an attempt failed on this side", zap.Error(failure.Err))
}

// report logs an error of an attempt, unless it has logged one within the second.
func (s *Sender) report(ctx context.Context, what string, fields ...zap.Field) {
	if first(&s.complained) {
		s.log.With(telemetry.LogFields(ctx)...).Error(what+"; others within the second are not reported", fields...)
	}
}

// first reports whether it is the first call for last in this second.
func first(last *atomic.Int64) bool {
	now, before := clock.Now().Unix(), last.Load()
	return now != before && last.CompareAndSwap(before, now)
}

func (x *Exchange) failed(err error) {
	x.Class = webhook.ClassInternal
	failure, ok := errors.AsType[*transport.Error](err)
	if auth, ok := errors.AsType[authError](err); ok {
		x.Class = auth.class(failure)
		return
	}
	if ok {
		x.Class = failure.Class
		x.Attempt.RemoteAddr = failure.RemoteAddr
		x.Attempt.Timings = failure.Timings
	}
}

func (x *Exchange) responded(resp *transport.Response, r *Route, req *request) {
	x.StatusCode, x.Header = resp.StatusCode, resp.Header
	x.Attempt.RemoteAddr = resp.RemoteAddr
	x.Attempt.Timings = resp.Timings
	x.Attempt.Truncated = resp.Truncated
	if r.Endpoint.DiscardResponses {
		return
	}
	echo := r.echo
	if req.proof != nil && r.auth.Fixed() == nil {
		echo = echo.with(req.proof)
	}
	x.Attempt.ResponseBody = echo.maskBytes(resp.Body)
	x.Attempt.ResponseHeaders = make(map[string]string, len(resp.Header))
	for name, values := range resp.Header {
		if name == "Set-Cookie" {
			x.Attempt.ResponseHeaders[name] = redacted
		} else if len(values) > 0 {
			x.Attempt.ResponseHeaders[name] = echo.mask(values[0])
		}
	}
}
