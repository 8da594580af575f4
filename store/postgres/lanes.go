package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

// Take implements store.Lanes. It locks the lanes first: who parks a row touches
// the row's lane in the same transaction, so that what is found in a locked lane
// holds until the end.
func (s *Store) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	claimed, err := s.take(ctx, now, epoch, limit, asking, turn)
	if err != nil {
		return nil, fmt.Errorf("take: %w", classify(err))
	}
	return claimed, nil
}

func (s *Store) take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	if len(asking) == 0 {
		idle := true
		if err := s.query(ctx, anyLaneDue, []any{epoch}, func(row) error { idle = false; return nil }); err != nil || idle {
			return nil, err
		}
	}
	var due, asked laneList
	steps := []step{{lockDueLanes, []any{limit}, due.scan}, {lockOwnLanes, []any{limit, epoch}, due.scan}}
	if len(asking) > 0 {
		steps = append(steps, step{lockLanes, append(laneArgs(asking), epoch), asked.scan})
	}
	t, err := s.begin(ctx, beginWriting, steps...)
	if err != nil {
		return nil, err
	}
	defer t.rollback() // also if turn panics
	var turns turnList
	for _, lane := range inTurn(due.lanes, asked.lanes, limit) {
		turns.add(now, lane, turn(lane.Lane))
	}
	if len(turns.lanes) == 0 {
		return nil, nil
	}
	var rows []store.Claimed
	scan := func(r row) error {
		var c store.Claimed
		err := scanClaim(r, &c)
		rows = append(rows, c)
		return err
	}
	if due.bound || asked.bound {
		if err := t.send(ctx, []step{turns.claimBatches(epoch, scan)}); err != nil {
			return nil, err
		}
		turns.spend(rows)
	}
	keyed, steps, err := turns.takeKeys(ctx, t, now, epoch)
	if err != nil {
		return nil, err
	}
	rows = append(rows, keyed...)
	if len(turns.shares.most) > 0 {
		steps = append(steps, step{shareTexts[sizeOf(turns.shares.max)], turns.shares.args(epoch), scan})
	}
	steps = append(steps,
		step{claimTexts[sizeOf(turns.max)], append(turns.claimArgs(), epoch), scan},
		step{text: setLanes, args: turns.gates.args()})
	if err := t.commit(ctx, steps...); err != nil {
		return nil, err
	}
	// An UPDATE returns rows in whatever order it found them.
	slices.SortFunc(rows, byTurn)
	return rows, nil
}

// byTurn orders rows as lanes want them: ordered ones by their numbers, then others
// by priority.
func byTurn(a, b store.Claimed) int {
	switch {
	case a.Ordered != b.Ordered:
		return cmp.Compare(boolInt(b.Ordered), boolInt(a.Ordered))
	case a.Ordered:
		return cmp.Compare(a.Seq, b.Seq)
	}
	return cmp.Or(cmp.Compare(a.Priority.Rank(), b.Priority.Rank()), cmp.Compare(a.Seq, b.Seq))
}

const anyLaneDue = `
	(SELECT
	FROM postrider.lanes
	WHERE owner = 0
	AND next_at <= postrider.now_us()
	LIMIT 1)
	UNION ALL
	(SELECT
	FROM postrider.lanes
	WHERE owner = $1
	AND owner <> 0
	AND next_at <= postrider.now_us()
	LIMIT 1)
	LIMIT 1`

// laneColumns are what laneList scans of lanes l. Whether a lane has ordered rows is
// found by one step in their index. The last says whether any row that nobody has is
// bound to a batch. Where no endpoint has batches it is all that they cost.
const laneColumns = `l.tenant, l.endpoint, l.next_at, l.owner, l.after, l.again, (
			SELECT 1
			FROM postrider.queue q
			WHERE q.okey <> ''
			AND q.tenant = l.tenant
			AND q.endpoint = l.endpoint
			LIMIT 1) IS NOT NULL,
		EXISTS (SELECT FROM postrider.queue WHERE owner = 0 AND batch IS NOT NULL)`

const lockDueLanes = `
	SELECT ` + laneColumns + `
	FROM postrider.lanes l
	WHERE l.owner = 0
	AND l.next_at <= postrider.now_us()
	ORDER BY l.next_at
	LIMIT $1
	FOR UPDATE OF l SKIP LOCKED`

const lockOwnLanes = `
	SELECT ` + laneColumns + `
	FROM postrider.lanes l
	WHERE l.owner = $2
	AND l.owner <> 0
	AND l.next_at <= postrider.now_us()
	ORDER BY l.next_at
	LIMIT $1
	FOR UPDATE OF l SKIP LOCKED`

// lockLanes finds lanes one by one ("owner + 0" fits no index).
const lockLanes = `
	SELECT ` + laneColumns + `
	FROM unnest($1::text[], $2::text[]) a (tenant, endpoint)
	CROSS JOIN LATERAL (
		SELECT l.*
		FROM postrider.lanes l
		WHERE l.tenant = a.tenant
		AND l.endpoint = a.endpoint
		AND l.owner + 0 IN (0, $3)
		LIMIT 1
		FOR UPDATE SKIP LOCKED
	) l`

func laneArgs(lanes []store.Lane) []any {
	tenants, endpoints := make([]string, len(lanes)), make([]string, len(lanes))
	for i, lane := range lanes {
		tenants[i], endpoints[i] = lane.Tenant, lane.Endpoint
	}
	return []any{tenants, endpoints}
}

