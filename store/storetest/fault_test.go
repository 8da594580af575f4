package storetest_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/storetest"
)

// faults are stores that are broken in one way each, and the cases that must
// notice. A suite that passes them proves nothing.
var faults = map[string]struct {
	wrap     func(st *memstore.Store) storetest.Harness
	caughtBy []string
}{
	"no fence in Settle": {
		wrap: each(func(st store.Store) store.Store { return &unfenced{Store: st} }),
		caughtBy: []string{
			"Fences/WrongClaim", "Fences/WrongEpoch", "Fences/StaleSettle", "Fences/RepeatedSettle", "Fences/OtherProcess",
			"Reap/FreesTheRowsOfTheDead", "Redeliver/OldFenceIsGone",
		},
	},
	"the last process that counts filters wins": {
		wrap:     each(func(st store.Store) store.Store { return &countsLast{st} }),
		caughtBy: []string{"Statistics/FiltersAddUp"},
	},
	"a page looks at all of a history": {
		wrap:     each(func(st store.Store) store.Store { return &looksAtAll{st} }),
		caughtBy: []string{"History/EventsInBounds", "History/DeliveriesInBounds"},
	},
	"a page that is not full is the last": {
		wrap:     each(func(st store.Store) store.Store { return &endsShort{st} }),
		caughtBy: []string{"History/EventsByWhatTheyAre", "History/DeliveriesByWhatTheyAre"},
	},
	"what is pending is not counted": {
		wrap:     each(func(st store.Store) store.Store { return &countsEnded{st} }),
		caughtBy: []string{"History/Outcomes", "History/OutcomesOfRedelivered"},
	},
	"deliveries of a refused event are written": {
		wrap:     each(func(st store.Store) store.Store { return &writesRefused{st} }),
		caughtBy: []string{"Publishing/StaleWritesNothing", "Publishing/BatchStoresWhatIsNotRefused", "Idempotency/OtherContentConflicts"},
	},
	"the trace of an event is forgotten": {
		wrap:     each(func(st store.Store) store.Store { return &forgetsTraces{st} }),
		caughtBy: []string{"Publishing/KeepsTheTrace"},
	},
	"what is skipped is sent": {
		wrap:     each(func(st store.Store) store.Store { return &sendsSkipped{st} }),
		caughtBy: []string{"Ended/IsRecordedAndNeverClaimed", "Ended/IsNotInReceipts"},
	},
	"a mark is forgotten by the next settle": {
		wrap:     each(func(st store.Store) store.Store { return &forgetsMarks{Store: st} }),
		caughtBy: []string{"Cancel/LeasedEndsWhenItWouldStay", "Cancel/ReleasedIsNotSent", "Cancel/AfterACrashIsLeasedUnasked"},
	},
	"the tail shows no change": {
		wrap:     each(func(st store.Store) store.Store { return &tailsOnce{st} }),
		caughtBy: []string{"Watching/TailShowsKnownAgain", "Watching/TailShowsTheBacklog"},
	},
	"the tail is everybody's": {
		wrap:     each(func(st store.Store) store.Store { return &tailsForAll{st} }),
		caughtBy: []string{"Watching/TailAnswersEachAsk", "Watching/TailShowsKnownAgain", "Tenants/TailDeliveries"},
	},
	"what is parked is late": {
		wrap:     each(func(st store.Store) store.Store { return &lateWhenShut{st} }),
		caughtBy: []string{"Watching/LagOfLanes"},
	},
	"whoever asks cancels": {
		wrap:     each(func(st store.Store) store.Store { return &cancelsForAll{st} }),
		caughtBy: []string{"Cancel/OfOthersIsUnknown", "Tenants/Cancel"},
	},
	"erasing leaves what is leased": {
		wrap:     each(func(st store.Store) store.Store { return &sparesLeased{Store: st} }),
		caughtBy: []string{"Subjects/LeasedIsLost"},
	},
	"a tenant's short retention cancels what is pending": {
		wrap:     each(func(st store.Store) store.Store { return &prunesPending{st} }),
		caughtBy: []string{"PruneTenant/PendingStays"},
	},
	"what is sealed anew overwrites updates": {
		wrap:     each(func(st store.Store) store.Store { return &replacesAll{st} }),
		caughtBy: []string{"Sealing/LeavesWhatHasChanged"},
	},
	"the last key of a subject wins": {
		wrap:     each(func(st store.Store) store.Store { return &replacesKeys{st} }),
		caughtBy: []string{"SubjectKeys/FirstWins", "SubjectKeys/OneOfManyCallersWins"},
	},
	"a subject is the same one everywhere": {
		wrap:     each(func(st store.Store) store.Store { return &erasesForAll{st} }),
		caughtBy: []string{"Subjects/EraseLeavesNothing"},
	},
	"quotas are counted in the process": {
		wrap:     each(func(st store.Store) store.Store { return &ownQuotas{Store: st} }),
		caughtBy: []string{"Quotas/ProcessesShare", "Quotas/NeverOver"},
	},
	"endpoints are counted before they are created": {
		wrap:     each(func(st store.Store) store.Store { return &countsBefore{Store: st} }),
		caughtBy: []string{"Quotas/EndpointLimitIsExact"},
	},
	"the authentication of deliveries is forgotten": {
		wrap:     each(forgetsAuth),
		caughtBy: []string{"Endpoints/KeepsAuth"},
	},
	"the key to encrypt for is forgotten": {
		wrap:     each(forgetsEncryption),
		caughtBy: []string{"Endpoints/CreateKeepsAll"},
	},
	"the header of a signature is forgotten": {
		wrap:     each(func(st store.Store) store.Store { return &schemeAlone{st} }),
		caughtBy: []string{"Secrets/RotationSetsTheScheme"},
	},
	"the lists of an endpoint are forgotten": {
		wrap:     each(forgetsLists),
		caughtBy: []string{"Endpoints/CreateKeepsAll"},
	},
	"what is asked of TLS is forgotten": {
		wrap:     each(forgetsTLS),
		caughtBy: []string{"Endpoints/KeepsAuth"},
	},
	"credentials are kept in the open": {
		wrap:     each(keepsSecrets),
		caughtBy: []string{"Endpoints/KeepsNoSecrets"},
	},
	"a tombstone has the credentials": {
		wrap:     each(func(st store.Store) store.Store { return &keepsSealed{Store: st} }),
		caughtBy: []string{"Endpoints/DeletionForgetsSecrets"},
	},
	"a batch is written one by one": {
		wrap:     each(func(st store.Store) store.Store { return &oneByOne{st} }),
		caughtBy: []string{"Publishing/ErrorWritesNothing"},
	},
	"idempotency per process": {
		wrap:     each(func(st store.Store) store.Store { return &ownKeys{Store: st} }),
		caughtBy: []string{"Idempotency/KeyIsSharedByProcesses", "Idempotency/OneOfManyCallersStores"},
	},
	"payloads are compacted": {
		wrap:     each(func(st store.Store) store.Store { return &compacting{st} }),
		caughtBy: []string{"Publishing/PayloadByteForByte"},
	},
	"a row is claimed twice": {
		wrap:     each(func(st store.Store) store.Store { return &claimsTwice{Store: st} }),
		caughtBy: []string{"Poll/LeasedIsNotPolledAgain", "Poll/ProcessesNeverShareARow"},
	},
	"rows are polled in any order": {
		wrap:     each(func(st store.Store) store.Store { return &unorderedPoll{st} }),
		caughtBy: []string{"Poll/OrderIsByDue", "Poll/AdmitIsAskedOnceInOrder"},
	},
	"gates are taken for current": {
		wrap:     each(func(st store.Store) store.Store { return &oldGates{st} }),
		caughtBy: []string{"Gates/OutdatedIsNow"},
	},
	"anyone reaps at once": {
		wrap:     each(func(st store.Store) store.Store { return &hastyReaper{st} }),
		caughtBy: []string{"Reap/NeedsALeaseOfItsOwn", "Reap/NotAfterAGapOfItsOwn", "Owners/NotByALapsedReaper"},
	},
	"order is forgotten": {
		wrap: each(func(st store.Store) store.Store { return &forgetsOrder{st} }),
		caughtBy: []string{
			"Order/LowestFirst", "Order/PollTellsOfOrder", "Order/LeasedHeadStops", "Order/RedeliverKeepsPlace", "Order/HandOverIsRefused",
			"Owners/OneOwner",
		},
	},
	"ordered rows are leased as they fall due": {
		wrap: each(func(st store.Store) store.Store { return &byDue{st} }),
		caughtBy: []string{
			"Order/LeasedHeadStops", "Order/NotDueHeadStops", "Order/RunIsUnbroken", "Order/RunIsBounded", "Order/LostReplyStops",
			"Order/BlockStopsLaterOnes", "Owners/OneOwner", "Owners/TakeoverKeepsOrder",
		},
	},
	"a run begins with its second row": {
		wrap:     each(func(st store.Store) store.Store { return &beheads{st} }),
		caughtBy: []string{"Order/ParkedOrWaiting", "Order/NotDueHeadStops", "Order/ReturnedRunKeepsItsPlace", "Owners/TakeoverKeepsOrder"},
	},
	"lanes have no owner": {
		wrap:     each(func(st store.Store) store.Store { return &oneEpoch{st} }),
		caughtBy: []string{"Owners/OneOwner", "Owners/NotOfferedToOthers", "Owners/ChangeKeepsOwner"},
	},
	"a failure holds up nothing": {
		wrap:     each(func(st store.Store) store.Store { return &forgetsBlocks{st} }),
		caughtBy: []string{"Order/BlockStopsLaterOnes", "Order/BlockSparesEarlierOnes", "Order/OrderChangeUnblocks", "Order/BlockEndsWithItsDelivery"},
	},
	"lanes of others look due": {
		wrap:     each(func(st store.Store) store.Store { return &spins{st} }),
		caughtBy: []string{"Owners/PollDoesNotSeeOthersLanes"},
	},
	"every crash counts for everything": {
		wrap:     each(func(st store.Store) store.Store { return &blamesAll{Store: st} }),
		caughtBy: []string{"Crashes/LaterOnesCountForStarted", "Crashes/StartIsForgottenWithItsClaim"},
	},
	"any tenant reads a delivery": {
		wrap:     each(func(st store.Store) store.Store { return &tenantless{st} }),
		caughtBy: []string{"Deliveries/TenantsAreSeparate", "Place/EndedAndForeign", "Tenants/Delivery"},
	},
	"whoever is next in a key stands before nobody": {
		wrap:     each(func(st store.Store) store.Store { return &keyless{st} }),
		caughtBy: []string{"Place/Ahead", "Place/BlockedBy"},
	},
	"a page skips an entry": {
		wrap:     each(func(st store.Store) store.Store { return &skippingPages{st} }),
		caughtBy: []string{"Deliveries/ListPages", "Deliveries/ListPagesFiltered", "Deliveries/ListWhileOthersPublish"},
	},
	"the cursor of changes runs ahead": {
		wrap:     each(func(st store.Store) store.Store { return &hastyCursor{st} }),
		caughtBy: []string{"Directory/ChangedEndpointsPages", "Directory/ChangedEndpointsOfAllTenants"},
	},
	"updates of old versions win": {
		wrap:     each(func(st store.Store) store.Store { return &lastUpdateWins{st} }),
		caughtBy: []string{"Endpoints/UpdateOfOldVersion", "Endpoints/OneOfManyUpdatesWins", "Secrets/RotationSetsTheScheme"},
	},
	"lost items are counted": {
		wrap:     each(func(st store.Store) store.Store { return &countsLost{Store: st} }),
		caughtBy: []string{"Statistics/CountWhatSettleAccepted", "Fences/WrongClaim"},
	},
	"status codes are not counted": {
		wrap:     each(func(st store.Store) store.Store { return &codeless{st} }),
		caughtBy: []string{"Statistics/CountWhatSettleAccepted"},
	},
	"what is within retention is pruned": {
		wrap:     each(func(st store.Store) store.Store { return &eagerPrune{st} }),
		caughtBy: []string{"Maintenance/NothingWithinRetention"},
	},
	"the last setting wins": {
		wrap:     each(func(st store.Store) store.Store { return &lastSettingWins{st} }),
		caughtBy: []string{"Settings/FirstWins", "Settings/OneOfManyCallersWins"},
	},
	"slots are given to everyone": {
		wrap:     each(func(st store.Store) store.Store { return &freshRates{Store: st} }),
		caughtBy: []string{"Rates/NeverOver", "Rates/NeverOverByManyCallers", "Rates/SlotsAreApart", "Rates/ProcessesShare"},
	},
	"a burst is not bounded": {
		wrap:     each(func(st store.Store) store.Store { return &endlessSlack{st} }),
		caughtBy: []string{"Rates/Burst", "Rates/AsComputed"},
	},
	"what is low waits for all above it": {
		wrap:     each(func(st store.Store) store.Store { return &noShares{st} }),
		caughtBy: []string{"Priority/SharesComeBesideMax", "Priority/SharesAreTheOldest", "Priority/SharesOfSeveralLanes"},
	},
	"a batch is bound as far as it goes": {
		wrap:     each(func(st store.Store) store.Store { return &bindsSome{st} }),
		caughtBy: []string{"Batches/BindIsAllOrNothing"},
	},
	"batches are split by the room there is": {
		wrap:     each(func(st store.Store) store.Store { return &splitsBatches{st} }),
		caughtBy: []string{"Batches/TakenTogether"},
	},
	"outcomes of a batch stand for themselves": {
		wrap:     each(func(st store.Store) store.Store { return &settlesMembers{st} }),
		caughtBy: []string{"Batches/LostTogether"},
	},
	"a job's step is not one transaction": {
		wrap:     each(func(st store.Store) store.Store { return &redeliversFirst{st} }),
		caughtBy: []string{"Jobs/RefusedStepWritesNothing", "Jobs/RedeliveredGoesLast"},
	},
	"a job's step is repeated": {
		wrap:     each(func(st store.Store) store.Store { return &forgetsCursors{st} }),
		caughtBy: []string{"Jobs/AdvanceNeedsTheCursor", "Jobs/AdvanceOnceByMany", "Jobs/RefusedStepWritesNothing"},
	},
	"a job is anybody's": {
		wrap:     each(func(st store.Store) store.Store { return &anyWorker{st} }),
		caughtBy: []string{"Jobs/OneProcessHasIt", "Jobs/TheDeadLoseIt"},
	},
	"audit records are forgotten": {
		wrap:     each(func(st store.Store) store.Store { return &unaudited{st} }),
		caughtBy: []string{"Audit/EveryChangeOnce"},
	},
	"audit records are not part of the change": {
		wrap:     each(func(st store.Store) store.Store { return &auditsApart{st} }),
		caughtBy: []string{"Audit/NoChangeNoRecord", "Audit/RefusedWritesNone"},
	},
	"audit records are everybody's": {
		wrap:     each(func(st store.Store) store.Store { return &auditOfAll{st} }),
		caughtBy: []string{"Audit/TenantsAreSeparate", "Tenants/ListAudit"},
	},
	"whoever asks rotates": {
		wrap:     each(func(st store.Store) store.Store { return &rotatesForAll{st} }),
		caughtBy: []string{"Tenants/RotateSecret"},
	},
	"incidents are counted in the process": {
		wrap:     each(func(st store.Store) store.Store { return &ownIncidents{st, processes.Add(1)} }),
		caughtBy: []string{"Incidents/ProcessesShare"},
	},
	"every call is an incident": {
		wrap:     each(func(st store.Store) store.Store { return &freshIncidents{st} }),
		caughtBy: []string{"Incidents/OneOfWhatIsTheSame", "Incidents/OneBeginsIt"},
	},
	"an incident never ends": {
		wrap:     each(func(st store.Store) store.Store { return &endlessIncidents{st} }),
		caughtBy: []string{"Incidents/NewWindowNewIncident", "Incidents/OldOnesArePruned"},
	},
	"whoever asks revokes a token": {
		wrap:     each(func(st store.Store) store.Store { return &revokesForAll{st} }),
		caughtBy: []string{"Tokens/TenantsAreSeparate", "Tenants/RevokeToken"},
	},
	"a revoked token lets in": {
		wrap:     each(func(st store.Store) store.Store { return newTokensLinger(st) }),
		caughtBy: []string{"Tokens/RevokedIsGone", "Tokens/ProcessesShare"},
	},
	"tokens are not counted": {
		wrap:     each(func(st store.Store) store.Store { return &tokensWithoutLimit{st} }),
		caughtBy: []string{"Tokens/TooManyAreRefused", "Tokens/NeverTooMany"},
	},
	"a process knows its own creations alone": {
		wrap: each(newRemembersItself),
		caughtBy: []string{
			"Creations/RepeatedReturnsTheFirst", "Creations/OneOfManyCreates", "Creations/OtherContentConflicts",
			"Creations/ExpiredKeyIsFree", "Creations/TenantsAreSeparate",
		},
	},
	"the last change of an event type wins": {
		wrap:     each(func(st store.Store) store.Store { return &lastTypeWins{st} }),
		caughtBy: []string{"EventTypes/StaleVersionWritesNothing", "EventTypes/OneOfManyCallersWins"},
	},
	"older schemas of an event type are forgotten": {
		wrap:     each(func(st store.Store) store.Store { return &lastSchemaOnly{st} }),
		caughtBy: []string{"EventTypes/KeepsAll"},
	},
	"changes of event types go unnoticed": {
		wrap:     each(func(st store.Store) store.Store { return &newTypesOnly{st} }),
		caughtBy: []string{"EventTypes/ChangesAfterARevision"},
	},
	"changes of event types leave no trace": {
		wrap:     each(func(st store.Store) store.Store { return &typesWithoutAudit{st} }),
		caughtBy: []string{"EventTypes/WritesAudit"},
	},
	"lists go one way": {
		wrap:     each(func(st store.Store) store.Store { return &turnsBack{st} }),
		caughtBy: []string{"Deliveries/ListOldestFirst"},
	},
	"dead letters are kept": {
		wrap:     each(func(st store.Store) store.Store { return &keepsDeadLetters{st} }),
		caughtBy: []string{"Maintenance/DeadLetters", "Maintenance/DeadLettersAreBounded"},
	},
	"dead letters of all are pruned": {
		wrap:     each(func(st store.Store) store.Store { return &eagerDead{st} }),
		caughtBy: []string{"Maintenance/DeadLetters"},
	},
	"what is notable stays in its process": {
		wrap:     each(func(st store.Store) store.Store { return &discreet{st} }),
		caughtBy: []string{"Recovery/ChangedTellsWhatIsNotable", "Recovery/ChangedTellsOtherProcesses"},
	},
	"recoveries are forgotten": {
		wrap:     each(func(st store.Store) store.Store { return &forgetsRecovery{st} }),
		caughtBy: []string{"Recovery/Begins", "Recovery/BeginsOnce"},
	},
	"canceled calls are carried out": {
		wrap: each(func(st store.Store) store.Store { return &deaf{st} }),
		caughtBy: []string{
			"Publishing/CanceledWritesNothing", "Poll/CanceledLeasesNothing", "Settle/CanceledWritesNothing", "Lanes/TakeCanceledLeasesNothing",
			"Rates/CanceledGivesNothing", "Batches/BindCanceledBindsNothing", "Jobs/CanceledCallWritesNothing",
		},
	},
	"a host's transaction is not its own": {
		wrap: func(st *memstore.Store) storetest.Harness {
			h := harness(st, st, st)
			h.Begin = func(*testing.T) storetest.HostTx {
				none := func() error { return nil }
				return storetest.HostTx{Tx: noTx{st}, Commit: none, Rollback: none}
			}
			return h
		},
		caughtBy: []string{"Tx/RollbackWritesNothing", "Tx/NotSeenBeforeCommit", "Tx/RollbackLeavesItsKeyFree"},
	},
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
	fault, ok := faults[os.Getenv(faultEnv)]
	if !ok {
		t.Skip("run by TestFaultsAreCaught")
	}
	storetest.Run(t, func(*testing.T) storetest.Harness { return fault.wrap(memstore.New()) })
}

func TestFaultsAreCaught(t *testing.T) {
	for name, fault := range faults {
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
