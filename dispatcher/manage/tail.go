package manage

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The errors of tails.
var (
	// ErrTooManyTails says that a tenant follows as many deliveries at once as it may in
	// a process.
	ErrTooManyTails = errors.New("the tenant follows too many deliveries at once")
	// ErrTailsBusy says that a process has as many tails as it can.
	ErrTailsBusy = errors.New("too many deliveries are followed at once")
	// ErrTailSlow ends a tail that is not read as fast as things happen. What it has
	// missed can be had by a new one that goes on from its last Position.
	ErrTailSlow = errors.New("the tail was not read in time")
)

// TailQuery says what a tail follows.
type TailQuery struct {
	DeliveryQuery
	// Position is the last batch's of a tail before, to go on from there: what has
	// happened since comes first. Any other text is as none.
	Position string
}

// TailBatch is what has happened since the batch before. It is shared by all who follow
// the same, and must not be changed.
type TailBatch struct {
	// Deliveries are those that are new, whose status or number of attempts has
	// changed, or that have left what the filter asks for, oldest first, as they are
	// now. One may come again unchanged where a tail goes on from a position.
	Deliveries []webhook.Delivery
	// Skipped says that there were more, which the log has.
	Skipped bool
	// Position is where to go on after this batch.
	Position string

	mu     sync.Mutex
	frames map[string][]byte
}

// Frame returns the batch in a format. The first who asks for a format makes it, and all
// others get what came of it; they must not change it.
func (b *TailBatch) Frame(format string, encode func(*TailBatch) []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	frame, ok := b.frames[format]
	if !ok {
		if b.frames == nil {
			b.frames = make(map[string][]byte)
		}
		frame = encode(b)
		b.frames[format] = frame
	}
	return frame
}

// Tail follows deliveries as they happen. It is used by one goroutine, and must be closed.
type Tail struct {
	of      *tails
	scope   tailScope
	filter  deliveryFilter
	first   *TailBatch
	batches chan *TailBatch
	// last is the position of the last batch that was read.
	last string
	// empty says that there is nothing to follow, ever.
	empty bool
	// gone says that nothing more will come; of's mutex guards it.
	gone bool
}

// tailBuffer is how many batches wait for who reads them: two seconds.
const tailBuffer = 8

// Tail follows a tenant's deliveries that a filter leaves, four times a second, whichever
// process delivers them. It begins with what has happened within the last five seconds,
// or since a position. Errors are those of FindDeliveries, ErrTooManyTails, ErrTailsBusy and,
// where it goes on from a position, the store's.
//
// It shows every delivery that is published, and those that it has shown again when they
// change; of those that were published before it began, the newest 100 that are pending
// and those that are redelivered within 10 seconds. More than 100 in a quarter of a second
// are not all shown.
func (m *Manager) Tail(ctx context.Context, tenant string, q TailQuery) (*Tail, error) {
	filter, ok, err := q.filter(tenant, store.Page{})
	if err != nil {
		return nil, err
	}
	t := &Tail{of: &m.tails, scope: tailScope{tenant, filter.Endpoint}, filter: filter, batches: make(chan *TailBatch, tailBuffer)}
	since, goesOn := openPosition(q.Position)
	if t.last = q.Position; !goesOn {
		t.last = position(clock.Now())
	}
	t.empty = !ok
	if err := m.tails.add(m, t); err != nil {
		return nil, err
	}
	if goesOn && !t.empty {
		if t.first, err = m.missed(ctx, tenant, filter, since); err != nil {
			t.Close()
			return nil, err
		}
	}
	return t, nil
}

// Next waits for the next batch. The error is ctx's, or ErrTailSlow.
func (t *Tail) Next(ctx context.Context) (*TailBatch, error) {
	if b := t.first; b != nil {
		t.first, t.last = nil, b.Position
		return b, nil
	}
	select {
	case b, ok := <-t.batches:
		if !ok {
			return nil, ErrTailSlow
		}
		t.last = b.Position
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Position is where to go on after what was read. It moves on while nothing happens.
func (t *Tail) Position() string {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if f := t.of.scopes[t.scope]; !t.empty && !t.gone && t.first == nil && len(t.batches) == 0 && !f.at.IsZero() {
		return position(f.at)
	}
	return t.last
}

// Close ends the tail. If it was the last of the process it waits until nothing is
// followed any more.
func (t *Tail) Close() { t.of.remove(t) }

// missedPages bounds what is looked through for a tail that goes on: ten pages of the log.
const missedPages = 10

// missed returns what has changed since a time, or nil if nothing did. It looks at what
// was published since, and a page more for what changed later.
func (m *Manager) missed(ctx context.Context, tenant string, filter deliveryFilter, since time.Time) (*TailBatch, error) {
	since = since.Add(-tailWindow)
	b := &TailBatch{}
	of := store.DeliveryFilter{Endpoint: filter.Endpoint}
	filter.Status = "" // what has left it is to be seen too
	last := since
	for page := (store.Page{Limit: store.MaxTail}); ; {
		list, err := m.store.ListDeliveries(ctx, tenant, of, page)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if d := &list[i]; !d.UpdatedAt.Before(since) && filter.passes(d) {
				b.Deliveries = append(b.Deliveries, *d)
				last = later(last, d.UpdatedAt)
			}
		}
		if len(list) < store.MaxTail || list[len(list)-1].CreatedAt.Before(since) {
			break
		}
		if page.After = list[len(list)-1].ID; len(b.Deliveries) >= missedPages*store.MaxTail {
			b.Skipped = true
			break
		}
	}
	if len(b.Deliveries) == 0 {
		return nil, nil
	}
	sortOldest(b.Deliveries)
	b.Position = position(last)
	return b, nil
}

// position is a time of the store as it is given to clients.
func position(at time.Time) string { return strconv.FormatInt(at.UnixMicro(), 10) }

// openPosition returns the time of a position. What lies in the future cannot have been
// given to anybody.
func openPosition(text string) (time.Time, bool) {
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil || us <= 0 {
		return time.Time{}, false
	}
	at := time.UnixMicro(us)
	return at, !at.After(clock.Now().Add(day)) // clocks are less than a day apart
}

// canFind reports whether a tenant can have what a filter asks for.
func canFind(tenant string, f store.DeliveryFilter) bool {
	return validTenant(tenant) &&
		(f.Endpoint == "" || webhook.PrefixEndpoint.ValidID(f.Endpoint)) &&
		(f.Event == "" || webhook.PrefixEvent.ValidID(f.Event))
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
