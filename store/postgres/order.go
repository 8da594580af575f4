package postgres

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// ofKeys reports whether a lane has ordered rows, or had some when it was last looked
// at.
func (l *lockedLane) ofKeys() bool { return l.ordered || l.owner != 0 }

// takeKeys leases ordered rows, in a round trip of its own, since what it finds says
// where the next turns go on. It takes them from what turns may still lease, and
// returns them with the steps that set their lanes.
func (l *turnList) takeKeys(ctx context.Context, t *transaction, now time.Time, epoch int64) ([]store.Claimed, []step, error) {
	var ask keyTurns
	for i, lane := range l.lanes {
		if lane.ordered && l.most[i] > 0 {
			ask.add(lane, l.most[i], l.turns[i].Rows())
		}
	}
	var took keysTaken
	if len(ask.tenants) > 0 {
		if err := t.send(ctx, []step{{claimKeys, append(ask.args(), epoch), took.scan}}); err != nil {
			return nil, nil, classify(err)
		}
	}
	var set ownedGates
	for i, lane := range l.lanes {
		if !lane.ofKeys() {
			continue
		}
		next, due := lane.round, false
		switch {
		case !lane.ordered:
			lane.owner, next = 0, store.Round{}
		case l.most[i] > 0:
			look := took.looks[lane.Lane]
			look.Full = took.got[lane.Lane] == l.most[i]
			next, due = lane.round.Next(look)
			lane.owner = epoch
		}
		set.add(now, l.turns[i].Gate, lane.owner, next, due)
	}
	l.spend(took.rows)
	if len(set.owners) == 0 {
		return nil, nil, nil
	}
	return took.rows, []step{{text: setOwned, args: set.args()}}, nil
}

// keysTaken is the answer to claimKeys.
type keysTaken struct {
	rows  []store.Claimed
	looks map[store.Lane]store.Look
	got   map[store.Lane]int64
}

func (k *keysTaken) scan(r row) error {
	var c store.Claimed
	if err := scanClaim(r, &c); err != nil {
		return err
	}
	if k.looks == nil {
		k.looks, k.got = make(map[store.Lane]store.Look), make(map[store.Lane]int64)
	}
	lane := store.Lane{Tenant: c.Tenant, Endpoint: c.Endpoint}
	look, name := k.looks[lane], sqlstore.OrderKey(c.Ordered, c.Key)
	if c.Delivery == "" {
		look.Keys, look.Last = int(c.Claim), name
	} else {
		k.rows = append(k.rows, c)
		k.got[lane]++
		look.Leased = max(look.Leased, name)
	}
	k.looks[lane] = look
	return nil
}

// keyTurns are the arguments of claimKeys.
type keyTurns struct {
	tenants, endpoints []string
	most, runs         []int64
	after              []string
}

func (k *keyTurns) add(lane lockedLane, most int64, run int) {
	k.tenants = append(k.tenants, lane.Tenant)
	k.endpoints = append(k.endpoints, lane.Endpoint)
	k.most = append(k.most, most)
	k.runs = append(k.runs, int64(run))
	k.after = append(k.after, lane.round.After)
}

func (k *keyTurns) args() []any { return []any{k.tenants, k.endpoints, k.most, k.runs, k.after} }

