package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Event is what a webhook in the standard envelope tells.
type Event struct {
	// ID is that of the event. In a batch it stands in the event's envelope;
	// else it is the webhook's (see ID).
	ID   string
	Type string
	// Timestamp is when it happened.
	Timestamp time.Time
	// Data is the payload, byte for byte.
	Data json.RawMessage
}

// A Handler handles one event. After an error the sender delivers it again.
type Handler func(ctx context.Context, ev Event) error

// Typed returns a Handler that decodes the payload. What cannot be decoded is
// ErrBadEvent.
func Typed[T any](handle func(ctx context.Context, ev Event, data T) error) Handler {
	return func(ctx context.Context, ev Event) error {
		var data T
		if err := json.Unmarshal(ev.Data, &data); err != nil {
			return fmt.Errorf("%w: %w", ErrBadEvent, err)
		}
		return handle(ctx, ev, data)
	}
}

// RouterConfig says who handles what. Routes are required.
type RouterConfig struct {
	// Routes are the handlers by event type: "invoice.paid"; "invoice.*", which
	// is everything below; or "*". The most specific one handles the event.
	Routes map[string]Handler

	// Unknown is the status for events that no route fits, 200 to 599. Any 2xx
	// means that they are of no interest; what is not makes the sender deliver
	// them again.
	// Defaults to 204.
	Unknown int

	// Duplicates lets each event be handled once, also one of a batch of which
	// others failed. It does more than the Duplicates of a Verifier, which know
	// batches as a whole, and replaces them.
	// Defaults to nil: every delivery is handled, repetitions too.
	Duplicates Deduplicator

	// OnError is told of every event that was not handled, and why; of the
	// event nothing is known if the webhook could not be read. It is called
	// from many goroutines at once.
	// Defaults to nil, and then nobody is told.
	OnError func(ctx context.Context, ev Event, err error)
}

var (
	// ErrBadEvent means that a webhook is not in the standard envelope, or that
	// a payload is not what its Typed handler wants.
	ErrBadEvent = errors.New("signer: malformed event")

	// ErrNotVerified is what OnError is told if a Router was called with a
	// request that did not pass through a Verifier's Middleware.
	ErrNotVerified = errors.New("signer: webhook was not verified")

	// ErrNoRoute is what OnError is told if no route fits an event, and Unknown
	// does not mean success.
	ErrNoRoute = errors.New("signer: no route for this type of event")
)

const (
	textMalformed = "Webhook is not in the expected form."
	textFailed    = "Webhook could not be handled."
)

// A Router hands the events of verified webhooks to those who handle their types.
// Put it behind Middleware. It understands single events and batches. Create it
// with NewRouter.
type Router struct {
	cfg RouterConfig
}

// NewRouter returns a Router. It is an error if there are no routes, one is no
// event type, "a.*" or "*", or has no Handler, or Unknown is no final status.
func NewRouter(cfg RouterConfig) (*Router, error) {
	if len(cfg.Routes) == 0 {
		return nil, errors.New("signer: a Router needs routes")
	}
	routes := make(map[string]Handler, len(cfg.Routes))
	for pattern, handle := range cfg.Routes {
		if !validPattern(pattern) {
			return nil, fmt.Errorf("signer: route %q is no event type", pattern)
		}
		if handle == nil {
			return nil, fmt.Errorf("signer: route %q has no handler", pattern)
		}
		routes[pattern] = handle
	}
	cfg.Routes = routes
	if cfg.Unknown == 0 {
		cfg.Unknown = http.StatusNoContent
	}
	if cfg.Unknown < 200 || cfg.Unknown > 599 {
		return nil, fmt.Errorf("signer: status %d is no answer", cfg.Unknown)
	}
	return &Router{cfg: cfg}, nil
}

