package manage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Test is what TestEndpoint sends.
type Test struct {
	// EventType is the type of the event, whether the endpoint subscribes to it
	// or not. It must not be under "webhook.".
	// Defaults to "ping".
	EventType string
	// Data is the event's payload: any JSON value in UTF-8, that the schema of its type
	// allows.
	// Defaults to the example of its type, or else to an object with a sentence that says that this is a test.
	Data json.RawMessage
}

const (
	defaultTestType = "ping"
	defaultTestData = `{"message":"This is a test of your webhook."}`
)

// TestResult is what came of a test.
type TestResult struct {
	// Delivered says that the endpoint answered with success.
	Delivered bool
	// Resumed says that the endpoint had been paused automatically, and is sent
	// to again because of this test.
	Resumed bool
	// StatusCode is the answer's, or 0 if there was none.
	StatusCode int
	// Duration is how long it took, from DNS to the last byte of the answer.
	Duration time.Duration
	// Class is why it failed, or ClassNone, and Message the same as a sentence
	// for people.
	Class   webhook.ErrorClass
	Message string
	// RequestHeaders are those that were sent, with Hidden for the values of
	// the endpoint's own.
	RequestHeaders map[string]string
	// ResponseHeaders and ResponseBody are the receiver's, up to 16 KiB each,
	// and may hold anything; Truncated says that there was more of the body.
	// They are empty if the endpoint discards responses.
	ResponseHeaders map[string]string
	ResponseBody    []byte
	Truncated       bool
}

// messageTestTimeout is the sentence for a test that took too long; unlike
// deliveries, all tests have the same time.
const messageTestTimeout = "Endpoint did not respond within 5 seconds. Check your server."

// ErrTestLimit is returned by TestEndpoint and VerifySignature to a tenant that has
// made ten tests in quick succession, for which both count and checks of ownership too.
// A second later the next one is allowed.
var ErrTestLimit = errors.New("too many tests; try again in a second")

// TestEndpoint makes one signed attempt with an event that is not stored and
// returns what came of it, after at most 5 seconds. It is sent to a paused
// endpoint too, and leaves the delivery log and the endpoint's health alone. A test
// that passes resumes an endpoint that was paused automatically, because it failed
// or was gone; one that was paused by hand, or created paused, stays so.
//
// A test that fails is not an error. Errors are store.ErrNotFound, ErrTestLimit,
// *webhook.InvalidError with the fields event_type and payload, and ctx's error
// if it ended first.
func (m *Manager) TestEndpoint(ctx context.Context, tenant, endpoint string, t Test) (TestResult, error) {
	if err := known(webhook.PrefixEndpoint, tenant, endpoint); err != nil {
		return TestResult{}, err
	}
	if err := m.allowTest(tenant); err != nil {
		return TestResult{}, fmt.Errorf("test endpoint: %w", err)
	}
	ev := webhook.Event{Type: cmp.Or(t.EventType, defaultTestType), Data: t.Data}
	if ev.Data == nil {
		ev.Data = m.defaultData(ctx, ev.Type)
	}
	before, err := m.record(ctx, tenant, endpoint)
	if err != nil {
		return TestResult{}, err
	}
	a, err := m.d.TestSend(ctx, tenant, endpoint, ev)
	if err != nil {
		return TestResult{}, testFields(err)
	}
	if a.StatusCode == 0 && ctx.Err() != nil { // it says nothing about the endpoint
		return TestResult{}, fmt.Errorf("test endpoint: %w", ctx.Err())
	}
	result := testResult(a)
	result.Resumed = result.Delivered && m.resumeTested(ctx, before)
	return result, nil
}

// defaultData returns a payload of a type: its example, if it has one.
func (m *Manager) defaultData(ctx context.Context, eventType string) json.RawMessage {
	if known, ok := m.d.EventType(ctx, eventType); ok && len(known.Example) > 0 {
		return known.Example
	}
	return json.RawMessage(defaultTestData)
}

// allowTest takes a test of a tenant's, or returns ErrTestLimit.
func (m *Manager) allowTest(tenant string) error {
	if m.tests.allow(tenant) {
		return nil
	}
	m.incident(tenant, webhook.IncidentTestProbing, "")
	return ErrTestLimit
}

// resumeTested resumes an endpoint that passed a test, if it was paused
// automatically and nothing about it has changed since the test began: somebody may
// have paused it by hand, or pointed it somewhere else. That it cannot be written
// takes nothing from the test.
func (m *Manager) resumeTested(ctx context.Context, tested store.EndpointRecord) (resumed bool) {
	if !pausedByItself(tested) {
		return false
	}
	_, err := m.d.UpdateEndpoint(ctx, tested.Tenant, tested.ID, func(rec *store.EndpointRecord) error {
		if resumed = pausedByItself(*rec) && rec.Version == tested.Version; !resumed {
			return dispatcher.ErrUnchanged
		}
		rec.Status, rec.PauseCause, rec.StatusReason = webhook.EndpointActive, "", ""
		return nil
	})
	if err != nil {
		m.d.Logger().Warn("resume an endpoint that passed a test", zap.String("endpoint", tested.ID), zap.Error(err))
		return false
	}
	return resumed
}

func pausedByItself(rec store.EndpointRecord) bool {
	return rec.Status == webhook.EndpointPaused && rec.PauseCause.Auto()
}

func testResult(a webhook.Attempt) TestResult {
	r := TestResult{
		Delivered:       a.Class == webhook.ClassNone,
		StatusCode:      a.StatusCode,
		Duration:        a.Timings.Total,
		Class:           a.Class,
		Message:         a.Class.Message(),
		RequestHeaders:  a.RequestHeaders,
		ResponseHeaders: a.ResponseHeaders,
		ResponseBody:    a.ResponseBody,
		Truncated:       a.Truncated,
	}
	if a.Class == webhook.ClassTimeout {
		r.Message = messageTestTimeout
	}
	return r
}

// testFields gives the fields of an event the names that they have in a test.
func testFields(err error) error {
	fields := fieldsOf(err)
	if fields == nil {
		return err
	}
	names := map[string]string{"type": "event_type", "data": "payload"}
	var inv webhook.InvalidError
	for _, f := range fields {
		field, pointer, inside := strings.Cut(f.Field, "/")
		if inside {
			pointer = "/" + pointer
		}
		inv.Add(cmp.Or(names[field], field)+pointer, f.Code, f.Message)
	}
	return inv.Err()
}

const (
	testRate  = rate.Limit(1) // a second
	testBurst = 10
	// testTenants is how many tenants' limits are remembered at least.
	testTenants = 5000
)

// testLimits limits the tests of each tenant, in bounded memory: tenants that
// made no test while testTenants others did are forgotten.
type testLimits struct {
	mu           sync.Mutex
	recent, past map[string]*rate.Limiter
}

func newTestLimits() *testLimits {
	return &testLimits{recent: make(map[string]*rate.Limiter)}
}

// allow takes one test of a tenant, or reports false.
func (l *testLimits) allow(tenant string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.recent[tenant]
	if limiter == nil {
		if limiter = l.past[tenant]; limiter == nil {
			limiter = rate.NewLimiter(testRate, testBurst)
		}
		if len(l.recent) >= testTenants {
			l.recent, l.past = make(map[string]*rate.Limiter), l.recent
		}
		l.recent[tenant] = limiter
	}
	return limiter.Allow()
}
