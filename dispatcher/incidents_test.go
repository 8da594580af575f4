package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// alarms remembers what the hook of incidents was told.
type alarms struct {
	mu   sync.Mutex
	list []webhook.Incident
}

func (a *alarms) hook(_ context.Context, inc webhook.Incident) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, inc)
}

func (a *alarms) told() []webhook.Incident {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list
}

// incidents returns the incidents of acme of a kind.
func (w *world) incidents(kind webhook.IncidentKind) []webhook.Incident {
	w.t.Helper()
	list, err := w.manage.Incidents(w.t.Context(), "acme", store.IncidentFilter{Kind: kind}, store.Page{})
	if err != nil {
		w.t.Fatalf("Incidents: %v", err)
	}
	return list
}

func (w *world) report(n int, kind webhook.IncidentKind, subject string) {
	w.t.Helper()
	for range n {
		if err := w.Incident("acme", kind, subject); err != nil {
			w.t.Fatalf("Incident: %v", err)
		}
	}
}

// tallyingStore counts the writes of incidents.
type tallyingStore struct {
	store.Store
	mu     sync.Mutex
	writes int
}

func (s *tallyingStore) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	s.mu.Lock()
	s.writes++
	s.mu.Unlock()
	return s.Store.CountIncidents(ctx, now, counts)
}

func TestBurstIsOneIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a alarms
		st := &tallyingStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{OnIncident: a.hook})
		w.report(50, webhook.IncidentAuthentication, "192.0.2.7")
		wait(2 * time.Second)
		list := w.incidents("")
		if len(list) != 1 || list[0].Count != 50 || list[0].Subject != "192.0.2.7" {
			t.Errorf("incidents after a burst of 50 = %+v; want one with count 50", list)
		}
		if told := a.told(); len(told) != 1 || told[0].ID != list[0].ID || told[0].Count < told[0].Threshold {
			t.Errorf("the hook was told %+v; want the one incident, once", told)
		}
		want(t, "writes of a burst of 50", st.writes, 2)
		// A restart finds it as it was.
		again := newWorld(t, st.Store, dispatcher.Config{OnIncident: a.hook})
		again.report(5, webhook.IncidentAuthentication, "192.0.2.7")
		wait(2 * time.Second)
		if list := again.incidents(""); len(list) != 1 || list[0].Count != 55 {
			t.Errorf("incidents after a restart and 5 more = %+v; want one with count 55", list)
		}
		want(t, "calls of the hook after a restart", len(a.told()), 1)
		// The window is an hour: what comes after it is news.
		wait(time.Hour)
		again.report(50, webhook.IncidentAuthentication, "192.0.2.7")
		wait(2 * time.Second)
		want(t, "incidents after the window", len(again.incidents("")), 2)
		want(t, "calls of the hook after the window", len(a.told()), 2)
	})
}

func TestIncidentsOfProcessesAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a alarms
		st := memstore.New()
		for range 4 {
			newWorld(t, st, dispatcher.Config{OnIncident: a.hook}).report(3, webhook.IncidentSignature, "")
		}
		wait(5 * time.Second)
		w := newWorld(t, st, dispatcher.Config{})
		if list := w.incidents(webhook.IncidentSignature); len(list) != 1 || list[0].Count != 12 {
			t.Errorf("incidents of four processes = %+v; want one with count 12", list)
		}
		want(t, "calls of the hooks of four processes", len(a.told()), 1)
	})
}