// ServeHTTP answers 204 if every event of the webhook was handled, now or before;
// 400 if it cannot be read; 409 if an event is being handled by somebody else; 503
// if duplicates cannot be told; and 500 if a Handler failed. The events of a batch
// are handled in their order, and after one that failed no more are: without
// Duplicates, those before it are handled again when the batch comes again.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, ok := r.Context().Value(verifiedKey{}).(verified)
	if !ok {
		rt.fail(w, r, Event{}, ErrNotVerified)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rt.fail(w, r, Event{}, &readError{err})
		return
	}
	events, err := readEvents(v, body)
	if err != nil {
		rt.fail(w, r, Event{}, err)
		return
	}
	for _, ev := range events {
		if err := rt.handle(r.Context(), ev); err != nil {
			rt.fail(w, r, ev.Event, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// handle has one event handled, unless it was before.
func (rt *Router) handle(ctx context.Context, ev keyedEvent) error {
	handle := rt.route(ev.Type)
	if handle == nil {
		if rt.cfg.Unknown > 299 {
			return ErrNoRoute
		}
		return nil
	}
	if rt.cfg.Duplicates == nil {
		return handle(ctx, ev.Event)
	}
	err := once(ctx, rt.cfg.Duplicates, ev.key, func() error { return handle(ctx, ev.Event) },
		func(err error) { rt.tell(ctx, ev.Event, err) })
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// route returns the handler of the most specific route, or nil.
func (rt *Router) route(eventType string) Handler {
	if handle := rt.cfg.Routes[eventType]; handle != nil {
		return handle
	}
	for prefix := eventType; ; {
		i := strings.LastIndexByte(prefix, '.')
		if i < 0 {
			return rt.cfg.Routes["*"]
		}
		prefix = prefix[:i]
		if handle := rt.cfg.Routes[prefix+".*"]; handle != nil {
			return handle
		}
	}
}

func (rt *Router) tell(ctx context.Context, ev Event, err error) {
	if rt.cfg.OnError != nil {
		rt.cfg.OnError(ctx, ev, err)
	}
}

func (rt *Router) fail(w http.ResponseWriter, r *http.Request, ev Event, err error) {
	rt.tell(r.Context(), ev, err)
	status, text := http.StatusInternalServerError, textFailed
	var broken *readError
	switch {
	case errors.Is(err, ErrNotVerified):
		status, text = http.StatusUnauthorized, textRejected
	case errors.As(err, &broken):
		status, text = http.StatusBadRequest, textUnreadable
	case errors.Is(err, ErrBadEvent):
		status, text = http.StatusBadRequest, textMalformed
	case errors.Is(err, ErrNoRoute):
		status, text = rt.cfg.Unknown, textFailed
	case errors.Is(err, ErrBusy):
		status, text = http.StatusConflict, textBusy
	case errors.Is(err, ErrDeduplicator):
		status, text = http.StatusServiceUnavailable, textLater
	}
	refuse(w, status, text)
}

// envelope is the standard form of an event; the id is there in a batch only.
type envelope struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// keyedEvent is an event with what its duplicates are told by.
type keyedEvent struct {
	Event
	key string
}

// readEvents returns the event of a body, whose id is the webhook's, or those of
// a batch.
func readEvents(v verified, body []byte) ([]keyedEvent, error) {
	batch := bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("["))
	envelopes := make([]envelope, 1)
	var err error
	if batch {
		err = json.Unmarshal(body, &envelopes)
	} else {
		err = json.Unmarshal(body, &envelopes[0])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadEvent, err)
	}
	events := make([]keyedEvent, len(envelopes))
	for i, e := range envelopes {
		if batch { // the ids stand in what is signed
			v.id, v.key = e.ID, e.ID
		}
		events[i] = keyedEvent{Event{ID: v.id, Type: e.Type, Timestamp: e.Timestamp, Data: e.Data}, v.key}
		if e.Type == "" || batch && !validID(e.ID) {
			return nil, fmt.Errorf("%w: event %d has no type or no id", ErrBadEvent, i+1)
		}
	}
	return events, nil
}

// validPattern reports whether s is an event type, one followed by ".*", or "*".
func validPattern(s string) bool {
	if s == "*" {
		return true
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(s, ".*"), ".") {
		if segment == "" || strings.Trim(segment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			return false
		}
	}
	return true
}
