package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

const (
	// renewBefore is how long before its end a token is replaced: an attempt that
	// begins with it may last so long. Of a token that lives for less than four
	// times that it is a quarter of its life.
	renewBefore = webhook.MaxTimeout
	// renewPause is the least time between two tokens that were asked for because
	// a receiver refused the one before: as long as the breaker of a lane waits
	// at least after five refusals (design.md section 7).
	renewPause = 5 * time.Second
	// retryEarly is how long a source waits, after it failed to replace a token
	// that is still good, before it tries again.
	retryEarly = time.Second
)

// source is where the tokens of one credential come from. Of all who ask at once
// one fetches, and the others wait for what it gets.
type source struct {
	// fetch asks the token endpoint.
	fetch func(context.Context, guard.Scope) (grant, error)

	mu      sync.Mutex
	present grant
	// renewAt is when the present token is to be replaced.
	renewAt time.Time
	// refusedAt is when a token was last given up because a receiver refused it.
	refusedAt time.Time
	// under is the fetch under way, or nil.
	under *fetching
}

// grant is a token and the time at which it ends.
type grant struct {
	token string
	until time.Time
}

// fetching is a fetch under way. err is set before done is closed.
type fetching struct {
	done chan struct{}
	err  error
}

// errAbandoned says that whoever fetched was called off, which is no answer to
// those who waited.
var errAbandoned = errors.New("fetch of a token was called off")

// token returns a token that is good now. The error is ctx's, or why there is
// none.
func (s *source) token(ctx context.Context, scope guard.Scope) (string, error) {
	for {
		s.mu.Lock()
		now := clock.Now()
		good := s.present.token != "" && now.Before(s.present.until)
		if good && (now.Before(s.renewAt) || s.under != nil) {
			defer s.mu.Unlock()
			return s.present.token, nil
		}
		if s.under == nil {
			return s.lead(ctx, scope, good)
		}
		f := s.under
		s.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if f.err != nil && !errors.Is(f.err, errAbandoned) {
			return "", f.err
		}
	}
}

// lead fetches a token for all who wait. It is called under the mutex, which it
// unlocks. A token that is still good is good enough if there is no other.
func (s *source) lead(ctx context.Context, scope guard.Scope, good bool) (string, error) {
	f := &fetching{done: make(chan struct{}), err: errAbandoned} // also if fetch panics
	s.under = f
	present := s.present
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.under = nil
		s.mu.Unlock()
		close(f.done)
	}()

	got, err := s.fetch(ctx, scope)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now := clock.Now(); {
	case err == nil:
		f.err, s.present = nil, got
		s.renewAt = got.until.Add(-min(renewBefore, got.until.Sub(now)/4))
		return got.token, nil
	case good && now.Before(present.until):
		f.err, s.renewAt = nil, now.Add(retryEarly)
		return present.token, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	f.err = err
	return "", err
}

// renew returns a token that is not the refused one, or "" if there is none to
// try. The error is that of token.
func (s *source) renew(ctx context.Context, scope guard.Scope, refused string) (string, error) {
	s.mu.Lock()
	if now := clock.Now(); s.present.token == refused {
		if now.Sub(s.refusedAt) < renewPause {
			s.mu.Unlock()
			return "", nil
		}
		s.present, s.refusedAt = grant{}, now
	}
	s.mu.Unlock()
	return s.token(ctx, scope)
}

// maxSources bounds the sources that are kept, together with as many that were not
// used since: with tokens of 4 KiB at most some 40 MiB, in practice a tenth.
const maxSources = 5000

// sources are all sources of a process, in bounded memory: one that was not asked
// while maxSources others were is forgotten with its token.
type sources struct {
	tokens transport.Transport

	mu           sync.Mutex
	recent, past map[sourceKey]*source
}

func newSources(tokens transport.Transport) *sources {
	return &sources{tokens: tokens, recent: make(map[sourceKey]*source)}
}

// of returns the source of an endpoint's credentials.
func (ss *sources) of(c *Credentials) *source {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.recent[c.source]
	if s == nil {
		if s = ss.past[c.source]; s == nil {
			s = ss.new(c)
		}
		if len(ss.recent) >= maxSources {
			ss.recent, ss.past = make(map[sourceKey]*source), ss.recent
		}
		ss.recent[c.source] = s
	}
	return s
}

func (ss *sources) new(c *Credentials) *source {
	credential, settings := c.auth, c.tls
	return &source{fetch: func(ctx context.Context, scope guard.Scope) (grant, error) {
		return fetch(ctx, roundTripper{ss.tokens, scope, settings}, credential)
	}}
}
