package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// takeKeys returns the ordered rows that a lane's turn leases, and whether the lane
// is due at once to go on with its keys. It is for a database with one writer.
func (s *Store) takeKeys(ctx context.Context, c Conn, now time.Time, lane *laneState, turn store.Turn) ([]store.Claimed, bool, error) {
	keys, err := s.nextKeys(ctx, c, lane)
	if err != nil {
		return nil, false, err
	}
	look := store.Look{Keys: len(keys)}
	// No more is read of each key than the turn could use if all had as much.
	most := min(turn.Rows(), 1+turn.Max/max(len(keys), 1))
	var runs [][]store.Claimed
	for i, key := range keys {
		if look.Last = key.name; key.held {
			continue
		}
		run, err := s.freeRun(ctx, c, now, lane.Lane, key.name, most)
		if err != nil {
			return nil, false, err
		}
		if len(run) > 0 {
			runs = append(runs, run)
		}
		if len(runs) == turn.Max && i < len(keys)-1 { // the rest has its turn next time
			look.Keys = store.KeysPerTurn
			break
		}
	}
	rows := store.Interleave(runs, turn.Max)
	for _, row := range rows {
		look.Leased = max(look.Leased, OrderKey(true, row.Key))
	}
	look.Full = len(rows) == turn.Max
	due := false
	lane.round, due = lane.round.Next(look)
	return rows, due, nil
}

// keyHead is a key, and whether its first row is leased.
type keyHead struct {
	name string
	held bool
}

// nextKeys returns the next keys of a lane that a turn looks at. Each is found by a
// step in the index, so that it does not matter how many rows they have.
func (s *Store) nextKeys(ctx context.Context, c Conn, lane *laneState) ([]keyHead, error) {
	var keys []keyHead
	of := `
			FROM postrider_queue` + s.index("postrider_queue_key") + `
			WHERE okey <> ''
			AND tenant = ?
			AND endpoint = ?
			AND okey `
	step := `
			SELECT okey` + of + `> `
	err := c.Query(ctx, `
		WITH RECURSIVE k (okey, n) AS (
			SELECT (`+step+`?
			ORDER BY okey
			LIMIT 1), 1
			UNION ALL
			SELECT (`+step+`k.okey
			ORDER BY okey
			LIMIT 1), n + 1
			FROM k
			WHERE k.okey IS NOT NULL
			AND n < ?
		)
		SELECT okey, (
			SELECT owner`+of+`= k.okey
			ORDER BY seq
			LIMIT 1) <> 0
		FROM k
		WHERE okey IS NOT NULL
		ORDER BY n`, []any{
		lane.Tenant, lane.Endpoint, lane.round.After, lane.Tenant, lane.Endpoint, store.KeysPerTurn, lane.Tenant, lane.Endpoint,
	}, func(r Row) error {
		var key keyHead
		err := r.Scan(&key.name, &key.held)
		keys = append(keys, key)
		return err
	})
	return keys, err
}

// freeRun returns the first rows of a key that may be leased: what comes after one
// that may not is left out.
func (s *Store) freeRun(ctx context.Context, c Conn, now time.Time, lane store.Lane, name string, most int) ([]store.Claimed, error) {
	var run []store.Claimed
	stopped := false
	err := c.Query(ctx, `
		SELECT `+claimColumns+`, owner = 0 AND due <= ? AND batch IS NULL AND NOT EXISTS (
			SELECT 1
			FROM postrider_blocks b
			WHERE b.tenant = q.tenant
			AND b.endpoint = q.endpoint
			AND b.okey = q.okey
			AND b.seq < q.seq)
		FROM postrider_queue q`+s.index("postrider_queue_key")+`
		WHERE okey <> ''
		AND tenant = ?
		AND endpoint = ?
		AND okey = ?
		ORDER BY seq
		LIMIT ? + 0`, []any{now.UnixMicro(), lane.Tenant, lane.Endpoint, name, most}, func(r Row) error {
		var row store.Claimed
		var free bool
		if err := scanClaim(r, &row, &free); err != nil {
			return err
		}
		if stopped = stopped || !free; !stopped {
			run = append(run, row)
		}
		return nil
	})
	return run, err
}

