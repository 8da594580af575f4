package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// ReserveRates implements store.Rates in one round trip. What was given is not
// flushed to the disk before the answer, since a crash of the server may forget a
// moment of slots, and so that nobody waits for a row while another flushes.
func (s *Store) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	if err := store.CheckRates(reqs); err != nil {
		return nil, fmt.Errorf("reserve rates: %w", err)
	}
	grants := make([]store.RateGrant, len(reqs))
	given := make([]bool, len(reqs))
	wanted := inOrderOfNames(reqs)
	for first := true; len(wanted) > 0; first = false {
		steps := []step{{text: `SET LOCAL synchronous_commit = off`}}
		columns := requestColumns(reqs, wanted)
		if !first { // names that are new
			steps = append(steps, step{text: insertRates, args: columns[:2]})
		}
		if err := s.briefly(ctx, append(steps, step{reserveRates, columns, func(r row) error {
			var at, n int
			var first int64
			err := r.Scan(&at, &first, &n)
			grants[at] = store.RateGrant{First: now.Add(time.Duration(first) * time.Microsecond), N: n}
			given[at] = true
			return err
		}})...); err != nil {
			return nil, fmt.Errorf("reserve rates: %w", committing(err))
		}
		wanted = slices.DeleteFunc(wanted, func(at int) bool { return given[at] })
	}
	return grants, nil
}

// briefly runs steps in a transaction that takes one round trip.
func (s *Store) briefly(ctx context.Context, steps ...step) error {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return classify(err)
	}
	t := &transaction{store: s, conn: c}
	defer t.rollback() // if it has not come to its end
	steps = append([]step{{text: beginWriting}, {text: neverScan}}, steps...)
	return t.send(ctx, append(steps, step{text: `COMMIT`}))
}

// inOrderOfNames returns the places of requests, in the order in which everybody
// locks their rows.
func inOrderOfNames(reqs []store.RateRequest) []int {
	places := make([]int, len(reqs))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int {
		return cmp.Or(cmp.Compare(reqs[a].Tenant, reqs[b].Tenant), cmp.Compare(reqs[a].Name, reqs[b].Name))
	})
	return places
}

// requestColumns returns the arguments of reserveRates.
func requestColumns(reqs []store.RateRequest, places []int) []any {
	var tenants, names []string
	var at, intervals, slacks, aheads, wants []int64
	for _, i := range places {
		r := &reqs[i]
		tenants, names = append(tenants, r.Tenant), append(names, r.Name)
		at, wants = append(at, int64(i)), append(wants, int64(max(r.Want, 0)))
		intervals, slacks, aheads = append(intervals, r.Step().Microseconds()), append(slacks, r.Slack.Microseconds()), append(aheads, r.Ahead.Microseconds())
	}
	return []any{tenants, names, at, intervals, slacks, aheads, wants}
}

const insertRates = `
	INSERT INTO postrider.rates (tenant, name, free_at)
	SELECT tenant, name, 0
	FROM unnest($1::text[], $2::text[]) n (tenant, name)
	ORDER BY tenant COLLATE "C", name COLLATE "C"
	ON CONFLICT (tenant, name) DO NOTHING`

// reserveRates is store.RateRequest.Grant for many names, whose rows are locked
// first, in their order. It returns the place of each request, how long after now
// its first slot is, and how many it has got. Names without a row are left out.
const reserveRates = `
	WITH locked AS MATERIALIZED (
		SELECT r.tenant, r.name, q.at, q.step, q.slack, q.ahead, q.want, greatest(r.free_at, postrider.now_us()) AS free
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
			q (tenant, name, at, step, slack, ahead, want)
		JOIN postrider.rates r ON r.tenant = q.tenant AND r.name = q.name
		ORDER BY r.tenant, r.name
		FOR UPDATE OF r
	), granted AS MATERIALIZED (
		SELECT *, CASE
				WHEN free - slack > postrider.now_us() + ahead THEN 0
				ELSE least(want, (postrider.now_us() + ahead - free + slack) / step + 1)
			END AS n
		FROM locked
	), taken AS (
		UPDATE postrider.rates r
		SET free_at = g.free + g.n * g.step
		FROM granted g
		WHERE r.tenant = g.tenant
		AND r.name = g.name
		AND g.n > 0
	)
	SELECT at, free - slack - postrider.now_us(), n
	FROM granted`
