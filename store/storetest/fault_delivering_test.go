package storetest_test

import (
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/storetest"
)

// deliveringFaults break what carries events from Publish to the record.
var deliveringFaults = map[string]fault{
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
	"deliveries of a refused event are written": {
		wrap:     each(func(st store.Store) store.Store { return &writesRefused{st} }),
		caughtBy: []string{"Publishing/StaleWritesNothing", "Publishing/BatchStoresWhatIsNotRefused", "Idempotency/OtherContentConflicts"},
	},
	"the trace of an event is forgotten": {
		wrap:     each(func(st store.Store) store.Store { return &forgetsTraces{st} }),
		caughtBy: []string{"Publishing/KeepsTheTrace"},
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
	"quotas are counted in the process": {
		wrap:     each(func(st store.Store) store.Store { return &ownQuotas{Store: st} }),
		caughtBy: []string{"Quotas/ProcessesShare", "Quotas/NeverOver"},
	},
	"endpoints are counted before they are created": {
		wrap:     each(func(st store.Store) store.Store { return &countsBefore{Store: st} }),
		caughtBy: []string{"Quotas/EndpointLimitIsExact"},
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
	"whoever is next in a key stands before nobody": {
		wrap:     each(func(st store.Store) store.Store { return &keyless{st} }),
		caughtBy: []string{"Place/Ahead", "Place/BlockedBy"},
	},
	"the cursor of changes runs ahead": {
		wrap:     each(func(st store.Store) store.Store { return &hastyCursor{st} }),
		caughtBy: []string{"Directory/ChangedEndpointsPages", "Directory/ChangedEndpointsOfAllTenants"},
	},
	"lost items are counted": {
		wrap:     each(func(st store.Store) store.Store { return &countsLost{Store: st} }),
		caughtBy: []string{"Statistics/CountWhatSettleAccepted", "Fences/WrongClaim"},
	},
	"status codes are not counted": {
		wrap:     each(func(st store.Store) store.Store { return &codeless{st} }),
		caughtBy: []string{"Statistics/CountWhatSettleAccepted"},
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
	"a transaction reads outside of itself": {
		wrap:     inTx(func(st *memstore.Store, tx store.Tx) store.Tx { return readsOutside{tx, st} }),
		caughtBy: []string{"Tx/ReadsItsOwnEvents", "Tx/EventsPage"},
	},
	"a transaction reads without payloads": {
		wrap:     inTx(func(_ *memstore.Store, tx store.Tx) store.Tx { return readsBare{tx} }),
		caughtBy: []string{"Tx/ReadsItsOwnEvents", "Tx/ReadsNoOthersEvents", "Tx/EventsPage"},
	},
}
