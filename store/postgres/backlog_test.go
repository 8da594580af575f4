package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// backlog is what a plan must not read: the parked deliveries of a dead endpoint,
// those of paused endpoints, those of endpoints with work, and a long history.
type backlog struct {
	d    *database
	next int // number of the next row
	// due are the endpoints that makeDue gives work to: their first number, how
	// many they are, and how many deliveries wait at each.
	due struct{ first, n, each int }
	// watched is an endpoint with rows of the audit log, attacked one with an incident
	// that may go on.
	watched, attacked string
}

// backlogSize says how large it is.
type backlogSize struct {
	parked            int // behind the dead endpoint; as many in the history
	paused, perPaused int // endpoints, and deliveries of each
	busy, perBusy     int // of these a half is not yet due, a quarter parked, a quarter due
}

var tiny = backlogSize{parked: 40, paused: 1, perPaused: 4, busy: 1, perBusy: 4}

// sizes returns the size that the flag asks for.
func sizes() backlogSize {
	if *million > 0 {
		return backlogSize{*million, 5000, 20, 10000, 60}
	}
	return backlogSize{20000, 500, 4, 1000, 8}
}

// newBacklog prepares for rows whose ids were made in the last days.
func newBacklog(t *testing.T, d *database) *backlog {
	t.Helper()
	s := sizes()
	rows := 3*s.parked + s.paused*(s.perPaused+1) + s.busy*(s.perBusy+1)
	const span = 4 * 24 * time.Hour
	first := time.Now().Add(-span).UnixMicro()
	d.exec(t, fmt.Sprintf(`
		CREATE FUNCTION :s.made_us(i bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
		AS 'SELECT least(%d + i * %d, %d)'`, first, span.Microseconds()/int64(rows), time.Now().UnixMicro()))
	var digits []string
	for shift := 45; shift >= 0; shift -= 5 {
		digits = append(digits, fmt.Sprintf("substr(''0123456789ABCDEFGHJKMNPQRSTVWXYZ'', (:s.made_us(i) / 1000 >> %d & 31)::int + 1, 1)", shift))
	}
	d.exec(t, `
		CREATE FUNCTION :s.ulid(i bigint) RETURNS text LANGUAGE sql IMMUTABLE
		AS 'SELECT `+strings.Join(digits, " || ")+` || lpad(i::text, 16, ''0'')'`)
	return &backlog{d: d, next: 1}
}

var deadLane = store.Lane{Tenant: "dead", Endpoint: "ep_dead"}

const (
	neverText = "9223372036854775806"
	laterText = ":s.now_us() + 3600000000"
)

// fill adds rows, none of which is due. Texts have :from and :to for the first and
// last number of a row.
func (b *backlog) fill(t *testing.T, s backlogSize) {
	t.Helper()
	b.insert(t, s.parked, history)
	b.insert(t, s.parked/10+1, keys)
	b.watched = fmt.Sprint("ep_", b.insert(t, s.parked/10, audited)%100)
	b.attacked = fmt.Sprint("ep_", (b.insert(t, s.parked/10, incidents)+s.parked/10-1)%100)
	b.insert(t, s.parked/10, tokens)
	b.insert(t, s.parked/10, creations)
	b.d.exec(t, `
		INSERT INTO :s.lanes (tenant, endpoint, next_at, revision)
		VALUES ('dead', 'ep_dead', `+laterText+`, 0)
		ON CONFLICT (tenant, endpoint) DO NOTHING`)
	b.insert(t, s.parked, queueRows("'dead'", "'ep_dead'", "1, 1"))
	b.d.exec(t, `
		INSERT INTO :s.lanes (tenant, endpoint, next_at, revision)
		VALUES ('keyed', 'ep_order', `+laterText+`, 0)
		ON CONFLICT (tenant, endpoint) DO NOTHING`)
	b.insert(t, s.parked, orderedRows("'=blocked'"))
	b.insert(t, s.parked/5, orderedRows("'=k' || i % 1000"))
	b.insert(t, s.parked/10, blocks)
	paused := b.endpoints(t, s.paused, neverText)
	b.deliveries(t, paused, s.paused, s.perPaused, "1, 1")
	busy := b.endpoints(t, s.busy, laterText)
	b.deliveries(t, busy, s.busy, s.perBusy/2, "0, "+laterText)
	b.deliveries(t, busy, s.busy, s.perBusy/4, "1, 1")
	b.due.first, b.due.n, b.due.each = busy, s.busy, s.perBusy/4
	b.d.exec(t, `
		INSERT INTO :s.sequences (name, value)
		VALUES ('revision', $1)
		ON CONFLICT (name) DO UPDATE SET value = $1`, b.next)
}

