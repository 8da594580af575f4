package storetest_test

import (
	"context"
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/storetest"
	"github.com/postrider/postrider/webhook"
)

// readsOutside is a transaction that sees what everybody sees.
type readsOutside struct {
	store.Tx
	store *memstore.Store
}

func (t readsOutside) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	list, err := t.store.ListEvents(ctx, tenant, page)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i], err = t.store.Event(ctx, tenant, list[i].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// readsBare leaves payloads out.
type readsBare struct{ store.Tx }

func (t readsBare) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	list, err := t.Tx.Events(ctx, tenant, page)
	for i := range list {
		list[i].Data = nil
	}
	return list, err
}

// inTx wraps what publishes in transactions of the host.
func inTx(wrap func(*memstore.Store, store.Tx) store.Tx) func(*memstore.Store) storetest.Harness {
	return func(st *memstore.Store) storetest.Harness {
		h := harness(st, st, st)
		h.Begin = func(*testing.T) storetest.HostTx {
			tx := st.Begin()
			return storetest.HostTx{Tx: wrap(st, tx), Commit: tx.Commit, Rollback: tx.Rollback}
		}
		return h
	}
}
