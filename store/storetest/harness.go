package storetest

import (
	"testing"
	"time"

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
	// Part is the length of the parts that the store removes history in, if it
	// does not remove row by row. Things are then kept for up to that much
	// longer, and cases that count rows as they go are skipped.
	Part time.Duration
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

// role is a part of the contract with its cases.
type role struct {
	name  string
	cases []testCase
}

// Run checks every promise of package store against the stores that open
// returns. open is called once per case, from several goroutines.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	run(t, open,
		role{"Publishing", publishingCases},
		role{"Idempotency", idempotencyCases},
		role{"Ended", endedCases},
		role{"Tx", txCases},
		role{"Directory", directoryCases},
		role{"Endpoints", endpointCases},
		role{"Secrets", secretCases},
		role{"Leases", leaseCases},
		role{"Reap", reapCases},
		role{"Crashes", crashCases},
		role{"Poll", pollCases},
		role{"Settle", settleCases},
		role{"Fences", fenceCases},
		role{"Health", healthCases},
		role{"Recovery", recoveryCases},
		role{"Redeliver", redeliverCases},
		role{"Cancel", cancelCases},
		role{"Quotas", quotaCases},
		role{"Gates", gateCases},
		role{"Lanes", laneCases},
		role{"Order", orderCases},
		role{"Owners", ownerCases},
		role{"Rates", rateCases},
		role{"Priority", priorityCases},
		role{"Batches", batchCases},
		role{"Jobs", jobCases},
		role{"Events", eventCases},
		role{"Deliveries", deliveryCases},
		role{"History", findCases},
		role{"Place", placeCases},
		role{"Watching", watchingCases},
		role{"Subjects", subjectCases},
		role{"SubjectKeys", subjectKeyCases},
		role{"Sealing", sealingCases},
		role{"Statistics", statisticsCases},
		role{"Maintenance", maintenanceCases},
		role{"PruneTenant", pruneTenantCases},
		role{"Settings", settingCases},
		role{"Audit", auditCases},
		role{"Incidents", incidentCases},
		role{"EventTypes", eventTypeCases},
		role{"Tokens", tokenCases},
		role{"Creations", creationCases},
		role{"Tenants", tenantCases},
	)
}

// RunTx is Run for what happens in transactions of the host alone, for stores that
// have more than one kind of them.
func RunTx(t *testing.T, open func(t *testing.T) Harness) {
	run(t, open, role{"Tx", txCases})
}

func run(t *testing.T, open func(t *testing.T) Harness, roles ...role) {
	for _, r := range roles {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range r.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(newWorld(t, open(t)))
				})
			}
		})
	}
}
