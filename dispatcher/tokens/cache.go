package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// freshFor is how long what is known of a token counts, so that a revoked one is
	// refused within a second everywhere.
	freshFor = 900 * time.Millisecond
	// readTimeout bounds how long whoever shows a token waits for the store.
	readTimeout = 5 * time.Second
	// useEvery is how exactly the time of the last use is kept: a request must not cost
	// a write.
	useEvery = time.Minute
	// useTimeout bounds how long the one request a minute that writes it is held up.
	useTimeout = time.Second
	// most bounds the tokens that are known at a time: about 5 MB.
	most = 10_000
)

// ErrInvalid is returned for what lets nobody in: a text that is no token's secret, or that
// of a token that was revoked or has expired, or was never made.
var ErrInvalid = errors.New("token is not valid")

// Cache knows the tokens that were shown of late. It is safe for concurrent use.
type Cache struct {
	store store.Tokens
	log   *zap.Logger

	mu    sync.Mutex
	known map[Hash]*entry
	// revocations counts what this process has revoked: what was read before counts no
	// more.
	revocations uint64
}

// entry is what is known of a token. reading has room for the one who asks the store;
// the rest is guarded by the cache's mutex.
type entry struct {
	reading chan struct{}
	token   webhook.Token
	read    time.Time // zero before the first answer
	used    time.Time // when its last use was written down
}

// New returns a cache that knows nothing yet.
func New(st store.Tokens, log *zap.Logger) *Cache {
	return &Cache{store: st, log: log, known: make(map[Hash]*entry)}
}

// Check returns the token whose secret a text is. Errors are ErrInvalid, and
// store.ErrUnavailable, which says nothing about the token.
func (c *Cache) Check(ctx context.Context, text string) (webhook.Token, error) {
	if !wellFormed(text) {
		return webhook.Token{}, ErrInvalid
	}
	hash := HashOf(text)
	e := c.entry(hash)
	for {
		if t, ok := c.fresh(e); ok {
			return valid(t)
		}
		select {
		case e.reading <- struct{}{}:
		case <-ctx.Done():
			return webhook.Token{}, fmt.Errorf("check token: %w: %w", store.ErrUnavailable, ctx.Err())
		}
		t, ok := c.fresh(e) // somebody else may have asked meanwhile
		var err error
		if !ok {
			t, ok, err = c.read(ctx, hash, e)
		}
		<-e.reading
		if err != nil {
			return webhook.Token{}, err
		}
		if ok {
			c.use(ctx, e, t)
			return valid(t)
		}
	}
}

func valid(t webhook.Token) (webhook.Token, error) {
	if t.Expired(clock.Now()) {
		return webhook.Token{}, ErrInvalid
	}
	return t, nil
}

// entry returns what is known under a hash, and makes room for it.
func (c *Cache) entry(hash Hash) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.known[hash]
	if e == nil {
		if len(c.known) >= most {
			c.forgetOld()
		}
		e = &entry{reading: make(chan struct{}, 1)}
		c.known[hash] = e
	}
	return e
}

// forgetOld forgets what was not asked for of late; if that is nothing, all.
func (c *Cache) forgetOld() {
	now := clock.Now()
	for hash, e := range c.known {
		if now.Sub(e.read) >= freshFor {
			delete(c.known, hash)
		}
	}
	if len(c.known) >= most {
		clear(c.known)
	}
}

func (c *Cache) fresh(e *entry) (webhook.Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return e.token, !e.read.IsZero() && clock.Now().Sub(e.read) < freshFor
}

// read asks the store. It reports false if a token was revoked here meanwhile, so that it
// has to be asked again.
func (c *Cache) read(ctx context.Context, hash Hash, e *entry) (webhook.Token, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	c.mu.Lock()
	before := c.revocations
	c.mu.Unlock()
	asked := clock.Now()
	t, err := c.store.TokenByHash(ctx, hash[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.forget(hash, e)
		return t, false, ErrInvalid
	case err != nil:
		return t, false, err
	case c.revocations != before:
		return t, false, nil
	}
	e.token, e.read = t, asked
	return t, true, nil
}

// forget removes an entry, unless another one is known under the hash by now.
func (c *Cache) forget(hash Hash, e *entry) {
	if c.known[hash] == e {
		delete(c.known, hash)
	}
}

// use writes down that a token is used, unless it is so already for the minute. What
// fails is tried again a minute later.
func (c *Cache) use(ctx context.Context, e *entry, t webhook.Token) {
	now := clock.Now()
	c.mu.Lock()
	due := !t.Expired(now) && now.Sub(t.LastUsedAt) >= useEvery && now.Sub(e.used) >= useEvery
	if due {
		e.used = now
	}
	c.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), useTimeout)
	defer cancel()
	if err := c.store.UseToken(ctx, now, t.Tenant, t.ID); err != nil {
		c.log.Debug("write down that a token was used", zap.String("token", t.ID), zap.Error(err))
	}
}

// Revoked makes the cache refuse a token that was just revoked.
func (c *Cache) Revoked(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revocations++
	for hash, e := range c.known {
		if e.token.ID == id {
			e.read = time.Time{}
			delete(c.known, hash)
		}
	}
}
