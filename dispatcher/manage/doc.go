// Package manage is what an administrator does: create endpoints and change
// them, rotate their secrets, test them, and look at what became of deliveries.
// A [Manager] over a dispatcher has all of it; the management API and the
// console are built on it.
//
// # Tenants
//
// Every call is made for one tenant and sees nothing of another. An id of
// another tenant, an id that nobody has and a text that is no id at all are the
// same [store.ErrNotFound]; a filter by one finds nothing.
//
// # Secrets
//
// The signing secret of an endpoint is shown once, as the [Secret] that creating
// the endpoint or rotating its secret returns. After that only its fingerprint
// can be read. Custom headers may be credentials too: their values go in and
// never come out, and [Hidden] stands in their place. So do the secret of an
// endpoint's Auth and its client certificate and key, in whose place stands nothing:
// the type, and the certificate's fingerprint, say that they are there.
// [Manager.UpdateEndpoint] says what keeps them and what drops them.
//
// # Audit log
//
// Every change is in the audit log ([Manager.Audit]), stored in the transaction of the
// change, with the actor that [webhook.WithActor] has put into the context of the
// call.
//
// [Manager.Incidents] lists what looked like an attack, and [Manager.SecurityReport]
// what should be safer. Positions in lists that go to clients and come back are sealed
// against changes by [Manager.Cursor]. [Manager.VerifySignature] tells a receiver's
// developers why a request that arrived does not verify.
//
// # Delivery control
//
// When and how deliveries go out is a matter of an endpoint's fields, which
// [Manager.UpdateEndpoint] changes one by one: Retry, Timeout, MaxInFlight,
// RateLimit, Batch, Order, Priority, OnPaused, SuccessStatuses, AutoPauseAfter,
// DeadLetter. What follows from them for one delivery, [Manager.Why] says in a
// sentence that names the rule, limit, counter or time that decides. How an
// endpoint answers is its [Manager.Health]; what would make it work better,
// [Manager.Advice]; and how all endpoints with a label are doing, [Manager.Labels].
// [Manager.Pause] and [Manager.Resume] stop and start an endpoint,
// [Manager.Redeliver] and [Manager.Cancel] a delivery.
//
// # Looking at what happened
//
// [Manager.FindDeliveries] and [Manager.FindEvents] look through the history,
// [Manager.ExportDeliveries] writes it out, [Manager.Tail] follows it as it happens, and
// [Manager.Analytics] counts. [Manager.Attempts] has each attempt of a delivery.
//
// # Keys
//
// [Manager.CreateAPIKey] and [Manager.CreatePortalToken] let programs and customers in, by
// package httpapi/auth; nobody gives a role or a scope that they lack.
//
// # Errors
//
// Input that breaks a rule is a *[webhook.InvalidError] with every field at
// fault, under its name in the REST API, and nothing was stored. Besides what
// each method names, every method can return [store.ErrUnavailable], and one
// that writes [store.ErrUnknown]: it may have been written or not. Methods that
// read or write headers or secrets can return an error of the host's keyring,
// such as seal.ErrWrongKey. No error holds a secret or repeats the input.
//
// What is written takes effect before the call returns for deliveries and
// publishes of this process, and within a second in every other.
package manage
