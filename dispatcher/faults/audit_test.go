package faults_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// history is what the audit reads of a store.
type history interface {
	ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error)
	ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error)
	Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error)
	Stats(ctx context.Context, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error)
}

// audit compares a ledger with a store. The invariants are those of the package
// comment.
type audit struct {
	ledger *ledger
	store  history
	// endpoints are the ids of the receivers' endpoints.
	endpoints []string
	slots     int
	// ordered says that every endpoint keeps order.
	ordered bool

	findings []string
	figures  figures

	requests map[pair][]*request // in the order of their arrival
	keys     map[string]string   // id of an event → its idempotency key
	rows     map[string][]webhook.Delivery
}

// pair is one event for one receiver.
type pair struct {
	event    string
	receiver int
}

// figures are what a run is measured by.
type figures struct {
	kills, failpoints   int // failpoints are the kills at one; to stand still for long counts as a kill
	inFlight            int // the kills that hit something under way
	acknowledged        int
	repeated            int // publications that took more than one call
	requests, accepted  int
	duplicates          int // requests after the receiver had accepted
	failed              int // deliveries that ended visibly failed
	mostUnwritten       int // the most attempts that one child lost
	mostDuplicates      int // the most duplicates that one child's end caused
	whole, badSignature int
	changedBodies, lost int
	inversions          int             // events that arrived after one that was published later
	restarts            []time.Duration // from the start to the first delivery
}

func (a *audit) find(code, format string, args ...any) {
	a.findings = append(a.findings, code+": "+fmt.Sprintf(format, args...))
}

// run makes every check. It returns an error if the store cannot be read.
func (a *audit) run(ctx context.Context) error {
	if err := a.read(ctx); err != nil {
		return err
	}
	a.checkPublications()
	a.checkRequests()
	a.checkLives()
	a.checkOrder()
	return a.checkDeliveries(ctx)
}

// read indexes both sides.
func (a *audit) read(ctx context.Context) error {
	a.requests, a.keys, a.rows = map[pair][]*request{}, map[string]string{}, map[string][]webhook.Delivery{}
	for _, r := range a.ledger.requests {
		p := pair{r.id, r.receiver}
		a.requests[p] = append(a.requests[p], r)
	}
	for after := ""; ; {
		events, err := a.store.ListEvents(ctx, tenant, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			return err
		}
		for _, ev := range events {
			a.keys[ev.ID], after = ev.IdempotencyKey, ev.ID
		}
		if len(events) < store.MaxPage {
			break
		}
	}
	for after := ""; ; {
		rows, err := a.store.ListDeliveries(ctx, tenant, store.DeliveryFilter{}, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			return err
		}
		for _, d := range rows {
			a.rows[d.EventID], after = append(a.rows[d.EventID], d), d.ID
		}
		if len(rows) < store.MaxPage {
			return nil
		}
	}
}

// checkPublications is I1, but for the deliveries' ends, I2 and I3.
func (a *audit) checkPublications() {
	stored := map[string][]string{} // key → ids
	for id, key := range a.keys {
		stored[key] = append(stored[key], id)
		if a.ledger.publications[key] == nil {
			a.find("I2", "event %s with key %q is stored and was never published", id, key)
		}
	}
	delivered := map[string]map[string]bool{} // key → ids that receivers have seen
	for _, r := range a.ledger.requests {
		if delivered[r.key] == nil {
			delivered[r.key] = map[string]bool{}
		}
		delivered[r.key][r.id] = true
	}
	for key, p := range a.ledger.publications {
		if p.calls > 1 {
			a.figures.repeated++
		}
		ids := stored[key]
		switch p.result {
		case acknowledged:
			a.figures.acknowledged++
			if !slices.Contains(ids, p.event) {
				a.figures.lost++
				a.find("I1", "%s was acknowledged as %s, and is lost: the store has %v", key, p.event, ids)
			} else if got := len(a.rows[p.event]); got != p.deliveries {
				a.figures.lost++
				a.find("I1", "%s was acknowledged with %d deliveries and has %d", key, p.deliveries, got)
			}
		case refused:
			if len(ids)+len(delivered[key]) > 0 {
				a.find("I2", "%s was refused, and is stored as %v and delivered as %v", key, ids, delivered[key])
			}
		default:
			a.find("I3", "%s is still unknown", key)
		}
		if len(ids) > 1 || len(delivered[key]) > 1 {
			a.find("I3", "%s is more than one event: stored as %v, delivered as %v", key, ids, delivered[key])
		}
		for id := range delivered[key] {
			if p.result == acknowledged && id != p.event {
				a.find("I3", "%s was acknowledged as %s and delivered as %s", key, p.event, id)
			}
		}
	}
}

