package postgres

import (
	"bytes"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// book keeps what is known and decided about the publications of one call.
type book struct {
	pubs    []store.Publication
	results []store.PublishResult
	// keyed are those with idempotency keys, in the order in which keys are taken.
	keyed []*store.Publication
	// givingWay says that they are left out: a key is in use by a transaction
	// that goes on.
	givingWay bool
	// revisions are those of tenants that are greater than a publication's.
	revisions map[string]int64
	first     map[tenantKey]firstUse
}

// tenantKey is an idempotency key of a tenant.
type tenantKey struct{ tenant, key string }

// firstUse is what an idempotency key stands for.
type firstUse struct {
	hash    []byte
	receipt webhook.Receipt
	// taken says that this call has taken the key.
	taken bool
}

func keyOf(p *store.Publication) tenantKey {
	return tenantKey{p.Event.Tenant, p.Event.IdempotencyKey}
}

func newBook(pubs []store.Publication) *book {
	b := &book{pubs: pubs, results: make([]store.PublishResult, len(pubs))}
	for i := range pubs {
		if pubs[i].Event.IdempotencyKey != "" {
			b.keyed = append(b.keyed, &pubs[i])
		}
	}
	if b.keyed != nil {
		b.first = make(map[tenantKey]firstUse, len(b.keyed))
		slices.SortStableFunc(b.keyed, func(p, q *store.Publication) int { return compareKeys(keyOf(p), keyOf(q)) })
	}
	return b
}

// ours reports whether a key stands for the publication itself.
func (b *book) ours(p *store.Publication) bool {
	first := b.first[keyOf(p)]
	return first.taken && first.receipt.EventID == p.Event.ID
}

// outdated reports whether a publication was matched at an old revision.
func (b *book) outdated(p *store.Publication) bool {
	return b.revisions[p.Event.Tenant] > p.Revision
}

// outdate notes revisions of tenants.
func (b *book) outdate(revisions map[string]int64) {
	if b.revisions == nil {
		b.revisions = revisions
		return
	}
	for tenant, revision := range revisions {
		b.revisions[tenant] = max(revision, b.revisions[tenant])
	}
}

// giveWay leaves those with keys out.
func (b *book) giveWay() {
	b.givingWay = true
	clear(b.first)
}

// judge decides what becomes of one publication, once its key is known.
func (b *book) judge(p *store.Publication) store.PublishResult {
	if p.Event.IdempotencyKey != "" {
		if b.givingWay {
			return store.PublishResult{Outcome: store.PublishBusy}
		}
		first, known := b.first[keyOf(p)]
		if known && !b.ours(p) && (!first.taken || !b.outdated(p)) {
			if !bytes.Equal(first.hash, p.ContentHash) {
				return store.PublishResult{Outcome: store.PublishConflict}
			}
			first.receipt.Duplicate = true
			return store.PublishResult{Outcome: store.PublishDuplicate, Receipt: first.receipt}
		}
	}
	if b.outdated(p) {
		return store.PublishResult{Outcome: store.PublishStale}
	}
	return store.PublishResult{
		Outcome: store.PublishStored,
		Receipt: webhook.Receipt{EventID: p.Event.ID, Deliveries: p.Pending()},
	}
}

// decide decides about every publication and returns the rows of those that are
// stored.
func (b *book) decide(now time.Time) (*newRows, error) {
	rows := new(newRows)
	for i := range b.pubs {
		p := &b.pubs[i]
		b.results[i] = b.judge(p)
		if b.results[i].Outcome != store.PublishStored {
			continue
		}
		for j := range p.Deliveries {
			if err := p.Deliveries[j].Check(); err != nil {
				return nil, err
			}
		}
		meta, err := sqlstore.JSONText(p.Event.Metadata)
		if err != nil {
			return nil, err
		}
		attrs, err := sqlstore.EventAttributes(&p.Event)
		if err != nil {
			return nil, err
		}
		rows.add(now, p, meta, attrs)
	}
	return rows, nil
}

// claimable reports whether something was stored that any process may claim.
func (b *book) claimable() bool {
	for i := range b.pubs {
		if b.results[i].Outcome == store.PublishStored &&
			slices.ContainsFunc(b.pubs[i].Deliveries, func(d store.NewDelivery) bool { return !d.HandOver && !d.Ended() }) {
			return true
		}
	}
	return false
}
