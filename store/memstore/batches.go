package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// Bind implements store.Batches.
func (s *Store) Bind(ctx context.Context, epoch int64, batches []store.Binding) ([]string, error) {
	if err := s.begin(ctx, "bind batches"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var bound []string
	for _, b := range batches {
		rows := make([]*row, 0, len(b.Members))
		for _, m := range b.Members {
			if r := s.leasedUnder(epoch, m.Delivery, m.Claim); r != nil && r.delivery.BatchID == "" && !r.canceled && !slices.Contains(rows, r) {
				rows = append(rows, r)
			}
		}
		if len(rows) < len(b.Members) {
			continue
		}
		for _, r := range rows {
			r.delivery.BatchID, r.started = b.ID, true
		}
		s.batches[store.BatchKey{Tenant: b.Tenant, ID: b.ID}] = rows
		bound = append(bound, b.ID)
	}
	return bound, nil
}

// batch returns the key of the batch that a row is bound to.
func (r *row) batch() store.BatchKey {
	return store.BatchKey{Tenant: r.delivery.Tenant, ID: r.delivery.BatchID}
}

// unlist takes a row out of the list of its batch.
func (s *Store) unlist(r *row) {
	key := r.batch()
	rows := slices.DeleteFunc(slices.Clone(s.batches[key]), func(other *row) bool { return other == r })
	if len(rows) == 0 {
		delete(s.batches, key)
	} else {
		s.batches[key] = rows
	}
}

// dissolve unbinds all rows of a batch, wherever they are.
func (s *Store) dissolve(key store.BatchKey) {
	for _, r := range s.batches[key] {
		if r.state != parked {
			r.delivery.BatchID = ""
			continue
		}
		l := s.lanes[r.lane()]
		l.heap(r).remove(r)
		r.delivery.BatchID = ""
		if h := l.heap(r); h != nil {
			h.push(r)
		}
	}
	delete(s.batches, key)
}

// takeBatches leases whole batches of a lane, oldest first, until most rows have
// come.
func (s *Store) takeBatches(now time.Time, l *lane, most int, epoch int64) (claimed []store.Claimed) {
	if most <= 0 || l.bound.len() == 0 {
		return nil
	}
	parked := slices.Clone(l.bound.items)
	slices.SortFunc(parked, l.bound.compare)
	for i, first := range parked {
		rows := s.batches[first.batch()]
		if i > 0 && parked[i-1].delivery.BatchID == first.delivery.BatchID || !claimable(rows, now) {
			continue
		}
		for _, r := range rows {
			s.lease(r, epoch)
			claimed = append(claimed, r.claimed())
		}
		if len(claimed) >= most {
			break
		}
	}
	return claimed
}

// claimable reports whether all rows of a batch are free and due.
func claimable(rows []*row, now time.Time) bool {
	return !slices.ContainsFunc(rows, func(r *row) bool { return r.state == leased || r.due.After(now) })
}
