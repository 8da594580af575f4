package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The codes of problems beside those of fields, which are in package webhook.
const (
	codeInvalidJSON    = "invalid_json"
	codeInvalidFields  = "invalid_fields"
	codeBodyTooLarge   = "body_too_large"
	codeMediaType      = "unsupported_media_type"
	codeMethod         = "method_not_allowed"
	codeNotFound       = "not_found"
	codeUnauthorized   = "unauthenticated"
	codeForbidden      = "forbidden"
	codeConflict       = "idempotency_conflict"
	codePrecondition   = "precondition_failed"
	codePayloadGone    = "payload_gone"
	codeTooManySecrets = "too_many_secrets"
	codeTypeExists     = "event_type_exists"
	codeTypeOfCode     = "event_type_owned_by_code"
	codeTooManyTypes   = "too_many_event_types"
	codeTooManyTokens  = "too_many_tokens"
	codeSchemaBreaks   = "schema_breaks_receivers"
	codeUnavailable    = "store_unavailable"
	codeUndecided      = "authentication_unavailable"
	codeTimeout        = "request_timeout"
	codeTooBusy        = "too_busy"
	codeInternal       = "internal_error"
)

// tailRetry is when a place among the live logs may be free: they last for as long as
// somebody looks.
const tailRetry = 30 * time.Second

const problemType = "application/problem+json"

// problem is an error as clients see it (RFC 9457).
type problem struct {
	Type   string       `json:"type" doc:"Always about:blank: the code says more." example:"about:blank"`
	Title  string       `json:"title" doc:"What the status means." example:"Not Found"`
	Status int          `json:"status" doc:"The HTTP status." example:"404"`
	Code   string       `json:"code" doc:"What is wrong, for code. It is stable." example:"not_found"`
	Detail string       `json:"detail" doc:"What is wrong, for people. It never repeats what was sent." example:"Not found."`
	Errors []fieldFault `json:"errors" doc:"What is wrong with single fields."`

	retryAfter time.Duration
}

type fieldFault struct {
	Field   string `json:"field" doc:"The field's name, with dots and indexes." example:"url"`
	Code    string `json:"code" example:"url_invalid"`
	Message string `json:"message" example:"Endpoint must be a valid HTTPS URL."`
}

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: []fieldFault{}}
}

// Error, GetStatus, ContentType and GetHeaders are what huma asks of an error.
func (p *problem) Error() string { return p.Code }

func (p *problem) GetStatus() int { return p.Status }

func (p *problem) ContentType(string) string { return problemType }

func (p *problem) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

// write answers with the problem where huma does not.
func (p *problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // who does not read it does not miss it
}

var errNotFound = newProblem(http.StatusNotFound, codeNotFound, "Not found.")

// refused returns what is wrong with the fields of a request.
func refused(fields []webhook.FieldError) *problem {
	p := newProblem(http.StatusUnprocessableEntity, codeInvalidFields, "Several fields are not valid.")
	for _, f := range fields {
		p.Errors = append(p.Errors, fieldFault{Field: f.Field, Code: f.Code, Message: f.Message})
		switch f.Code {
		case webhook.CodeInvalidCursor:
			p.Status = http.StatusBadRequest
		case webhook.CodePayloadTooLarge:
			p.Status = http.StatusRequestEntityTooLarge
		}
	}
	p.Title = http.StatusText(p.Status)
	if len(fields) == 1 {
		p.Code, p.Detail = fields[0].Code, fields[0].Message
	}
	return p
}

