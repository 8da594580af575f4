package httpapi_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// paused is the API over a store in memory, with an endpoint whose deliveries wait.
func paused() (http.Handler, *dispatcher.Dispatcher) {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		log.Fatal(err)
	}
	m := manage.New(d)
	api, err := httpapi.New(m, httpapi.Config{Authenticate: login})
	if err != nil {
		log.Fatal(err)
	}
	_, _, err = m.CreateEndpoint(context.Background(), webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/hooks", Status: webhook.EndpointPaused,
	})
	if err != nil {
		log.Fatal(err)
	}
	return api, d
}

// What happens to deliveries comes as Server-Sent Events, as long as the client reads.
func ExampleNew_liveLog() {
	api, d := paused()
	srv := httptest.NewServer(api)
	defer srv.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // hangs up
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/webhooks/deliveries?event_type=invoice.paid", http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	r.SetBasicAuth("ada", "")
	r.Header.Set("Accept", "text/event-stream") // and Last-Event-ID, to go on after one
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Header.Get("Content-Type"))

	ev := webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"total":4200}`)}
	if _, err := d.Publish(ctx, ev); err != nil {
		log.Fatal(err)
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue // its id, its name, or a sign of life
		}
		var delivery struct {
			EventType string `json:"event_type"`
			Status    string `json:"status"`
		}
		if err := json.Unmarshal([]byte(data), &delivery); err != nil {
			log.Fatal(err)
		}
		fmt.Println(delivery.EventType, delivery.Status)
		break
	}
	// Output:
	// text/event-stream
	// invoice.paid pending
}

// The whole log as a file, for a spreadsheet.
func ExampleNew_export() {
	api, d := paused()
	ev := webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"total":4200}`)}
	if _, err := d.Publish(context.Background(), ev); err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest(http.MethodGet, "/webhooks/deliveries?status=pending", http.NoBody)
	r.SetBasicAuth("ada", "")
	r.Header.Set("Accept", "text/csv") // or application/x-ndjson
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)

	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(rows)-1, "delivery")
	fmt.Println(rows[0][:5])
	// Output:
	// 1 delivery
	// [id webhook_id event_id event_type status]
}
