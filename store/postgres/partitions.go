package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The tables of the history are in partitions of one week each, by the time in
// the id that is their key. There is no partition for anything else, so that none
// has to be searched for rows in the wrong place.
const (
	week = 7 * 24 * time.Hour
	// weeksAhead are made in advance; weeksBack are kept ready for ids of a
	// process whose clock is behind.
	weeksAhead = 8
	weeksBack  = 1
)

// partitioned are the tables of the history, with the prefix of the ids that they
// are divided by.
var partitioned = []struct {
	table  string
	prefix webhook.Prefix
	// private are columns that ANALYZE is to keep no samples of.
	private []string
}{
	{"events", webhook.PrefixEvent, []string{"subject", "idempotency_key", "meta", "attrs"}},
	{"payloads", webhook.PrefixEvent, []string{"data"}},
	{"deliveries", webhook.PrefixDelivery, []string{"okey"}},
	{"attempts", webhook.PrefixDelivery, []string{"request_headers", "response_headers", "response_body"}},
}

// startOfWeek returns the Monday, 0:00 UTC, at or before t.
func startOfWeek(t time.Time) time.Time {
	day := t.UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// partition is one week of a table.
type partition struct {
	table string
	start time.Time
	// detaching says that it is on its way out.
	detaching bool
}

const partitionDate = "20060102"

func (p partition) name() string { return p.table + "_" + p.start.Format(partitionDate) }

func (p partition) end() time.Time { return p.start.Add(week) }

// lateness is how old an id may be when its event is written. Weeks that are younger
// than this are not retired.
const lateness = 24 * time.Hour

// history is what is known of the partitions: the weeks about now that are there.
type history struct {
	mu       sync.RWMutex
	from, to time.Time
	// now was the database's time when this was found out, at noted.
	now, noted time.Time
	// refused is the time of the last id that there is no place for, found out at
	// looked.
	refused, looked time.Time
}

// covers reports whether there is a place for what was made at a time.
func (h *history) covers(t time.Time) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	now := h.now.Add(time.Since(h.noted))
	return !t.Before(h.from) && t.Before(h.to) && !t.Before(now.Add(-lateness))
}

func (h *history) set(now, from, to time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from, h.to, h.now, h.noted = from, to, now, time.Now()
}

// refuses reports whether it was found out within the last second that there is no
// place for about this time. A process whose clock is wrong asks with every event.
func (h *history) refuses(t time.Time) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return time.Since(h.looked) < time.Second && t.Sub(h.refused).Abs() < time.Minute
}

func (h *history) refuse(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused, h.looked = t, time.Now()
}

// ErrNoPlace is returned for an event whose id was made at a time that is too far
// from the database's clock: more than a day before it or eight weeks after.
var ErrNoPlace = errors.New("the id's time is too far from the database's clock")

// admit makes sure that there is a place for every row of the publications, or
// refuses them all. In a transaction of a host an error of the database would cost
// the host its transaction. What is known is first compared with what on shows,
// which may be all of the database that there is to be had.
func (s *Store) admit(ctx context.Context, on session, pubs []store.Publication) error {
	id, at := s.misplaced(pubs)
	if id == "" {
		return nil
	}
	if !s.history.refuses(at) {
		if err := s.findPartitions(ctx, on); err != nil {
			return err
		}
		if id, _ = s.misplaced(pubs); id == "" {
			return nil
		}
		if err := s.makePartitions(ctx); err != nil {
			return err
		}
		if id, at = s.misplaced(pubs); id == "" {
			return nil
		}
		s.history.refuse(at)
	}
	return fmt.Errorf("%w: %s", ErrNoPlace, id)
}

// misplaced returns an id that there is no partition for, and its time, or "".
func (s *Store) misplaced(pubs []store.Publication) (string, time.Time) {
	for i := range pubs {
		p := &pubs[i]
		if at, ok := webhook.PrefixEvent.IDTime(p.Event.ID); !ok || !s.history.covers(at) {
			return p.Event.ID, at
		}
		for j := range p.Deliveries {
			if at, ok := webhook.PrefixDelivery.IDTime(p.Deliveries[j].ID); !ok || !s.history.covers(at) {
				return p.Deliveries[j].ID, at
			}
		}
	}
	return "", time.Time{}
}

