package e2e_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// What is published in a transaction is not handed over, but the loop is told to
// look out for it: an idle process, which polls once a second, sends it long before
// its next poll. A busy machine may need a few tries to be that quick; a process that
// was not told never is, since each try begins just after a poll.
func testPublishTxIsSentAtOnce(t *testing.T) {
	st := openStore(t, databaseFile(t))
	c := &counter{calls: make(map[string]int)}
	h := newHost(t, &tap{Store: st, on: c.on}, dispatcher.Config{})
	rc := newReceiver(t, nil)
	h.create(webhook.Endpoint{URL: rc.URL})
	h.start()
	eventually(t, "the dispatcher does not poll", func() bool { return c.of("Poll") >= 5 }) // at its slowest

	took := time.Hour
	for try := 1; try <= 20 && took > 500*time.Millisecond; try++ {
		polls := c.of("Poll")
		eventually(t, "the dispatcher does not poll", func() bool { return c.of("Poll") > polls })
		took = publishTxAndAwait(t, h, st, rc)
	}
	if took > 500*time.Millisecond {
		t.Errorf("the event arrived %v after the commit; want it within milliseconds", took)
	}
	t.Logf("arrived %v after the commit", took)
}

// publishTxAndAwait returns how long after the commit of its transaction an event
// arrives.
func publishTxAndAwait(t *testing.T, h *host, st *sqlite.Store, rc *receiver) time.Duration {
	t.Helper()
	before := rc.count()
	tx, err := st.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after the commit there is nothing to roll back
	if _, err := h.PublishTx(t.Context(), st.Tx(tx), event("a", 1)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	committed := time.Now()
	eventually(t, "the event does not arrive", func() bool { return rc.count() > before })
	return rc.got()[before].at.Sub(committed)
}
