package faults_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

var (
	killRounds = flag.Int("kill.rounds", 0, "how many kills, outages or freezes a test makes; 0 for a few, or as many as reliability.md asks for if POSTRIDER_FAULTS is long")
	toxicFor   = flag.Duration("toxic.for", 0, "how long TestFaultNetwork poisons the network in each way, once; 0 for 1.2 s, or three times 20 s if POSTRIDER_FAULTS is long")
	darkFor    = flag.Duration("dark.for", 0, "how long TestFaultDark lasts with each number of dark endpoints; 0 for 7 s, or 120 s if POSTRIDER_FAULTS is long")
	hostileFor = flag.Duration("hostile.for", 0, "how long TestFaultHostile lasts; 0 for 4 s, a minute if POSTRIDER_FAULTS is set, or ten if it is long")
	soakFor    = flag.Duration("soak.for", 0, "how long TestFaultSoak lasts on each database; 0 for 6 s, or an hour if POSTRIDER_FAULTS is long")
	seedFlag   = flag.Uint64("fault.seed", 0, "the seed of the faults; 0 for a fresh one")
)

// long says that there is time for the long versions.
var long = os.Getenv("POSTRIDER_FAULTS") == "long"

// TestMain runs the tests, or, in a process that a test has started, the child.
func TestMain(m *testing.M) {
	if config := os.Getenv(childVariable); config != "" {
		os.Exit(runChild(config))
	}
	if err := makeRoom(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	// A toxic that has something in hand when its connection ends waits for ever.
	goleak.VerifyTestMain(withServers{m}, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}

// withServers are the tests of this binary, and the servers that they share.
type withServers struct {
	m *testing.M
}

// Run implements goleak.TestingM.
func (w withServers) Run() int {
	defer func() {
		for _, end := range atEnd {
			end()
		}
	}()
	return postgrestest.Run(w.m)
}

// atEnd is what is left to do after all tests.
var atEnd []func()
