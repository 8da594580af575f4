package storetest_test

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/storetest"
)

// fault is a store that is broken in one way, and the cases that must notice.
type fault struct {
	wrap     func(st *memstore.Store) storetest.Harness
	caughtBy []string
}

// faults returns all of them, by what is wrong. A suite that passes one proves nothing.
func faults() map[string]fault {
	all := maps.Clone(deliveringFaults)
	maps.Copy(all, keepingFaults)
	return all
}

// each wraps the store of either process.
func each(wrap func(store.Store) store.Store) func(*memstore.Store) storetest.Harness {
	return func(st *memstore.Store) storetest.Harness { return harness(st, wrap(st), wrap(st)) }
}

func harness(st *memstore.Store, first, second store.Store) storetest.Harness {
	return storetest.Harness{
		Store:  first,
		Second: func(*testing.T) store.Store { return second },
		Begin: func(*testing.T) storetest.HostTx {
			tx := st.Begin()
			return storetest.HostTx{Tx: tx, Commit: tx.Commit, Rollback: tx.Rollback}
		},
	}
}

// faultEnv names the fault that TestFaultyStore runs with.
const faultEnv = "STORETEST_FAULT"

// TestFaultyStore fails, in a process of its own that TestFaultsAreCaught
// starts.
func TestFaultyStore(t *testing.T) {
	fault, ok := faults()[os.Getenv(faultEnv)]
	if !ok {
		t.Skip("run by TestFaultsAreCaught")
	}
	storetest.Run(t, func(*testing.T) storetest.Harness { return fault.wrap(memstore.New()) })
}

func TestFaultsAreCaught(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaultyStore$")
			cmd.Env = append(os.Environ(), faultEnv+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("Run with a store in which %s: error %v; want a failure: the suite cannot fail", name, err)
			}
			if strings.Contains(string(out), "panic:") {
				t.Errorf("Run with a store in which %s panicked; want failures that say what is wrong", name)
			}
			for _, c := range fault.caughtBy {
				if !strings.Contains(string(out), "--- FAIL: TestFaultyStore/"+c+" ") {
					t.Errorf("Run with a store in which %s: case %s passed; want it to fail", name, c)
				}
			}
			if t.Failed() {
				t.Logf("the suite said:\n%s", out)
			}
		})
	}
}
