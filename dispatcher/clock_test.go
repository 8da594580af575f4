package dispatcher_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
)

// clocked is a store whose clock is ahead.
type clocked struct {
	store.Store
	ahead atomic.Int64
}

func newClocked(ahead time.Duration) *clocked {
	c := &clocked{Store: memstore.New()}
	c.ahead.Store(int64(ahead))
	return c
}

func (c *clocked) Now(context.Context) (time.Time, error) {
	return time.Now().Add(time.Duration(c.ahead.Load())), nil
}

func TestStrictClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ahead  time.Duration
		strict bool
		want   error
	}{
		{ahead: 0, strict: true},
		{ahead: 239 * time.Second, strict: true},
		{ahead: 241 * time.Second, strict: true, want: dispatcher.ErrClockSkew},
		{ahead: -241 * time.Second, strict: true, want: dispatcher.ErrClockSkew},
		{ahead: time.Hour},
	} {
		_, err := dispatcher.New(newClocked(c.ahead), dispatcher.Config{AllowPlaintextSecrets: true, StrictClock: c.strict})
		if !errors.Is(err, c.want) {
			t.Errorf("New with the database %v ahead, strict %t = %v; want %v", c.ahead, c.strict, err, c.want)
		}
	}
}

// A clock that is wrong is warned of once, and again if it was right in between.
func TestSkewIsWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		st := newClocked(61 * time.Second)
		w := newWorld(t, st, dispatcher.Config{Logger: zap.New(core)})
		defer w.run()()
		warnings := func() int { return logs.FilterMessageSnippet("far from the database's").Len() }
		wait(30 * time.Second)
		want(t, "warnings after half a minute", warnings(), 1)
		st.ahead.Store(int64(-30 * time.Second))
		wait(time.Minute)
		want(t, "all-clears", logs.FilterMessageSnippet("near the database's again").Len(), 1)
		st.ahead.Store(int64(-2 * time.Minute))
		wait(30 * time.Second)
		want(t, "warnings after the clock went wrong again", warnings(), 2)
	})
}
