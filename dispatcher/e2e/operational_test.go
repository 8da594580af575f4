package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// Two processes that deliver from one PostgreSQL count an endpoint's failures
// together: each level is told by whoever crosses it, and the pause once. Those who
// subscribe to that get it signed.
func TestOperationalEventsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	schema := server.Schema(t)
	pool, err := pgxpool.New(t.Context(), server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := postgres.Migrate(t.Context(), pool, postgres.Config{Schema: schema}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	told := make(map[string][]string)
	cfg := dispatcher.Config{OnOperational: func(_ context.Context, op webhook.Operational) {
		mu.Lock()
		defer mu.Unlock()
		told[op.EndpointID] = append(told[op.EndpointID], fmt.Sprint(strings.TrimPrefix(op.Type, "webhook.endpoint."), op.Percent))
	}}
	hosts := make([]*host, 2)
	for i := range hosts {
		st, err := postgres.New(t.Context(), pool, postgres.Config{Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		hosts[i] = newHost(t, st, cfg)
	}
	bad := newReceiver(t, func(int, arrival) int { return http.StatusInternalServerError })
	watcher := newReceiver(t, nil)
	_, secret := hosts[0].create(webhook.Endpoint{URL: watcher.URL, EventTypes: []string{"webhook.endpoint.*"}})
	var failing []string
	for range 10 {
		ep, _ := hosts[0].create(webhook.Endpoint{URL: bad.URL, EventTypes: []string{"a"}, AutoPauseAfter: 6})
		failing = append(failing, ep.ID)
	}
	for i := range 20 {
		hosts[i%2].publish(event("a", i))
	}
	var stop []func()
	for _, h := range hosts {
		stop = append(stop, h.start())
	}
	// Half of 6 is 3, three quarters are 5, nine tenths are all of it.
	expected := []string{"paused0", "warning50", "warning75"}
	eventually(t, "endpoints are not warned of and paused", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range failing {
			if len(told[id]) < len(expected) {
				return false
			}
		}
		return true
	})
	eventually(t, "the watcher does not get all", func() bool { return len(watcher.byID()) >= len(failing)*len(expected) })
	for _, end := range stop {
		end()
	}
	mu.Lock()
	defer mu.Unlock()
	for _, id := range failing {
		if slices.Sort(told[id]); !slices.Equal(told[id], expected) {
			t.Errorf("told of an endpoint that failed: %v; want %v, each once", told[id], expected)
		}
	}
	want(t, "operational events at the watcher", len(watcher.byID()), len(failing)*len(expected))
	v, err := signer.NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range watcher.got() {
		if err := v.Verify(a.header, []byte(a.body)); err != nil {
			t.Errorf("an operational event is not signed as it should be: %v", err)
		}
	}
}
