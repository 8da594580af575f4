package e2e_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// archive writes to a store what a dispatcher would, at times of its own, so that
// months pass in a moment: the store takes the time from its caller.
type archive struct {
	t     *testing.T
	st    *sqlite.Store
	path  string
	now   time.Time
	epoch int64
	ids   int
	// paused is an endpoint whose deliveries wait until they expire.
	paused string
}

// The simulated times: a period is the longest that anything is kept, and has
// some steps in which events are published, delivered and pruned.
const (
	period        = 90 * 24 * time.Hour
	periodSteps   = 6
	stepEvents    = 8
	simulatedTime = 5 // periods; what is never pruned would be 2.5 times as much as after two
)

var archiveRetention = store.Retention{Payloads: period / 3, Deliveries: period, Statistics: period, Tombstones: 24 * time.Hour}

// id returns a fresh id of the simulated time.
func (a *archive) id(p webhook.Prefix) string {
	a.t.Helper()
	a.ids++
	id, err := webhook.NewIDFrom(p, a.now, strings.NewReader(fmt.Sprintf("%010d", a.ids)))
	if err != nil {
		a.t.Fatal(err)
	}
	return id
}

func (a *archive) must(what string, err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("%s = %v; want nil", what, err)
	}
}

// endpoint creates an endpoint and returns its id and the tenant's revision.
func (a *archive) endpoint(ctx context.Context) (string, int64) {
	rec := store.EndpointRecord{Endpoint: webhook.Endpoint{ID: a.id(webhook.PrefixEndpoint), Tenant: tenant, URL: "https://a.example/"}.WithDefaults()}
	secret := store.SecretRecord{
		ID: a.id(webhook.PrefixSecret), Tenant: tenant, Endpoint: rec.ID, Signature: webhook.Signature{Scheme: webhook.SchemeV1},
		Sealed: []byte("sealed"), Fingerprint: "fingerprint", CreatedAt: a.now,
	}
	rec, err := a.st.CreateEndpoint(ctx, a.now, rec, secret, store.Creation{})
	a.must("CreateEndpoint", err)
	return rec.ID, rec.Revision
}

// step publishes events to two endpoints, one of which is paused, delivers those
// to the other at the second attempt, deletes it, and prunes.
func (a *archive) step(ctx context.Context) {
	active, revision := a.endpoint(ctx)
	var pubs []store.Publication
	for n := range stepEvents {
		ev := webhook.Event{
			ID: a.id(webhook.PrefixEvent), Tenant: tenant, Type: fmt.Sprintf("type.%d", n%3), Timestamp: a.now,
			Data: []byte(`"` + strings.Repeat("x", 2000) + `"`), IdempotencyKey: fmt.Sprintf("key-%d", a.ids),
		}
		pubs = append(pubs, store.Publication{
			Event: ev, ContentHash: []byte("hash"), KeyExpires: a.now.Add(24 * time.Hour), Revision: revision, Epoch: a.epoch,
			Deliveries: []store.NewDelivery{
				{ID: a.id(webhook.PrefixDelivery), Endpoint: active, HandOver: true},
				{ID: a.id(webhook.PrefixDelivery), Endpoint: a.paused},
			},
		})
	}
	_, err := a.st.Publish(ctx, a.now, pubs)
	a.must("Publish", err)

	failed := a.settlement(pubs, 1, webhook.DeliveryPending)
	a.settle(ctx, failed)
	a.now = a.now.Add(5 * time.Second)
	a.park(ctx)
	a.settle(ctx, a.settlement(pubs, 2, webhook.DeliveryDelivered))
	a.must("DeleteEndpoint", a.st.DeleteEndpoint(ctx, a.now, tenant, active))

	a.now = a.now.Add(period / periodSteps)
	a.must("Renew", a.st.Renew(ctx, a.now, a.epoch, period))
	a.prune(ctx)
}

