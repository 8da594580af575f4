package httpapi_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func TestExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hook := w.create(`{"url":"https://acme.example/hooks","order":{"enabled":true}}`)
	_, delivery := w.publish(`{"type":"-formula","data":1,"ordering_key":"=1+1"}`)
	other := w.create(`{"url":"https://acme.example/other","event_types":["none"]}`)

	file := w.call(asAdmin, "GET", "/webhooks/deliveries", "", "Accept", "text/csv").is(200)
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(rows) != 2 || rows[0][0] != "id" || rows[1][0] != delivery || rows[1][3] != "'-formula" || rows[1][8] != "'=1+1" {
		t.Errorf("GET /webhooks/deliveries as CSV = %q, %v; want a header and the delivery, without formulas", rows, err)
	}
	if h := file.header; h.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || h.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(h.Get("Content-Disposition"), `attachment; filename="deliveries-2`) || !strings.HasSuffix(h.Get("Content-Disposition"), `.csv"`) {
		t.Errorf("the headers of an export = %v; want a file of CSV that nobody stores", h)
	}

	page := w.call(asAdmin, "GET", "/webhooks/"+hook+"/deliveries", "").is(200)
	lines := w.call(asAdmin, "GET", "/webhooks/"+hook+"/deliveries", "", "Accept", "application/x-ndjson").is(200)
	var listed struct{ Data []json.RawMessage }
	if err := json.Unmarshal([]byte(page.body), &listed); err != nil || len(listed.Data) != 1 || lines.body != string(listed.Data[0])+"\n" {
		t.Errorf("as NDJSON = %q; want the line that the page has, %s", lines.body, page.body)
	}
	if got := lines.header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="deliveries-`+hook+"-") {
		t.Errorf("the name of a webhook's export = %s; want it to name the webhook", got)
	}
	if got := w.call(asAdmin, "GET", "/webhooks/deliveries?webhook_id=%22%3Bx=%22", "", "Accept", "text/csv").is(200).header.Get("Content-Disposition"); strings.Contains(got, "x=") {
		t.Errorf("the name of an export = %s; want nothing that the client made up", got)
	}
	w.call(asAdmin, "GET", "/webhooks/deliveries?cursor=x", "", "Accept", "text/csv").problem(422, "invalid_field")
	for path, accept := range map[string]string{
		"/webhooks/" + other + "/deliveries": "application/x-ndjson", "/webhooks/deliveries?status=failed": "application/x-ndjson",
		"/webhooks/deliveries?q=other": "application/json;q=0.1, application/x-ndjson;q=0.2",
	} {
		if got := w.call(asAdmin, "GET", path, "", "Accept", accept).is(200); got.body != "" || got.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("GET %s as NDJSON = %q of %s; want an empty file", path, got.body, got.header.Get("Content-Type"))
		}
	}
	w.call("admin "+globex, "GET", "/webhooks/"+hook+"/deliveries", "", "Accept", "text/csv").problem(404, "not_found")
	w.call("viewer "+acme, "GET", "/webhooks/deliveries", "", "Accept", "text/csv").problem(403, "forbidden")
	w.call(asAdmin, "GET", "/webhooks/deliveries?event_type=a..b", "", "Accept", "text/csv").problem(422, "event_type_invalid")
	for _, accept := range []string{"*/*", "text/html", "application/*", "text/csv;q=0", "text/csv;q=x", "nonsense;;;", ""} {
		if got := w.call(asAdmin, "GET", "/webhooks/deliveries", "", "Accept", accept).is(200); got.header.Get("Content-Type") != "application/json" {
			t.Errorf("GET with Accept: %s = %s; want JSON", accept, got.header.Get("Content-Type"))
		}
	}
}

// TestExportHasDeadlines exports to a writer that tells of its deadlines.
func TestExportHasDeadlines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, done := w.bubbleOf(t.Context(), "text/csv")
	<-done
	if !b.endless || b.deadline.IsZero() {
		t.Errorf("an export: no deadline for the request: %v, and %v for a write; want none, and one", b.endless, b.deadline)
	}
}

var exportRows = flag.Int("export.rows", 20_000, "deliveries that TestExportsHoldLittle exports; 1000000 takes half a minute")

// endlessStore has many deliveries, and fails after some of them if it is told to.
type endlessStore struct {
	store.Store
	rows, failAfter int
	down            bool
}

