package send

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/pointer"
)

// shapeError says which class an attempt has whose body could not be made.
type shapeError struct {
	class webhook.ErrorClass
	err   error
}

func (e *shapeError) Error() string { return e.err.Error() }
func (e *shapeError) Unwrap() error { return e.err }

// classOf returns the class of an attempt whose body could not be made.
func classOf(err error) webhook.ErrorClass {
	if shape, ok := errors.AsType[*shapeError](err); ok {
		return shape.class
	}
	return webhook.ClassInternal
}

// anonymization is one with its pointer parsed.
type anonymization struct {
	at     pointer.Pointer
	action webhook.AnonymizeAction
}

func anonymizations(list []webhook.Anonymization) ([]anonymization, error) {
	parsed := make([]anonymization, len(list))
	for i, a := range list {
		p, err := pointer.Parse(a.Pointer)
		if err != nil {
			return nil, err
		}
		parsed[i] = anonymization{p, a.Action}
	}
	return parsed, nil
}

// asItIs reports whether an event's own bytes are the data that is sent.
func (r *Route) asItIs(msg *Message) bool {
	return (r.Endpoint.Transform == "" || webhook.Reserved(msg.eventType)) && len(r.anonymize) == 0
}

// shape returns the data that is sent of an event: transformed, then anonymised. It is
// made of nothing but the event and the endpoint's configuration, so that every
// attempt makes the same.
func (s *Sender) shape(ctx context.Context, r *Route, msg *Message) ([]byte, error) {
	if r.asItIs(msg) {
		return msg.Data(), nil
	}
	data, err := s.transform(ctx, r, msg)
	if err != nil {
		return nil, &shapeError{webhook.ClassTransformError, fmt.Errorf("transform event %s: %w", msg.id, err)}
	}
	if data, err = s.anonymized(ctx, r, data); err != nil {
		return nil, &shapeError{webhook.ClassInternal, fmt.Errorf("anonymize event %s: %w", msg.id, err)}
	}
	return data, nil
}

func (s *Sender) transform(ctx context.Context, r *Route, msg *Message) ([]byte, error) {
	if r.Endpoint.Transform == "" || webhook.Reserved(msg.eventType) {
		return msg.Data(), nil
	}
	t, err := s.expressions.Transform(r.Endpoint.Transform)
	if err != nil {
		return nil, err
	}
	// Metadata is never sent, so a transform does not see it.
	return t.Apply(ctx, s.expressions.Decode(&webhook.Event{ID: msg.id, Type: msg.eventType, Data: msg.Data()}))
}

func (s *Sender) anonymized(ctx context.Context, r *Route, data []byte) ([]byte, error) {
	if len(r.anonymize) == 0 {
		return data, nil
	}
	var failed error
	edits := make([]pointer.Edit, len(r.anonymize))
	for i, a := range r.anonymize {
		edits[i].Pointer = a.at
		if a.action == webhook.AnonymizeHash {
			edits[i].Replace = func(value []byte) []byte {
				hashed, err := s.hashed(ctx, r.Endpoint.Tenant, value)
				if err != nil {
					failed = err
				}
				return hashed
			}
		}
	}
	out, err := pointer.NewEditor(edits...).Apply(data)
	return out, errors.Join(failed, err)
}

// hashed returns what is sent in the place of a value. Nobody could hash without a
// key, and so find the value by trying.
func (s *Sender) hashed(ctx context.Context, tenant string, value []byte) ([]byte, error) {
	if s.hash == nil {
		return nil, errors.New("there is no key to hash with")
	}
	kind := []byte("json")
	if len(value) > 0 && value[0] == '"' { // one string, however it was written
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, err
		}
		kind, value = []byte("text"), []byte(text)
	}
	mac, err := s.hash(ctx, tenant, kind, value)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `"%s"`, hex.EncodeToString(mac)), nil
}

// Shapes returns the class of the attempt if the body of a message to an endpoint
// cannot be made, and else ClassNone.
func (s *Sender) Shapes(ctx context.Context, r *Route, msg *Message) webhook.ErrorClass {
	if _, err := s.shape(ctx, r, msg); err != nil {
		return classOf(err)
	}
	return webhook.ClassNone
}
