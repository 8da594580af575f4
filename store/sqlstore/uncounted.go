package sqlstore

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Counting every settlement at once would cost more than all else that it
// writes: each endpoint in it has two rows of statistics. So a settlement adds
// one row with what is to be counted, and every countEvery items they are
// counted together. Who reads statistics adds what is not yet counted.

// countEvery is how many items of a process are counted together.
const countEvery = 1024

// note writes what is to be counted of settled items, and counts what there is
// if it has become much.
func (s *Store) note(ctx context.Context, c Conn, process int64, attempted []store.Settled) error {
	if len(attempted) == 0 {
		return nil
	}
	if _, err := c.Exec(ctx, `
		INSERT INTO postrider_uncounted (process, batch)
		VALUES (?, ?)`, process, EncodeUncounted(attempted)); err != nil {
		return err
	}
	// After a failed commit this is more than there is, which does no harm.
	if !s.enough(len(attempted)) {
		return nil
	}
	return s.countProcess(ctx, c, process)
}

// enough adds to what is not yet counted, and reports whether it is time to.
func (s *Store) enough(items int) bool {
	if s.uncounted.Add(int64(items)) < countEvery {
		return false
	}
	s.uncounted.Store(0)
	return true
}

// CountSettled is told how many items a process has just settled, and now and then
// counts them all in a transaction of its own. It is for databases where this
// would hold up the transaction of the settlement.
func (s *Store) CountSettled(ctx context.Context, process int64, items int) error {
	if items == 0 || !s.enough(items) {
		return nil
	}
	return wrap("count", s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		return s.countProcess(ctx, c, process)
	}))
}

func (s *Store) countProcess(ctx context.Context, c Conn, process int64) error {
	return s.countNoted(ctx, c, `
		SELECT seq, process, batch
		FROM postrider_uncounted
		WHERE process = ?`, process)
}

// countNoted counts the rows of a query and removes them.
func (s *Store) countNoted(ctx context.Context, c Conn, query string, args ...any) error {
	items := make(map[int64][]store.Settled, 1)
	var rows []int64
	err := c.Query(ctx, query+s.dialect.SkipLocked, args, func(r Row) error {
		var seq, process int64
		var batch []byte
		if err := r.Scan(&seq, &process, &batch); err != nil {
			return err
		}
		rows = append(rows, seq)
		decoded, err := decodeUncounted(batch)
		items[process] = append(items[process], decoded...)
		return err
	})
	if err != nil {
		return err
	}
	for process := range items {
		if s.dialect.Lock != nil {
			if err := s.dialect.Lock(ctx, c, process); err != nil {
				return err
			}
		}
		if err := s.count(ctx, c, process, store.Tally(items[process])); err != nil {
			return err
		}
	}
	return deleteUncounted.execList(ctx, c, nil, len(rows), func(args []any, i int) []any {
		return append(args, rows[i])
	})
}

var deleteUncounted = newMulti(`
	DELETE FROM postrider_uncounted
	WHERE seq IN (`, `?`, `)`)

// uncountedOf returns the counts of one scope that are not yet counted.
func uncountedOf(ctx context.Context, c Conn, tenant string, scope store.StatScope) (map[store.TallyKey]*webhook.Counts, error) {
	var items []store.Settled
	err := c.Query(ctx, `
		SELECT batch
		FROM postrider_uncounted`, nil, func(r Row) error {
		var batch []byte
		if err := r.Scan(&batch); err != nil {
			return err
		}
		decoded, err := decodeUncounted(batch)
		for _, it := range decoded {
			if it.Tenant == tenant && (scope.Endpoint == "" || scope.Endpoint == it.Endpoint) &&
				(scope.EventType == "" || scope.EventType == it.EventType) {
				items = append(items, it)
			}
		}
		return err
	})
	return store.Tally(items), err
}

// EncodeUncounted encodes what Tally looks at, for the table of what is not yet
// counted. Texts are numbered in the order they first occur, and written there.
func EncodeUncounted(items []store.Settled) []byte {
	b := make([]byte, 0, 64+32*len(items))
	numbers := make(map[string]uint64, 8)
	text := func(s string) {
		n, ok := numbers[s]
		if !ok {
			n = uint64(len(numbers))
			numbers[s] = n
		}
		if b = binary.AppendUvarint(b, n); !ok {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	for i := range items {
		it := &items[i]
		text(it.Tenant)
		text(it.Endpoint)
		text(it.EventType)
		text(string(it.Attempt.Class))
		if it.Attempt.Class != webhook.ClassNone { // of others the status is not counted
			b = binary.AppendVarint(b, int64(it.Attempt.StatusCode))
		}
		text(string(it.Status))
		b = binary.AppendVarint(b, it.Attempt.At.Unix())
		b = binary.AppendVarint(b, int64(it.Attempt.Timings.Total))
	}
	return b
}

// decodeUncounted is the reverse of EncodeUncounted.
func decodeUncounted(b []byte) ([]store.Settled, error) {
	d := uncountedReader{rest: b}
	var items []store.Settled
	for len(d.rest) > 0 {
		it := store.Settled{Attempt: new(webhook.Attempt)}
		it.Tenant, it.Endpoint, it.EventType = d.text(), d.text(), d.text()
		if it.Attempt.Class = webhook.ErrorClass(d.text()); it.Attempt.Class != webhook.ClassNone {
			it.Attempt.StatusCode = int(d.varint())
		}
		it.Status = webhook.DeliveryStatus(d.text())
		it.Attempt.At = time.Unix(d.varint(), 0)
		it.Attempt.Timings.Total = time.Duration(d.varint())
		if d.malformed {
			return nil, errUncounted
		}
		items = append(items, it)
	}
	return items, nil
}

var errUncounted = errors.New("malformed statistics")

// uncountedReader reads the parts of an encoding. After an error it is at the
// end.
type uncountedReader struct {
	rest      []byte
	texts     []string
	malformed bool
}

func (d *uncountedReader) text() string {
	n := d.uvarint()
	if n < uint64(len(d.texts)) {
		return d.texts[n]
	}
	size := d.uvarint()
	if n > uint64(len(d.texts)) || size > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := string(d.rest[:size])
	d.rest = d.rest[size:]
	d.texts = append(d.texts, s)
	return s
}

func (d *uncountedReader) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *uncountedReader) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *uncountedReader) fail() { d.rest, d.malformed = nil, true }