func (s *endlessStore) FindDeliveries(_ context.Context, tenant string, _ store.DeliveryFilter, page store.Page) (found store.Found[webhook.Delivery], err error) {
	first := 0
	if page.After != "" {
		if _, err := fmt.Sscanf(page.After, "dlv_%d", &first); err != nil {
			return found, err
		}
	}
	if s.down || s.failAfter > 0 && first >= s.failAfter {
		return found, store.ErrUnavailable
	}
	at := time.Now()
	for i := first; i < min(first+page.Size(), s.rows); i++ {
		found.Items = append(found.Items, webhook.Delivery{
			ID: fmt.Sprintf("dlv_%026d", i+1), Tenant: tenant, EventID: fmt.Sprintf("evt_%026d", i+1), EndpointID: "ep_01JB2Z9F7M8Q4V6T3W5X7Y9Z0A",
			EventType: "invoice.paid", Status: webhook.DeliveryDelivered, Attempts: 1, CreatedAt: at, UpdatedAt: at,
		})
	}
	if n := len(found.Items); n > 0 && first+n < s.rows {
		found.Next = found.Items[n-1].ID
	}
	return found, nil
}

// serveEndless serves the API over a store of many deliveries.
func serveEndless(t *testing.T, st *endlessStore) *httptest.Server {
	t.Helper()
	st.Store = memstore.New()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(manage.New(d), httpapi.Config{Authenticate: authenticate})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return server
}

// export asks for all deliveries. The body is closed at the end of the test.
func export(t *testing.T, server *httptest.Server, accept string) (status int, body io.Reader) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/webhooks/deliveries", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", asAdmin)
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.StatusCode, resp.Body
}

// maxExportHeap is what an export may hold, whatever its size (reliability.md, section 3).
const maxExportHeap = 32 << 20

// TestExportsHoldLittle measures what is live while exports are under way. It runs alone:
// memory is everybody's.
func TestExportsHoldLittle(t *testing.T) { //nolint:paralleltest // see above
	server := serveEndless(t, &endlessStore{rows: *exportRows})
	for _, accept := range []string{"text/csv", "application/x-ndjson"} {
		before := liveHeap()
		_, body := export(t, server, accept)
		lines, most := 0, uint64(0)
		for in := bufio.NewReader(body); ; {
			_, err := in.ReadSlice('\n')
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("read an export: %v", err)
			}
			if lines++; lines%(*exportRows/5) == 0 {
				most = max(most, liveHeap())
			}
		}
		want := *exportRows
		if accept == "text/csv" {
			want++
		}
		if lines != want {
			t.Errorf("an export of %d deliveries as %s has %d lines; want %d", *exportRows, accept, lines, want)
		}
		t.Logf("%s: %.1f MiB live at most, %.1f before", accept, float64(most)/(1<<20), float64(before)/(1<<20))
		if most > before+maxExportHeap {
			t.Errorf("an export of %d deliveries as %s holds %d bytes; want at most %d", *exportRows, accept, most-before, maxExportHeap)
		}
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestExportThatBreaksOffIsSeen lets the store fail in the middle: what the client has got
// must not look like all there is.
func TestExportThatBreaksOffIsSeen(t *testing.T) {
	t.Parallel()
	server := serveEndless(t, &endlessStore{rows: 5000, failAfter: 2000})
	for _, accept := range []string{"text/csv", "application/x-ndjson"} {
		status, stream := export(t, server, accept)
		body, err := io.ReadAll(stream)
		if status != http.StatusOK || err == nil || !strings.HasSuffix(string(body), "\n") || strings.Count(string(body), "dlv_") != 2000 {
			t.Errorf("%s of a store that fails = %d, %d bytes, %v; want the 2000 deliveries before, and then no proper end", accept, status, len(body), err)
		}
	}
}

// TestExportOfNothingYet fails before the first delivery: that is a problem like any other.
func TestExportOfNothingYet(t *testing.T) {
	t.Parallel()
	status, body := export(t, serveEndless(t, &endlessStore{rows: 10, down: true}), "text/csv")
	var p map[string]any
	if err := json.NewDecoder(body).Decode(&p); err != nil || status != http.StatusServiceUnavailable || p["code"] != "store_unavailable" {
		t.Errorf("an export while the store is down = %d %v, %v; want 503 store_unavailable", status, p, err)
	}
}
