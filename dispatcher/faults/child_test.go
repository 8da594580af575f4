package faults_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// child is the process under test: one store, one dispatcher, and the orders of
// its parent, each on a goroutine of its own, so that those that come together
// share commits.
type child struct {
	cfg    childConfig
	store  *sqlite.Store
	d      *dispatcher.Dispatcher
	host   *sql.DB // nil unless cfg.Host is set
	cancel context.CancelFunc
	done   chan error // what Run returned
	orders sync.WaitGroup
	mu     sync.Mutex // guards what goes to the parent
}

// runChild runs a child until its input ends, and returns its exit code.
func runChild(config string) int {
	var c child
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
		c.orders.Go(func() { c.obey(o) })
	}
	return c.close()
}

func (c *child) open() error {
	ctx := context.Background()
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	if c.store, err = sqlite.Open(ctx, c.cfg.Path); err != nil {
		return err
	}
	if c.cfg.Host != "" {
		// The last setting of a pragma is the one that counts.
		if c.host, err = sql.Open("sqlite", sqlite.DSN(c.cfg.Path)+"&_pragma=synchronous("+c.cfg.Host+")"); err != nil {
			return err
		}
	}
	st := c.cfg.Sabotage.of(c.store)
	if c.cfg.Failpoint != nil {
		st = &mortalStore{Store: st, at: *c.cfg.Failpoint}
	}
	if c.d, err = dispatcher.New(st, dispatcher.Config{
		AllowPlaintextSecrets: true,
		Logger:                logger,
		HTTP:                  transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
		Slots:                 c.cfg.Slots,
		DrainTimeout:          5 * time.Second,
	}); err != nil {
		return err
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

// close drains and closes the store, once.
func (c *child) close() error {
	c.orders.Wait()
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	c.cancel = nil
	errs := []error{<-c.done}
	if c.host != nil {
		errs = append(errs, c.host.Close())
	}
	return errors.Join(append(errs, c.store.Close())...)
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

func (c *child) obey(o order) {
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
	case doLimit:
		err = limitFiles(o.N)
	case doBallast:
		err = leaveFree(c.cfg, o.N)
	default:
		err = fmt.Errorf("unknown order %q", o.Do)
	}
	a.Micros = time.Since(began).Microseconds()
	a.Error, a.Unavailable = text(err), errors.Is(err, store.ErrUnavailable)
	c.say(a)
}

func (c *child) publish(o order) (webhook.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ev := webhook.Event{Tenant: tenant, Type: o.Type, Data: o.Data, IdempotencyKey: o.Key}
	if c.host == nil {
		return c.d.Publish(ctx, ev)
	}
	tx, err := c.host.BeginTx(ctx, nil)
	if err != nil {
		return webhook.Receipt{}, err
	}
	receipt, err := c.d.PublishTx(ctx, c.store.Tx(tx), ev)
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
