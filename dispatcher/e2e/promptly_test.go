package e2e_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/webhook"
)

// What is published in a transaction is not handed over, but the loop is told to
// look out for it: an idle process, which polls once a second, sends it long before
// its next poll.
func testPublishTxIsSentAtOnce(t *testing.T) {
	st := openStore(t, databaseFile(t))
	c := &counter{calls: make(map[string]int)}
	h := newHost(t, &tap{Store: st, on: c.on}, dispatcher.Config{})
	rc := newReceiver(t, nil)
	h.create(webhook.Endpoint{URL: rc.URL})
	h.start()
	eventually(t, "the dispatcher does not poll", func() bool { return c.of("Poll") >= 5 }) // at its slowest

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
	eventually(t, "the event does not arrive", func() bool { return rc.count() > 0 })
	took := rc.got()[0].at.Sub(committed)
	if took > 500*time.Millisecond {
		t.Errorf("the event arrived %v after the commit; want it within milliseconds", took)
	}
	t.Logf("arrived %v after the commit", took)
}
