package deliverylog_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/deliverylog"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// A host's own page offers the log for download.
func ExampleExport() {
	ctx := context.Background()
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		log.Fatal(err)
	}
	m := manage.New(d)
	download := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deliveries := m.ExportDeliveries(r.Context(), "acme", manage.DeliveryQuery{}) // whoever is logged in
		switch began, err := deliverylog.Export(w, deliverylog.CSV, "deliveries", deliveries); {
		case err != nil && began:
			panic(http.ErrAbortHandler) // or the client takes it for all there is
		case err != nil:
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	})

	_, _, err = m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/hooks"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{}`)}); err != nil {
		log.Fatal(err)
	}
	answer := httptest.NewRecorder()
	download.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/deliveries.csv", http.NoBody))
	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Header().Get("Content-Disposition"), len(rows)-1, "delivery")
	// Output: attachment; filename="deliveries.csv" 1 delivery
}