// TestIncidentsOutliveTheStore lets the store fail while incidents are counted: none
// is lost, and what a lost answer may have told is told.
func TestIncidentsOutliveTheStore(t *testing.T) {
	for name, after := range map[string]bool{"before the commit": false, "after the commit": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a alarms
				st := &faultyStore{Store: memstore.New()}
				w := newWorld(t, st, dispatcher.Config{OnIncident: a.hook})
				stop := w.run()
				defer stop()
				failed := false
				var mu sync.Mutex
				st.setFault(func(call string, done bool) error {
					mu.Lock()
					defer mu.Unlock()
					if call != "count incidents" || failed || done != after {
						return nil
					}
					failed = true
					return fmt.Errorf("count incidents: %w", store.ErrUnknown)
				})
				w.report(20, webhook.IncidentSignature, "")
				wait(time.Minute)
				list := w.incidents(webhook.IncidentSignature)
				if len(list) != 1 || list[0].Count < 20 || list[0].Count > 40 {
					t.Errorf("incidents after an answer was lost = %+v; want one of 20, or at most what was repeated more", list)
				}
				want(t, "calls of the hook", len(a.told()), 1)
				st.setFault(nil)
				st.down.Store(true)
				w.report(7, webhook.IncidentPublishFlood, "")
				wait(time.Minute)
				st.down.Store(false)
				w.report(93, webhook.IncidentPublishFlood, "")
				wait(2 * time.Minute)
				if list := w.incidents(webhook.IncidentPublishFlood); len(list) != 1 || list[0].Count != 100 {
					t.Errorf("incidents after the store was down = %+v; want one with 100", list)
				}
			})
		})
	}
}

func TestIncidentsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		st.down.Store(true)
		for i := range 20_000 {
			if err := w.Incident("acme", webhook.IncidentAuthentication, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Minute)
		st.down.Store(false)
		w.report(1, webhook.IncidentSignature, "")
		wait(time.Minute)
		list, err := st.ListIncidents(t.Context(), "acme", store.IncidentFilter{}, store.Page{})
		if err != nil || len(list) != 1 || list[0].Subject != "" || list[0].Count < 20_000-2*4096 {
			t.Errorf("incidents of 20,000 subjects = %+v, error %v; want those beyond 4,096 to count for the tenant", list, err)
		}
	})
}

func TestIncidentRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		for name, err := range map[string]error{
			"a kind that is none":    w.Incident("acme", "nonsense", ""),
			"a tenant with a NUL":    w.Incident("a\x00", webhook.IncidentCursor, ""),
			"a subject with a NUL":   w.Incident("acme", webhook.IncidentCursor, "\x00"),
			"a subject that is long": w.Incident("acme", webhook.IncidentCursor, strings.Repeat("x", 129)),
		} {
			if !errors.Is(err, webhook.ErrInvalid) {
				t.Errorf("Incident with %s: error %v; want an *InvalidError", name, err)
			}
		}
		for name, rules := range map[string]map[webhook.IncidentKind]webhook.IncidentRule{
			"a kind that is none": {"nonsense": {Threshold: 1, Window: time.Hour}},
			"no threshold":        {webhook.IncidentCursor: {Window: time.Hour}},
			"a short window":      {webhook.IncidentCursor: {Threshold: 1, Window: time.Second}},
		} {
			if _, err := dispatcher.New(memstore.New(), dispatcher.Config{IncidentRules: rules}); err == nil {
				t.Errorf("New with rules of %s = no error; want one", name)
			}
		}
	})
}

