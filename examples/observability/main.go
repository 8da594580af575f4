// Command observability shows what an operator of Postrider sees: it runs a dispatcher
// with OpenTelemetry's SDK, metrics for Prometheus under /metrics, and some load.
//
//	go run ./examples/observability -addr 127.0.0.1:9464
//
// Beside it lie a dashboard for Grafana (dashboard.json, which dashboard.go makes) and
// alert rules for Prometheus (alerts.yml). The tests check every name in them against
// the table of metrics in package telemetry.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9464", "where /metrics is served")
	write := flag.Bool("write", false, "write dashboard.json into the working directory and end")
	flag.Parse()
	if *write {
		exitOn(os.WriteFile("dashboard.json", dashboardJSON(), 0o644))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	exitOn(err)
	fmt.Printf("metrics at http://%s/metrics\n", l.Addr())
	exitOn(run(ctx, l, 100*time.Millisecond))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "observability:", err)
		os.Exit(1)
	}
}

// run serves metrics and publishes an event at each interval, until ctx ends.
func run(ctx context.Context, l net.Listener, interval time.Duration) error {
	// The host's part: an SDK, and an exporter that Prometheus scrapes. Traces would go
	// to a TracerProvider in the same way. A host that calls otel.SetMeterProvider needs
	// no Config.Telemetry.
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return err
	}
	meters := metric.NewMeterProvider(metric.WithReader(exporter))

	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		Telemetry: telemetry.Config{MeterProvider: meters},
		HTTP:      transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}}, // the receiver is on this machine
	})
	if err != nil {
		return err
	}
	receiver := newReceiver()
	defer receiver.Close()
	if _, _, err := manage.New(d).CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: receiver.URL}); err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { _ = srv.Serve(l) }) // until Close
	defer func() { _ = srv.Close() }()
	all.Go(func() { publish(ctx, d, interval) })
	return errors.Join(d.Run(ctx), meters.Shutdown(context.WithoutCancel(ctx)))
}

// publish publishes an event at each interval.
func publish(ctx context.Context, d *dispatcher.Dispatcher, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		ev, err := webhook.NewEvent("acme", "order.placed", map[string]int{"number": n})
		if err == nil {
			_, err = d.Publish(ctx, ev)
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "observability:", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// newReceiver returns a receiver that refuses one request in ten.
func newReceiver() *httptest.Server {
	var n atomic.Int64
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
}
