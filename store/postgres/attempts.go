package postgres

import (
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// insertAttempts writes the attempts of items, which all have one.
func insertAttempts(items []store.Settled) (step, error) {
	n := len(items)
	text := func() []string { return make([]string, n) }
	number := func() []int64 { return make([]int64, n) }
	tenants, deliveries, ids, classes, remotes := text(), text(), text(), text(), text()
	requests, responses, batches := text(), text(), text()
	numbers, at, codes, truncated, next := number(), number(), number(), number(), number()
	dns, connect, tls, first, total := number(), number(), number(), number(), number()
	bodies := make([][]byte, n)
	for i := range items {
		it, a := &items[i], items[i].Attempt
		tenants[i], deliveries[i], ids[i] = it.Tenant, it.Delivery, a.ID
		classes[i], remotes[i], bodies[i] = string(a.Class), a.RemoteAddr, notNil(a.ResponseBody)
		batches[i] = a.BatchID
		numbers[i], at[i], codes[i], truncated[i] = int64(a.N), a.At.UnixMicro(), int64(a.StatusCode), boolInt(a.Truncated)
		if !a.NextAt.IsZero() {
			next[i] = a.NextAt.UnixMicro()
		}
		t := &a.Timings
		dns[i], connect[i], tls[i] = t.DNS.Microseconds(), t.Connect.Microseconds(), t.TLS.Microseconds()
		first[i], total[i] = t.FirstByte.Microseconds(), t.Total.Microseconds()
		var err error
		if requests[i], err = sqlstore.JSONText(a.RequestHeaders); err != nil {
			return step{}, err
		}
		if responses[i], err = sqlstore.JSONText(a.ResponseHeaders); err != nil {
			return step{}, err
		}
	}
	return step{text: `
		INSERT INTO postrider.attempts (tenant, delivery, n, id, at, class, status_code, truncated, dns, connect, tls,
			first_byte, total, next_at, remote_addr, request_headers, response_headers, response_body, batch)
		SELECT a.tenant, a.delivery, a.n, a.id, a.at, nullif(a.class, ''), a.status_code, a.truncated, a.dns, a.connect, a.tls,
			a.first_byte, a.total, nullif(a.next_at, 0), nullif(a.remote_addr, ''), nullif(a.request_headers, ''),
			nullif(a.response_headers, ''), nullif(a.response_body, ''), nullif(a.batch, '')
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[],
			$9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[],
			$17::text[], $18::bytea[], $19::text[])
			a (tenant, delivery, n, id, at, class, status_code, truncated, dns, connect, tls, first_byte, total, next_at,
				remote_addr, request_headers, response_headers, response_body, batch)
		ON CONFLICT (tenant, delivery, n) DO NOTHING`, args: []any{
		tenants, deliveries, numbers, ids, at, classes, codes, truncated, dns, connect, tls, first, total, next,
		remotes, requests, responses, bodies, batches,
	}}, nil
}

// fromMicros returns the time that is stored as microseconds since 1970; NULL is
// the zero time.
func fromMicros(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}
