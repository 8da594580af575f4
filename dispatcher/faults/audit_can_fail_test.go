package faults_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// tale is a short run without fault, for the audit to read: one event was
// acknowledged, refused by its receiver, accepted, and accepted again after a
// kill that came before that was written.
type tale struct {
	*ledger
	events     []webhook.Event
	deliveries []webhook.Delivery
	attempts   []webhook.Attempt
	counted    int64
}

func (s *tale) ListEvents(context.Context, string, store.Page) ([]webhook.Event, error) {
	return s.events, nil
}

func (s *tale) ListDeliveries(context.Context, string, store.DeliveryFilter, store.Page) ([]webhook.Delivery, error) {
	return s.deliveries, nil
}

func (s *tale) Attempts(context.Context, string, string) ([]webhook.Attempt, error) {
	return s.attempts, nil
}

func (s *tale) Stats(context.Context, string, store.StatScope, time.Time, time.Time) ([]store.Stat, error) {
	return []store.Stat{{Counts: webhook.Counts{Delivered: s.counted}}}, nil
}

func newTale() *tale {
	t0 := time.Now()
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	return &tale{
		ledger: &ledger{
			publications: map[string]*publication{
				"a": {key: "a", result: acknowledged, event: "evt_a", deliveries: 1, calls: 1},
				"b": {key: "b", result: refused, calls: 1},
			},
			requests: []*request{
				{number: 1, life: 0, id: "evt_a", key: "a", at: at(1), status: 500},
				{number: 2, life: 0, id: "evt_a", key: "a", at: at(3), status: 200},
				{number: 3, life: 1, id: "evt_a", key: "a", at: at(11), status: 200},
			},
			lives: []*life{
				{started: t0, ended: at(5), killed: true, first: at(1)},
				{started: at(10), ended: at(15), first: at(11)},
			},
			verdicts: []string{"ok", "ok"},
		},
		events: []webhook.Event{{ID: "evt_a", IdempotencyKey: "a"}},
		deliveries: []webhook.Delivery{{
			ID: "dlv_a", EventID: "evt_a", EndpointID: "ep_0", Status: webhook.DeliveryDelivered, Attempts: 2,
		}},
		attempts: []webhook.Attempt{
			{N: 1, At: at(1), StatusCode: 500, Class: webhook.ClassHTTPStatus, ResponseHeaders: numbered("1")},
			{N: 2, At: at(11), StatusCode: 200, ResponseHeaders: numbered("3")},
		},
		counted: 1,
	}
}

func numbered(n string) map[string]string { return map[string]string{numberHeader: n} }

func (s *tale) audit(t *testing.T) []string {
	t.Helper()
	a := &audit{ledger: s.ledger, store: s, endpoints: []string{"ep_0"}, slots: 1}
	if err := a.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a.findings
}

// TestAuditCanFail changes one thing at a time.
func TestAuditCanFail(t *testing.T) {
	if got := newTale().audit(t); len(got) > 0 {
		t.Fatalf("a run without fault: findings = %q; want none", got)
	}
	for _, tt := range []struct {
		name, want string
		change     func(*tale)
	}{
		{"an acknowledged event is lost", "I1", func(s *tale) { s.events, s.deliveries, s.requests, s.counted = nil, nil, nil, 0 }},
		{"it is stored under another id", "I1", func(s *tale) { s.publications["a"].event = "evt_b" }},
		{"one of its deliveries is lost", "I1", func(s *tale) { s.publications["a"].deliveries = 2 }},
		{"it was canceled", "I1", func(s *tale) { s.deliveries[0].Status, s.counted = webhook.DeliveryCanceled, 0 }},
		{"what arrived is not in the store", "I1", func(s *tale) { s.requests[0].id = "evt_x" }},
		{"a refused event is delivered", "I2", func(s *tale) { s.requests[0].key = "b" }},
		{"a refused event is stored", "I2", func(s *tale) { s.events = append(s.events, webhook.Event{ID: "evt_b", IdempotencyKey: "b"}) }},
		{"nobody published what is stored", "I2", func(s *tale) { s.events = append(s.events, webhook.Event{ID: "evt_b", IdempotencyKey: "x"}) }},
		{"an unknown event was not repeated", "I3", func(s *tale) { s.publications["a"].result = unknown }},
		{"one key became two events", "I3", func(s *tale) { s.events = append(s.events, webhook.Event{ID: "evt_b", IdempotencyKey: "a"}) }},
		{"a body changed", "I4", func(s *tale) { s.requests[2].body[0]++ }},
		{"a signature is wrong", "I5", func(s *tale) { s.requests[0].refusal = errors.New("no match") }},
		{"the receiver never accepted", "I6: dlv_a is called delivered", func(s *tale) { s.requests[1].status, s.requests[2].status = 500, 500 }},
		{"an attempt is missing without a kill", "I6: request 3 of dlv_a has no attempt", func(s *tale) { s.attempts = s.attempts[:1] }},
		{"a duplicate that no kill explains", "I6: request 4 of dlv_a has no attempt", func(s *tale) {
			s.requests = append(s.requests, &request{number: 4, life: 1, id: "evt_a", key: "a", at: time.Now(), status: 200})
		}},
		{"a child sent twice what it was killed with", "I6: request 1 of dlv_a has no attempt", func(s *tale) { s.attempts = s.attempts[1:] }},
		{"a success is written as a failure", "I6: attempt 2 of dlv_a is written as 500", func(s *tale) {
			s.attempts[1].StatusCode, s.attempts[1].Class = 500, webhook.ClassHTTPStatus
		}},
		{"two successes are written", "I6: dlv_a has 2 successful attempts", func(s *tale) {
			s.attempts = append(s.attempts, webhook.Attempt{N: 3, StatusCode: 200, ResponseHeaders: numbered("2")})
		}},
		{"nobody knows who sent it", "I6: request 3 of dlv_a does not say", func(s *tale) { s.requests[2].life = -1 }},
		{"a kill lost more than was under way", "I6: the end of child 0 lost 2", func(s *tale) { s.attempts = s.attempts[1:] }},
		{"an attempt has the wrong number", "I6: attempt 2", func(s *tale) { s.attempts[1].N = 3 }},
		{"attempts are counted wrongly", "I6: dlv_a counts", func(s *tale) { s.deliveries[0].Attempts = 3 }},
		{"the statistics are wrong", "I6: the statistics", func(s *tale) { s.counted = 2 }},
		{"the file is broken", "I7", func(s *tale) { s.verdicts[0] = "row 1 missing from index" }},
	} {
		s := newTale()
		tt.change(s)
		if got := strings.Join(s.audit(t), "\n"); !strings.Contains("\n"+got, "\n"+tt.want) {
			t.Errorf("%s: findings = %q; want one that begins with %q", tt.name, got, tt.want)
		}
	}
}
