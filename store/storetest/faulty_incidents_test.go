package storetest_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ownIncidents counts in the process: others have incidents of their own.
type ownIncidents struct {
	store.Store
	process int64
}

// processes numbers the processes of ownIncidents.
var processes atomic.Int64

func (s *ownIncidents) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	counts = slices.Clone(counts)
	for i := range counts {
		counts[i].Subject = fmt.Sprint(s.process, " ", counts[i].Subject)
	}
	return s.Store.CountIncidents(ctx, now, counts)
}

// freshIncidents begins an incident with every call.
type freshIncidents struct{ store.Store }

func (s *freshIncidents) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	counts = slices.Clone(counts)
	for i := range counts {
		counts[i].Rule.Window = 0
	}
	return s.Store.CountIncidents(ctx, now, counts)
}

// endlessIncidents never ends a window.
type endlessIncidents struct{ store.Store }

func (s *endlessIncidents) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	counts = slices.Clone(counts)
	for i := range counts {
		counts[i].Rule.Window = time.Hour * 24 * 365
	}
	return s.Store.CountIncidents(ctx, now, counts)
}
