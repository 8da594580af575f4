//go:build !race

package signer_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// A sender of 10,000 webhooks a second can afford the token and nothing else.
// (The race detector makes pools forget, hence the build tag.)
func TestSignAllocations(t *testing.T) {
	secret, at, body := newSecret(t), time.Now(), make([]byte, 1024)
	signers := []signer.Signer{secret}
	ctx := t.Context()
	got := testing.AllocsPerRun(1000, func() {
		if _, err := signer.Header(ctx, "evt_1", at, body, signers...); err != nil {
			t.Error(err)
		}
	})
	if got > 1 {
		t.Errorf("Header with one Secret allocates %v times; want once, for its result", got)
	}
}