// checkRequests is I4 and I5.
func (a *audit) checkRequests() {
	bodies := map[string][sha256.Size]byte{}
	for _, r := range a.ledger.requests {
		a.figures.requests++
		if r.refusal != nil {
			a.figures.badSignature++
			a.find("I5", "a request with %s does not verify: %v", r.id, r.refusal)
		}
		if before, seen := bodies[r.id]; seen && before != r.body {
			a.figures.changedBodies++
			a.find("I4", "%s arrived with two bodies", r.id)
		}
		bodies[r.id] = r.body
		if a.keys[r.id] != r.key {
			a.find("I1", "%s was delivered as %s, which the store does not have", r.key, r.id)
		}
	}
}

// checkLives is I7, and measures how soon children delivered.
func (a *audit) checkLives() {
	for i, verdict := range a.ledger.verdicts {
		if verdict == "ok" {
			a.figures.whole++
		} else {
			a.find("I7", "integrity check %d: %s", i+1, verdict)
		}
	}
	for i, l := range a.ledger.lives {
		if !l.first.IsZero() && i > 0 {
			a.figures.restarts = append(a.figures.restarts, l.first.Sub(l.started))
		}
	}
	slices.Sort(a.figures.restarts)
}

// checkDeliveries is the rest of I1, and I6.
func (a *audit) checkDeliveries(ctx context.Context) error {
	unwritten := make([]int, len(a.ledger.lives)) // by life
	duplicates := make([]int, len(a.ledger.lives))
	var succeeded int64
	for event, rows := range a.rows {
		for _, d := range rows {
			p := pair{event, slices.Index(a.endpoints, d.EndpointID)}
			attempts, err := a.store.Attempts(ctx, tenant, d.ID)
			if err != nil {
				return err
			}
			if d.Status == webhook.DeliveryDelivered {
				succeeded++
			}
			a.checkDelivery(d, a.requests[p], attempts)
			a.checkAttempts(d, a.requests[p], attempts, unwritten, duplicates)
		}
	}
	a.judgeCrashes(unwritten, duplicates)
	return a.checkStatistics(ctx, succeeded)
}

// checkDelivery looks at how a delivery ended.
func (a *audit) checkDelivery(d webhook.Delivery, requests []*request, attempts []webhook.Attempt) {
	accepted, successes := 0, 0
	for _, r := range requests {
		if r.accepted() {
			accepted++
		}
	}
	for i, at := range attempts {
		if at.Class == webhook.ClassNone {
			successes++
		}
		if at.N != i+1 {
			a.find("I6", "attempt %d of %s is numbered %d", i+1, d.ID, at.N)
		}
	}
	a.figures.accepted += accepted
	if accepted > 1 {
		a.figures.duplicates += accepted - 1
	}
	if d.Status == webhook.DeliveryFailed {
		a.figures.failed++
	}
	switch {
	case d.Status == webhook.DeliveryDelivered && accepted == 0:
		a.find("I6", "%s is called delivered, and its receiver never accepted it", d.ID)
	case d.Status != webhook.DeliveryDelivered && d.Status != webhook.DeliveryFailed:
		a.figures.lost++
		a.find("I1", "%s of an acknowledged event ended %s (%s)", d.ID, d.Status, d.Reason)
	case successes > 1:
		a.find("I6", "%s has %d successful attempts:%s", d.ID, successes, a.story(requests, attempts))
	case successes > accepted:
		a.find("I6", "%s has %d successful attempts, and its receiver accepted %d", d.ID, successes, accepted)
	case d.Attempts != len(attempts):
		a.find("I6", "%s counts %d attempts and has %d", d.ID, d.Attempts, len(attempts))
	}
}

