package postgres

import (
	"time"

	"github.com/postrider/postrider/store"
)

// setLanes gives lanes without ordered rows their next times: the gate's if rows remain, locked ones
// included, and now if the endpoint has changed since the gate was decided on.
const setLanes = `
	UPDATE postrider.lanes l
	SET next_at = CASE
		WHEN ` + nothingParked + ` THEN 9223372036854775807 -- empty
		WHEN g.revision <> 0 AND g.revision <> l.revision THEN postrider.now_us()
		WHEN g.delay = 9223372036854775806 THEN g.delay -- never
		ELSE postrider.now_us() + g.delay
	END
	FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) g (tenant, endpoint, delay, revision)
	WHERE l.tenant = g.tenant
	AND l.endpoint = g.endpoint`

// nothingParked says that a lane l has no parked rows, ordered ones aside. With EXISTS the
// server may collect the lanes of all rows there are, where it believes them to be few,
// rather than look for one of each lane.
const nothingParked = `(
			SELECT 1
			FROM postrider.queue q
			WHERE q.owner = 0
			AND q.parked = 1
			AND q.batch IS NULL
			AND q.okey = ''
			AND q.tenant = l.tenant
			AND q.endpoint = l.endpoint
			LIMIT 1) IS NULL
		AND (
			SELECT 1
			FROM postrider.queue q
			WHERE q.owner = 0
			AND q.parked = 1
			AND q.batch IS NOT NULL
			AND q.tenant = l.tenant
			AND q.endpoint = l.endpoint
			LIMIT 1) IS NULL`

// gates collects the gates of lanes.
type gates struct {
	tenants, endpoints []string
	delays, revisions  []int64
	known              map[store.Gate]bool
}

// add notes a gate, each once.
func (g *gates) add(now time.Time, gate store.Gate) {
	if g.known == nil {
		g.known = make(map[store.Gate]bool)
	}
	if !g.known[gate] {
		g.known[gate] = true
		g.append(now, gate)
	}
}

func (g *gates) append(now time.Time, gate store.Gate) {
	wait := int64(never)
	if !gate.Next.IsZero() {
		wait = delay(now, gate.Next)
	}
	g.tenants = append(g.tenants, gate.Tenant)
	g.endpoints = append(g.endpoints, gate.Endpoint)
	g.delays = append(g.delays, wait)
	g.revisions = append(g.revisions, gate.Revision)
}

func (g *gates) args() []any { return []any{g.tenants, g.endpoints, g.delays, g.revisions} }

// shut moves the times of lanes to their gates, where those are earlier. A gate
// whose endpoint has changed since counts as now; that is judged under the lock of
// the lane, since the change may just be under way.
func (g *gates) shut() step {
	return step{text: `
		INSERT INTO postrider.lanes AS l (tenant, endpoint, next_at, revision)
		SELECT g.tenant, g.endpoint,
			min(CASE g.delay WHEN 9223372036854775806 THEN g.delay ELSE postrider.now_us() + g.delay END),
			CASE WHEN coalesce(min(nullif(g.revision, 0)), 0) = max(g.revision) THEN max(g.revision) ELSE -1 END
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) g (tenant, endpoint, delay, revision)
		GROUP BY g.tenant, g.endpoint
		ORDER BY g.tenant COLLATE "C", g.endpoint COLLATE "C"
		ON CONFLICT (tenant, endpoint) DO UPDATE
		SET next_at = least(l.next_at, CASE
				WHEN excluded.revision <> 0 AND excluded.revision <> l.revision THEN postrider.now_us()
				ELSE excluded.next_at
			END)`, args: g.args()}
}
