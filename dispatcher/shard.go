package dispatcher

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/directory"
	"github.com/postrider/postrider/dispatcher/engine"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/store"
)

// shard is one of the databases that tenants are spread over, and what works for
// it alone, so that one that is down holds up none of the others. It is safe for
// concurrent use.
type shard struct {
	store     store.Store
	sealer    seal.Sealer
	directory *directory.Directory
	log       *zap.Logger
	telemetry *telemetry.Telemetry
	publishes *batch.Batcher[*publication]
	// unfiltered tells of deliveries that failed as they were written.
	unfiltered func(*publication)
	// strict refuses to open a shard whose clock is far from the process's.
	strict bool

	// hashKey is the key of content hashes, or nil until the shard was opened.
	hashKey atomic.Pointer[[]byte]
	// engine is the one that delivers now, or nil.
	engine atomic.Pointer[engine.Engine]
	// leftovers are what engines have left behind that lost their lease.
	leftovers sync.WaitGroup
}

// single is a store that is not sharded: it is its own only shard.
type single struct{ store.Store }

// Shards implements store.Sharded.
func (s single) Shards() map[string]store.Store { return map[string]store.Store{"": s.Store} }

// Shard implements store.Sharded.
func (s single) Shard(context.Context, string) (string, error) { return "", nil }

func shardsOf(st store.Store) store.Sharded {
	if s, ok := st.(store.Sharded); ok {
		return s
	}
	return single{st}
}

func (d *Dispatcher) newShard(name string, st store.Store) *shard {
	s := &shard{store: st, sealer: d.sealer, directory: d.directory, log: d.log, telemetry: d.telemetry, strict: d.cfg.StrictClock, unfiltered: d.reportUnfiltered}
	if name != "" {
		s.log = d.log.With(zap.String("shard", name))
	}
	s.publishes = batch.NewBatcher(maxPublishBatch, s.flush)
	return s
}

// openShards opens what can be opened. A shard that is down is opened when it is
// first used, unless it is the only one.
func (d *Dispatcher) openShards() error {
	var down error
	opened := 0
	for _, s := range d.shards {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		err := s.open(ctx)
		cancel()
		switch {
		case err == nil:
			opened++
		case batch.Transient(err):
			down = err
			s.log.Warn("open the store; trying again when it is used", zap.Error(err))
		default:
			return err
		}
	}
	if opened == 0 {
		return down
	}
	return nil
}

// open checks the keyring against the shard and opens its key of content hashes,
// both of which the first process stores there. What was opened stays so.
func (s *shard) open(ctx context.Context) error {
	if s.hashKey.Load() != nil {
		return nil
	}
	if s.strict {
		skew, err := engine.Skew(ctx, s.store)
		if err != nil {
			return fmt.Errorf("compare clocks: %w", err)
		}
		if skew.Abs() > maxSkew {
			return fmt.Errorf("%w: it is ahead by %v", ErrClockSkew, skew.Round(time.Second))
		}
	}
	if err := s.checkKeys(ctx); err != nil {
		return err
	}
	place := seal.AssociatedData{Field: "idempotency.key"}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	sealed, err := s.sealer.Seal(ctx, key, place)
	if err != nil {
		return fmt.Errorf("seal idempotency key: %w", err)
	}
	if sealed, err = s.store.Setting(ctx, "idempotency.key", sealed); err != nil {
		return fmt.Errorf("read idempotency key: %w", err)
	}
	if key, err = s.sealer.Open(ctx, sealed, place); err != nil {
		return fmt.Errorf("open idempotency key: %w", err)
	}
	s.hashKey.Store(&key)
	return nil
}

// shardOf returns the shard of a tenant, open. A tenant that is nowhere gets one.
// An error is never store.ErrUnknown, for nothing of the caller's is written yet.
func (d *Dispatcher) shardOf(ctx context.Context, tenant string) (*shard, error) {
	name, err := d.sharded.Shard(ctx, tenant)
	if err == nil {
		s := d.shards[name]
		if err = s.open(ctx); err == nil {
			return s, nil
		}
	}
	if errors.Is(err, store.ErrUnknown) {
		err = fmt.Errorf("%w: %v", store.ErrUnavailable, err)
	}
	return nil, err
}

// errNoShard is returned for a transaction that does not say whose it is.
var errNoShard = errors.New("publish: the transaction must come from the Tx method of the sharded store")

// shardOfTx returns the shard whose transaction it is, open. Nothing is asked
// about the tenant: that could wait for the transaction.
func (d *Dispatcher) shardOfTx(ctx context.Context, tx store.Tx) (*shard, error) {
	name := ""
	if _, one := d.sharded.(single); !one {
		own, ok := tx.(store.ShardTx)
		if !ok {
			return nil, errNoShard
		}
		name = own.Shard()
	}
	s := d.shards[name]
	if s == nil {
		return nil, fmt.Errorf("publish: there is no shard %q", name)
	}
	return s, s.open(ctx)
}

// lookForJobs makes the engine look for jobs that were just stored.
func (s *shard) lookForJobs() {
	if e := s.engine.Load(); e != nil {
		e.LookForJobs()
	}
}

// wake makes the claim loop look for what was stored without a hand-over.
func (s *shard) wake() {
	if e := s.engine.Load(); e != nil {
		e.Wake()
	}
}
