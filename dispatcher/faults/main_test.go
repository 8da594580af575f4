package faults_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var (
	killRounds = flag.Int("kill.rounds", 0, "how many kills at random TestFaultKillSQLite makes; 0 for 6, or 200 if POSTRIDER_FAULTS is long")
	seedFlag   = flag.Uint64("fault.seed", 0, "the seed of the faults; 0 for a fresh one")
)

// long says that there is time for the long versions.
var long = os.Getenv("POSTRIDER_FAULTS") == "long"

// TestMain runs the tests, or, in a process that a test has started, the child.
func TestMain(m *testing.M) {
	if config := os.Getenv(childVariable); config != "" {
		os.Exit(runChild(config))
	}
	goleak.VerifyTestMain(m)
}
