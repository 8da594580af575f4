package tokens_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/tokens"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// counting counts what a store is asked, and lets it fail.
type counting struct {
	store.Tokens
	reads, uses atomic.Int32
	fails       error
	// before is called by each read, if it is not nil.
	before func(ctx context.Context)
}

func (c *counting) TokenByHash(ctx context.Context, hash []byte) (webhook.Token, error) {
	c.reads.Add(1)
	t, err := c.Tokens.TokenByHash(ctx, hash)
	if c.before != nil {
		c.before(ctx)
	}
	if c.fails != nil {
		return webhook.Token{}, c.fails
	}
	return t, err
}

func (c *counting) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	c.uses.Add(1)
	return c.Tokens.UseToken(ctx, now, tenant, id)
}

// made returns a cache over a store that has one token, and its secret.
func made(t *testing.T) (*tokens.Cache, *counting, webhook.Token, string) {
	t.Helper()
	st := &counting{Tokens: memstore.New()}
	token := webhook.Token{ID: webhook.NewID(webhook.PrefixAPIKey), Tenant: "acme", Kind: webhook.TokenAPIKey, Name: "a"}
	text := tokens.Text(token.Kind, strings.Repeat("r", 43))
	hash := tokens.HashOf(text)
	token, err := st.CreateToken(t.Context(), time.Now(), token, hash[:], 1)
	if err != nil {
		t.Fatal(err)
	}
	return tokens.New(st, zap.NewNop()), st, token, text
}

func TestManyRequestsCostOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, st, token, text := made(t)
		st.before = func(context.Context) { time.Sleep(time.Millisecond) }
		for range 3 {
			st.reads.Store(0)
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					if got, err := c.Check(t.Context(), text); err != nil || got.ID != token.ID {
						t.Errorf("Check = %v, %v; want the token", got.ID, err)
					}
				})
			}
			all.Wait()
			if n := st.reads.Load(); n != 1 {
				t.Errorf("64 checks at once asked the store %d times; want once", n)
			}
			time.Sleep(time.Second)
		}
		if n := st.uses.Load(); n != 1 {
			t.Errorf("checks of three seconds wrote %d times that the token is used; want once a minute", n)
		}
		time.Sleep(time.Minute)
		if _, err := c.Check(t.Context(), text); err != nil || st.uses.Load() != 2 {
			t.Errorf("a check a minute later: %v, and %d writes; want a second one", err, st.uses.Load())
		}
	})
}

// TestMadeUpSecretsCostNothing checks texts that nobody can have been given: none of them
// gets as far as the store.
func TestMadeUpSecretsCostNothing(t *testing.T) {
	t.Parallel()
	c, st, _, text := made(t)
	texts := []string{"", "prk_", "Bearer", text[:len(text)-1], text + "x", strings.ToUpper(text), "x" + text[1:], strings.Replace(text, "prk_", "prp_", 1), strings.Repeat("x", 1<<20)}
	for i := range text {
		other := byte('a')
		if text[i] == other {
			other = 'b'
		}
		texts = append(texts, text[:i]+string(other)+text[i+1:])
	}
	for _, text := range texts {
		if _, err := c.Check(t.Context(), text); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("Check(%.60q) = %v; want ErrInvalid", text, err)
		}
	}
	if n := st.reads.Load(); n != 0 {
		t.Errorf("the store was asked %d times; want never", n)
	}
	if _, err := c.Check(t.Context(), tokens.Text(webhook.TokenAPIKey, strings.Repeat("q", 43))); !errors.Is(err, tokens.ErrInvalid) || st.reads.Load() != 1 {
		t.Errorf("Check of a secret that was never given = %v after %d reads; want ErrInvalid after one", err, st.reads.Load())
	}
}

// TestStoreThatFailsLetsNobodyIn has the store fail: what was known a moment ago counts,
// and nothing older.
func TestStoreThatFailsLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, st, _, text := made(t)
		if _, err := c.Check(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		st.fails = store.ErrUnavailable
		if _, err := c.Check(t.Context(), text); err != nil {
			t.Errorf("Check a moment after the store was asked = %v; want what it said", err)
		}
		time.Sleep(time.Second)
		if _, err := c.Check(t.Context(), text); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Check while the store is down = %v; want ErrUnavailable", err)
		}
		st.fails = nil
		if _, err := c.Check(t.Context(), text); err != nil {
			t.Errorf("Check when it is back = %v; want the token", err)
		}
	})
}

// TestCallersOfAStoreThatHangsGiveUp has one caller wait for the store, and another one
// for that caller: both go when their contexts end.
func TestCallersOfAStoreThatHangsGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, st, _, text := made(t)
		st.before = func(ctx context.Context) { <-ctx.Done() }
		st.fails = store.ErrUnavailable
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				if _, err := c.Check(ctx, text); !errors.Is(err, store.ErrUnavailable) || time.Since(began) > time.Second {
					t.Errorf("Check = %v after %v; want ErrUnavailable when its context ends", err, time.Since(began))
				}
			})
		}
		all.Wait()
	})
}

// TestRevokedWhileItIsRead has a token revoked after the store has read it and before it
// answers: the answer counts no more.
func TestRevokedWhileItIsRead(t *testing.T) {
	t.Parallel()
	c, st, token, text := made(t)
	st.before = func(ctx context.Context) {
		st.before = nil
		if err := st.RevokeToken(ctx, time.Now(), "acme", token.ID); err != nil {
			t.Error(err)
		}
		c.Revoked(token.ID)
	}
	if _, err := c.Check(t.Context(), text); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("Check of a token that is revoked meanwhile = %v; want ErrInvalid", err)
	}
}
