package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// Take implements store.Lanes.
func (s *Store) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	idle := false
	var err error
	if len(asking) == 0 {
		// An idle process only reads, so that it never waits for a writer.
		err = s.db.Read(ctx, func(ctx context.Context, c Conn) error {
			now, err := s.now(ctx, c, now)
			if err != nil {
				return err
			}
			lanes, err := s.dueLanes(ctx, c, now, epoch, 1)
			idle = len(lanes) == 0
			return err
		})
	}
	var claimed []store.Claimed
	if err == nil && !idle {
		err = s.db.Write(ctx, func(ctx context.Context, c Conn) error {
			now, err := s.now(ctx, c, now)
			if err != nil {
				return err
			}
			claimed, err = s.take(ctx, c, now, epoch, limit, asking, turn)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("take: %w", err)
	}
	return claimed, nil
}

func (s *Store) take(ctx context.Context, c Conn, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	lanes, err := s.dueLanes(ctx, c, now, epoch, limit)
	if err != nil {
		return nil, err
	}
	bound, err := s.anyBound(ctx, c)
	if err != nil {
		return nil, err
	}
	asked := make(map[store.Lane]bool, len(lanes)+len(asking))
	var all []store.Claimed
	for _, lane := range slices.Concat(lanes, asking) {
		if asked[lane] {
			continue
		}
		asked[lane] = true
		state, err := s.laneState(ctx, c, lane)
		if err != nil {
			return nil, err
		}
		if state.owner != 0 && state.owner != epoch {
			continue
		}
		t := turn(lane)
		var batches taken
		if bound {
			if batches, err = s.takeBatches(ctx, c, now, lane, t.Max); err != nil {
				return nil, err
			}
		}
		rows, err := s.takeLane(ctx, c, now, epoch, state, t, batches)
		if err != nil {
			return nil, err
		}
		if err := lease(ctx, c, epoch, rows); err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// dueLanes returns lanes of nobody and of an epoch whose time has come, longest due
// first.
func (s *Store) dueLanes(ctx context.Context, c Conn, now time.Time, epoch int64, limit int) ([]store.Lane, error) {
	type due struct {
		store.Lane
		next int64
	}
	var lanes []due
	for _, whose := range []string{nobodys, ours} {
		if err := c.Query(ctx, `
			SELECT tenant, endpoint, next_at
			FROM postrider_lanes
			WHERE `+whose+`
			AND next_at <= ?
			ORDER BY next_at
			LIMIT ? + 0`+s.dialect.SkipLocked, append(whoseArgs(whose, epoch), now.UnixMicro(), limit), func(r Row) error {
			var lane due
			err := r.Scan(&lane.Tenant, &lane.Endpoint, &lane.next)
			lanes = append(lanes, lane)
			return err
		}); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(lanes, func(a, b due) int { return cmp.Compare(a.next, b.next) })
	var keys []store.Lane
	for _, lane := range lanes[:min(len(lanes), limit)] {
		keys = append(keys, lane.Lane)
	}
	return keys, nil
}

// Whose lanes an epoch may take from: those that nobody owns, and its own. Each has
// an index. (A bare "owner = ?" has the form of the other's condition, and SQLite then
// compiles the statement anew each time.)
const (
	nobodys = `owner = 0`
	ours    = `owner = ? + 0 AND owner <> 0`
)

func whoseArgs(whose string, epoch int64) []any {
	if whose == ours {
		return []any{epoch}
	}
	return nil
}

// laneState is a lane as a turn finds it.
type laneState struct {
	store.Lane
	owner int64
	round store.Round
	// ordered says that it has ordered rows.
	ordered bool
}

func (s *Store) laneState(ctx context.Context, c Conn, lane store.Lane) (laneState, error) {
	state := laneState{Lane: lane}
	_, err := queryOne(ctx, c, `
		SELECT owner, after, again, EXISTS (
			SELECT 1
			FROM postrider_queue q`+s.index("postrider_queue_key")+`
			WHERE q.okey <> ''
			AND q.tenant = l.tenant
			AND q.endpoint = l.endpoint)
		FROM postrider_lanes l
		WHERE tenant = ?
		AND endpoint = ?`, []any{lane.Tenant, lane.Endpoint},
		&state.owner, &state.round.After, &state.round.Again, &state.ordered)
	return state, err
}

// takeLane returns the rows of a lane that its turn leases, batches that it begins
// with included and ordered ones next, and sets the lane's time and owner.
func (s *Store) takeLane(ctx context.Context, c Conn, now time.Time, epoch int64, lane laneState, turn store.Turn, batches taken) ([]store.Claimed, error) {
	turn.Gate.Tenant, turn.Gate.Endpoint = lane.Tenant, lane.Endpoint
	next, err := gateTime(ctx, c, now, turn.Gate)
	if err != nil {
		return nil, err
	}
	rows, err := s.shares(ctx, c, lane.Lane, turn.Shares)
	if err != nil {
		return nil, err
	}
	shared := make(map[string]bool, len(rows))
	for i := range rows {
		shared[rows[i].Delivery] = true
	}
	shares := len(rows)
	rows = append(rows, batches.rows...)
	turn.Max = max(turn.Max-len(batches.rows), 0)
	keyed, due, err := s.takeOrdered(ctx, c, now, epoch, &lane, turn)
	if err != nil {
		return nil, err
	}
	if due {
		next = now.UnixMicro()
	}
	rows = append(rows, keyed...)
	most := turn.Max - len(keyed)
	// One more than may be leased says whether the lane is empty after it.
	more := batches.left || lane.ordered
	if err := c.Query(ctx, s.parked()+`
		ORDER BY prio, seq
		LIMIT ? + 0`+s.dialect.SkipLocked, []any{lane.Tenant, lane.Endpoint, shares + most + 1}, func(r Row) error {
		var row store.Claimed
		if err := scanClaim(r, &row); err != nil || shared[row.Delivery] {
			return err
		}
		if most == 0 {
			more = true
			return nil
		}
		most--
		rows = append(rows, row)
		return nil
	}); err != nil {
		return nil, err
	}
	if !more {
		next = empty
	}
	_, err = c.Exec(ctx, `
		UPDATE postrider_lanes
		SET next_at = ?, owner = ?, after = ?, again = ?
		WHERE tenant = ?
		AND endpoint = ?`, next, lane.owner, lane.round.After, boolInt(lane.round.Again), lane.Tenant, lane.Endpoint)
	return rows, err
}

// takeOrdered returns the ordered rows of a lane that its turn leases, and whether
// the lane is due at once to go on. It says whose the lane is from now on.
func (s *Store) takeOrdered(ctx context.Context, c Conn, now time.Time, epoch int64, lane *laneState, turn store.Turn) ([]store.Claimed, bool, error) {
	switch {
	case !lane.ordered:
		lane.owner, lane.round = 0, store.Round{}
		return nil, false, nil
	case turn.Max == 0:
		return nil, false, nil
	}
	lane.owner = epoch
	return s.takeKeys(ctx, c, now, lane, turn)
}

// shares returns the oldest rows of each rank of a lane that its turn has a share
// for.
func (s *Store) shares(ctx context.Context, c Conn, lane store.Lane, shares store.Ranks) ([]store.Claimed, error) {
	var rows []store.Claimed
	for rank, share := range shares {
		if share <= 0 {
			continue
		}
		some, err := queryClaims(ctx, c, s.parked()+`
			AND prio = ?
			ORDER BY seq
			LIMIT ? + 0`+s.dialect.SkipLocked, lane.Tenant, lane.Endpoint, rank, share)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// parked begins a query for the rows that are parked in a lane, but for those that go
// in a batch or keep an order.
func (s *Store) parked() string {
	return `
		SELECT ` + claimColumns + `
		FROM postrider_queue` + s.index("postrider_queue_lane") + `
		WHERE owner = 0
		AND parked = 1
		AND batch IS NULL
		AND okey = ''
		AND tenant = ?
		AND endpoint = ?`
}

// gateTime returns a gate's time, or now if the endpoint has moved on.
func gateTime(ctx context.Context, c Conn, now time.Time, gate store.Gate) (int64, error) {
	if gate.Revision != 0 {
		var revision int64
		if _, err := queryOne(ctx, c, `
			SELECT revision
			FROM postrider_lanes
			WHERE tenant = ?
			AND endpoint = ?`, []any{gate.Tenant, gate.Endpoint}, &revision); err != nil {
			return 0, err
		}
		if revision != gate.Revision {
			return now.UnixMicro(), nil
		}
	}
	if gate.Next.IsZero() {
		return never, nil
	}
	return gate.Next.UnixMicro(), nil
}

// shutLanes moves the times of lanes to their gates, where those are earlier.
func shutLanes(ctx context.Context, c Conn, now time.Time, gates []store.Gate) error {
	if len(gates) == 0 {
		return nil
	}
	type row struct {
		lane store.Lane
		next int64
	}
	known := make(map[store.Gate]bool, len(gates))
	at := make(map[store.Lane]int64, len(gates))
	for _, g := range gates {
		if known[g] {
			continue
		}
		known[g] = true
		next, err := gateTime(ctx, c, now, g)
		if err != nil {
			return err
		}
		lane := store.Lane{Tenant: g.Tenant, Endpoint: g.Endpoint}
		if old, ok := at[lane]; !ok || next < old {
			at[lane] = next
		}
	}
	rows := make([]row, 0, len(at))
	for lane, next := range at {
		rows = append(rows, row{lane, next})
	}
	slices.SortFunc(rows, func(a, b row) int { return compareLanes(a.lane, b.lane) })
	return upsertLanes.exec(ctx, c, nil, len(rows), func(args []any, i int) []any {
		return append(args, rows[i].lane.Tenant, rows[i].lane.Endpoint, rows[i].next)
	})
}

var upsertLanes = newMulti(`
	INSERT INTO postrider_lanes (tenant, endpoint, next_at, revision)
	VALUES `, `(?, ?, ?, 0)`, `
	ON CONFLICT (tenant, endpoint) DO UPDATE
	SET next_at = excluded.next_at
	WHERE excluded.next_at < postrider_lanes.next_at`)
