package e2e_test

import "testing"

// The tests that measure run together, before all parallel ones, so that what they
// measure is not how busy the machine is.
func TestTimings(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"PublishTx is sent at once":            testPublishTxIsSentAtOnce,
		"restart delivers at once":             testRestartDeliversAtOnce,
		"sends stop elsewhere within a second": testSendsStopElsewhere,
		"changes are seen elsewhere":           testChangesAreSeenElsewhere,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}
