package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/otlptranslator"
	"go.yaml.in/yaml/v3"

	"github.com/postrider/postrider/dispatcher/telemetry"
)

// exported returns the names under which Prometheus has a metric: the first is its own,
// and those of a histogram's parts follow.
func exported(t *testing.T, m telemetry.Metric) []string {
	t.Helper()
	kind := map[telemetry.Kind]otlptranslator.MetricType{
		telemetry.Counter: otlptranslator.MetricTypeMonotonicCounter, telemetry.UpDownCounter: otlptranslator.MetricTypeNonMonotonicCounter,
		telemetry.Gauge: otlptranslator.MetricTypeGauge, telemetry.Histogram: otlptranslator.MetricTypeHistogram,
	}[m.Kind]
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
	if err != nil {
		t.Fatal(err)
	}
	if m.Kind == telemetry.Histogram {
		return []string{name, name + "_bucket", name + "_sum", name + "_count"}
	}
	return []string{name}
}

var (
	metricName = regexp.MustCompile(`\bpostrider_[a-z_]+`)
	labelName  = regexp.MustCompile(`\b(?:postrider_[a-z_]+|error_type)\b`)
	inBraces   = regexp.MustCompile(`\{[^}]*\}|by \([^)]*\)`)
)

// checkExpr checks the names in an expression, and returns the metrics that it uses.
func checkExpr(t *testing.T, where, expr string) (used []string) {
	t.Helper()
	known := make(map[string]telemetry.Metric)
	for _, m := range telemetry.Metrics() {
		for _, name := range exported(t, m) {
			known[name] = m
		}
	}
	var labels []string
	for _, name := range metricName.FindAllString(inBraces.ReplaceAllString(expr, " "), -1) {
		m, ok := known[name]
		if !ok {
			t.Errorf("%s: there is no metric %s", where, name)
			continue
		}
		used = append(used, m.Name)
		for _, a := range m.Attributes {
			labels = append(labels, strings.ReplaceAll(a, ".", "_"))
		}
	}
	if used == nil {
		t.Errorf("%s: %q uses no metric", where, expr)
	}
	for _, part := range inBraces.FindAllString(expr, -1) {
		for _, label := range labelName.FindAllString(part, -1) {
			if !slices.Contains(labels, label) {
				t.Errorf("%s: none of its metrics is told apart by %s", where, label)
			}
		}
	}
	return used
}

func TestDashboardIsCurrent(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, dashboardJSON()) {
		t.Error("dashboard.json is not what dashboard.go makes; run: go run . -write")
	}
}

// Every name in the dashboard is that of a metric, and every metric is in it.
func TestDashboardShowsEveryMetric(t *testing.T) {
	t.Parallel()
	var doc struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboardJSON(), &doc); err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, p := range doc.Panels {
		for _, target := range p.Targets {
			used = append(used, checkExpr(t, p.Title, target.Expr)...)
		}
	}
	for _, m := range telemetry.Metrics() {
		if !slices.Contains(used, m.Name) {
			t.Errorf("the dashboard does not show %s", m.Name)
		}
	}
}

func TestAlertsUseMetrics(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For string
				Labels           map[string]string
				Annotations      map[string]string
			}
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(file))
	if err := dec.Decode(&doc); err != nil || len(doc.Groups) != 1 {
		t.Fatalf("alerts.yml = %d groups, %v; want one", len(doc.Groups), err)
	}
	seen := make(map[string]bool)
	for _, r := range doc.Groups[0].Rules {
		if r.Alert == "" || seen[r.Alert] || r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
			t.Errorf("alert %q needs a name of its own, a summary and a severity", r.Alert)
		}
		seen[r.Alert] = true
		if r.For != "" {
			if _, err := time.ParseDuration(r.For); err != nil {
				t.Errorf("alert %s: for = %q: %v", r.Alert, r.For, err)
			}
		}
		checkExpr(t, r.Alert, r.Expr)
	}
	for _, name := range []string{"PostriderLate", "PostriderFailing", "PostriderStoreErrors", "PostriderBreakersOpen", "PostriderEndpointsPaused", "PostriderClockSkew"} {
		if !seen[name] {
			t.Errorf("there is no alert %s", name)
		}
	}
}

// What Prometheus scrapes has the names that dashboard and alerts are checked against.
func TestScrape(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, l, time.Millisecond) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run = %v; want nil", err)
		}
	}()
	known := make(map[string]bool)
	for _, m := range telemetry.Metrics() {
		known[exported(t, m)[0]] = true
	}
	var found map[string]bool
	// Two kinds of outcomes say that attempts were made and have failed.
	for page := ""; !strings.Contains(page, `postrider_outcome="delivered"`) || !strings.Contains(page, `postrider_outcome="retry"`); {
		page = scrape(t, "http://"+l.Addr().String()+"/metrics")
		found = make(map[string]bool)
		for line := range strings.Lines(page) {
			if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
				name, _, _ = strings.Cut(name, " ")
				found[name] = true
			}
		}
	}
	for name := range found {
		if strings.HasPrefix(name, "postrider_") && !known[name] {
			t.Errorf("Prometheus scrapes %s, which is not what the table's metrics are called", name)
		}
	}
	for _, name := range []string{
		"postrider_events_published_total", "postrider_attempts_total", "postrider_attempt_duration_seconds", "postrider_queue_lag_seconds",
		"postrider_store_up", "postrider_lanes", "postrider_slots", "postrider_publish_batch_size",
	} {
		if !found[name] {
			t.Errorf("Prometheus does not scrape %s", name)
		}
	}
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics = %s, %v; want 200", resp.Status, err)
	}
	return string(b)
}
