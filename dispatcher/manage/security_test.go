package manage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

const aDay = 24 * time.Hour

// findings returns the report of acme: codes and severities, with the names of
// endpoints.
func findings(t *testing.T, m *manage.Manager, names map[string]string) []string {
	t.Helper()
	list, err := m.SecurityReport(t.Context(), acme)
	if err != nil {
		t.Fatalf("SecurityReport: %v", err)
	}
	var got []string
	for _, f := range list {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Code, names[f.Endpoint])))
		if f.Text == "" || len(f.Text) > 200 || len(f.Evidence) == 0 {
			t.Errorf("finding %s = %q with evidence %v; want a sentence and evidence", f.Code, f.Text, f.Evidence)
		}
		if strings.Contains(fmt.Sprint(f), "canary") {
			t.Errorf("finding %s holds a credential: %+v", f.Code, f)
		}
	}
	return got
}

func wantFindings(t *testing.T, when string, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("security report %s = %q; want %q", when, got, want)
	}
}

func TestSecurityReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := dispatcher.New(&faultyStore{Store: memstore.New()}, dispatcher.Config{
			AllowPlaintextSecrets: true,
			HTTP:                  transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true}},
			Transport:             status(200),
		})
		if err != nil {
			t.Fatal(err)
		}
		m := manage.New(d)
		if got := findings(t, m, nil); got != nil {
			t.Errorf("security report of a tenant without webhooks = %q; want nothing", got)
		}
		names := make(map[string]string)
		create := func(name string, ep webhook.Endpoint) webhook.Endpoint {
			t.Helper()
			ep.Tenant = acme
			ep, _, err := m.CreateEndpoint(t.Context(), ep)
			if err != nil {
				t.Fatalf("CreateEndpoint: %v", err)
			}
			names[ep.ID] = name
			return ep
		}
		create("open", webhook.Endpoint{URL: "http://open.example/?key=canary", EventTypes: []string{"a"}})
		create("wide", webhook.Endpoint{URL: "https://wide.example/"})
		paused := create("paused", webhook.Endpoint{URL: "https://paused.example/", EventTypes: []string{"a"}, Status: webhook.EndpointPaused})
		create("good", webhook.Endpoint{URL: "https://good.example/", EventTypes: []string{"a.*"}, Headers: map[string]string{"X-Key": "canary"}})
		if _, _, err := m.CreateAPIKey(t.Context(), adminOf(acme), webhook.Token{Name: "forgotten"}); err != nil {
			t.Fatal(err)
		}
		always := []string{"high missing_keyring", "high plain_http open", "low wide_filter wide"}
		wantFindings(t, "at first", findings(t, m, names), always...)

		time.Sleep(31 * aDay)
		wantFindings(t, "after 31 days", findings(t, m, names), append(always, "low paused_long paused")...)
		time.Sleep(60 * aDay)
		unused := []string{"medium unused_key", "low unused_endpoint open", "low unused_endpoint wide", "low unused_endpoint good"}
		wantFindings(t, "after 91 days", findings(t, m, names), slices.Concat(always, unused, []string{"low paused_long paused"})...)
		time.Sleep(275 * aDay)
		if _, err := m.RotateSecret(t.Context(), acme, paused.ID, manage.Rotation{}); err != nil {
			t.Fatal(err)
		}
		old := []string{"medium old_secret open", "medium old_secret wide", "medium old_secret good"}
		wantFindings(t, "after a year", findings(t, m, names), slices.Concat(always, unused, old)...)
		list := findings(t, m, names)
		if !strings.HasPrefix(list[0], "high") || !strings.HasPrefix(list[len(list)-1], "low") {
			t.Errorf("security report = %q; want the worst first", list)
		}
	})
}

func TestSecurityReportOfAKeyring(t *testing.T) {
	t.Parallel()
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m := manage.New(d)
	_, _, err = m.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: acme, URL: "https://a.example/", EventTypes: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := findings(t, m, nil); got != nil {
		t.Errorf("security report with a keyring = %q; want nothing", got)
	}
}

// TestSecurityReportUsed delivers now and then: what is used is not reported.
func TestSecurityReportUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		time.Sleep(60 * aDay)
		stop := w.run()
		w.publish()
		stop()
		time.Sleep(60 * aDay)
		wantFindings(t, "of an endpoint that is used", findings(t, w.Manager, map[string]string{ep.ID: "used"}),
			"high missing_keyring", "low wide_filter used")
	})
}