// claimKeys leases ordered rows of lanes that the transaction has locked. For each
// lane it steps from key to key in their index (look), reads the first rows of each
// up to one that may not be leased (free), locks them without waiting (got), and
// leases the runs that no lock of somebody else's breaks. It returns them, and a row
// without a delivery for each lane with the number of keys looked at and the last.
//
// All of it sees the queue and the blocks at one moment: an earlier row that is
// committed is seen, in whatever state. Who else may change a row that was seen free
// meanwhile only parks, cancels or removes it; to lease it takes the lane's lock.
var claimKeys = strings.NewReplacer(
	":keys", strconv.Itoa(store.KeysPerTurn), ":run", strconv.Itoa(store.MaxRun),
	":step", `
					SELECT q.okey
					FROM postrider.queue q
					WHERE q.okey <> ''
					AND q.tenant = l.tenant
					AND q.endpoint = l.endpoint
					AND q.okey >`).Replace(`
	WITH look AS MATERIALIZED (
		SELECT l.lane, l.tenant, l.endpoint, l.most, l.run, k.okey, k.n, k.total
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[])
			WITH ORDINALITY l (tenant, endpoint, most, run, after, lane)
		CROSS JOIN LATERAL (
			WITH RECURSIVE k (okey, n) AS (
				SELECT (:step l.after COLLATE "C"
					ORDER BY q.okey
					LIMIT 1), 1
				UNION ALL
				SELECT (:step k.okey
					ORDER BY q.okey
					LIMIT 1), k.n + 1
				FROM k
				WHERE k.okey IS NOT NULL
				AND k.n < :keys
			)
			SELECT k.okey, k.n, count(*) OVER () AS total
			FROM k
			WHERE k.okey IS NOT NULL
		) k
	), free AS MATERIALIZED (
		SELECT k.lane, k.most, k.tenant, k.okey, r.delivery, r.seq,
			row_number() OVER (PARTITION BY k.lane ORDER BY r.place, k.n) AS turn
		FROM look k
		CROSS JOIN LATERAL (
			SELECT w.delivery, w.seq, row_number() OVER (ORDER BY w.seq) AS place, bool_and(w.free) OVER (ORDER BY w.seq) AS open
			FROM (
				SELECT f.delivery, f.seq, f.free
				FROM (
					SELECT q.delivery, q.seq, q.owner = 0 AND q.due <= postrider.now_us() AND q.batch IS NULL AND (
						SELECT 1
						FROM postrider.blocks b
						WHERE b.tenant = q.tenant
						AND b.endpoint = q.endpoint
						AND b.okey = q.okey
						AND b.seq < q.seq
						LIMIT 1) IS NULL AS free
					FROM postrider.queue q
					WHERE q.okey <> ''
					AND q.tenant = k.tenant
					AND q.endpoint = k.endpoint
					AND q.okey = k.okey
					ORDER BY q.seq
					LIMIT :run
				) f
				LIMIT least(k.run, 1 + k.most / k.total)
			) w
		) r
		WHERE r.open
	), got AS MATERIALIZED (
		SELECT f.lane, f.okey, f.seq, r.at
		FROM free f
		LEFT JOIN LATERAL (
			SELECT q.ctid AS at
			FROM postrider.queue q
			WHERE q.tenant = f.tenant
			AND q.delivery = f.delivery
			AND q.owner + 0 = 0
			LIMIT 1
			FOR UPDATE SKIP LOCKED
		) r ON true
		WHERE f.turn <= f.most
	), run AS MATERIALIZED (
		SELECT g.at, bool_and(g.at IS NOT NULL) OVER (PARTITION BY g.lane, g.okey ORDER BY g.seq) AS unbroken
		FROM got g
	), leased AS (
		UPDATE postrider.queue u
		SET owner = $6, claims = u.claims + 1, parked = 0
		FROM run r
		WHERE r.unbroken
		AND u.ctid = r.at
		RETURNING ` + takenColumns + `
	)
	SELECT *
	FROM leased
	UNION ALL
	SELECT k.tenant, '', k.endpoint, '', count(*), 0, 0, 0, 0, 0, max(k.okey), '', 0
	FROM look k
	GROUP BY k.tenant, k.endpoint`)

// ownedGates are the arguments of setOwned.
type ownedGates struct {
	gates
	owners      []int64
	after       []string
	again, dues []int64
}

func (g *ownedGates) add(now time.Time, gate store.Gate, owner int64, round store.Round, due bool) {
	g.append(now, gate)
	g.owners = append(g.owners, owner)
	g.after = append(g.after, round.After)
	g.again = append(g.again, boolInt(round.Again))
	g.dues = append(g.dues, boolInt(due))
}

func (g *ownedGates) args() []any {
	return append(g.gates.args(), g.owners, g.after, g.again, g.dues)
}

