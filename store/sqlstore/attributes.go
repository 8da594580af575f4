package sqlstore

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/postrider/postrider/webhook"
)

// eventAttributes is what is kept of an event in one column of JSON: what few
// events have and no query looks at. Its names are stored; they must not change.
type eventAttributes struct {
	OrderingKey string   `json:"ordering_key,omitempty"`
	Channels    []string `json:"channels,omitempty"`
	Priority    string   `json:"priority,omitempty"`
	DeliverAt   int64    `json:"deliver_at,omitempty"` // microseconds since 1970
	TraceParent string   `json:"traceparent,omitempty"`
	TraceState  string   `json:"tracestate,omitempty"`
}

// EventAttributes encodes what few events have, or returns "" if this one has
// none of it.
func EventAttributes(ev *webhook.Event) (string, error) {
	if ev.OrderingKey == "" && len(ev.Channels) == 0 && ev.Priority == "" && ev.DeliverAt.IsZero() && ev.Trace == (webhook.TraceContext{}) {
		return "", nil
	}
	a := eventAttributes{
		OrderingKey: ev.OrderingKey, Channels: ev.Channels, Priority: string(ev.Priority),
		TraceParent: ev.Trace.Parent, TraceState: ev.Trace.State,
	}
	if !ev.DeliverAt.IsZero() {
		a.DeliverAt = ev.DeliverAt.UnixMicro()
	}
	b, err := json.Marshal(a)
	return string(b), err
}

// SetEventAttributes decodes what EventAttributes made.
func SetEventAttributes(text string, ev *webhook.Event) error {
	if text == "" {
		return nil
	}
	var a eventAttributes
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	ev.OrderingKey, ev.Channels, ev.Priority = a.OrderingKey, a.Channels, webhook.Priority(a.Priority)
	ev.Trace = webhook.TraceContext{Parent: a.TraceParent, State: a.TraceState}
	if a.DeliverAt != 0 {
		ev.DeliverAt = time.UnixMicro(a.DeliverAt).UTC()
	}
	return nil
}

// OrderKey is how the order that a delivery keeps is stored: "" for none, and else
// "=" and the ordering key.
func OrderKey(ordered bool, key string) string {
	if !ordered {
		return ""
	}
	return "=" + key
}

// ParseOrderKey is the reverse of OrderKey.
func ParseOrderKey(stored string) (ordered bool, key string) {
	key, ordered = strings.CutPrefix(stored, "=")
	return ordered, key
}
