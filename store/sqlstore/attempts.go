package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var insertAttempts = newMulti(`
	INSERT INTO postrider_attempts (tenant, delivery, n, id, at, class, status_code, truncated, dns, connect, tls, first_byte,
		total, next_at, remote_addr, request_headers, response_headers, response_body, batch)
	VALUES `, `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, `
	ON CONFLICT (tenant, delivery, n) DO NOTHING`)

// attemptHeaders are an attempt's headers as they are stored.
type attemptHeaders struct {
	request, response string
}

// encodeHeaders returns the headers of each item's attempt.
func encodeHeaders(items []store.Settled) ([]attemptHeaders, error) {
	headers := make([]attemptHeaders, len(items))
	for i := range items {
		a := items[i].Attempt
		if a == nil {
			continue
		}
		var err error
		if headers[i].request, err = JSONText(a.RequestHeaders); err != nil {
			return nil, err
		}
		if headers[i].response, err = JSONText(a.ResponseHeaders); err != nil {
			return nil, err
		}
	}
	return headers, nil
}

// insertAllAttempts writes the attempts of items, which all have one.
func insertAllAttempts(ctx context.Context, c Conn, items []store.Settled, headers []attemptHeaders) error {
	return insertAttempts.exec(ctx, c, nil, len(items), func(args []any, i int) []any {
		it, a := &items[i], items[i].Attempt
		t := &a.Timings
		return append(args, it.Tenant, it.Delivery, int64(a.N), a.ID, a.At.UnixMicro(), textOrNull(string(a.Class)),
			int64(a.StatusCode), boolInt(a.Truncated), t.DNS.Microseconds(), t.Connect.Microseconds(), t.TLS.Microseconds(),
			t.FirstByte.Microseconds(), t.Total.Microseconds(), micros(a.NextAt), textOrNull(a.RemoteAddr),
			textOrNull(headers[i].request), textOrNull(headers[i].response), bytesOrNull(a.ResponseBody), textOrNull(a.BatchID))
	})
}

// Attempts implements store.Deliveries.
func (s *Store) Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error) {
	var attempts []webhook.Attempt
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT n, id, at, class, status_code, truncated, dns, connect, tls, first_byte, total, next_at, remote_addr,
				request_headers, response_headers, response_body, batch
			FROM postrider_attempts
			WHERE tenant = ?
			AND delivery = ?
			ORDER BY n`, []any{tenant, delivery}, func(r Row) error {
			a := webhook.Attempt{Tenant: tenant, DeliveryID: delivery}
			err := scanAttempt(r, &a)
			attempts = append(attempts, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	return attempts, nil
}

func scanAttempt(r Row, a *webhook.Attempt) error {
	var dns, connect, tls, firstByte, total int64
	var request, response string
	err := r.Scan(&a.N, &a.ID, &a.At, (*string)(&a.Class), &a.StatusCode, &a.Truncated, &dns, &connect, &tls, &firstByte,
		&total, &a.NextAt, &a.RemoteAddr, &request, &response, &a.ResponseBody, &a.BatchID)
	if err != nil {
		return err
	}
	a.Timings = webhook.Timings{
		DNS: duration(dns), Connect: duration(connect), TLS: duration(tls),
		FirstByte: duration(firstByte), Total: duration(total),
	}
	if a.RequestHeaders, err = FromJSON(request); err != nil {
		return err
	}
	a.ResponseHeaders, err = FromJSON(response)
	return err
}

func duration(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