// setOwned is setLanes for lanes that have, or had, ordered rows.
const setOwned = `
	UPDATE postrider.lanes l
	SET owner = g.owner,
		after = g.after,
		again = g.again,
		next_at = CASE
			WHEN (
				SELECT 1
				FROM postrider.queue q
				WHERE q.okey <> ''
				AND q.tenant = l.tenant
				AND q.endpoint = l.endpoint
				LIMIT 1) IS NULL
			AND ` + nothingParked + ` THEN 9223372036854775807 -- empty
			WHEN g.due = 1 OR g.revision <> 0 AND g.revision <> l.revision THEN postrider.now_us()
			WHEN g.delay = 9223372036854775806 THEN g.delay -- never
			ELSE postrider.now_us() + g.delay
		END
	FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[])
		g (tenant, endpoint, delay, revision, owner, after, again, due)
	WHERE l.tenant = g.tenant
	AND l.endpoint = g.endpoint`

// blockingOf returns the items that are to block their keys, as outcomes.
func blockingOf(now time.Time, items []store.Settled) *outcomes {
	o := new(outcomes)
	for i := range items {
		if items[i].Block && items[i].Status != webhook.DeliveryPending {
			o.add(now, &items[i])
		}
	}
	return o
}

// blockRows makes deliveries hold up the later ones of their keys, before their rows
// end: those whose fences hold, that keep an order, and that were not canceled.
const blockRows = `
	INSERT INTO postrider.blocks (tenant, endpoint, okey, seq, delivery, created_at)
	SELECT r.tenant, r.endpoint, r.okey, r.seq, r.delivery, r.created_at
	FROM unnest($1::text[], $2::text[], $3::bigint[]) o (tenant, delivery, claim)
	CROSS JOIN LATERAL (
		SELECT r.tenant, r.endpoint, r.okey, r.seq, r.delivery, r.created_at, r.canceled
		FROM postrider.queue r
		WHERE r.tenant = o.tenant
		AND r.delivery = o.delivery
		AND r.claims = o.claim
		AND r.owner + 0 = $4
		LIMIT 1
		FOR UPDATE
	) r
	WHERE r.okey <> ''
	AND r.canceled = 0
	ORDER BY r.tenant, r.endpoint, r.okey, r.seq
	ON CONFLICT DO NOTHING`

// lockOpenable locks lanes o, one by one, that are neither due nor shut for ever, nor
// empty.
const lockOpenable = `
			SELECT l.ctid AS at
			FROM postrider.lanes l
			WHERE l.tenant = o.tenant
			AND l.endpoint = o.endpoint
			AND l.next_at > postrider.now_us()
			AND l.next_at < 9223372036854775806
			LIMIT 1
			FOR UPDATE`

// unblockRows lets the later deliveries of keys go on that these hold up, makes their
// lanes due, and returns which did.
const unblockRows = `
	WITH old AS MATERIALIZED (
		SELECT b.at
		FROM unnest($1::text[], $2::text[]) c (tenant, delivery)
		CROSS JOIN LATERAL (
			SELECT b.ctid AS at
			FROM postrider.blocks b
			WHERE b.tenant = c.tenant
			AND b.delivery = c.delivery
			LIMIT 1
			FOR UPDATE
		) b
	), freed AS (
		DELETE FROM postrider.blocks b
		USING old o
		WHERE b.ctid = o.at
		RETURNING b.tenant, b.endpoint, b.delivery
	), lane AS MATERIALIZED (
		SELECT l.at
		FROM (SELECT DISTINCT tenant, endpoint FROM freed ORDER BY tenant, endpoint) o
		CROSS JOIN LATERAL (` + lockOpenable + `) l
	), due AS (
		UPDATE postrider.lanes l
		SET next_at = postrider.now_us()
		FROM lane o
		WHERE l.ctid = o.at
	)
	SELECT delivery
	FROM freed`

// reopenLanes makes lanes due in which an ordered delivery has ended: what comes
// after it may go.
const reopenLanes = `
	WITH lane AS MATERIALIZED (
		SELECT l.at
		FROM unnest($1::text[], $2::text[]) o (tenant, endpoint)
		CROSS JOIN LATERAL (` + lockOpenable + `) l
	)
	UPDATE postrider.lanes l
	SET next_at = postrider.now_us()
	FROM lane o
	WHERE l.ctid = o.at`
