package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/signer"
)

var startOfTests = time.Now()

// keys are those that scripts rely on; see doc.go.
var keys = []string{
	"store", "events", "publishers", "raw_per_s", "published_per_s", "delivered_per_s", "latency_p50_ms", "latency_p99_ms",
	"cpu_s_per_10k", "cpu_server_s_per_10k", "peak_rss_mib", "processes", "delivered_by_process", "duplicates", "lost",
}

func TestRun(t *testing.T) {
	for _, tt := range []struct{ name, args string }{
		{"memory", "-store memory -raw-time 50ms"},
		{"memory, fan-out", "-store memory -fanout 3 -endpoints 6 -payload 5000"},
		{"memory, history and backlog", "-store memory -history 600 -backlog 600"},
		{"memory, rate", "-store memory -rate 1000"},
		{"memory, ordered", "-store memory -ordered -keys 7"},
		{"sqlite, transactions", "-store sqlite: -tx -publishers 4"},
		{"sqlite, history and backlog", "-store sqlite: -history 600 -backlog 600 -endpoints 4"},
		{"sqlite, a path", "-store sqlite:" + filepath.Join(t.TempDir(), "load.db")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"-json", "-raw-time", "0", "-events", "200", "-publishers", "16"}, strings.Fields(tt.args)...)
			got := runJSON(t, args)
			for key, want := range map[string]any{"events": 200.0, "lost": 0.0, "duplicates": 0.0} {
				if got[key] != want {
					t.Errorf("%s = %v; want %v", key, got[key], want)
				}
			}
			for _, key := range []string{"published_per_s", "delivered_per_s", "latency_p50_ms", "latency_p99_ms"} {
				if v, ok := got[key].(float64); !ok || v <= 0 {
					t.Errorf("%s = %v; want more than 0", key, got[key])
				}
			}
			if raw, ok := got["raw_per_s"].(float64); !ok || (raw > 0) != strings.Contains(tt.args, "-raw-time") {
				t.Errorf("raw_per_s = %v; want it if it was measured", raw)
			}
		})
	}
}

// TestDark leaves a quarter of the endpoints without an answer. What goes to the
// others arrives, and nothing else is counted.
func TestDark(t *testing.T) {
	got := runJSON(t, strings.Fields("-json -store memory -raw-time 0 -events 200 -endpoints 8 -dark 0.25"))
	if got["lost"] != 0.0 || got["duplicates"] != 0.0 {
		t.Errorf("lost %v, doubled %v; want neither", got["lost"], got["duplicates"])
	}
}

func TestTable(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), strings.Fields("-store memory -raw-time 0 -events 50 -publishers 4"), &stdout, &stderr)
	if code != 0 || !strings.Contains(stdout.String(), "delivered") || !strings.Contains(stderr.String(), "publish and deliver") {
		t.Errorf("run = %d, stdout %q, stderr %q; want 0, a table and a progress bar", code, &stdout, &stderr)
	}
}

// runJSON runs with the flags and returns the object that was printed, after
// checking that it has the promised keys and nothing follows it.
func runJSON(t *testing.T, args []string) map[string]any {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("run %q = %d; want 0: %s", args, code, &stderr)
	}
	var order []string
	for _, m := range regexp.MustCompile(`"([a-z0-9_]+)":`).FindAllStringSubmatch(stdout.String(), -1) {
		order = append(order, m[1])
	}
	if diff := cmp.Diff(keys, order); diff != "" {
		t.Errorf("keys differ (-want +got):\n%s", diff)
	}
	var object map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &object); err != nil {
		t.Fatalf("stdout is not one JSON object: %v: %s", err, &stdout)
	}
	return object
}

// TestCheck shows that a run with a fault does not pass for a good one.
func TestCheck(t *testing.T) {
	good := result{}
	if err := good.check(); err != nil {
		t.Errorf("check of a good run = %v; want nil", err)
	}
	for _, r := range []result{{Lost: 1}, {Duplicates: 1}, {refused: 1}} {
		if r.check() == nil {
			t.Errorf("check of lost %d, doubled %d, refused %d = nil; want an error", r.Lost, r.Duplicates, r.refused)
		}
	}
}

// TestReceiver shows that what the receiver counts as arrived was signed, and
// that it tells a second arrival from a first.
func TestReceiver(t *testing.T) {
	rc, err := newReceiver(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rc.close() })
	secret, err := signer.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := rc.trust(i, secret.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	a := newArrivals(config{events: 2, fanout: 2, processes: 1}, 2)
	rc.arrivals.Store(a)
	send := func(path string, number int, tamper string) int {
		body := frame(startOfTests, newPayloads(100).of(number))
		signature, err := signer.Header(t.Context(), "evt_1", time.Now(), body, secret)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(append(body, tamper...)))
		r.Header.Set("webhook-id", "evt_1")
		r.Header.Set("webhook-timestamp", timestamp(time.Now()))
		r.Header.Set("webhook-signature", signature)
		w := httptest.NewRecorder()
		rc.ServeHTTP(w, r)
		return w.Code
	}
	for _, tt := range []struct {
		name, path string
		number     int
		tamper     string
		want       int
		count      int64
		duplicates int64
	}{
		{"first", "/0", 0, "", 204, 1, 0},
		{"again", "/0", 0, "", 204, 1, 1},
		{"tampered", "/1", 0, " ", 401, 1, 1},
		{"unknown endpoint", "/2", 0, "", 404, 1, 1},
		{"unknown event", "/1", 2, "", 422, 1, 1},
		{"the other endpoint", "/1", 0, "", 204, 2, 1},
	} {
		if got := send(tt.path, tt.number, tt.tamper); got != tt.want {
			t.Errorf("%s: status %d; want %d", tt.name, got, tt.want)
		}
		if a.count.Load() != tt.count || a.duplicates.Load() != tt.duplicates {
			t.Errorf("%s: %d arrived, %d again; want %d, %d", tt.name, a.count.Load(), a.duplicates.Load(), tt.count, tt.duplicates)
		}
	}
	select {
	case <-a.all:
	default:
		t.Error("all arrived, and nobody was told")
	}
}

func TestExistingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "load.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-raw-time", "0", "-store", "sqlite:" + path}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "exists") {
		t.Errorf("run over a file that exists = %d, %q; want 1 and the reason", code, &stderr)
	}
}

// TestCutShort ends a run before everything is published.
func TestCutShort(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), strings.Fields("-json -store memory -raw-time 0 -events 2000 -payload 200000 -timeout 20ms"), &stdout, &stderr)
	if code != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "deadline exceeded") {
		t.Errorf("a run that is cut short = %d, stdout %q, stderr %q; want 1, no result and the reason", code, &stdout, &stderr)
	}
}

// TestResult counts an event that never arrived and one that arrived twice.
func TestResult(t *testing.T) {
	a := newArrivals(config{events: 3, fanout: 1, processes: 1}, 3)
	for _, event := range []int{0, 2, 2} {
		a.publishing(event)
		if !a.arrive(event, 0, 0) {
			t.Fatalf("event %d is unknown", event)
		}
	}
	var r result
	r.add(config{events: 3}, measured{arrivals: a, publishing: time.Second, delivering: time.Second})
	if r.Lost != 1 || r.Duplicates != 1 || r.DeliveredPerSecond != 2 || r.PublishedPerSecond != 3 {
		t.Errorf("result = %+v; want 1 lost, 1 doubled, 2 delivered and 3 published a second", r)
	}
	if r.check() == nil {
		t.Error("check = nil; want an error")
	}
}