// TestIncidentsOfTheLibrary has one case for each kind that the library sees itself.
func TestIncidentsOfTheLibrary(t *testing.T) {
	once := map[webhook.IncidentKind]webhook.IncidentRule{}
	for _, kind := range webhook.IncidentKinds() {
		once[kind] = webhook.IncidentRule{Threshold: 1, Window: time.Hour}
	}
	class := func(c webhook.ErrorClass) receiver {
		return func(context.Context, int, *transport.Request) (*transport.Response, error) {
			return nil, &transport.Error{Class: c, Err: errors.New("no")}
		}
	}
	limits := webhook.Limits{}
	for name, c := range map[string]struct {
		kind   webhook.IncidentKind
		limits webhook.Limits
		do     func(w *world) (subject string)
	}{
		"a delivery to a blocked address": {kind: webhook.IncidentBlockedAddress, do: func(w *world) string {
			ep := w.endpoint("inside", class(webhook.ClassBlockedAddress), "a")
			w.publish(1, "a")
			return ep.ID
		}},
		"a test of a blocked address": {kind: webhook.IncidentBlockedAddress, do: func(w *world) string {
			ep := w.endpoint("inside", class(webhook.ClassBlockedAddress), "none")
			w.test(ep.ID)
			return ep.ID
		}},
		"an endpoint at a blocked address": {kind: webhook.IncidentBlockedAddress, do: func(w *world) string {
			_, _, err := w.manage.CreateEndpoint(w.t.Context(), webhook.Endpoint{Tenant: "acme", URL: "https://169.254.169.254/"})
			w.wantInvalid(err)
			return ""
		}},
		"an endpoint that moves to a blocked address": {kind: webhook.IncidentBlockedAddress, do: func(w *world) string {
			ep := w.endpoint("good", status(200))
			_, err := w.manage.UpdateEndpoint(w.t.Context(), "acme", ep.ID, func(ep *webhook.Endpoint) error {
				ep.URL = "https://10.0.0.1/"
				return nil
			})
			w.wantInvalid(err)
			return ep.ID
		}},
		"credentials that are refused": {kind: webhook.IncidentAuthentication, do: func(w *world) string {
			ep := w.endpoint("locked", class(webhook.ClassAuth), "a")
			w.publish(1, "a")
			return ep.ID
		}},
		"too many tests": {kind: webhook.IncidentTestProbing, do: func(w *world) string {
			ep := w.endpoint("good", status(200), "none")
			for range 11 {
				w.test(ep.ID)
			}
			return ""
		}},
		"an endpoint": {kind: webhook.IncidentEndpointChurn, do: func(w *world) string {
			w.endpoint("good", status(200))
			return ""
		}},
		"too many endpoints": {kind: webhook.IncidentQuota, limits: webhook.Limits{Endpoints: 1}, do: func(w *world) string {
			w.endpoint("good", status(200))
			_, _, err := w.manage.CreateEndpoint(w.t.Context(), webhook.Endpoint{Tenant: "acme", URL: "https://more.example/"})
			w.wantQuota(err)
			return webhook.LimitEndpoints
		}},
		"too many events in a month": {kind: webhook.IncidentQuota, limits: webhook.Limits{EventsPerMonth: 1}, do: func(w *world) string {
			w.publish(1, "a")
			_, err := w.Publish(w.t.Context(), event("a", 1))
			w.wantQuota(err)
			return webhook.LimitEventsPerMonth
		}},
		"too many events in a second": {kind: webhook.IncidentPublishFlood, limits: webhook.Limits{EventsPerSecond: 1}, do: func(w *world) string {
			var err error
			for i := range 10 {
				if _, err = w.Publish(w.t.Context(), event("a", i)); err != nil {
					break
				}
			}
			w.wantQuota(err)
			return webhook.LimitEventsPerSecond
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a alarms
				cfg := dispatcher.Config{IncidentRules: once, OnIncident: a.hook}
				if c.limits != limits {
					cfg.Limits = func(context.Context, string) (webhook.Limits, error) { return c.limits, nil }
				}
				w := newWorld(t, nil, cfg)
				stop := w.run()
				subject := c.do(w)
				wait(2 * time.Second)
				stop()
				list := w.incidents(c.kind)
				if len(list) != 1 || list[0].Subject != subject {
					t.Errorf("incidents after %s = %+v; want one of %s about %q", name, list, c.kind, subject)
				}
				for _, inc := range a.told() {
					if inc.Kind == c.kind {
						return
					}
				}
				t.Errorf("the hook was told %+v; want one of %s", a.told(), c.kind)
			})
		})
	}
}

func (w *world) wantInvalid(err error) {
	w.t.Helper()
	if !errors.Is(err, webhook.ErrInvalid) {
		w.t.Errorf("error = %v; want an *InvalidError", err)
	}
}

func (w *world) wantQuota(err error) {
	w.t.Helper()
	if !errors.Is(err, webhook.ErrQuota) {
		w.t.Errorf("error = %v; want a *QuotaError", err)
	}
}

// test makes a test, which may be refused or fail.
func (w *world) test(endpoint string) {
	w.t.Helper()
	if _, err := w.manage.TestEndpoint(w.t.Context(), "acme", endpoint, manage.Test{}); err != nil && !errors.Is(err, manage.ErrTestLimit) {
		w.t.Errorf("TestEndpoint: %v", err)
	}
}