// Now implements store.Clocked.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := readClock(ctx, s.alone())
	return now, classify(err)
}

func readClock(ctx context.Context, on session) (time.Time, error) {
	var us int64
	err := on.query(ctx, `SELECT postrider.now_us()`, nil, func(r row) error { return r.Scan(&us) })
	return fromMicros(&us), err
}

// findPartitions finds out for which time there are partitions.
func (s *Store) findPartitions(ctx context.Context, on session) error {
	now, err := readClock(ctx, on)
	if err != nil {
		return err
	}
	there, err := listPartitions(ctx, on)
	if err != nil {
		return err
	}
	s.note(now, there)
	return nil
}

// note remembers the weeks about now that have all of their partitions.
func (s *Store) note(now time.Time, there []partition) {
	tables := make(map[time.Time]int)
	for _, p := range there {
		if !p.detaching {
			tables[p.start]++
		}
	}
	whole := func(start time.Time) bool { return tables[start] == len(partitioned) }
	from := startOfWeek(now)
	to := from
	for whole(to) {
		to = to.Add(week)
	}
	for back := 1; back <= weeksBack && to.After(from) && whole(from.Add(-week)); back++ {
		from = from.Add(-week)
	}
	s.history.set(now, from, to)
}

// listPartitions returns the partitions of all tables, oldest first.
func listPartitions(ctx context.Context, on session) ([]partition, error) {
	var list []partition
	err := on.query(ctx, `
		SELECT parent.relname, child.relname, i.inhdetachpending
		FROM pg_inherits i
		JOIN pg_class parent ON parent.oid = i.inhparent
		JOIN pg_class child ON child.oid = i.inhrelid
		WHERE i.inhparent IN ('postrider.events'::regclass, 'postrider.payloads'::regclass,
			'postrider.deliveries'::regclass, 'postrider.attempts'::regclass)
		ORDER BY child.relname`, nil, func(r row) error {
		var p partition
		var name string
		if err := r.Scan(&p.table, &name, &p.detaching); err != nil {
			return err
		}
		start, err := time.Parse(p.table+"_"+partitionDate, name)
		if err != nil {
			return nil //nolint:nilerr // a partition that somebody else has made
		}
		p.start = start
		list = append(list, p)
		return nil
	})
	return list, err
}

// ddlAttempts is how often a change of the schema is tried that gives up soon, so
// that nobody queues up behind it.
const ddlAttempts = 50

// makePartitions makes those of the coming weeks that are missing. Several
// processes may do so at once.
func (s *Store) makePartitions(ctx context.Context) error {
	var err error
	for range ddlAttempts {
		err = s.tryPartitions(ctx)
		if code(err) != codeLockNotAvailable {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make partitions: %w", classify(err))
	}
	return nil
}

func (s *Store) tryPartitions(ctx context.Context) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	t, err := s.begin(ctx, beginWriting,
		step{text: lockMaintenance, args: []any{"postrider partitions " + s.texts.schema}},
		step{text: `SET LOCAL lock_timeout = '100ms'`})
	if err != nil {
		return err
	}
	there, err := listPartitions(ctx, t.session())
	if err != nil {
		t.rollback()
		return err
	}
	made, err := addPartitions(ctx, t.session(), now, there)
	if err != nil {
		t.rollback()
		return err
	}
	if err := t.commit(ctx); err != nil {
		return err
	}
	s.note(now, made)
	return nil
}

const lockMaintenance = `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`