// sortedLanes returns different lanes in the order in which everybody locks them.
func sortedLanes(lanes []store.Lane) []store.Lane {
	slices.SortFunc(lanes, func(a, b store.Lane) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return slices.Compact(lanes)
}

// lockedLane is a lane as a turn finds it.
type lockedLane struct {
	store.Lane
	next, owner int64
	round       store.Round
	ordered     bool
}

// laneList collects lanes.
type laneList struct {
	lanes []lockedLane
	// bound says that there are rows bound to batches.
	bound bool
}

func (l *laneList) scan(r row) error {
	var lane lockedLane
	var again int
	err := r.Scan(&lane.Tenant, &lane.Endpoint, &lane.next, &lane.owner, &lane.round.After, &again, &lane.ordered, &l.bound)
	lane.round.Again = again != 0
	l.lanes = append(l.lanes, lane)
	return err
}

// inTurn returns the lanes that get a turn, each once: at most limit of those that
// are due, longest due first, and those that asked.
func inTurn(due, asked []lockedLane, limit int) []lockedLane {
	slices.SortStableFunc(due, func(a, b lockedLane) int { return cmp.Compare(a.next, b.next) })
	var lanes []lockedLane
	seen := make(map[store.Lane]bool, len(due)+len(asked))
	for _, lane := range slices.Concat(due[:min(len(due), limit)], asked) {
		if !seen[lane.Lane] {
			seen[lane.Lane] = true
			lanes = append(lanes, lane)
		}
	}
	return lanes
}

// turnList is a round of turns.
type turnList struct {
	// tenants, endpoints and most are what claims ask for.
	tenants, endpoints []string
	most               []int64
	// lanes are all of them, with their turns; gates are those of lanes without
	// ordered rows.
	lanes  []lockedLane
	turns  []store.Turn
	gates  gates
	max    int64
	shares shareList
}

func (l *turnList) add(now time.Time, lane lockedLane, t store.Turn) {
	t.Gate.Tenant, t.Gate.Endpoint = lane.Tenant, lane.Endpoint
	if !lane.ofKeys() {
		l.gates.append(now, t.Gate)
	}
	l.lanes, l.turns = append(l.lanes, lane), append(l.turns, t)
	l.tenants, l.endpoints = append(l.tenants, lane.Tenant), append(l.endpoints, lane.Endpoint)
	l.most = append(l.most, int64(max(t.Max, 0)))
	l.max = max(l.max, int64(t.Max))
	for rank, share := range t.Shares {
		if share > 0 {
			l.shares.add(lane.Lane, rank, int64(share))
		}
	}
}

func (l *turnList) claimArgs() []any { return []any{l.tenants, l.endpoints, l.most} }

// shareList is what turns set aside for single ranks of priority.
type shareList struct {
	tenants, endpoints []string
	ranks, most        []int64
	max                int64
}

func (l *shareList) add(lane store.Lane, rank int, share int64) {
	l.tenants = append(l.tenants, lane.Tenant)
	l.endpoints = append(l.endpoints, lane.Endpoint)
	l.ranks = append(l.ranks, int64(rank))
	l.most = append(l.most, share)
	l.max = max(l.max, share)
}

func (l *shareList) args(epoch int64) []any {
	return []any{l.tenants, l.endpoints, l.most, epoch, l.ranks}
}

// claimSizes are the numbers of rows per lane that there is a statement for. A
// lane that may have more gets them with its next turn.
var claimSizes = []int64{1, 8, 64, 256, 1024}

// sizeOf returns the size of the statement for turns of at most n rows.
func sizeOf(n int64) int64 {
	for _, size := range claimSizes {
		if n <= size {
			return size
		}
	}
	return claimSizes[len(claimSizes)-1]
}

// takenColumns are claimColumns of what an UPDATE u of rows got leaves behind.
const takenColumns = `u.tenant, u.delivery, u.endpoint, u.event, u.claims, u.attempts, u.base, u.crashes, u.seq, u.prio, u.okey,
	coalesce(u.batch, ''), u.canceled`

// claimTexts lease the first rows of each lane, and shareTexts the oldest of one rank
// each. A text says how many rows it looks at: with a number that comes as an
// argument the planner would expect a tenth of all rows, and read them all. Rows are
// locked one by one, and no more of them than the lane's turn has.
var (
	claimTexts = sized(strings.NewReplacer(":also", "", ":rank", "", ":order", "q.prio, q.seq"))
	shareTexts = sized(strings.NewReplacer(":also", ", $5::bigint[]", ":rank", ", rank", ":order", "q.seq",
		"= l.endpoint", "= l.endpoint AND q.prio = l.rank"))
)

func sized(kind *strings.Replacer) map[int64]string {
	texts := make(map[int64]string, len(claimSizes))
	for _, size := range claimSizes {
		texts[size] = strings.Replace(kind.Replace(`
			WITH got AS MATERIALIZED (
				SELECT r.at
				FROM unnest($1::text[], $2::text[], $3::bigint[]:also) l (tenant, endpoint, most:rank)
				CROSS JOIN LATERAL (
					SELECT w.at
					FROM (
						SELECT q.ctid AS at
						FROM postrider.queue q
						WHERE q.owner = 0
						AND q.parked = 1
						AND q.batch IS NULL
						AND q.okey = ''
						AND q.tenant = l.tenant
						AND q.endpoint = l.endpoint
						ORDER BY :order
						LIMIT :size
						FOR UPDATE SKIP LOCKED
					) w
					LIMIT l.most
				) r
			)
			UPDATE postrider.queue u
			SET owner = $4, claims = u.claims + 1, parked = 0
			FROM got
			WHERE u.ctid = got.at
			RETURNING `+takenColumns), ":size", strconv.FormatInt(size, 10), 1)
	}
	return texts
}
