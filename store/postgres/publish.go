package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// Publish implements store.Publishing. Events without idempotency keys are
// written by a single statement, in one round trip with its commit.
func (s *Store) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if err := s.admit(ctx, s.alone(), pubs); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	b := newBook(pubs)
	err := s.publishKeyed(ctx, now, b)
	if code(err) == codeLockNotAvailable {
		b.giveWay()
		err = s.publishKeyless(ctx, now, b)
	}
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	if b.claimable() {
		s.announcer.announce()
	}
	return b.results, nil
}

// limitLockWait keeps a batch from waiting for a transaction of a host that has
// used one of its keys and may stay open for long.
const limitLockWait = `SET LOCAL lock_timeout = '50ms'`

// publishKeyed publishes events of which some have idempotency keys.
func (s *Store) publishKeyed(ctx context.Context, now time.Time, b *book) error {
	if b.keyed == nil {
		return s.publishKeyless(ctx, now, b)
	}
	t, err := s.begin(ctx, beginWriting, step{text: limitLockWait})
	if err != nil {
		return err
	}
	if err := publish(ctx, t.session(), now, b); err != nil {
		t.rollback()
		return classify(err)
	}
	return t.commit(ctx)
}

// publishKeyless publishes events that have no keys, or whose keys give way.
func (s *Store) publishKeyless(ctx context.Context, now time.Time, b *book) error {
	for {
		rows, err := b.decide(now)
		if err != nil {
			return err
		}
		stale, err := insert(ctx, s.alone(), rows)
		if err != nil || len(stale) == 0 {
			return committing(err)
		}
		b.outdate(stale)
	}
}

// publish decides about publications and writes what is accepted, in a
// transaction. It causes no error that its caller could have done without, since
// that would end the transaction.
func publish(ctx context.Context, on session, now time.Time, b *book) error {
	for {
		if err := resolveKeys(ctx, on, now, b); err != nil {
			return err
		}
		rows, err := b.decide(now)
		if err != nil {
			return err
		}
		stale, err := insert(ctx, on, rows)
		if err != nil || len(stale) == 0 {
			return err
		}
		b.outdate(stale)
		if err := returnKeys(ctx, on, b); err != nil {
			return err
		}
	}
}

// insert writes events with all that belongs to them, unless the revision of a
// tenant is greater than that of one of its events. Then it has written nothing
// and returns the revisions of such tenants.
func insert(ctx context.Context, on session, rows *newRows) (map[string]int64, error) {
	if len(rows.ids) == 0 {
		return nil, nil
	}
	var stale map[string]int64
	text, args := insertEvents, rows.args()
	if len(rows.ended.ids) > 0 {
		text, args = insertSomeEnded, rows.ended.args(args)
	}
	err := on.query(ctx, text, args, func(r row) error {
		var tenant string
		var revision int64
		if err := r.Scan(&tenant, &revision); err != nil {
			return err
		}
		if stale == nil {
			stale = make(map[string]int64)
		}
		stale[tenant] = revision
		return nil
	})
	return stale, err
}

// insertEvents writes all tables at once. All its parts see the database as it was
// before; whether a tenant is stale is found out once. Rows that are handed over
// get an owner, and so enter none of the indexes that claims go by.
const insertEvents = insertPublications + `
	SELECT tenant, revision
	FROM stale`

const insertPublications = `
	WITH stale AS MATERIALIZED (
		SELECT t.tenant, t.revision
		FROM unnest($1::text[], $2::bigint[]) p (tenant, revision)
		JOIN postrider.tenants t ON t.tenant = p.tenant AND t.revision > p.revision
	), event AS (
		INSERT INTO postrider.events (tenant, id, type, source, subject, idempotency_key, meta, attrs, occurred_at, published_at,
			first_delivery, last_delivery)
		SELECT e.tenant, e.id, e.type, nullif(e.source, ''), nullif(e.subject, ''), nullif(e.key, ''), nullif(e.meta, ''), nullif(e.attrs, ''), e.at, postrider.now_us(),
			nullif(e.first, ''), nullif(e.last, '')
		FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
			$17::text[], $18::text[], $21::text[], $22::text[]) e (tenant, id, type, subject, key, meta, at, source, attrs, first, last)
		WHERE NOT EXISTS (SELECT FROM stale)
	), payload AS (
		INSERT INTO postrider.payloads (tenant, event, data)
		SELECT p.tenant, p.event, p.data
		FROM unnest($3::text[], $4::text[], $10::bytea[]) p (tenant, event, data)
		WHERE NOT EXISTS (SELECT FROM stale)
	), delivery AS (
		INSERT INTO postrider.queue (tenant, delivery, endpoint, event, seq, owner, claims, due, created_at, updated_at,
			attempts, base, crashes, parked, started, prio, okey)
		SELECT d.tenant, d.delivery, d.endpoint, d.event, nextval('postrider.queue_seq'), d.owner, sign(d.owner),
			postrider.now_us() + d.delay, postrider.now_us(), postrider.now_us(), 0, 0, 0, 0, 0, d.prio, d.okey
		FROM unnest($11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bigint[], $19::bigint[], $20::text[])
			d (tenant, delivery, endpoint, event, owner, delay, prio, okey)
		WHERE NOT EXISTS (SELECT FROM stale)
	)`

