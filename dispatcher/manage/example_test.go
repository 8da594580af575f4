package manage_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// newManager is a manager as a test has it: nothing is kept, and receivers may be
// on this machine.
func newManager() (*manage.Manager, *dispatcher.Dispatcher) {
	return newManagerWith(dispatcher.Config{})
}

func newManagerWith(cfg dispatcher.Config) (*manage.Manager, *dispatcher.Dispatcher) {
	cfg.HTTP = transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}}
	d, err := dispatcher.New(memstore.New(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	return manage.New(d), d
}

// subscribe creates an endpoint of tenant acme.
func subscribe(m *manage.Manager, ep webhook.Endpoint) webhook.Endpoint {
	ep.Tenant = "acme"
	ep, _, err := m.CreateEndpoint(context.Background(), ep)
	if err != nil {
		log.Fatal(err)
	}
	return ep
}

// publish publishes an event of tenant acme.
func publish(d *dispatcher.Dispatcher, ev webhook.Event) webhook.Receipt {
	ev.Tenant = "acme"
	receipt, err := d.Publish(context.Background(), ev)
	if err != nil {
		log.Fatal(err)
	}
	return receipt
}

// deliver runs a dispatcher until the function that it returns is called.
func deliver(d *dispatcher.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ran; err != nil {
			log.Fatal(err)
		}
	}
}

// await returns the delivery of an event to the only endpoint, once it has a status.
func await(m *manage.Manager, event string, status webhook.DeliveryStatus) webhook.Delivery {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // bounds what hangs
	defer cancel()
	for tick := time.Tick(5 * time.Millisecond); ; {
		found, err := m.FindDeliveries(ctx, "acme", manage.DeliveryQuery{
			DeliveryFilter: store.DeliveryFilter{Event: event, Status: status},
		}, store.Page{})
		if err != nil {
			log.Fatal(err)
		}
		if len(found.Items) > 0 {
			return found.Items[0]
		}
		select {
		case <-tick:
		case <-ctx.Done():
			log.Fatalf("no delivery of %s is %s", event, status)
		}
	}
}

func ExampleManager_CreateEndpoint() {
	ctx := context.Background()
	m, _ := newManager()

	ep, secret, err := m.CreateEndpoint(ctx, webhook.Endpoint{
		Tenant:     "acme",
		URL:        "https://Acme.Example/hooks",
		EventTypes: []string{"invoice.*"},
		Headers:    map[string]string{"Authorization": "Bearer 12345"},
	})
	if err != nil {
		log.Fatal(err)
	}
	// The receiver needs the secret, and this is the only time to show it.
	show := secret.Reveal()
	fmt.Println(strings.HasPrefix(show, "whsec_"), ep.URL, ep.Timeout)

	// It does not show itself anywhere else, and neither do credentials.
	fmt.Println(secret, ep.Headers)
	// Output:
	// true https://acme.example/hooks 15s
	// *** map[Authorization:***]
}

func ExampleManager_UpdateEndpoint() {
	ctx := context.Background()
	m, _ := newManager()
	ep, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/hooks"})
	if err != nil {
		log.Fatal(err)
	}

	ep, err = m.UpdateEndpoint(ctx, "acme", ep.ID, func(ep *webhook.Endpoint) error {
		ep.Description = "Accounting"
		ep.Labels = append(ep.Labels, "finance")
		return nil
	})
	fmt.Println(ep.Description, ep.Labels, ep.Version, err)

	_, err = m.UpdateEndpoint(ctx, "acme", ep.ID, func(ep *webhook.Endpoint) error {
		ep.URL, ep.Timeout = "ftp://acme.example", time.Hour
		return nil
	})
	fmt.Println(err)
	// Output:
	// Accounting [finance] 2 <nil>
	// url: Endpoint must be a valid HTTPS URL.; timeout_seconds: Must be 1 to 60 seconds.
}

func ExampleManager_RotateSecret() {
	ctx := context.Background()
	m, _ := newManager()
	ep, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/hooks"})
	if err != nil {
		log.Fatal(err)
	}

	// Both secrets sign for a week: time for the receiver to change over.
	secret, err := m.RotateSecret(ctx, "acme", ep.ID, manage.Rotation{Overlap: 7 * 24 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	infos, err := m.Secrets(ctx, "acme", ep.ID)
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range infos {
		fmt.Println("the new one:", info.Fingerprint == secret.Fingerprint(), "ends:", !info.Until.IsZero())
	}
	// Output:
	// the new one: true ends: false
	// the new one: false ends: true
}

func ExampleManager_Audit() {
	m, _ := newManager()
	// Where the host knows who is calling:
	ctx := webhook.WithActor(context.Background(), webhook.Actor{Name: "ada@acme.example", Address: "192.0.2.7"})
	ep, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/hooks?key=s3cret"})
	if err != nil {
		log.Fatal(err)
	}

	records, err := m.Audit(ctx, "acme", store.AuditFilter{Resource: ep.ID}, store.Page{})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Println(r.Actor.Name, r.Action)
		fmt.Println(string(r.After))
	}
	// Output:
	// ada@acme.example endpoint.created
	// {"auto_pause_after":100,"event_types":["*"],"format":"standard","method":"POST","on_paused":"hold","signature":{"scheme":"v1"},"status":"active","timeout_seconds":15,"url":"https://acme.example/hooks?key=***"}
}

func ExampleManager_SecurityReport() {
	ctx := context.Background()
	m, _ := newManager()
	_, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: "http://acme.example/hooks", EventTypes: []string{"invoice.*"}})
	if err != nil {
		log.Fatal(err)
	}

	findings, err := m.SecurityReport(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		fmt.Println(f.Severity, f.Code, f.Evidence)
		fmt.Println(f.Text)
	}
	// Output:
	// high plain_http map[host:acme.example]
	// Deliveries go over plain http, so others on the way can read them: use https.
}

