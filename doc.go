// Package postrider is the root of a library for outgoing webhooks that runs
// inside your process: give it a database, publish events, and it stores, fans
// out, signs, sends, retries and records them. There is no server to deploy and
// no broker. The package itself has no code; this page says which one you need.
//
// # The words
//
// A tenant, a string that is yours, owns endpoints. An endpoint is a URL and the
// event types it subscribes to. An event is a fact, published once. An event for
// one endpoint is a delivery, and each HTTP try of a delivery is an attempt.
//
// # The flow
//
//	your code ── Publish ──► store ── claim ──► dispatcher ── POST ──► receiver
//	                           ▲                    │
//	                           └────── settle ──────┘
//
// Publish returns when the event and its deliveries are on disk. Run claims what
// is due, signs it (Standard Webhooks), sends it, and settles the outcome:
// delivered, due again by the retry schedule, or failed. A delivery is made at
// least once; a repetition has the same id and the same bytes.
//
// # Where to start
//
//   - To send: [github.com/postrider/postrider/dispatcher] publishes and
//     delivers, over a store: [github.com/postrider/postrider/store/sqlite] for
//     one process and a file, [github.com/postrider/postrider/store/postgres]
//     for many processes and one database,
//     [github.com/postrider/postrider/store/sharded] for several databases,
//     [github.com/postrider/postrider/store/memstore] for tests.
//     [github.com/postrider/postrider/dispatcher/manage] creates and changes
//     endpoints, and redelivers.
//   - To let customers manage their webhooks:
//     [github.com/postrider/postrider/dispatcher/httpapi] is a REST API,
//     [github.com/postrider/postrider/dispatcher/httpapi/auth] lets requests in,
//     and [github.com/postrider/postrider/dispatcher/console] is a web console.
//   - To receive: [github.com/postrider/postrider/signer] verifies signatures
//     with one middleware, and depends on the standard library alone.
//   - To understand: [github.com/postrider/postrider/webhook] has the values and
//     the rules that all the others share.
//   - To authenticate deliveries in a way of your own:
//     [github.com/postrider/postrider/dispatcher/transport/auth].
//   - To keep secrets sealed in the database:
//     [github.com/postrider/postrider/dispatcher/seal].
//   - To test your code: [github.com/postrider/postrider/webhook/webhooktest].
//   - To describe event types in Go: [github.com/postrider/postrider/webhook/catalog];
//     to filter and reshape events per endpoint:
//     [github.com/postrider/postrider/webhook/celexpr].
//   - To write a store: [github.com/postrider/postrider/store] is the contract
//     and [github.com/postrider/postrider/store/storetest] its judge.
//
// The folder docs of the repository has a guide for each reader, and what to know before
// going to production. The command "make demo" in a clone runs the whole flow once.
package postrider
