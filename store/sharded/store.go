package sharded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
)

// ErrWrongShard says that a transaction is of another shard than the tenant's.
// Nothing was written. Begin one where Store.Shard says.
var ErrWrongShard = errors.New("transaction of another shard")

// Store is a store.Store that keeps each tenant in one of several others. It is
// safe for concurrent use.
type Store struct {
	shards []*shard // by name
	byName map[string]*shard

	mu sync.RWMutex
	// placed has the shards of the tenants that were met.
	placed map[string]*shard

	cursors cursors
	order   order
	// takes counts calls of Take, so that each begins with another shard.
	takes atomic.Uint64
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Sharded = (*Store)(nil)
	_ store.ShardTx = (*hostTx)(nil)
)

// shard is one of the stores.
type shard struct {
	store.Store
	name string
	at   int // its place in Store.shards
	// checked says that the store is known to be the one of that name.
	checked atomic.Bool
	// epochs has the shard's epochs by those of the Store.
	epochs sync.Map
}

// checkTimeout bounds how long New waits for a shard that does not answer.
const checkTimeout = 5 * time.Second

// New returns a Store over shards, which have a name each that must never change.
// It checks that each database is the one that has its name; those that are down
// are left for later. Errors are about maps that make no sense and databases of
// another name.
func New(ctx context.Context, shards map[string]store.Store) (*Store, error) {
	if len(shards) == 0 {
		return nil, errors.New("sharded: no shards")
	}
	s := &Store{byName: make(map[string]*shard), placed: make(map[string]*shard)}
	for i, name := range slices.Sorted(maps.Keys(shards)) {
		if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0) || shards[name] == nil {
			return nil, fmt.Errorf("sharded: shard %q needs a name and a store", name)
		}
		sh := &shard{Store: shards[name], name: name, at: i}
		s.shards, s.byName[name] = append(s.shards, sh), sh
	}
	for _, sh := range s.shards {
		down, err := sh.tryCheck(ctx)
		if err != nil && (!down || ctx.Err() != nil) {
			return nil, fmt.Errorf("sharded: %w", err)
		}
	}
	return s, nil
}

// tryCheck is check that waits for no more than a while. It reports whether an
// error says that the shard is down.
func (sh *shard) tryCheck(ctx context.Context) (down bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err = sh.check(ctx)
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) || ctx.Err() != nil, err
}

// check returns an error unless the shard's store is known to be the one of its
// name. The first one to ask names it.
func (sh *shard) check(ctx context.Context) error {
	if sh.checked.Load() {
		return nil
	}
	name, err := sh.Setting(ctx, "sharded.name", []byte(sh.name))
	if err != nil {
		return fmt.Errorf("shard %q: %w", sh.name, err)
	}
	if string(name) != sh.name {
		return fmt.Errorf("shard %q: its database is that of shard %q", sh.name, name)
	}
	sh.checked.Store(true)
	return nil
}

// Shards implements store.Sharded.
func (s *Store) Shards() map[string]store.Store {
	shards := make(map[string]store.Store, len(s.shards))
	for _, sh := range s.shards {
		shards[sh.name] = sh.Store
	}
	return shards
}

// Shard implements store.Sharded. It costs nothing for a tenant that was met
// before. store.ErrUnavailable if the tenant is on no shard that can be asked, but
// not all can be, and if its shard is one that this process does not have.
func (s *Store) Shard(ctx context.Context, tenant string) (string, error) {
	sh, err := s.place(ctx, tenant)
	if err != nil {
		return "", err
	}
	return sh.name, nil
}

// split returns, by shard, the indexes of n things that belong to tenants.
func (s *Store) split(n int, tenant func(int) string, find func(string) (*shard, error)) ([][]int, error) {
	parts := make([][]int, len(s.shards))
	for i := range n {
		sh, err := find(tenant(i))
		if err != nil {
			return nil, err
		}
		parts[sh.at] = append(parts[sh.at], i)
	}
	return parts, nil
}

// gather asks the shards about things that belong to tenants, each about its own,
// and puts the answers together.
func gather[K, V any](ctx context.Context, s *Store, things []K, tenant func(K) string, ask func(*shard, []K) ([]V, error)) ([]V, error) {
	parts, err := s.split(len(things),
		func(i int) string { return tenant(things[i]) },
		func(tenant string) (*shard, error) { return s.at(ctx, tenant) })
	if err != nil {
		return nil, err
	}
	var answers []V
	for at, part := range parts {
		if len(part) == 0 {
			continue
		}
		own := make([]K, len(part))
		for n, i := range part {
			own[n] = things[i]
		}
		values, err := ask(s.shards[at], own)
		if err != nil {
			return nil, err
		}
		answers = append(answers, values...)
	}
	return answers, nil
}

func tenantOfEvent(key store.EventKey) string { return key.Tenant }

func tenantOfLane(key store.Lane) string { return key.Tenant }

func tenantOfRow(row store.Held) string { return row.Tenant }

// partly returns the error of a call that failed on one shard. If others have
// committed their part already, nobody may take it for one that wrote nothing.
func partly(err error, committed bool) error {
	if committed {
		return fmt.Errorf("%w: another shard has committed: %v", store.ErrUnknown, err)
	}
	return err
}
