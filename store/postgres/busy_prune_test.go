package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// TestPruneMillion retires a week of -million events, with all that belongs to
// them, while deliveries go on, and compares how long claims take.
func TestPruneMillion(t *testing.T) {
	if *million == 0 {
		t.Skip("-million is not set")
	}
	d := newDatabase(t, postgrestest.Shared(t))
	p := d.open(t, nil)
	d.fillWeek(t, time.Now().AddDate(0, 0, -140), *million)
	w := newTenant(t, p)
	epoch := acquire(t, p)
	// round publishes, claims and settles, and returns how long the claim took.
	round := func() time.Duration {
		w.waiting(p, 20)
		began := time.Now()
		claimed := claim(t, p, began, epoch, 500)
		took := time.Since(began)
		items := make([]store.Settled, len(claimed))
		for i, c := range claimed {
			items[i] = delivered(c, began)
		}
		if _, err := p.Settle(t.Context(), time.Now(), store.Settlement{Epoch: epoch, Items: items}); err != nil {
			t.Fatal(err)
		}
		return took
	}
	var before, during []time.Duration
	for range 2000 {
		before = append(before, round())
	}
	began := time.Now()
	var took time.Duration
	pruned := background(t, func() store.Pruned {
		day := 24 * time.Hour
		got, err := p.Prune(t.Context(), time.Now(), store.Retention{Payloads: 30 * day, Deliveries: 90 * day, Statistics: 400 * day, Tombstones: day}, 1000)
		if took = time.Since(began); err != nil {
			t.Errorf("Prune = error %v; want none", err)
		}
		return got
	})
	for len(during) < 2000 {
		during = append(during, round())
	}
	got := pruned()
	if got.Events == 0 || got.Payloads == 0 || got.Deliveries == 0 || got.Attempts == 0 {
		t.Errorf("Prune = %+v; want a week of each", got)
	}
	p99 := func(list []time.Duration) time.Duration {
		slices.Sort(list)
		return list[len(list)*99/100]
	}
	// Those during the retirement itself, which is over soon.
	early := during[:min(len(during), max(100, int(took/(5*time.Millisecond))))]
	a, b, c := p99(before), p99(slices.Clone(early)), p99(during)
	t.Logf("retired %+v in %v; claims: p99 %v before, %v during, %v during and after", got, took, a, b, c)
	if b > 2*a+5*time.Millisecond {
		t.Errorf("p99 of claims while a week is retired = %v; want at most twice the %v of before", b, a)
	}
}

// fillWeek makes the week of a time in the past, with n events that were delivered.
func (d *database) fillWeek(t *testing.T, at time.Time, n int) {
	t.Helper()
	day := at.UTC().Truncate(24 * time.Hour)
	start := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	end := start.AddDate(0, 0, 7)
	for _, table := range []struct {
		name   string
		prefix webhook.Prefix
	}{
		{"events", webhook.PrefixEvent},
		{"payloads", webhook.PrefixEvent},
		{"deliveries", webhook.PrefixDelivery},
		{"attempts", webhook.PrefixDelivery},
	} {
		d.exec(t, `CREATE TABLE :s.`+table.name+start.Format("_20060102")+` PARTITION OF :s.`+table.name+
			` FOR VALUES FROM ('`+table.prefix.Floor(start)+`') TO ('`+table.prefix.Floor(end)+`')`)
	}
	event, delivery := webhook.PrefixEvent.Floor(start)[:14], webhook.PrefixDelivery.Floor(start)[:14]
	for _, text := range []string{
		`INSERT INTO :s.events (tenant, id, type, occurred_at, published_at)
		SELECT 'old', $2::text || lpad(i::text, 16, '0'), 'a.b', 0, 0 FROM generate_series(1, $1::int) i`,
		`INSERT INTO :s.payloads (tenant, event, data)
		SELECT 'old', $2::text || lpad(i::text, 16, '0'), convert_to(repeat('x', 200), 'UTF8') FROM generate_series(1, $1::int) i`,
	} {
		d.exec(t, text, n, event)
	}
	for _, text := range []string{
		`INSERT INTO :s.deliveries (tenant, id, event, endpoint, status, attempts, claims, created_at, updated_at)
		SELECT 'old', $2::text || lpad(i::text, 16, '0'), $3::text || lpad(i::text, 16, '0'), 'ep_1', 'delivered', 1, 1, 0, 0
		FROM generate_series(1, $1::int) i`,
		`INSERT INTO :s.attempts (tenant, delivery, n, id, at, status_code, truncated, dns, connect, tls, first_byte, total)
		SELECT 'old', $2::text || lpad(i::text, 16, '0'), 1, $3::text, 0, 200, 0, 0, 0, 0, 0, 0 FROM generate_series(1, $1::int) i`,
	} {
		d.exec(t, text, n, delivery, event)
	}
	d.exec(t, `ANALYZE`)
}
