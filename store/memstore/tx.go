package memstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/sabotage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ErrSerialization is returned by Tx.Commit if what the transaction was told by
// Publish is no longer true. Nothing was written; repeat the transaction.
var ErrSerialization = errors.New("could not serialize the transaction")

// Tx stands for a transaction of the host. It keeps publications aside and
// writes them at Commit. It takes no locks: where a database would make another
// publisher of the same key wait, Commit judges everything anew and fails with
// ErrSerialization if the answer would now be another one, because the key was
// taken or an endpoint changed meanwhile.
//
// A Tx is for one goroutine.
type Tx struct {
	store *Store
	kept  []keptPublication
	done  bool
}

type keptPublication struct {
	now time.Time
	pub store.Publication
}

// Begin starts a transaction. It holds nothing: one that is neither committed
// nor rolled back is only garbage.
func (s *Store) Begin() *Tx { return &Tx{store: s} }

// Publish implements store.Tx.
func (tx *Tx) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if tx.done {
		return nil, errTxDone
	}
	if sabotage.NoOutbox {
		return tx.store.Publish(ctx, now, pubs)
	}
	if err := tx.store.begin(ctx, "publish in a transaction"); err != nil {
		return nil, err
	}
	defer tx.store.mu.Unlock()
	j, err := tx.judge()
	if err != nil {
		return nil, err
	}
	results := make([]store.PublishResult, len(pubs))
	for i := range pubs {
		results[i] = j.judge(now, &pubs[i])
	}
	if err := j.check(); err != nil {
		return nil, fmt.Errorf("publish in a transaction: %w", err)
	}
	for _, a := range j.accepted[len(tx.kept):] {
		pub := *a.pub
		pub.Event, pub.ContentHash, pub.Deliveries = pub.Event.Clone(), slices.Clone(pub.ContentHash), slices.Clone(pub.Deliveries)
		tx.kept = append(tx.kept, keptPublication{now: now, pub: pub})
	}
	return results, nil
}

// TenantEndpoints implements store.Tx.
func (tx *Tx) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	return tx.store.TenantEndpoints(ctx, tenant, after)
}

// Events implements store.Tx. What was published in the transaction is nowhere else yet.
func (tx *Tx) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	if tx.done {
		return nil, errTxDone
	}
	if err := tx.store.begin(ctx, "read events in a transaction"); err != nil {
		return nil, err
	}
	defer tx.store.mu.Unlock()
	var list []webhook.Event
	for _, k := range tx.kept {
		if ev := &k.pub.Event; ev.Tenant == tenant && (page.After == "" || ev.ID < page.After) {
			list = append(list, ev.Clone())
		}
	}
	if t := tx.store.tenants[tenant]; t != nil {
		most := len(list) + page.Size()
		t.events.before(page.After, func(ev *event) bool {
			list = append(list, ev.Clone())
			return len(list) < most
		})
	}
	slices.SortFunc(list, func(a, b webhook.Event) int { return strings.Compare(b.ID, a.ID) })
	return list[:min(len(list), page.Size())], nil
}

// Reserver implements store.Tx.
func (tx *Tx) Reserver() (store.Reserver, bool) { return tx.store, false }

// Commit writes all publications or, with an error, none: ErrSerialization.
func (tx *Tx) Commit() error {
	if tx.done {
		return errTxDone
	}
	tx.done = true
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	j, err := tx.judge()
	if err != nil {
		return err
	}
	if err := j.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrSerialization, err)
	}
	j.write()
	return nil
}

// Rollback forgets all publications. It is harmless after Commit.
func (tx *Tx) Rollback() error {
	tx.done, tx.kept = true, nil
	return nil
}

// judge judges anew what the transaction published so far.
func (tx *Tx) judge() (*judge, error) {
	j := &judge{store: tx.store}
	for i := range tx.kept {
		k := &tx.kept[i]
		if r := j.judge(k.now, &k.pub); r.Outcome != store.PublishStored {
			return nil, ErrSerialization
		}
	}
	return j, nil
}

var errTxDone = errors.New("transaction has ended")