// calm leaves nothing that is due.
func (b *backlog) calm(t *testing.T) {
	t.Helper()
	b.d.exec(t, `DELETE FROM :s.queue WHERE owner = 0 AND parked = 0 AND due <= :s.now_us()`)
	b.d.exec(t, `UPDATE :s.lanes SET next_at = `+laterText+` WHERE next_at <= :s.now_us()`)
}

// makeDue gives work to the endpoints that fill has made last.
func (b *backlog) makeDue(t *testing.T) {
	t.Helper()
	b.deliveries(t, b.due.first, b.due.n, b.due.each, "0, 1")
	b.d.exec(t, `UPDATE :s.lanes SET next_at = :s.now_us() WHERE next_at <> `+neverText)
}

// churn adds rows that are leased to an epoch, and removes them, as a process that
// has lived for a while. Nothing vacuums what they leave.
func (b *backlog) churn(t *testing.T, epoch int64, n int) {
	t.Helper()
	owner := fmt.Sprint(epoch)
	text := strings.Replace(queueRows("'gone'", "'ep_gone'", "0, 1"), "0 AS owner", owner+" AS owner", 1)
	b.insert(t, n, text)
	b.d.exec(t, `DELETE FROM :s.queue WHERE owner = $1 AND tenant = 'gone'`, epoch)
}

// insert runs a statement that adds n rows, and returns the number of the first.
func (b *backlog) insert(t *testing.T, n int, text string) int {
	t.Helper()
	const most = 100000 // of one statement, for the sake of its memory
	first, end := b.next, b.next+n
	for ; b.next < end; b.next += most {
		b.d.exec(t, strings.NewReplacer(
			":from", fmt.Sprint(b.next), ":to", fmt.Sprint(min(b.next+most, end)-1)).Replace(text))
	}
	b.next = end
	return first
}

// endpoints adds endpoints of 2,000 tenants, whose lanes have a next time, and
// returns the number of the first.
func (b *backlog) endpoints(t *testing.T, n int, next string) int {
	t.Helper()
	return b.insert(t, n, `
		WITH n AS MATERIALIZED (
			SELECT i, 'tenant ' || i % 2000 AS tenant, 'ep_' || i AS id
			FROM generate_series(:from, :to) i
		), tenant AS (
			INSERT INTO :s.tenants (tenant, revision)
			SELECT tenant, max(i) FROM n GROUP BY tenant
			ON CONFLICT (tenant) DO UPDATE SET revision = excluded.revision
		), secret AS (
			INSERT INTO :s.secrets (tenant, endpoint, id, scheme, sealed, fingerprint, created_at)
			SELECT tenant, id, 'sec_' || i, 'v1', '\x00', '', i FROM n
		), health AS (
			INSERT INTO :s.health (tenant, endpoint, failures, trips)
			SELECT tenant, id, 0, 0 FROM n
		), lane AS (
			INSERT INTO :s.lanes (tenant, endpoint, next_at, revision)
			SELECT tenant, id, `+next+`, i FROM n
		)
		INSERT INTO :s.endpoints (tenant, id, revision, version, config, created_at, updated_at)
		SELECT tenant, id, i, 1, '{"url":"https://receiver.example"}', i, i FROM n`)
}

// deliveries adds rows to the queue for n endpoints from a number on, each of them
// per times.
func (b *backlog) deliveries(t *testing.T, first, n, per int, state string) {
	t.Helper()
	endpoint := fmt.Sprintf("(%d + i %% %d)", first, n)
	b.insert(t, n*per, queueRows("'tenant ' || "+endpoint+" % 2000", "'ep_' || "+endpoint, state))
}

// queueRows returns the statement that adds rows to the queue, with the columns
// parked and due as given.
func queueRows(tenant, endpoint, state string) string {
	return `
		INSERT INTO :s.queue (tenant, delivery, endpoint, event, seq, owner, claims, parked, due, created_at, updated_at,
			attempts, base, crashes, started)
		SELECT ` + tenant + `, 'dlv_' || :s.ulid(i), ` + endpoint + `, 'evt_' || :s.ulid(i),
			i, 0 AS owner, 1, ` + state + `, :s.made_us(i), :s.made_us(i), 1, 0, 0, 0
		FROM generate_series(:from, :to) i`
}

// orderedLane has a million rows of one key, which is blocked, and a thousand others.
var orderedLane = store.Lane{Tenant: "keyed", Endpoint: "ep_order"}

