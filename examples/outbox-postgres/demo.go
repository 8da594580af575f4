package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
)

// result counts what came of the requests.
type result struct {
	committed, received, rolledBack, duplicates int
}

// script returns the requests of the demonstration and what must come of them.
func script() (requests []order, want result) {
	teapots := 2 // in stock
	for n := range 60 {
		o := order{Item: "cup", Quantity: 1 + n%3, key: strconv.Itoa(n)}
		switch n % 6 {
		case 0: // breaks a rule before its event is published
			o.Quantity = 0
			want.rolledBack++
		case 1: // breaks a rule after that, once there are no more of them
			o.Item, o.Quantity = "teapot", 1
			if teapots--; teapots < 0 {
				want.rolledBack++
			}
		case 2: // comes twice
			requests = append(requests, o)
			want.duplicates++
		}
		requests = append(requests, o)
	}
	want.committed = len(requests) - want.rolledBack - want.duplicates
	want.received = want.committed
	return requests, want
}

// demo sends the requests, eight at a time, waits until the events have arrived,
// and returns an error unless they are those of the orders that were committed.
func (s *shop) demo(ctx context.Context) error {
	requests, want := script()
	answers := make([]int, len(requests))
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for n := i; n < len(requests); n += 8 {
				answers[n] = s.post(ctx, requests[n])
			}
		})
	}
	clients.Wait()
	got := make(map[int]int) // by status
	for _, status := range answers {
		got[status]++
	}
	for len(s.receiver.received()) < got[http.StatusCreated] && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	if err := s.drain(); err != nil { // what has not arrived now never does
		return err
	}
	return s.report(ctx, want, result{got[http.StatusCreated], len(s.receiver.received()), got[http.StatusUnprocessableEntity], got[http.StatusConflict]})
}

// post sends a request until somebody says what came of it, which its key makes
// safe, and returns the status.
func (s *shop) post(ctx context.Context, o order) int {
	for ctx.Err() == nil {
		body := fmt.Sprintf(`{"item":%q,"quantity":%d}`, o.Item, o.Quantity)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/orders", strings.NewReader(body))
		if err != nil {
			return 0
		}
		req.Header.Set("Idempotency-Key", o.key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			return resp.StatusCode
		}
	}
	return 0
}

// report prints a table of what was counted, and compares it, and each order that
// was announced, with what must be.
func (s *shop) report(ctx context.Context, want, got result) error {
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\ndriver\torders committed\tevents received\trolled back\tduplicates refused\ttransactions repeated")
	fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\n", s.driver, got.committed, got.received, got.rolledBack, got.duplicates, s.repeated.Load())
	t.Flush()
	rows, _ := s.pool.Query(ctx, `SELECT id, item, quantity FROM orders`) // CollectRows returns its error
	orders, err := pgx.CollectRows(rows, pgx.RowToStructByPos[order])
	if err != nil {
		return err
	}
	committed, announced := make(map[order]int), make(map[order]int)
	for _, o := range orders {
		committed[o]++
	}
	for _, o := range s.receiver.received() {
		announced[o]++
	}
	if got != want || !maps.Equal(committed, announced) {
		return fmt.Errorf("got %+v; want %+v, and what was committed announced:\ncommitted %v\nannounced %v", got, want, committed, announced)
	}
	return nil
}
