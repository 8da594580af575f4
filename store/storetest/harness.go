package storetest

import (
	"testing"

	"github.com/postrider/postrider/store"
)

// Harness is one empty database and what else can be done with it. A nil
// function says that the store cannot do it; cases that need it are skipped.
type Harness struct {
	// Store is the store under test.
	Store store.Store
	// Second returns another Store value on the same database, as another
	// process would open it.
	Second func(t *testing.T) store.Store
	// Reopen closes Store without resigning anything, as a crash would, and
	// opens the database again.
	Reopen func(t *testing.T) store.Store
	// Begin starts a transaction of the host.
	Begin func(t *testing.T) HostTx
	// Exclusive says that the store allows only one delivering process.
	Exclusive bool
}

// HostTx is a transaction of the host.
type HostTx struct {
	// Tx publishes inside the transaction.
	Tx store.Tx
	// Commit and Rollback end it.
	Commit, Rollback func() error
}

// testCase is one promise.
type testCase struct {
	name string
	run  func(w *world)
}

// Run checks every promise of package store against the stores that open
// returns. open is called once per case, from several goroutines.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, role := range []struct {
		name  string
		cases []testCase
	}{
		{"Publishing", publishingCases},
		{"Idempotency", idempotencyCases},
		{"Tx", txCases},
		{"Directory", directoryCases},
		{"Endpoints", endpointCases},
		{"Secrets", secretCases},
		{"Leases", leaseCases},
		{"Reap", reapCases},
		{"Crashes", crashCases},
		{"Poll", pollCases},
		{"Settle", settleCases},
		{"Fences", fenceCases},
		{"Health", healthCases},
		{"Redeliver", redeliverCases},
		{"Gates", gateCases},
		{"Lanes", laneCases},
		{"Events", eventCases},
		{"Deliveries", deliveryCases},
		{"Statistics", statisticsCases},
		{"Maintenance", maintenanceCases},
		{"Settings", settingCases},
	} {
		t.Run(role.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range role.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(newWorld(t, open(t)))
				})
			}
		})
	}
}
