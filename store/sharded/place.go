package sharded

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/postrider/postrider/store"
)

// objection is how long the other shards may take to say that they have a tenant
// too, once one has said so.
const objection = 100 * time.Millisecond

// mark names the setting that a tenant's place is agreed upon in.
func mark(tenant string) string { return "sharded.tenant:" + tenant }

// place returns the shard that has a tenant, and gives one to a tenant that is
// nowhere.
func (s *Store) place(ctx context.Context, tenant string) (*shard, error) {
	sh, err := s.find(ctx, tenant)
	if sh != nil || err != nil {
		return sh, err
	}
	for _, sh := range s.shards {
		if err := sh.check(ctx); err != nil {
			return nil, fmt.Errorf("place a tenant: %w", err)
		}
	}
	wish := rank(s.shards, mark(tenant))[0].name
	name, err := s.agree(ctx, mark(tenant), []byte(wish))
	if err != nil {
		return nil, fmt.Errorf("place a tenant: %w", err)
	}
	if sh = s.byName[string(name)]; sh == nil {
		return nil, fmt.Errorf("place a tenant: %w: it is on shard %q, which this process does not have", store.ErrUnavailable, name)
	}
	s.remember(tenant, sh)
	return sh, nil
}

// agree goes through the shards in the order in which name ranks them. It writes
// a value down on each, and takes on what it finds instead. What is left in the
// end is what every process gets (see the package documentation).
func (s *Store) agree(ctx context.Context, name string, value []byte) ([]byte, error) {
	for _, sh := range rank(s.shards, name) {
		var err error
		if value, err = sh.Setting(ctx, name, value); err != nil {
			return nil, fmt.Errorf("shard %q: %w", sh.name, err)
		}
	}
	return value, nil
}

// at returns the shard to read what a tenant has, which is any if it is nowhere.
func (s *Store) at(ctx context.Context, tenant string) (*shard, error) {
	sh, err := s.find(ctx, tenant)
	if sh == nil && err == nil {
		sh = rank(s.shards, mark(tenant))[0]
	}
	return sh, err
}

// find returns the shard that has a tenant, or nil if it is nowhere.
func (s *Store) find(ctx context.Context, tenant string) (*shard, error) {
	s.mu.RLock()
	sh := s.placed[tenant]
	s.mu.RUnlock()
	if sh != nil {
		return sh, nil
	}
	sh, err := s.search(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("find a tenant's shard: %w", err)
	}
	if sh != nil {
		s.remember(tenant, sh)
	}
	return sh, nil
}

func (s *Store) remember(tenant string, sh *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.placed[tenant] = sh
}

// search asks all shards at once whether they have a tenant. Those that have not
// answered soon after one has said yes are not waited for.
func (s *Store) search(ctx context.Context, tenant string) (*shard, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		shard *shard
		has   bool
		err   error
	}
	answers := make(chan answer)
	for _, sh := range s.shards {
		go func() {
			has, err := sh.has(ctx, tenant)
			answers <- answer{sh, has, err}
		}()
	}
	var found []*shard
	var failed error
	for range s.shards {
		a := <-answers
		if a.has {
			if found = append(found, a.shard); len(found) == 1 {
				timer := time.AfterFunc(objection, cancel)
				defer timer.Stop()
			}
		}
		if a.err != nil {
			failed = fmt.Errorf("shard %q: %w", a.shard.name, a.err)
		}
	}
	switch len(found) {
	case 0:
		return nil, failed
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("tenant %q is on two shards, %q and %q", tenant, found[0].name, found[1].name)
}

// has reports whether the shard has anything of a tenant. A tenant's revision
// stays when its last endpoint is gone.
func (sh *shard) has(ctx context.Context, tenant string) (bool, error) {
	_, revision, err := sh.TenantEndpoints(ctx, tenant, math.MaxInt64)
	if err != nil || revision > 0 {
		return err == nil, err
	}
	events, err := sh.ListEvents(ctx, tenant, store.Page{Limit: 1})
	return len(events) > 0, err
}