// settlement returns the nth attempts of the deliveries that were handed over.
func (a *archive) settlement(pubs []store.Publication, n int, status webhook.DeliveryStatus) store.Settlement {
	s := store.Settlement{Epoch: a.epoch}
	for i := range pubs {
		d := &pubs[i].Deliveries[0]
		at := &webhook.Attempt{
			ID: a.id(webhook.PrefixAttempt), Tenant: tenant, DeliveryID: d.ID, N: n, At: a.now, StatusCode: 204,
			ResponseBody: []byte(strings.Repeat("y", 500)), RequestHeaders: map[string]string{"User-Agent": "test"},
			Timings: webhook.Timings{Total: time.Duration(i) * time.Millisecond},
		}
		if status == webhook.DeliveryPending {
			at.Class, at.StatusCode = webhook.ClassHTTPStatus, 500
		}
		s.Items = append(s.Items, store.Settled{
			Tenant: tenant, Delivery: d.ID, Endpoint: d.Endpoint, EventType: pubs[i].Event.Type,
			Claim: int64(n), Attempt: at, Status: status, Due: a.now.Add(time.Second), Health: store.HealthFailure,
		})
	}
	return s
}

func (a *archive) settle(ctx context.Context, s store.Settlement) {
	r, err := a.st.Settle(ctx, a.now, s)
	a.must("Settle", err)
	if len(r.Lost) > 0 {
		a.t.Fatalf("Settle refused %d outcomes; want none", len(r.Lost))
	}
}

// park looks at what is due: what waits for the paused endpoint is parked, the
// rest leased.
func (a *archive) park(ctx context.Context) {
	_, _, err := a.st.Poll(ctx, a.now, a.epoch, store.MaxPage, func(w store.Waiting) store.Admission {
		return store.Admission{Lease: w.Endpoint != a.paused}
	})
	a.must("Poll", err)
}

func (a *archive) prune(ctx context.Context) {
	for {
		done, err := a.st.Prune(ctx, a.now, archiveRetention, 100)
		a.must("Prune", err)
		if !done.More {
			return
		}
	}
}

// size returns the rows of every table, and the size of the file in bytes under
// the name "file".
func (a *archive) size(ctx context.Context) map[string]int64 {
	a.t.Helper()
	db, sizes := a.st.DB(), make(map[string]int64)
	for table := range tables(a.t, db) {
		var n int64
		a.must("count "+table, db.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM %q`, table)).Scan(&n))
		sizes[table] = n
	}
	var busy, log, moved int
	a.must("checkpoint", db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved))
	info, err := os.Stat(a.path)
	a.must("Stat", err)
	sizes["file"] = info.Size()
	return sizes
}

// Whatever is published, delivered, failed, created and deleted: after five
// retention periods there is no more of it than after two.
func TestRetentionKeepsTheFileBounded(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := databaseFile(t)
	a := &archive{t: t, st: openStore(t, path), path: path, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var err error
	a.epoch, err = a.st.Acquire(ctx, a.now, store.Process{Host: "test"}, period)
	a.must("Acquire", err)
	a.paused, _ = a.endpoint(ctx)

	empty := a.size(ctx)["file"]
	var second, last map[string]int64
	for p := 1; p <= simulatedTime; p++ {
		for range periodSteps {
			a.step(ctx)
		}
		if last = a.size(ctx); p == 2 {
			second = last
		}
	}
	for table, n := range last {
		// A few rows more or less are where a period happens to end.
		if m := second[table]; n > m*12/10+2 || n < m*8/10-2 {
			t.Errorf("%s: %d after 5 periods, %d after 2; want within 20 %%", table, n, m)
		}
	}
	for table, atLeast := range map[string]int64{
		"postrider_events": (periodSteps - 1) * stepEvents, "postrider_deliveries": 2 * (periodSteps - 1) * stepEvents,
		"postrider_payloads": (periodSteps/3 - 1) * stepEvents, "postrider_stats": periodSteps,
	} {
		if last[table] < atLeast {
			t.Errorf("%s: %d rows; want at least %d, which are within their retention", table, last[table], atLeast)
		}
	}
	t.Logf("after 2 periods: %v", second)
	t.Logf("after 5 periods: %v", last)

	a.now = a.now.Add(2 * period)
	a.prune(ctx)
	end := a.size(ctx)
	for _, table := range []string{"events", "payloads", "deliveries", "attempts", "queue", "idempotency", "stats"} {
		want(t, "rows of postrider_"+table+" when all is past its retention", end["postrider_"+table], 0)
	}
	if end["file"]-empty > (last["file"]-empty)*7/10 {
		t.Errorf("file is %d bytes when it holds nothing, %d when it was full, %d when it was new; want the space given back",
			end["file"], last["file"], empty)
	}
}
