package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/webhook"
)

const (
	// maxKeys bounds the keys of a set: a token without the id of a key is tried with
	// each of them. Issuers have one to eight.
	maxKeys = 32
	// keysFresh is how long keys are used before they are asked for again: as long as
	// configuration is cached elsewhere.
	keysFresh = 5 * time.Minute
	// keysKept is how long keys are used while their issuer cannot be asked. A key
	// that was withdrawn meanwhile works as long.
	keysKept = time.Hour
	// askAgain is the least time between two requests for keys. It bounds what tokens
	// with made-up ids of keys cause, and how long one of a new key is refused after
	// another one was asked for.
	askAgain = 10 * time.Second
	// askTimeout bounds such a request: as a test send.
	askTimeout = 5 * time.Second
)

// keyset has the keys of an issuer, as they are at its URL. One request asks for them at
// a time; while it lasts, others go on with what is known.
type keyset struct {
	url        string
	algorithms []string
	get        func(ctx context.Context, url string) ([]byte, error)

	mu sync.Mutex
	// keys are what was answered at the time had; asked is when they were asked for
	// last.
	keys       []Key
	had, asked time.Time
	// asking is closed at the end of the request that is under way; nil if none is.
	asking chan struct{}
}

// find returns the keys that a token may be signed with. None is no error. The error is
// webhook.ErrUndecided if the issuer's keys are not known, or that of ctx.
func (s *keyset) find(ctx context.Context, id, algorithm string) ([]Key, error) {
	for {
		found, next := s.look(id, algorithm)
		switch next {
		case useThem:
			return found, nil
		case unknown:
			return nil, fmt.Errorf("%w: the keys of the issuer could not be read", webhook.ErrUndecided)
		case ask:
			s.ask(ctx)
		case wait:
			if err := s.wait(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// step is what to do about keys.
type step int

const (
	useThem step = iota
	unknown
	ask
	wait
)

// look returns the keys that are known for a token, and what to do about them. After ask
// it is the caller who asks.
func (s *keyset) look(id, algorithm string) ([]Key, step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := clock.Now()
	var found []Key
	usable := !s.had.IsZero() && now.Sub(s.had) < keysKept
	if usable {
		for _, k := range s.keys {
			if k.isFor(id, algorithm) {
				found = append(found, k)
			}
		}
	}
	late := s.asked.IsZero() || now.Sub(s.asked) >= askAgain
	switch {
	case len(found) > 0 && (now.Sub(s.had) < keysFresh || s.asking != nil || !late):
		return found, useThem
	case s.asking != nil:
		return nil, wait
	case late:
		s.asking, s.asked = make(chan struct{}), now
		return nil, ask
	case usable:
		return nil, useThem
	}
	return nil, unknown
}

// ask gets the keys anew. Who waits for them is not to be let down by a client that has
// hung up.
func (s *keyset) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	document, err := s.get(ctx, s.url)
	var keys []Key
	if err == nil {
		keys, err = keysOf(document, s.algorithms)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.keys, s.had = keys, clock.Now()
	}
	close(s.asking)
	s.asking = nil
}

func (s *keyset) wait(ctx context.Context) error {
	s.mu.Lock()
	asking := s.asking
	s.mu.Unlock()
	if asking == nil {
		return nil
	}
	select {
	case <-asking:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", webhook.ErrUndecided, ctx.Err())
	}
}

// parseSet returns the keys of a JWK set, unread.
func parseSet(document []byte) ([]json.RawMessage, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("it is no JWK set")
	}
	return set.Keys, nil
}
