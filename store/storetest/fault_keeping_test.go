package storetest_test

import (
	"github.com/postrider/postrider/store"
)

// keepingFaults break what people set, look at and remove, and how long it is kept.
var keepingFaults = map[string]fault{
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
	"what is skipped is sent": {
		wrap:     each(func(st store.Store) store.Store { return &sendsSkipped{st} }),
		caughtBy: []string{"Ended/IsRecordedAndNeverClaimed", "Ended/IsNotInReceipts"},
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
	"any tenant reads a delivery": {
		wrap:     each(func(st store.Store) store.Store { return &tenantless{st} }),
		caughtBy: []string{"Deliveries/TenantsAreSeparate", "Place/EndedAndForeign", "Tenants/Delivery"},
	},
	"a page skips an entry": {
		wrap:     each(func(st store.Store) store.Store { return &skippingPages{st} }),
		caughtBy: []string{"Deliveries/ListPages", "Deliveries/ListPagesFiltered", "Deliveries/ListWhileOthersPublish"},
	},
	"updates of old versions win": {
		wrap:     each(func(st store.Store) store.Store { return &lastUpdateWins{st} }),
		caughtBy: []string{"Endpoints/UpdateOfOldVersion", "Endpoints/OneOfManyUpdatesWins", "Secrets/RotationSetsTheScheme"},
	},
	"what is within retention is pruned": {
		wrap:     each(func(st store.Store) store.Store { return &eagerPrune{st} }),
		caughtBy: []string{"Maintenance/NothingWithinRetention"},
	},
	"the last setting wins": {
		wrap:     each(func(st store.Store) store.Store { return &lastSettingWins{st} }),
		caughtBy: []string{"Settings/FirstWins", "Settings/OneOfManyCallersWins"},
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
}