// checkAttempts finds the requests of a delivery that have no attempt in the
// store. The store has the number that the receiver gave with its answer; an
// attempt without one got no answer.
func (a *audit) checkAttempts(d webhook.Delivery, requests []*request, attempts []webhook.Attempt, unwritten, duplicates []int) {
	written, silent := map[string]webhook.Attempt{}, 0
	for _, at := range attempts {
		if n := at.ResponseHeaders[numberHeader]; n != "" {
			written[n] = at
		} else {
			silent++
		}
	}
	var missing []*request
	for _, r := range requests {
		if r.life < 0 || r.life >= len(a.ledger.lives) {
			a.find("I6", "request %d of %s does not say which child sent it", r.number, d.ID)
			continue
		}
		at, ok := written[strconv.Itoa(r.number)]
		switch {
		case !ok:
			missing = append(missing, r)
		case at.StatusCode != r.status || (at.Class == webhook.ClassNone) != r.accepted():
			a.find("I6", "attempt %d of %s is written as %d %s; its receiver answered %d:%s",
				at.N, d.ID, at.StatusCode, at.Class, r.status, a.story(requests, attempts))
		}
	}
	// What got no answer is rather what was cut off than what was answered, and
	// was rather sent by a child that lived on.
	slices.SortStableFunc(missing, func(r, s *request) int {
		return cmp.Or(cmp.Compare(a.ledger.lives[r.life].crashes(), a.ledger.lives[s.life].crashes()), cmp.Compare(r.status, s.status))
	})
	lost := map[int]int{} // by life
	for _, r := range missing[min(silent, len(missing)):] {
		unwritten[r.life]++
		if r.accepted() {
			duplicates[r.life]++
		}
		if lost[r.life]++; lost[r.life] > a.ledger.lives[r.life].crashes() {
			a.find("I6", "request %d of %s has no attempt, and no crash of child %d explains it:%s",
				r.number, d.ID, r.life, a.story(requests, attempts))
		}
	}
}

// story tells what happened to a delivery, in times since the first child began.
func (a *audit) story(requests []*request, attempts []webhook.Attempt) string {
	var b strings.Builder
	since := func(t time.Time) time.Duration { return t.Sub(a.ledger.lives[0].started).Round(time.Millisecond) }
	for _, r := range requests {
		fmt.Fprintf(&b, " request %d of child %d at %v answered %d,", r.number, r.life, since(r.at), r.status)
	}
	for _, at := range attempts {
		fmt.Fprintf(&b, " attempt %d at %v for %v got %d %s (request %s),", at.N, since(at.At), at.Timings.Total, at.StatusCode, at.Class,
			at.ResponseHeaders[numberHeader])
	}
	told := map[int]bool{}
	for _, r := range requests {
		if told[r.life] {
			continue
		}
		told[r.life] = true
		l := a.ledger.lives[r.life]
		fmt.Fprintf(&b, " child %d from %v to %v, crashes %d,", r.life, since(l.started), since(l.ended), l.crashes())
	}
	return b.String()
}

// judgeCrashes compares what each crash cost with what was allowed to be under
// way.
func (a *audit) judgeCrashes(unwritten, duplicates []int) {
	for n, l := range a.ledger.lives {
		if l.crashes() == 0 {
			continue
		}
		a.figures.kills += l.crashes()
		if l.failpoint {
			a.figures.failpoints++
		}
		if unwritten[n]+l.unanswered > 0 {
			a.figures.inFlight++
		}
		a.figures.mostUnwritten = max(a.figures.mostUnwritten, unwritten[n])
		a.figures.mostDuplicates = max(a.figures.mostDuplicates, duplicates[n])
		if unwritten[n] > a.slots*l.crashes() {
			a.find("I6", "the end of child %d lost %d attempts; at most %d deliveries were under way", n, unwritten[n], a.slots*l.crashes())
		}
	}
}

// checkStatistics compares the counts of the statistics with the deliveries.
func (a *audit) checkStatistics(ctx context.Context, succeeded int64) error {
	stats, err := a.store.Stats(ctx, tenant, store.StatScope{}, time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour))
	if err != nil {
		return err
	}
	var counted int64
	for _, s := range stats {
		counted += s.Counts.Delivered
	}
	if counted != succeeded {
		a.find("I6", "the statistics count %d delivered; the store has %d", counted, succeeded)
	}
	return nil
}

// quantile returns a quantile of sorted durations, or 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// String is the line that a run prints.
func (f *figures) String() string {
	share := func(part, whole int) float64 { return 100 * float64(part) / float64(max(whole, 1)) }
	return fmt.Sprintf("kills %d (%d at failpoints; %d in flight, %.0f %%), acknowledged %d (%d repeated), lost %d, requests %d, accepted %d, "+
		"duplicates %d (%.2f %%, at most %d a kill), unwritten at most %d a kill, failed %d, bodies changed %d, "+
		"bad signatures %d, whole %d, restart to first delivery p50 %v p99 %v",
		f.kills, f.failpoints, f.inFlight, share(f.inFlight, f.kills), f.acknowledged, f.repeated, f.lost, f.requests, f.accepted,
		f.duplicates, share(f.duplicates, f.accepted), f.mostDuplicates, f.mostUnwritten, f.failed, f.changedBodies,
		f.badSignature, f.whole, quantile(f.restarts, 0.5).Round(time.Millisecond), quantile(f.restarts, 0.99).Round(time.Millisecond))
}