// problemOf returns what an error of the library means to clients. One that is nobody's
// mistake but ours is logged.
func (a *api) problemOf(ctx context.Context, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if syntax, ok := errors.AsType[*strict.SyntaxError](err); ok {
		return newProblem(http.StatusBadRequest, codeInvalidJSON, syntax.Message)
	}
	if inv, ok := errors.AsType[*webhook.InvalidError](err); ok {
		return refused(inv.Fields)
	}
	if quota, ok := errors.AsType[*webhook.QuotaError](err); ok {
		return quotaProblem(quota)
	}
	if breaking, ok := errors.AsType[*manage.BreakingError](err); ok {
		return breakingProblem(breaking)
	}
	for _, known := range []struct {
		err          error
		status       int
		code, detail string
		retryAfter   time.Duration
	}{
		{store.ErrNotFound, http.StatusNotFound, codeNotFound, "Not found.", 0},
		{webhook.ErrForbidden, http.StatusForbidden, codeForbidden, forbidden().Detail, 0},
		{store.ErrVersion, http.StatusPreconditionFailed, codePrecondition, "It was changed meanwhile. Read it again.", 0},
		{webhook.ErrIdempotencyConflict, http.StatusConflict, codeConflict, "Idempotency key was used with a different event.", 0},
		{store.ErrPayloadGone, http.StatusConflict, codePayloadGone, "The payload is no longer kept.", 0},
		{manage.ErrTooManySecrets, http.StatusConflict, codeTooManySecrets, "Too many secrets are in use. Wait until the first of them ends.", 0},
		{manage.ErrEventTypeExists, http.StatusConflict, codeTypeExists, "There is an event type of this name, which may be archived.", 0},
		{manage.ErrOwnedByCode, http.StatusConflict, codeTypeOfCode, "This event type belongs to the host's code, and is changed there.", 0},
		{store.ErrTooMany, http.StatusConflict, codeTooManyTypes, "There are as many event types as there may be.", 0},
		{manage.ErrTestLimit, http.StatusTooManyRequests, webhook.CodeRateLimited, "Too many tests. Try again in a second.", time.Second},
		{manage.ErrTooManyTails, http.StatusTooManyRequests, webhook.CodeRateLimited, "Too many live logs are open. Close one and try again.", tailRetry},
		{manage.ErrTailsBusy, http.StatusServiceUnavailable, codeTooBusy, "Too many live logs are open here. Try again later.", tailRetry},
		{webhook.ErrUndecided, http.StatusServiceUnavailable, codeUndecided, "Credentials cannot be checked at the moment. Try again.", time.Second},
		{store.ErrUnavailable, http.StatusServiceUnavailable, codeUnavailable, "The store is not available. Nothing was stored; try again.", time.Second},
		{store.ErrUnknown, http.StatusServiceUnavailable, codeUnavailable, "The store did not answer. Look before you try again, or use an idempotency key.", time.Second},
	} {
		if errors.Is(err, known.err) {
			p := newProblem(known.status, known.code, known.detail)
			p.retryAfter = known.retryAfter
			return p
		}
	}
	if ctx.Err() == nil { // else nobody waits for the answer
		a.cfg.Logger.Error("answer a request of the API", zap.Error(err))
	}
	return newProblem(http.StatusInternalServerError, codeInternal, "Something went wrong here.")
}

func quotaProblem(quota *webhook.QuotaError) *problem {
	p := newProblem(http.StatusTooManyRequests, webhook.CodeRateLimited, quota.Error())
	p.retryAfter = time.Hour // plans change, and somebody has to do it
	if !quota.RetryAt.IsZero() {
		p.retryAfter = max(time.Until(quota.RetryAt), time.Second)
	}
	return p
}

// breakingProblem says what a new version of a schema breaks, each as a fault of its
// place in the payload.
func breakingProblem(breaking *manage.BreakingError) *problem {
	p := newProblem(http.StatusConflict, codeSchemaBreaks, "The schema may break receivers. Set allow_breaking to register it all the same.")
	for _, c := range breaking.Changes[:min(len(breaking.Changes), maxBreaks)] {
		p.Errors = append(p.Errors, fieldFault{Field: "schema" + c.Pointer, Code: codeSchemaBreaks, Message: clip(c.Text)})
	}
	return p
}

// maxBreaks is how many are named: more than people read at once.
const maxBreaks = 100

// clip returns a sentence of at most 200 bytes.
func clip(text string) string {
	const limit = 200
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
}

// ownProblems turns what huma finds wrong with parameters and bodies into problems, so
// that none of them repeats what was sent.
func ownProblems(ctx huma.Context, _ string, v any) (any, error) {
	their, ok := v.(huma.StatusError)
	if _, own := v.(*problem); !ok || own {
		return v, nil
	}
	var p *problem
	switch status := their.GetStatus(); status {
	case http.StatusRequestEntityTooLarge:
		p = newProblem(status, codeBodyTooLarge, "The body is too large.")
	case http.StatusRequestTimeout:
		p = newProblem(status, codeTimeout, "The body did not arrive in time.")
	case http.StatusUnprocessableEntity:
		p = newProblem(status, webhook.CodeInvalidField, "A parameter of the query is not valid.")
		if model, ok := v.(*huma.ErrorModel); ok {
			p = parameterFaults(model)
		}
	case http.StatusInternalServerError: // huma's only one is a body that broke off
		p = newProblem(http.StatusBadRequest, codeInvalidJSON, "The body could not be read.")
		ctx.SetStatus(http.StatusBadRequest)
	default:
		p = newProblem(status, codeInternal, "The request could not be answered.")
	}
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", problemType)
	return p, nil
}

// parameterFaults says which parameters are not valid. A parameter that nobody knows is
// not named.
func parameterFaults(model *huma.ErrorModel) *problem {
	var fields []webhook.FieldError
	for _, e := range model.Errors {
		name, message := parameterName(e.Location), sentence(e.Message)
		if e.Message == "unknown query parameter" {
			fields = append(fields, webhook.FieldError{Field: "query", Code: strict.CodeUnknownField, Message: "Has a parameter that is not known here."})
			continue
		}
		fields = append(fields, webhook.FieldError{Field: name, Code: webhook.CodeInvalidField, Message: message})
	}
	return refused(fields)
}