// unlessCanceled returns an item that does not block if its row was canceled.
func unlessCanceled(ctx context.Context, c Conn, epoch int64, it *store.Settled) (store.Settled, error) {
	kept := *it
	var canceled bool
	_, err := queryOne(ctx, c, `
		SELECT canceled
		FROM postrider_queue
		WHERE owner = ?
		AND delivery = ?`, []any{epoch, it.Delivery}, &canceled)
	kept.Block = !canceled
	return kept, err
}

// block makes deliveries that have ended hold up the later ones of their keys, as
// far as they say so.
func block(ctx context.Context, c Conn, ended []store.Settled) error {
	for i := range ended {
		if !ended[i].Block {
			continue
		}
		if _, err := c.Exec(ctx, `
			INSERT INTO postrider_blocks (tenant, endpoint, okey, seq, delivery, created_at)
			SELECT d.tenant, d.endpoint, d.okey, e.seq, d.id, d.created_at
			FROM postrider_deliveries d
			JOIN postrider_events e ON e.tenant = d.tenant AND e.id = d.event
			WHERE d.tenant = ?
			AND d.id = ?
			AND d.okey <> ''
			ON CONFLICT DO NOTHING`, ended[i].Tenant, ended[i].Delivery); err != nil {
			return err
		}
	}
	return nil
}

// unblock lets the later deliveries of a key go on, as far as it was this one that
// held them up, and makes their lane due. It reports whether it was. What was
// redelivered or canceled after it had failed no longer blocks.
func unblock(ctx context.Context, c Conn, now int64, lane store.Lane, delivery string) (bool, error) {
	n, err := c.Exec(ctx, `
		DELETE FROM postrider_blocks
		WHERE tenant = ?
		AND delivery = ?`, lane.Tenant, delivery)
	if err != nil || n == 0 {
		return false, err
	}
	return true, reopen(ctx, c, now, lane)
}

// reopen makes a lane due unless it is shut for ever, or empty.
func reopen(ctx context.Context, c Conn, now int64, lane store.Lane) error {
	_, err := c.Exec(ctx, `
		UPDATE postrider_lanes
		SET next_at = ?
		WHERE tenant = ?
		AND endpoint = ?
		AND next_at > ?
		AND next_at < ?`, now, lane.Tenant, lane.Endpoint, now, int64(never))
	return err
}

// unblockAll removes all that blocks keys of an endpoint. Its lane is made due by the
// change that this is part of.
func unblockAll(ctx context.Context, c Conn, tenant, endpoint string) error {
	_, err := c.Exec(ctx, `
		DELETE FROM postrider_blocks
		WHERE tenant = ?
		AND endpoint = ?`, tenant, endpoint)
	return err
}

// blocks removes what blocks keys for deliveries that are no longer kept.
func (p *pruning) blocks(ctx context.Context, cutoff time.Time) error {
	type name struct {
		tenant, endpoint, okey string
		seq                    int64
	}
	var old []name
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT tenant, endpoint, okey, seq
			FROM postrider_blocks
			WHERE created_at < ?
			ORDER BY created_at
			LIMIT ? + 0`, []any{cutoff.UnixMicro(), p.limit}, func(r Row) error {
			var b name
			err := r.Scan(&b.tenant, &b.endpoint, &b.okey, &b.seq)
			old = append(old, b)
			return err
		})
	})
	if err != nil {
		return err
	}
	p.reached(len(old))
	return p.inSteps(ctx, len(old), func(ctx context.Context, c Conn, _ *store.Pruned, i int) error {
		_, err := c.Exec(ctx, `
			DELETE FROM postrider_blocks
			WHERE tenant = ?
			AND endpoint = ?
			AND okey = ?
			AND seq = ?`, old[i].tenant, old[i].endpoint, old[i].okey, old[i].seq)
		return err
	})
}

// freeLanes makes the lanes of an epoch nobody's, and due unless they have no time.
// A lane that somebody has locked is left for the next time.
func (s *Store) freeLanes(ctx context.Context, c Conn, now time.Time, epoch int64) error {
	_, err := c.Exec(ctx, `
		UPDATE postrider_lanes
		SET owner = 0, next_at = CASE WHEN next_at < ? THEN ? ELSE next_at END
		WHERE (tenant, endpoint) IN (
			SELECT tenant, endpoint
			FROM postrider_lanes
			WHERE owner = ?
			AND owner <> 0`+s.dialect.SkipLocked+`)`, int64(never), now.UnixMicro(), epoch)
	return err
}
