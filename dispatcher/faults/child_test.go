package faults_test

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock/stalls"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// child is the process under test: one store, one dispatcher, and the orders of
// its parent, each on a goroutine of its own, so that those that come together
// share commits.
type child struct {
	cfg    childConfig
	log    io.Writer
	store  *observedStore
	d      *dispatcher.Dispatcher
	host   *hostHandle // nil unless cfg.Host is set
	pool   *pgxpool.Pool
	closes []func() error
	stalls *stalls.Watch // nil unless cfg.WatchStalls is set
	cancel context.CancelFunc
	done   chan error // what Run returned
	orders sync.WaitGroup
	mu     sync.Mutex // guards what goes to the parent
}

// runChild runs a child until its input ends, and returns its exit code.
func runChild(config string) int {
	c := child{log: os.Stderr}
	err := json.Unmarshal([]byte(config), &c.cfg)
	if err == nil {
		err = c.run(os.Stdin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	return 0
}

func (c *child) run(in io.Reader) error {
	if err := prepare(c.cfg); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	c.say(answer{})
	for dec := json.NewDecoder(in); ; {
		var o order
		if err := dec.Decode(&o); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		if o.Do == doClose {
			err := c.close()
			c.say(answer{Seq: o.Seq, Error: text(err)})
			continue
		}
		c.orders.Go(func() { c.say(c.obey(o)) })
	}
	return c.close()
}

func (c *child) open() error {
	ctx := context.Background()
	st, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	c.store = &observedStore{Store: c.cfg.Sabotage.of(st, c.pool, c.cfg.Schema)}
	st = c.store
	if c.cfg.Failpoint != nil {
		st = &mortalStore{Store: st, at: *c.cfg.Failpoint}
	}
	sender, err := c.transport()
	if err != nil {
		return err
	}
	if c.d, err = dispatcher.New(st, dispatcher.Config{
		AllowPlaintextSecrets: true,
		Logger: zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
			zapcore.Lock(zapcore.AddSync(c.log)), zap.InfoLevel)),
		HTTP:      openGuard,
		Transport: sender,
		Slots:     c.cfg.Slots,
		Lease:     c.cfg.Lease,

		RedeliverRate: c.cfg.RedeliverRate,
		Retention:     c.cfg.Retention,
		DrainTimeout:  5 * time.Second,
	}); err != nil {
		return err
	}
	if c.cfg.WatchStalls {
		c.stalls = stalls.Start()
		c.closes = append(c.closes, func() error { c.stalls.Stop(); return nil })
	}
	ctx, c.cancel = context.WithCancel(ctx)
	c.done = make(chan error, 1)
	if c.cfg.Idle {
		c.done <- nil
		return nil
	}
	go func() { c.done <- c.d.Run(ctx) }()
	return nil
}

// openStore opens the database.
func (c *child) openStore(ctx context.Context) (store.Store, error) {
	if c.cfg.Path == "" {
		pool, err := pgxpool.New(ctx, c.cfg.DSN)
		if err != nil {
			return nil, err
		}
		c.pool = pool
		c.closes = append(c.closes, func() error { pool.Close(); return nil })
		return postgres.New(ctx, pool, postgres.Config{Schema: c.cfg.Schema})
	}
	st, err := sqlite.Open(ctx, c.cfg.Path)
	if err != nil {
		return nil, err
	}
	c.closes = append(c.closes, st.Close)
	if c.cfg.Host == "" {
		return st, nil
	}
	// The last setting of a pragma is the one that counts.
	db, err := sql.Open("sqlite", sqlite.DSN(c.cfg.Path)+"&_pragma=synchronous("+c.cfg.Host+")")
	if err != nil {
		return nil, err
	}
	c.host = &hostHandle{db, st}
	c.closes = append(c.closes, db.Close)
	return st, nil
}

// hostHandle is a host's own handle on the database.
type hostHandle struct {
	db    *sql.DB
	store *sqlite.Store
}

// openGuard lets deliveries go to receivers on loopback.
var openGuard = transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}}