// orderedRows returns the statement that adds ordered rows to the queue.
func orderedRows(key string) string {
	return `
		INSERT INTO :s.queue (tenant, delivery, endpoint, event, seq, owner, claims, parked, due, created_at, updated_at,
			attempts, base, crashes, started, okey)
		SELECT 'keyed', 'dlv_' || :s.ulid(i), 'ep_order', 'evt_' || :s.ulid(i), i, 0, 1, 1, 1, :s.made_us(i), :s.made_us(i), 1, 0, 0, 0, ` + key + `
		FROM generate_series(:from, :to) i`
}

// blocks adds what blocks keys of another endpoint, and of the one with the million.
const blocks = `
	WITH one AS (
		INSERT INTO :s.blocks (tenant, endpoint, okey, seq, delivery, created_at)
		VALUES ('keyed', 'ep_order', '=blocked', 0, 'dlv_0', 1)
		ON CONFLICT DO NOTHING
	)
	INSERT INTO :s.blocks (tenant, endpoint, okey, seq, delivery, created_at)
	SELECT 'keyed', 'ep_blocked', '=k' || i, i, 'dlv_' || i, :s.made_us(i)
	FROM generate_series(:from, :to) i`

// history adds events of 100 endpoints, each with all that belongs to it.
const history = `
	WITH n AS MATERIALIZED (
		SELECT i, :s.ulid(i) AS id, :s.made_us(i) AS at
		FROM generate_series(:from, :to) i
	), event AS (
		INSERT INTO :s.events (tenant, id, type, occurred_at, published_at, first_delivery)
		SELECT 'dead', 'evt_' || id, 'invoice.paid', at, at, 'dlv_' || id FROM n
	), payload AS (
		INSERT INTO :s.payloads (tenant, event, data)
		SELECT 'dead', 'evt_' || id, convert_to(repeat(md5(id), 8), 'UTF8') FROM n
	), attempt AS (
		INSERT INTO :s.attempts (tenant, delivery, n, id, at, status_code, truncated, dns, connect, tls, first_byte, total)
		SELECT 'dead', 'dlv_' || id, 1, 'att_' || id, at, 200, 0, 0, 0, 0, 100, 200 FROM n
	)
	INSERT INTO :s.deliveries (tenant, id, event, endpoint, status, attempts, claims, created_at, updated_at)
	SELECT 'dead', 'dlv_' || id, 'evt_' || id, 'ep_' || i % 100,
		CASE i % 100 WHEN 7 THEN 'failed' ELSE 'delivered' END, 1, 1, at, at
	FROM n`

// audited adds changes of 100 endpoints.
const audited = `
	INSERT INTO :s.audit (tenant, id, at, action, actor, resource)
	SELECT 'dead', 'aud_' || :s.ulid(i), :s.made_us(i), 'endpoint.updated', 'ada', 'ep_' || i % 100
	FROM generate_series(:from, :to) i`

// incidents adds incidents of 100 endpoints whose windows have ended, but for the last
// of each.
const incidents = `
	INSERT INTO :s.incidents (tenant, id, kind, subject, since, last_at, ends_at, count, threshold)
	SELECT 'dead', 'inc_' || :s.ulid(i), 'blocked_address', 'ep_' || i % 100, :s.made_us(i), :s.made_us(i),
		CASE WHEN i > :to - 100 THEN ` + laterText + ` ELSE :s.made_us(i) END, 10, 1
	FROM generate_series(:from, :to) i`

// tokens adds API keys, half of which have expired, if not long ago.
const tokens = `
	INSERT INTO :s.tokens (tenant, id, kind, hash, name, role, created_by, created_at, expires_at)
	SELECT 'dead', 'key_' || :s.ulid(i), 'api_key', sha256(i::text::bytea), 'deploy', 'developer', 'ada', :s.made_us(i),
		CASE WHEN i % 2 = 0 THEN :s.now_us() - i END
	FROM generate_series(:from, :to) i`

// keys adds idempotency keys.
const keys = `
	INSERT INTO :s.idempotency (tenant, key, content_hash, event, deliveries, expires_at)
	SELECT 'dead', 'key ' || i, '\x00', 'evt_' || :s.ulid(i), 1, ` + laterText + ` + i
	FROM generate_series(:from, :to) i`

// creations adds keys by which endpoints were created.
const creations = `
	INSERT INTO :s.creations (tenant, key, content_hash, endpoint, expires_at)
	SELECT 'dead', 'key ' || i, '\x00', 'ep_' || :s.ulid(i), ` + laterText + ` + i
	FROM generate_series(:from, :to) i`

// id returns the id of the row with a number.
func (b *backlog) id(t *testing.T, prefix webhook.Prefix, i int) string {
	t.Helper()
	var id string
	must(t, b.d.pool.QueryRow(t.Context(), b.d.sql(`SELECT $1 || :s.ulid($2)`), string(prefix), i).Scan(&id), "read id")
	return id
}