// addPartitions makes the weeks about now that are not there, and returns all that
// are there then.
func addPartitions(ctx context.Context, on session, now time.Time, there []partition) ([]partition, error) {
	known := make(map[string]bool, len(there))
	for _, p := range there {
		known[p.name()] = true
	}
	this := startOfWeek(now)
	for i := -weeksBack; i <= weeksAhead; i++ {
		for _, t := range partitioned {
			p := partition{table: t.table, start: this.Add(time.Duration(i) * week)}
			if known[p.name()] {
				continue
			}
			if err := addPartition(ctx, on, p, t.prefix, t.private); err != nil {
				return nil, err
			}
			there = append(there, p)
		}
	}
	return there, nil
}

// addPartition makes a table and attaches it: to make it as a partition would keep
// everybody away from its parent. Statements that change the schema take no
// arguments; the names are made of a date and of bounds without quotes.
func addPartition(ctx context.Context, on session, p partition, prefix webhook.Prefix, private []string) error {
	fill := strings.NewReplacer(
		":name", p.name(), ":parent", p.table, ":from", prefix.Floor(p.start), ":to", prefix.Floor(p.end()),
		":unsampled", "ALTER COLUMN "+strings.Join(private, " SET STATISTICS 0, ALTER COLUMN ")+" SET STATISTICS 0")
	for _, text := range []string{
		`CREATE TABLE postrider.:name (LIKE postrider.:parent INCLUDING DEFAULTS)`,
		`ALTER TABLE postrider.:name :unsampled`,
		`ALTER TABLE postrider.:parent ATTACH PARTITION postrider.:name FOR VALUES FROM (':from') TO (':to')`,
	} {
		if _, err := on.exec(ctx, fill.Replace(text), nil); err != nil {
			return err
		}
	}
	return nil
}

// detach takes a partition out of its table and drops it. Publishes and claims go
// on meanwhile; it waits for transactions that began before, a host's included.
func (s *Store) detach(ctx context.Context, p partition) error {
	ctx, cancel := context.WithTimeout(ctx, detachTimeout)
	defer cancel()
	on := native{s.texts, s.pool}
	how := ` CONCURRENTLY`
	if p.detaching {
		how = ` FINALIZE`
	}
	for _, text := range []string{
		`COMMENT ON TABLE postrider.` + p.name() + ` IS '` + retired + `'`,
		`ALTER TABLE postrider.` + p.table + ` DETACH PARTITION postrider.` + p.name() + how,
	} {
		if _, err := on.exec(ctx, text, nil); err != nil {
			return fmt.Errorf("retire %s: %w", p.name(), err)
		}
	}
	return s.drop(ctx, p.name())
}

const (
	// retired marks tables that are ours to drop. A host may have others of like
	// names, which it has detached itself to keep them.
	retired = "retired by postrider"
	// detachTimeout is how long a detach waits for transactions that began before
	// it. One that is broken off is brought to its end the next time.
	detachTimeout = 5 * time.Second
)

// drop drops a table that was a partition. Nobody uses it any more.
func (s *Store) drop(ctx context.Context, name string) error {
	var err error
	for range ddlAttempts {
		var t *transaction
		if t, err = s.begin(ctx, beginWriting, step{text: `SET LOCAL lock_timeout = '100ms'`}); err != nil {
			return err
		}
		if _, err = t.session().exec(ctx, `DROP TABLE IF EXISTS postrider.`+name, nil); err == nil {
			return t.commit(ctx)
		}
		t.rollback()
		if code(err) != codeLockNotAvailable {
			return err
		}
	}
	return err
}

// dropRetired drops what was detached by a process that did not live to drop it.
func (s *Store) dropRetired(ctx context.Context) error {
	var names []string
	err := s.query(ctx, `
		SELECT c.relname
		FROM pg_class c
		WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'postrider.events'::regclass)
		AND c.relkind = 'r'
		AND NOT c.relispartition
		AND c.relname ~ '^(events|payloads|deliveries|attempts)_[0-9]{8}$'
		AND obj_description(c.oid, 'pg_class') = $1`, []any{retired}, func(r row) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	})
	for _, name := range names {
		err = errors.Join(err, s.drop(ctx, name))
	}
	return err
}
