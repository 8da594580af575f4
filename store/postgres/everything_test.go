package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// life is a run of everything: what its steps know of each other.
type life struct {
	t       *testing.T
	ctx     context.Context
	b       *backlog
	epoch   int64
	ep      *tenant
	pubs    []store.Publication
	claimed []store.Claimed
	ordered []store.Claimed
}

// everything returns steps that call every method of the engine's, and what people
// look at, in a way that reaches all of their statements.
func everything(t *testing.T, b *backlog) []step {
	t.Helper()
	w := &life{t: t, ctx: t.Context(), b: b}
	steps := []step{
		{"Acquire", 1, func(p *process) (err error) {
			w.epoch, err = p.Acquire(w.ctx, time.Now(), store.Process{}, time.Hour)
			return err
		}},
		{"Renew", 1, func(p *process) error { return p.Renew(w.ctx, time.Now(), w.epoch, time.Hour) }},
		{"CreateEndpoint", 2, func(p *process) error {
			w.ep = newTenant(t, p)
			return nil
		}},
	}
	steps = append(steps, w.publishes()...)
	steps = append(steps, w.subjects()...)
	steps = append(steps, w.claims()...)
	steps = append(steps, w.leases()...)
	steps = append(steps, w.settles()...)
	steps = append(steps, w.jobs()...)
	steps = append(steps, w.directory()...)
	return append(steps, w.reads()...)
}

func wantLen[T any](list []T, want int) error {
	if len(list) != want {
		return fmt.Errorf("%d found; want %d", len(list), want)
	}
	return nil
}
