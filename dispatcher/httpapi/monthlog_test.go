package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestMonthPostgres reads the log of as many deliveries on PostgreSQL. Their ids are of the
// time of the test, which is theirs there.
func TestMonthPostgres(t *testing.T) {
	t.Parallel()
	server := postgrestest.New(t, postgrestest.Options{Settings: map[string]string{"max_wal_size": "4GB"}})
	pool := server.Pool(t)
	if err := postgres.Migrate(t.Context(), pool, postgres.Config{}); err != nil {
		t.Fatal(err)
	}
	st, err := postgres.New(t.Context(), pool, postgres.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const together = 1000 // in a transaction, for the sake of who waits for a million
	endpoint := fillMonth(t, st, time.Now(), *monthDeliveries, together)
	analyze(t, pool)
	readLog(t, managerOf(t, st), endpoint)
}

// analyze does what autovacuum does within a minute: it looks at tables and partitions, but
// not at what partitions are of.
func analyze(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'postrider'::regnamespace AND relkind = 'r'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) == 0 {
		t.Fatalf("the tables are %v, %v; want some", tables, err)
	}
	if _, err := pool.Exec(t.Context(), `ANALYZE `+strings.Join(tables, ", ")); err != nil {
		t.Fatal(err)
	}
}

// readLog reads the log of an endpoint page by page, first all of it and then what people
// look for in it, and holds the times to the bound.
func readLog(t *testing.T, m *manage.Manager, endpoint string) {
	t.Helper()
	api, err := httpapi.New(m, httpapi.Config{Authenticate: authenticate})
	if err != nil {
		t.Fatal(err)
	}
	log := "/webhooks/" + endpoint + "/deliveries?limit=100"
	all := readPages(t, api, log, *monthDeliveries)
	if pages := (*monthDeliveries + 99) / 100; len(all) != pages {
		t.Errorf("the log has %d pages of 100; want %d", len(all), pages)
	}
	const some = 100 // of which all but the slowest are within the bound
	if part := min(some, len(all)); part > 0 {
		middle := (len(all) - part) / 2
		inPages(t, "the first pages", all[:part])
		inPages(t, "pages of the middle", all[middle:middle+part])
		inPages(t, "the last pages", all[len(all)-part:])
	}
	inPages(t, "all pages", all)
	hour := func(name string, at time.Time) string { return "&" + name + "=" + at.UTC().Format(time.RFC3339) }
	for _, filter := range []string{
		"&status=delivered", "&status=failed", "&status=canceled", "&status=pending", "&event_type=t1", "&event_type=none", "&q=t",
		hour("from", time.Now().Add(-time.Hour)), hour("to", time.Now().Add(-time.Hour)),
	} {
		inPages(t, "pages with "+filter[1:], readPages(t, api, log+filter, some))
	}
	inPages(t, "pages of the tenant", readPages(t, api, "/webhooks/deliveries?limit=100", some))
	inPages(t, "pages of its dead letters", readPages(t, api, "/webhooks/deliveries?limit=100&status=failed", some))
}

// pageTime is how long a page took when it was first read, and at its best.
type pageTime struct{ first, best time.Duration }

// readPages reads a list from its first page on. A page that took too long is read again, for
// where the machine has other things to do it was not the page: what a plan makes slow is slow
// each time.
func readPages(t *testing.T, api http.Handler, path string, most int) (took []pageTime) {
	t.Helper()
	for cursor := ""; len(took) < most; {
		page, first := readPage(t, api, path+cursor)
		best := first
		for range 9 {
			if best > monthPage && *monthDeliveries >= enough {
				_, again := readPage(t, api, path+cursor)
				best = min(best, again)
			}
		}
		took = append(took, pageTime{first, best})
		next, more := page.get("next").(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	return took
}

func readPage(t *testing.T, api http.Handler, path string) (reply, time.Duration) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", asAdmin)
	rec := httptest.NewRecorder()
	began := time.Now()
	api.ServeHTTP(rec, r)
	took := time.Since(began)
	return reply{t, "GET " + path, rec.Code, rec.Header(), rec.Body.String()}.is(http.StatusOK), took
}

// inPages holds 99 of 100 pages to the bound, each at its best.
func inPages(t *testing.T, what string, took []pageTime) {
	t.Helper()
	percentile := func(percent int, of func(pageTime) time.Duration) time.Duration {
		all := make([]time.Duration, len(took))
		for i, p := range took {
			all[i] = of(p)
		}
		slices.Sort(all)
		return all[(len(all)-1)*percent/100]
	}
	first := func(p pageTime) time.Duration { return p.first }
	best := func(p pageTime) time.Duration { return p.best }
	inMonth(t, fmt.Sprintf("%s: %d, p50 %v, p99 %v, at its best", what, len(took), percentile(50, first), percentile(99, first)), percentile(99, best), monthPage)
}