// newRows are the arguments of insertEvents.
type newRows struct {
	staleTenants                              []string
	revisions                                 []int64
	tenants, ids, types, subjects, keys, meta []string
	at                                        []int64
	data                                      [][]byte
	sources, attrs                            []string

	dTenants, dIDs, dEndpoints, dEvents, dKeys []string
	dOwners, dDelays, dPriorities              []int64

	firsts, lasts []string // of the ids of an event's deliveries

	ended endedRows
}

func (r *newRows) args() []any {
	return []any{
		r.staleTenants, r.revisions, r.tenants, r.ids, r.types, r.subjects, r.keys, r.meta, r.at, r.data,
		r.dTenants, r.dIDs, r.dEndpoints, r.dEvents, r.dOwners, r.dDelays,
		r.sources, r.attrs, r.dPriorities, r.dKeys, r.firsts, r.lasts,
	}
}

func (r *newRows) add(now time.Time, p *store.Publication, meta, attrs string) {
	ev := &p.Event
	r.tenants = append(r.tenants, ev.Tenant)
	r.ids = append(r.ids, ev.ID)
	r.types = append(r.types, ev.Type)
	r.subjects = append(r.subjects, ev.Subject)
	r.keys = append(r.keys, ev.IdempotencyKey)
	r.meta = append(r.meta, meta)
	r.sources = append(r.sources, ev.Source)
	r.attrs = append(r.attrs, attrs)
	r.at = append(r.at, ev.Timestamp.UnixMicro())
	r.data = append(r.data, notNil(ev.Data))
	first, last := span(p.Deliveries)
	r.firsts, r.lasts = append(r.firsts, first), append(r.lasts, last)
	for i := range p.Deliveries {
		d := &p.Deliveries[i]
		if d.Ended() {
			r.ended.add(ev, d)
			continue
		}
		var owner int64
		if d.HandOver {
			owner = p.Epoch
		}
		r.dTenants = append(r.dTenants, ev.Tenant)
		r.dIDs = append(r.dIDs, d.ID)
		r.dEndpoints = append(r.dEndpoints, d.Endpoint)
		r.dEvents = append(r.dEvents, ev.ID)
		r.dOwners = append(r.dOwners, owner)
		r.dDelays = append(r.dDelays, delay(now, d.Due))
		r.dPriorities = append(r.dPriorities, int64(d.Priority.Rank()))
		r.dKeys = append(r.dKeys, sqlstore.OrderKey(d.Ordered, d.Key))
	}
	// Events of a tenant usually have the same revision.
	if n := len(r.staleTenants); n == 0 || r.staleTenants[n-1] != ev.Tenant || r.revisions[n-1] != p.Revision {
		r.staleTenants = append(r.staleTenants, ev.Tenant)
		r.revisions = append(r.revisions, p.Revision)
	}
}

// span returns the least and the greatest id of deliveries; last is "" for one.
func span(deliveries []store.NewDelivery) (first, last string) {
	for i := range deliveries {
		id := deliveries[i].ID
		if first == "" || id < first {
			first = id
		}
		last = max(last, id)
	}
	if first == last {
		last = ""
	}
	return first, last
}

// delay is how far a time is from now, in microseconds. Times that come from a
// process are told to the database in this way, since its clock is another one.
// The zero time is now.
func delay(now, at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Sub(now).Microseconds()
}

// never stands for the delay of a lane that only a change of its endpoint opens.
// Its time, and that of an empty lane, are as in sqlstore.
const never = math.MaxInt64 - 1

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Published implements store.Publishing.
func (s *Store) Published(ctx context.Context, events []store.EventKey) ([]store.EventKey, error) {
	tenants, ids := eventKeys(events)
	var found []store.EventKey
	err := s.query(ctx, `
		SELECT DISTINCT e.tenant, e.id
		FROM unnest($1::text[], $2::text[]) k (tenant, id)
		JOIN postrider.events e ON e.tenant = k.tenant AND e.id = k.id`, []any{tenants, ids}, func(r row) error {
		var key store.EventKey
		err := r.Scan(&key.Tenant, &key.ID)
		found = append(found, key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for published events: %w", classify(err))
	}
	return found, nil
}

func eventKeys(events []store.EventKey) (tenants, ids []string) {
	tenants, ids = make([]string, len(events)), make([]string, len(events))
	for i, ev := range events {
		tenants[i], ids[i] = ev.Tenant, ev.ID
	}
	return tenants, ids
}
