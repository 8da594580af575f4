package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// Bind implements store.Batches.
func (s *Store) Bind(ctx context.Context, epoch int64, batches []store.Binding) ([]string, error) {
	var bound []string
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		bound = nil
		for _, b := range batches {
			ok, err := bindable(ctx, c, epoch, b)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := bind(ctx, c, epoch, b); err != nil {
				return err
			}
			bound = append(bound, b.ID)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("bind batches: %w", err)
	}
	return bound, nil
}

// bindable reports whether all members of a batch are leased under their fences and
// in no batch, and none is canceled.
func bindable(ctx context.Context, c Conn, epoch int64, b store.Binding) (bool, error) {
	known := make(map[string]bool, len(b.Members))
	for _, m := range b.Members {
		held, err := isHeld(ctx, c, epoch, m, " AND batch IS NULL AND canceled = 0")
		if err != nil || !held || known[m.Delivery] {
			return false, err
		}
		known[m.Delivery] = true
	}
	return true, nil
}

// isHeld reports whether a fence is a row's present one.
func isHeld(ctx context.Context, c Conn, epoch int64, h store.Held, also string) (bool, error) {
	var one int
	return queryOne(ctx, c, `
		SELECT 1
		FROM postrider_queue
		WHERE owner = ?
		AND delivery = ?
		AND claims = ?
		AND owner > 0`+also, []any{epoch, h.Delivery, h.Claim}, &one)
}

func bind(ctx context.Context, c Conn, epoch int64, b store.Binding) error {
	member := func(args []any, i int) []any { return append(args, b.Members[i].Delivery) }
	if err := bindRows.execList(ctx, c, []any{b.ID, epoch}, len(b.Members), member); err != nil {
		return err
	}
	return bindDeliveries.execList(ctx, c, []any{b.ID, b.Tenant}, len(b.Members), member)
}

var bindRows = newMulti(`
	UPDATE postrider_queue
	SET batch = ?, started = 1
	WHERE owner = ?
	AND delivery IN (`, `?`, `)`)

var bindDeliveries = newMulti(`
	UPDATE postrider_deliveries
	SET batch = ?
	WHERE tenant = ?
	AND id IN (`, `?`, `)`)

// dissolve takes all rows out of a batch that cannot be sent again as it was.
func dissolve(ctx context.Context, c Conn, key store.BatchKey) error {
	if _, err := c.Exec(ctx, `
		UPDATE postrider_deliveries
		SET batch = NULL
		WHERE tenant = ?
		AND id IN (
			SELECT delivery
			FROM postrider_queue
			WHERE batch IS NOT NULL
			AND tenant = ?
			AND batch = ?)`, key.Tenant, key.Tenant, key.ID); err != nil {
		return err
	}
	_, err := c.Exec(ctx, `
		UPDATE postrider_queue
		SET batch = NULL
		WHERE batch IS NOT NULL
		AND tenant = ?
		AND batch = ?`, key.Tenant, key.ID)
	return err
}

// anyBound reports whether any row that nobody has is bound to a batch. Where no
// endpoint has batches it is all that they cost.
func (s *Store) anyBound(ctx context.Context, c Conn) (bool, error) {
	var one int
	return queryOne(ctx, c, `
		SELECT 1
		FROM postrider_queue`+s.index("postrider_queue_bound")+`
		WHERE owner = 0
		AND batch IS NOT NULL
		LIMIT 1`, nil, &one)
}

// taken is what a lane's turn leases of batches, and whether parked rows of others
// are left.
type taken struct {
	rows []store.Claimed
	left bool
}

// maxBound bounds the rows of batches that one turn of a lane looks at, so that a turn
// is short: some 20 of the largest batches, which is more than a lane has room for.
const maxBound = 2048

// takeBatches returns whole batches of a lane, oldest first, until most rows have
// come.
func (s *Store) takeBatches(ctx context.Context, c Conn, now time.Time, lane store.Lane, most int) (taken, error) {
	var t taken
	free, err := s.freeBatches(ctx, c, now, lane)
	if err != nil {
		return t, err
	}
	parked := 0
	for _, b := range free {
		whole := len(t.rows) < most
		if whole {
			var n int
			if _, err := queryOne(ctx, c, `
				SELECT count(*)
				FROM postrider_queue
				WHERE batch IS NOT NULL
				AND tenant = ?
				AND batch = ?`, []any{lane.Tenant, b.rows[0].Batch}, &n); err != nil {
				return t, err
			}
			whole = n == len(b.rows)
		}
		if whole {
			t.rows = append(t.rows, b.rows...)
			parked += b.parked
		} else {
			t.left = t.left || b.parked > 0
		}
	}
	if !t.left {
		t.left, err = s.moreBound(ctx, c, lane, parked)
	}
	return t, err
}

// moreBound reports whether more than n rows of a lane are parked that are bound to a
// batch.
func (s *Store) moreBound(ctx context.Context, c Conn, lane store.Lane, n int) (bool, error) {
	var one int
	return queryOne(ctx, c, `
		SELECT 1
		FROM postrider_queue`+s.index("postrider_queue_bound")+`
		WHERE owner = 0
		AND batch IS NOT NULL
		AND tenant = ?
		AND endpoint = ?
		AND parked = 1
		LIMIT 1
		OFFSET ?`, []any{lane.Tenant, lane.Endpoint, n}, &one)
}

// boundRows are the rows of a batch that nobody has and that are due.
type boundRows struct {
	rows []store.Claimed
	// parked is how many of them are.
	parked int
}

// freeBatches returns the batches of a lane, oldest first, as far as their rows are
// due: those that are not hide no others.
func (s *Store) freeBatches(ctx context.Context, c Conn, now time.Time, lane store.Lane) ([]*boundRows, error) {
	var list []*boundRows
	err := c.Query(ctx, `
		SELECT `+claimColumns+`, parked
		FROM postrider_queue`+s.index("postrider_queue_bound")+`
		WHERE owner = 0
		AND batch IS NOT NULL
		AND tenant = ?
		AND endpoint = ?
		AND due <= ?
		ORDER BY batch
		LIMIT ? + 0`, []any{lane.Tenant, lane.Endpoint, now.UnixMicro(), maxBound}, func(r Row) error {
		var row store.Claimed
		var parked int
		if err := scanClaim(r, &row, &parked); err != nil {
			return err
		}
		if n := len(list); n == 0 || list[n-1].rows[0].Batch != row.Batch {
			list = append(list, new(boundRows))
		}
		b := list[len(list)-1]
		b.rows = append(b.rows, row)
		b.parked += parked
		return nil
	})
	return list, err
}

// unbind takes a row that nobody has out of its batch.
func unbind(ctx context.Context, c Conn, tenant, delivery string) error {
	if _, err := c.Exec(ctx, `
		UPDATE postrider_queue
		SET batch = NULL
		WHERE owner = 0
		AND delivery = ?`, delivery); err != nil {
		return err
	}
	_, err := c.Exec(ctx, `
		UPDATE postrider_deliveries
		SET batch = NULL
		WHERE tenant = ?
		AND id = ?`, tenant, delivery)
	return err
}
