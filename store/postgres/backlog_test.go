package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// backlog is what a plan must not read: the parked deliveries of a dead endpoint,
// those of paused endpoints, those of endpoints with work, and a long history.
type backlog struct {
	d     *database
	store store.Store
	at    string // the time in the ids, as ULIDs have it
	next  int    // number of the next row
}

// backlogSize says how large it is.
type backlogSize struct {
	parked            int // behind the dead endpoint; as many in the history
	paused, perPaused int // endpoints, and deliveries of each
	busy, perBusy     int // of these a half is not yet due, a quarter parked, a quarter waiting
}

var tiny = backlogSize{parked: 4, paused: 1, perPaused: 4, busy: 1, perBusy: 4}

// sizes returns the size that the flag asks for.
func sizes() backlogSize {
	if *million > 0 {
		return backlogSize{*million, 5000, 20, 10000, 60}
	}
	return backlogSize{20000, 500, 4, 1000, 8}
}

func newBacklog(t *testing.T, d *database) *backlog {
	t.Helper()
	return &backlog{d: d, store: d.open(t, nil), at: webhook.NewID(webhook.PrefixEvent)[4:14], next: 1}
}

const (
	deadTenant   = "dead"
	deadEndpoint = "ep_dead"
)

// fill adds rows, none of which is due. The texts have :from and :to for the first
// and last number of a row, and :at for the time in ids.
func (b *backlog) fill(t *testing.T, s backlogSize) {
	t.Helper()
	b.insert(t, s.parked, history, `
		INSERT INTO :s.queue (`+queueColumns+`)
		SELECT 'dead', 'dlv_:at' || lpad(i::text, 16, '0'), 'ep_dead', 'evt_:at' || lpad(i::text, 16, '0'), i, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0
		FROM generate_series(:from, :to) i`)
	later := time.Now().Add(time.Hour).UnixMicro()
	b.d.exec(t, `
		INSERT INTO :s.lanes (tenant, endpoint, next_at, revision)
		VALUES ('dead', 'ep_dead', $1, 0)
		ON CONFLICT (tenant, endpoint) DO UPDATE SET next_at = $1`, later)
	first := b.endpoints(t, "paused", s.paused, 9223372036854775806)
	b.rows(t, "paused", first, s.paused, s.perPaused, `1, 1`)
	first = b.endpoints(t, "busy", s.busy, 9223372036854775807)
	b.rows(t, "busy", first, s.busy, s.perBusy/2, `0, :s.now_us() + 3600000000`)
	b.rows(t, "busy", first, s.busy, s.perBusy/4, `1, 1`)
	b.insert(t, s.parked/10+1, `
		INSERT INTO :s.idempotency (tenant, key, content_hash, event, deliveries, expires_at)
		SELECT 'dead', 'key ' || i, '\x00', 'evt_:at' || lpad(i::text, 16, '0'), 1, :s.now_us() + 3600000000 + i
		FROM generate_series(:from, :to) i`)
	// What the lanes of a process that lives long have gone through.
	b.insert(t, s.parked, `
		INSERT INTO :s.queue (`+queueColumns+`)
		SELECT 'dead', 'dlv_:at' || lpad(i::text, 16, '0'), 'ep_dead', 'evt_:at' || lpad(i::text, 16, '0'), i, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0
		FROM generate_series(:from, :to) i`, `
		DELETE FROM :s.queue WHERE tenant = 'dead' AND delivery BETWEEN 'dlv_:at' || lpad(:from::text, 16, '0') AND 'dlv_:at' || lpad(:to::text, 16, '0')`)
	b.d.exec(t, `VACUUM :s.queue`)
	b.d.exec(t, `INSERT INTO :s.sequences (name, value) VALUES ('revision', $1) ON CONFLICT (name) DO UPDATE SET value = $1`, b.next)
}

const queueColumns = `tenant, delivery, endpoint, event, seq, owner, claims, due, created_at, updated_at, attempts, base, crashes, parked, started`

// history adds events of 100 endpoints, each with all that belongs to it.
const history = `
	WITH n AS MATERIALIZED (
		SELECT i, lpad(i::text, 16, '0') AS id
		FROM generate_series(:from, :to) i
	), event AS (
		INSERT INTO :s.events (tenant, id, type, occurred_at, published_at)
		SELECT 'dead', 'evt_:at' || id, 'invoice.paid', i, i FROM n
	), payload AS (
		INSERT INTO :s.payloads (tenant, event, data)
		SELECT 'dead', 'evt_:at' || id, convert_to(repeat(md5(id), 8), 'UTF8') FROM n
	), attempt AS (
		INSERT INTO :s.attempts (tenant, delivery, n, id, at, status_code, truncated, dns, connect, tls, first_byte, total)
		SELECT 'dead', 'dlv_:at' || id, 1, 'att_:at' || id, i, 200, 0, 0, 0, 0, 100, 200 FROM n
	)
	INSERT INTO :s.deliveries (tenant, id, event, endpoint, status, attempts, claims, created_at, updated_at)
	SELECT 'dead', 'dlv_:at' || id, 'evt_:at' || id, 'ep_' || i % 100, CASE i % 100 WHEN 7 THEN 'failed' ELSE 'delivered' END, 1, 1, i, i FROM n`

// insert runs statements that add n rows, and returns the number of the first.
func (b *backlog) insert(t *testing.T, n int, texts ...string) int {
	t.Helper()
	const most = 100000 // of one statement, for the sake of its memory
	first := b.next
	for ; b.next < first+n; b.next += most {
		for _, text := range texts {
			b.run(t, text, b.next, min(b.next+most, first+n)-1)
		}
	}
	b.next = first + n
	return first
}
