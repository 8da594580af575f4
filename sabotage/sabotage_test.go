package sabotage_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/sabotage"
)

const module = "github.com/postrider/postrider/"

// long says that there is time for the fault tests too.
var long = os.Getenv("POSTRIDER_FAULTS") == "long"

func TestNothingIsMissing(t *testing.T) {
	if sabotage.NoGuard || sabotage.NoFence || sabotage.NoOutbox {
		t.Error("this build lacks a promise")
	}
}

// TestSuiteFails builds the tests of some packages without a promise and wants those
// that hold it to fail, each by itself; the rest of what runs must not be broken.
func TestSuiteFails(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests of other packages")
	}
	for _, c := range []struct {
		tag, pkg, run string
		long          bool
		must          []string // fail
	}{
		{
			tag: "postrider_no_guard", pkg: "dispatcher/transport", run: "^(TestNamesOfInternalAddresses|TestRebinding|TestMixedAnswers|TestDeniedAnswersAreNotDialled|TestListsAndKeptConnections|TestLegitimateURLsAreDialled)$",
			must: []string{"TestNamesOfInternalAddresses", "TestRebinding", "TestMixedAnswers", "TestDeniedAnswersAreNotDialled", "TestListsAndKeptConnections"},
		},
		{
			tag: "postrider_no_fence", pkg: "store/memstore", run: "^TestStore$",
			must: []string{"TestStore/Fences/StaleSettle", "TestStore/Fences/WrongEpoch", "TestStore/Fences/OtherProcess"},
		},
		{
			tag: "postrider_no_outbox", pkg: "store/memstore", run: "^TestStore$",
			must: []string{"TestStore/Tx/RollbackWritesNothing", "TestStore/Tx/NotSeenBeforeCommit"},
		},
		{tag: "postrider_no_guard", pkg: "dispatcher/e2e", run: "^TestListsHoldAtEveryAttempt$", long: true, must: []string{"TestListsHoldAtEveryAttempt"}},
		{tag: "postrider_no_fence", pkg: "store/sqlite", run: "^TestContract$", long: true, must: []string{"TestContract/Fences/StaleSettle"}},
		{tag: "postrider_no_fence", pkg: "store/postgres", run: "^TestContract$", long: true, must: []string{"TestContract/Fences/StaleSettle"}},
		{tag: "postrider_no_fence", pkg: "dispatcher/faults", run: "^TestFaultFreeze$", long: true, must: []string{"TestFaultFreeze"}}, // F2(d)
		{tag: "postrider_no_outbox", pkg: "store/sqlite", run: "^TestContract$", long: true, must: []string{"TestContract/Tx/RollbackWritesNothing"}},
		{tag: "postrider_no_outbox", pkg: "dispatcher/faults", run: "^TestFaultKillSQLite$", long: true, must: []string{"TestFaultKillSQLite"}}, // F1
		{tag: "postrider_no_outbox", pkg: "store/postgres", run: "^TestContract$", long: true, must: []string{"TestContract/Tx/RollbackWritesNothing"}},
		{tag: "postrider_no_outbox", pkg: "dispatcher/e2e", run: "^TestPublishTxGoesWithTheTransaction$", long: true, must: []string{"TestPublishTxGoesWithTheTransaction"}},
	} {
		if c.long && !long {
			continue
		}
		t.Run(c.tag+" "+c.pkg, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-tags", c.tag, "-run", c.run, module+c.pkg)
			cmd.Env = append(os.Environ(), "POSTRIDER_FAULTS=") // the short versions must find out
			out, err := cmd.CombinedOutput()
			text := string(out)
			if err == nil || strings.Contains(text, "[build failed]") || strings.Contains(text, "panic: ") {
				t.Fatalf("go test -tags %s %s = %v; want tests that fail\n%s", c.tag, c.pkg, err, text[:min(len(text), 4000)])
			}
			for _, name := range c.must {
				if !strings.Contains(text, "--- FAIL: "+name+" ") {
					t.Errorf("%s does not fail in a build with %s", name, c.tag)
				}
			}
			t.Logf("%d tests failed", strings.Count(text, "--- FAIL: "))
		})
	}
}
