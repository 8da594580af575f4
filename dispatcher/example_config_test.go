package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/celexpr"
)

// A tenant may do what its plan allows, over all processes.
func ExampleConfig_limits() {
	ctx := context.Background()
	d, m := newDispatcher(dispatcher.Config{
		Limits: func(_ context.Context, tenant string) (webhook.Limits, error) {
			// Look the tenant's plan up; the answer holds for 10 seconds.
			return webhook.Limits{EventsPerSecond: 100, EventsPerMonth: 2, Endpoints: 1}, nil
		},
	})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks"})
	_, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/another"})
	fmt.Println(err)

	ev := webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{}`)}
	for _, answer := range d.PublishMany(ctx, []webhook.Event{ev, ev, ev}) {
		var quota *webhook.QuotaError
		if errors.As(answer.Err, &quota) { // the API answers 429 with Retry-After
			fmt.Println("over", quota.Limit, "until next month:", !quota.RetryAt.IsZero())
		}
	}
	// Output:
	// Too many webhook deliveries. Upgrade plan for higher limits.
	// over events_per_month until next month: true
}

// The host hears what happens to webhooks: pauses, warnings, dead letters. Endpoints that
// subscribe to "webhook.*" get the same.
func ExampleConfig_onOperational() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	d, m := newDispatcher(dispatcher.Config{
		OnOperational: func(_ context.Context, op webhook.Operational) {
			fmt.Println(op.Tenant, op.Type)
			fmt.Println(op.Reason)
			stop()
		},
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone) // "send me nothing more"
	}))
	defer srv.Close()
	subscribe(m, webhook.Endpoint{URL: srv.URL})

	if _, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{}`)}); err != nil {
		log.Fatal(err)
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// acme webhook.endpoint.gone
	// Webhook paused: the endpoint answered 410 Gone.
}

