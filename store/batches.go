package store

import "context"

// Batches binds deliveries that are sent in one request, so that the request is the
// same whenever it is made again, whatever happens in between.
type Batches interface {
	// Bind gives leased rows the id of the batch that they are about to be sent
	// in, durably, and marks them as started (see Queue.Start). Each batch is bound
	// as a whole or not at all: one that has a member whose fence is not the
	// given one, that is in a batch already or that was canceled is left alone, and its id is not
	// returned. A row stays bound, over retries and crashes, until its delivery
	// ends or Settled.Unbind takes it out. Repeating a call after ErrUnknown is
	// not safe: what had been bound is then left out.
	Bind(ctx context.Context, epoch int64, batches []Binding) ([]string, error)
}

// Binding is a batch to be.
type Binding struct {
	// ID is "bat_" and a ULID; Tenant is that of all members.
	ID, Tenant string
	Members    []Held
}

// BatchKey names a batch.
type BatchKey struct {
	Tenant, ID string
}

// TornBatches returns the batches of which some items of a settlement have a fence
// that is the present one and others have not: all of them are to be lost. Stores
// call it with the items of a settlement; what is not in a batch is not looked at.
func TornBatches(items []Settled, held func(*Settled) bool) map[BatchKey]bool {
	type found struct{ held, lost bool }
	var batches map[BatchKey]found
	for i := range items {
		key, ok := items[i].batch()
		if !ok {
			continue
		}
		if batches == nil {
			batches = make(map[BatchKey]found)
		}
		f := batches[key]
		if held(&items[i]) {
			f.held = true
		} else {
			f.lost = true
		}
		batches[key] = f
	}
	var torn map[BatchKey]bool
	for key, f := range batches {
		if f.held && f.lost {
			if torn == nil {
				torn = make(map[BatchKey]bool)
			}
			torn[key] = true
		}
	}
	return torn
}

// In reports whether the item is of one of the batches.
func (it *Settled) In(batches map[BatchKey]bool) bool {
	key, ok := it.batch()
	return ok && batches[key]
}

// batch returns the batch that the item was sent in.
func (it *Settled) batch() (BatchKey, bool) {
	if it.Attempt == nil || it.Attempt.BatchID == "" {
		return BatchKey{}, false
	}
	return BatchKey{it.Tenant, it.Attempt.BatchID}, true
}