// transport says with every request who sends it.
func (c *child) transport() (transport.Transport, error) {
	next, err := transport.NewHTTP(openGuard)
	if err != nil {
		return nil, err
	}
	c.closes = append(c.closes, func() error { next.CloseIdleConnections(); return nil })
	life := []string{strconv.Itoa(c.cfg.Life)}
	return transport.TransportFunc(func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
		own := *req
		own.Header = maps.Clone(req.Header)
		own.Header[lifeHeader] = life
		return next.Send(ctx, &own)
	}), nil
}

// close drains and closes the store, once.
func (c *child) close() error {
	c.orders.Wait()
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	c.cancel = nil
	errs := []error{<-c.done}
	for _, end := range slices.Backward(c.closes) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// say sends an answer in one write, unbuffered: what the parent does not find in
// the pipe was never said.
func (c *child) say(a answer) {
	line, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = os.Stdout.Write(append(line, '\n')) // a parent that is gone closes our input too
}

func (c *child) obey(o order) answer {
	began := time.Now()
	a := answer{Seq: o.Seq, Key: o.Key}
	var err error
	switch o.Do {
	case doPublish:
		a.Receipt, err = c.publish(o)
		a.Result = resultOf(err)
	case doPending:
		var pending []webhook.Delivery
		pending, err = c.store.ListDeliveries(context.Background(), tenant,
			store.DeliveryFilter{Status: webhook.DeliveryPending}, store.Page{Limit: 1})
		a.N = int64(len(pending))
	case doStale:
		a.N = c.store.stale.Load()
	case doClaims:
		a.N = c.store.claimTimes().Microseconds()
	case doStalls:
		a.N = c.stalls.Longest().Microseconds()
	case doMemory:
		a.N, err = peakMemory()
	case doLimit:
		err = limitFiles(o.N)
	case doBallast:
		err = leaveFree(c.cfg, o.N)
	default:
		err = fmt.Errorf("unknown order %q", o.Do)
	}
	a.Micros = time.Since(began).Microseconds()
	a.Error, a.Unavailable = text(err), errors.Is(err, store.ErrUnavailable)
	return a
}

func (c *child) publish(o order) (webhook.Receipt, error) {
	patience := c.cfg.Patience
	if patience == 0 {
		patience = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ev := webhook.Event{Tenant: cmp.Or(o.Tenant, tenant), Type: o.Type, Data: o.Data, IdempotencyKey: o.Key, OrderingKey: o.OrderingKey}
	if c.host == nil {
		return c.d.Publish(ctx, ev)
	}
	tx, err := c.host.db.BeginTx(ctx, nil)
	if err != nil {
		return webhook.Receipt{}, err
	}
	receipt, err := c.d.PublishTx(ctx, c.host.store.Tx(tx), ev)
	if err != nil {
		return webhook.Receipt{}, errors.Join(err, tx.Rollback())
	}
	return receipt, tx.Commit()
}

func resultOf(err error) result {
	switch {
	case err == nil:
		return acknowledged
	case errors.Is(err, store.ErrUnknown):
		return unknown
	}
	return refused
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// peakMemory returns the most memory that the process has had resident, in bytes,
// or 0 where the system does not say.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	var kilobytes int64
	if err == nil {
		_, err = fmt.Fscan(bytes.NewReader(rest), &kilobytes)
	}
	return kilobytes << 10, err
}

// observedStore counts the outcomes that the store refuses, and times its claims.
type observedStore struct {
	store.Store
	stale  atomic.Int64
	mu     sync.Mutex // guards claims
	claims webhook.Histogram
}

// Settle implements store.Queue.
func (s *observedStore) Settle(ctx context.Context, now time.Time, settlement store.Settlement) (store.SettleResult, error) {
	result, err := s.Store.Settle(ctx, now, settlement)
	s.stale.Add(int64(len(result.Lost)))
	return result, err
}

// Poll implements store.Queue.
func (s *observedStore) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	defer s.timeClaim(time.Now())
	return s.Store.Poll(ctx, now, epoch, limit, admit)
}

// Take implements store.Lanes.
func (s *observedStore) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	defer s.timeClaim(time.Now())
	return s.Store.Take(ctx, now, epoch, limit, asking, turn)
}

func (s *observedStore) timeClaim(began time.Time) {
	took := time.Since(began)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims.Add(took)
}

func (s *observedStore) claimTimes() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims.Quantile(0.99)
}