// The host hears of what looks like an attack, once for each incident.
func ExampleConfig_onIncident() {
	told := make(chan webhook.Incident, 1)
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		OnIncident: func(_ context.Context, inc webhook.Incident) { told <- inc }, // wake somebody up
		IncidentRules: map[webhook.IncidentKind]webhook.IncidentRule{
			webhook.IncidentBlockedAddress: {Threshold: 1, Window: time.Hour}, // the defaults allow for mistakes
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	_, _, err = manage.New(d).CreateEndpoint(context.Background(), webhook.Endpoint{
		Tenant: "acme", URL: "https://169.254.169.254/latest/meta-data", // of a cloud's machines
	})
	fmt.Println(err)
	inc := <-told
	fmt.Println(inc.Tenant, inc.Kind)
	// Output:
	// url: Endpoint address is not allowed.
	// acme blocked_address
}

// Deliveries go to a queue instead of over HTTP. All else is as it is: the events are
// signed, tried again and logged.
func ExampleConfig_transport() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	queue := make(chan *transport.Request, 1) // stands for the queue's client
	d, m := newDispatcher(dispatcher.Config{
		Transport: transport.TransportFunc(func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
			select {
			case queue <- req:
				stop()
				return &transport.Response{StatusCode: http.StatusAccepted}, nil
			case <-ctx.Done(): // the class is what the log of attempts shows
				return nil, &transport.Error{Class: webhook.ClassTimeout, Err: ctx.Err()}
			}
		}),
	})
	subscribe(m, webhook.Endpoint{URL: "https://queue.example/invoices", Format: webhook.FormatRaw})

	if _, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"total":4200}`)}); err != nil {
		log.Fatal(err)
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	req := <-queue
	fmt.Println(req.URL, string(req.Body), "signed:", req.Header.Get("Webhook-Signature") != "")
	// Output: https://queue.example/invoices {"total":4200} signed: true
}

// Payloads and attempts are kept for a week and what became of them for a month; the rest
// for as long as by default.
func ExampleConfig_retention() {
	const day = 24 * time.Hour
	d, _ := newDispatcher(dispatcher.Config{
		Retention: dispatcher.Retention{Payloads: 7 * day, Deliveries: 30 * day},
	})
	fmt.Println("audit log:", d.Retention().Audit)

	// An event is not published for a time when its payload would hardly be there.
	_, err := d.Publish(context.Background(), webhook.Event{
		Tenant: "acme", Type: "trial.ends", Data: []byte(`{}`), DeliverAt: time.Now().Add(6 * day),
	})
	fmt.Println(err)
	// Output:
	// audit log: 9600h0m0s
	// deliver_at: Must be at most 2 days ahead.
}

// TrialEnds is a payload of the host's.
type TrialEnds struct {
	Account string `json:"account" jsonschema:"minLength=1"`
	Days    int    `json:"days" jsonschema:"minimum=1"`
}

// Events are checked by the schemas of their types, which the host's code has.
func ExampleConfig_eventTypes() {
	ctx := context.Background()
	types := catalog.New()
	err := catalog.Register(types, webhook.EventType{Name: "trial.ends", Group: "Trials"}, TrialEnds{Account: "acc_1", Days: 3})
	if err != nil {
		log.Fatal(err)
	}
	d, _ := newDispatcher(dispatcher.Config{
		EventTypes:   types.Types(),
		UnknownTypes: webhook.UnknownReject, // what nobody has described is not published
	})

	publish := func(eventType, data string) {
		_, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: eventType, Data: []byte(data)})
		var invalid *webhook.InvalidError
		if errors.As(err, &invalid) {
			for _, f := range invalid.Fields {
				fmt.Println(f.Code, f.Field, f.Message)
			}
		}
	}
	publish("trial.ends", `{"account":"","days":"three"}`)
	publish("trial.ended", `{}`)
	// Output:
	// payload_invalid data/account Must have at least 1 characters.
	// payload_invalid data/days Must be of type integer.
	// event_type_unknown type Event type is not registered.
}

// Endpoints choose events by what is in them, and get what they need of them.
func ExampleConfig_expressions() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	expressions, err := celexpr.New()
	if err != nil {
		log.Fatal(err)
	}
	d, m := newDispatcher(dispatcher.Config{Expressions: expressions})
	srv := printer(1, stop)
	defer srv.Close()
	subscribe(m, webhook.Endpoint{
		URL: srv.URL, Format: webhook.FormatRaw,
		Filter:    `data.total >= 1000`,
		Transform: `{"invoice": data.id, "euros": data.total / 100}`,
	})

	for _, data := range []string{`{"id":"inv_1","total":900}`, `{"id":"inv_2","total":4200}`} {
		receipt, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(data)})
		fmt.Println(receipt.Deliveries, err)
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// {"euros":42,"invoice":"inv_2"}
}

// Whoever creates an endpoint proves that it is theirs: its receiver is asked first, and
// answers.
func ExampleConfig_ownershipCheck() {
	_, m := newDispatcher(dispatcher.Config{OwnershipCheck: true})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks", func(w http.ResponseWriter, r *http.Request) {
		var ev struct {
			Type string
			Data json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&ev); err == nil && ev.Type == webhook.TypeChallenge {
			_, _ = w.Write(ev.Data)
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()

	for _, path := range []string{"/hooks", "/somebody-elses"} {
		_, _, err := m.CreateEndpoint(context.Background(), webhook.Endpoint{Tenant: "acme", URL: srv.URL + path})
		fmt.Println(path, err)
	}
	// Output:
	// /hooks <nil>
	// /somebody-elses url: Endpoint did not answer the challenge.
}

// A tenant's deliveries may go to less than the host's own guard lets through.
func ExampleConfig_tenantList() {
	own, err := guard.NewList([]string{"acme.example"}, nil) // domains and ranges
	if err != nil {
		log.Fatal(err)
	}
	_, m := newDispatcher(dispatcher.Config{
		TenantList: func(tenant string) *guard.List {
			if tenant == "acme" {
				return own
			}
			return nil // no narrower than the others
		},
	})
	for _, url := range []string{"https://hooks.acme.example/", "https://globex.example/"} {
		_, _, err := m.CreateEndpoint(context.Background(), webhook.Endpoint{Tenant: "acme", URL: url})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// url: Endpoint address is not allowed.
}
