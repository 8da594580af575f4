package manage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// tailInterval is how often it is looked, and at most written.
	tailInterval = 250 * time.Millisecond
	// tailWindow is what is read again each time: rows do not commit in the order of
	// their ids.
	tailWindow = 5 * time.Second
	// backlogEvery is how often it is looked for old deliveries that are pending again,
	// since another process redelivered them.
	backlogEvery = 10 * time.Second
	// maxFollowed bounds the pending deliveries of a scope that are looked at again, by
	// their ids. It takes some 200 KiB.
	maxFollowed = 10 * store.MaxTail
	// followEvery is how often one is looked at that does not change.
	followEvery = 5 * time.Second
)

// tailScope is what is read together: a tenant's deliveries, or an endpoint's.
type tailScope struct {
	tenant, endpoint string
}

// followed is a scope that somebody follows, and what its followers have been shown.
type followed struct {
	tailScope
	groups map[deliveryFilter][]*Tail
	known  map[string]*sight
	// at is the store's time of the last answer. crowded says that it did not have all
	// of the window, and full that it did not have all that was new.
	at            time.Time
	crowded, full bool
	// backlogAt is the store's time when the backlog was read, and nextBacklog when it
	// is read again.
	backlogAt, nextBacklog time.Time
}

// sight is what was last seen of a delivery.
type sight struct {
	status   webhook.DeliveryStatus
	attempts int
	// look is when a pending one is looked at again, and wait how long that was put off.
	look time.Time
	wait time.Duration
}

// change is a delivery that has changed, and its status of before, "" if it is new.
type change struct {
	webhook.Delivery
	was webhook.DeliveryStatus
}

// ask returns what to ask the store now.
func (f *followed) ask(now time.Time) store.TailAsk {
	ask := store.TailAsk{Tenant: f.tenant, Endpoint: f.endpoint, Backlog: !now.Before(f.nextBacklog)}
	floor := webhook.PrefixDelivery.Floor(now.Add(-tailWindow))
	for id, s := range f.known {
		if s.status == webhook.DeliveryPending && !s.look.After(now) && (f.crowded || id < floor) {
			ask.Known = append(ask.Known, id)
		}
	}
	if len(ask.Known) > store.MaxTail { // those that have waited longest
		slices.SortFunc(ask.Known, func(a, b string) int { return f.known[a].look.Compare(f.known[b].look) })
		ask.Known = ask.Known[:store.MaxTail]
	}
	return ask
}

// learn takes in the answer to an ask and returns what has changed, oldest first.
func (f *followed) learn(now, at time.Time, ask *store.TailAsk, list []webhook.Delivery) []change {
	f.drop(ask.Known, list)
	sortOldest(list)
	floor := webhook.PrefixDelivery.Floor(now.Add(-tailWindow))
	since := f.since(at, ask.Backlog)
	var changed, fresh []change
	recent := 0
	for _, d := range list {
		s := f.known[d.ID]
		if d.ID >= floor {
			recent++
		}
		switch {
		case s == nil && (d.ID >= floor || !d.UpdatedAt.Before(since)):
			fresh = append(fresh, change{d, ""})
		case s == nil:
			f.see(&d, now, at)
		default:
			if s.status != d.Status || s.attempts != d.Attempts {
				changed = append(changed, change{d, s.status})
				s.wait = 0
			}
			f.see(&d, now, at)
		}
	}
	f.crowded, f.full = recent >= store.MaxTail, len(fresh) >= store.MaxTail
	// What finds no place is new the next time too.
	fresh = fresh[max(len(fresh)-max(store.MaxTail-len(changed), 0), 0):]
	for i := range fresh {
		f.see(&fresh[i].Delivery, now, at)
	}
	f.at = later(f.at, at)
	if ask.Backlog {
		f.backlogAt, f.nextBacklog = at, now.Add(backlogEvery)
	}
	f.forget(floor)
	changed = append(changed, fresh...)
	slices.SortStableFunc(changed, func(a, b change) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	return changed
}

// drop forgets deliveries that were asked for and are not there any more: erased, or past
// their retention.
func (f *followed) drop(asked []string, list []webhook.Delivery) {
	there := make(map[string]bool, len(list))
	for i := range list {
		there[list[i].ID] = true
	}
	for _, id := range asked {
		if !there[id] {
			delete(f.known, id)
		}
	}
}

// since returns from when on a delivery that nothing is known of is news.
func (f *followed) since(at time.Time, backlog bool) time.Time {
	last := f.at
	if backlog {
		last = f.backlogAt
	}
	if last.IsZero() {
		last = at
	}
	return last.Add(-tailWindow)
}

// see remembers how a delivery is, and when it is looked at again.
func (f *followed) see(d *webhook.Delivery, now, at time.Time) {
	s := f.known[d.ID]
	if s == nil {
		s = new(sight)
		f.known[d.ID] = s
	}
	s.status, s.attempts = d.Status, d.Attempts
	due := d.NextAttemptAt.Sub(at)
	if s.wait = min(max(2*s.wait, tailInterval), followEvery); due > 0 {
		s.wait = tailInterval // of what comes then
	}
	s.look = now.Add(min(max(due, s.wait), followEvery))
}

// forget forgets what will not be read again, and the oldest of what is too much.
func (f *followed) forget(floor string) {
	var pending []string
	for id, s := range f.known {
		switch {
		case s.status == webhook.DeliveryPending:
			pending = append(pending, id)
		case id < floor:
			delete(f.known, id)
		}
	}
	if len(pending) <= maxFollowed {
		return
	}
	slices.Sort(pending)
	for _, id := range pending[:len(pending)-maxFollowed] {
		delete(f.known, id)
	}
}

// batch returns what of the changes a filter leaves, or nil.
func (f *followed) batch(filter deliveryFilter, changes []change) *TailBatch {
	b := &TailBatch{Skipped: f.full, Position: position(f.at)}
	for i := range changes {
		d := changes[i].Delivery
		before := d
		before.Status = changes[i].was
		if filter.passes(&d) || changes[i].was != "" && filter.passes(&before) {
			b.Deliveries = append(b.Deliveries, d)
		}
	}
	if len(b.Deliveries) == 0 {
		return nil
	}
	return b
}

func sortOldest(list []webhook.Delivery) {
	slices.SortFunc(list, func(a, b webhook.Delivery) int {
		return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), strings.Compare(a.ID, b.ID))
	})
}