func ExampleManager_Cursor() {
	ctx := context.Background()
	m, _ := newManager()
	place := manage.Position{List: "deliveries", Filter: store.DeliveryFilter{}, After: "dlv_01"}
	cursor, err := m.Cursor(ctx, "acme", place)
	if err != nil {
		log.Fatal(err)
	}

	// The client brings it back, for the same list and filter.
	place.After, err = m.OpenCursor(ctx, "acme", place, cursor)
	fmt.Println(place.After, err)
	_, err = m.OpenCursor(ctx, "globex", place, cursor)
	fmt.Println(err)
	// Output:
	// dlv_01 <nil>
	// cursor: Start again from the first page.
}

func ExampleManager_Incidents() {
	ctx := context.Background()
	told := make(chan webhook.Incident, 1)
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		OnIncident: func(_ context.Context, inc webhook.Incident) { told <- inc },
		IncidentRules: map[webhook.IncidentKind]webhook.IncidentRule{
			webhook.IncidentAuthentication: {Threshold: 1, Window: time.Hour},
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	// The host's API refuses a key.
	if err := d.Incident("acme", webhook.IncidentAuthentication, "192.0.2.7"); err != nil {
		log.Fatal(err)
	}
	inc := <-told
	fmt.Println("told:", inc.Kind, inc.Subject)
	list, err := manage.New(d).Incidents(ctx, "acme", store.IncidentFilter{}, store.Page{})
	for _, inc := range list {
		fmt.Println("listed:", inc.Kind, inc.Subject, inc.Count, err)
	}
	// Output:
	// told: authentication_failure 192.0.2.7
	// listed: authentication_failure 192.0.2.7 1 <nil>
}

func ExampleManager_TestEndpoint() {
	ctx := context.Background()
	m, _ := newManager()
	var receiver http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receiver.ServeHTTP(w, r) }))
	defer srv.Close()
	ep, secret, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: srv.URL, Status: webhook.EndpointPaused})
	if err != nil {
		log.Fatal(err)
	}
	v, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	receiver = v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "thank you") }))

	result, err := m.TestEndpoint(ctx, "acme", ep.ID, manage.Test{EventType: "invoice.paid", Data: []byte(`{"total":4200}`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d %s %s\n", result.StatusCode, result.Message, result.ResponseBody)
	// Output: 200 Delivered. thank you
}

func ExampleManager_Why() {
	ctx := context.Background()
	m, d := newManager()
	_, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/hooks", Status: webhook.EndpointPaused,
	})
	if err != nil {
		log.Fatal(err)
	}
	ev, err := webhook.NewEvent("acme", "invoice.paid", map[string]int{"total": 4200})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := d.Publish(ctx, ev)
	if err != nil {
		log.Fatal(err)
	}

	list, err := m.Deliveries(ctx, "acme", store.DeliveryFilter{Event: receipt.EventID}, store.Page{})
	if err != nil {
		log.Fatal(err)
	}
	for _, dlv := range list {
		why, err := m.Why(ctx, "acme", dlv.ID)
		fmt.Println(why, err)
	}
	// Output: Pending: the endpoint was created paused and has not been activated yet. <nil>
}

func ExampleManager_RedeliverMany() {
	ctx := context.Background()
	m, _ := newManager()

	// What failed at an endpoint yesterday, once somebody has looked at how much it is.
	yesterday := manage.Redelivery{
		EventTypes: []string{"invoice.*"},
		From:       time.Now().Add(-48 * time.Hour), To: time.Now().Add(-24 * time.Hour),
		DryRun: true,
	}
	found, err := m.RedeliverMany(ctx, "acme", yesterday)
	fmt.Println(found.Matched, err)

	yesterday.DryRun = false
	started, err := m.RedeliverMany(ctx, "acme", yesterday)
	if err != nil {
		log.Fatal(err)
	}
	if started.Job == "" {
		fmt.Println("nothing to do")
	} else if progress, err := m.Job(ctx, "acme", started.Job); err == nil {
		fmt.Println(progress.State, progress.Done, "of", progress.Total)
	}
	// Output:
	// 0 <nil>
	// nothing to do
}
