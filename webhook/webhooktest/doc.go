// Package webhooktest helps hosts to test what they publish, and how they stand
// receivers that behave badly. It is imported by tests alone.
//
// # The first test
//
// [Start] returns a dispatcher over a store in memory with an endpoint and its receiver,
// which runs until the test ends:
//
//	h := webhooktest.Start(t, webhook.Endpoint{Tenant: "acme"})
//	billing.Pay(h.Dispatcher, "inv_1") // the code under test
//	got := h.Receiver.WaitFor(1)[0]    // ID, Type, Data, Header, Attempt, Time
//
// # What was published
//
// [RequirePublished] looks for events that are meant (see [Want]), and lists what there
// is instead; [RequirePublishedTx] does so in the test's own transaction, before it is
// committed or rolled back. [RequireDelivered] waits until they have arrived, and says of
// a delivery that does not why it is where it is. [Published], [PublishedTx] and
// [Delivered] return an error and fail nothing.
//
// # Receivers
//
// [NewReceiver] starts a real server with https on the loopback interface, which
// verifies and records what arrives. The address guard lets a dispatcher nowhere near
// that interface, so its test says [Loopback]:
//
//	rc := webhooktest.NewReceiver(t)
//	d, err := dispatcher.New(st, dispatcher.Config{HTTP: webhooktest.Loopback()})
//	rc.CreateEndpoint(manage.New(d), webhook.Endpoint{Tenant: "acme"})
//
// A [Network] has the same receivers in memory. They are faster, need nothing opened,
// and work in a testing/synctest bubble.
//
// # Bad receivers
//
// What a receiver answers is a script of http.Handlers, of which the last stays:
//
//	webhooktest.NewReceiver(t, webhooktest.Status(500), webhooktest.Reset(), webhooktest.OK())
//
// [Status], [RetryAfter], [Redirect], [Delay], [Hang], [Reset], [SlowHeader], [SlowBody],
// [HugeBody] and [HugeHeader] are what is often wanted; [PerEvent] gives each event a
// script of its own. [Receiver.Close] refuses connections, and
// [Receiver.ExpireCertificate] breaks TLS.
//
// # Virtual time
//
// In a bubble of testing/synctest [Harness.Finish] runs the whole schedule of retries,
// three days by default, in milliseconds. [Entropy] makes ids, and the times of
// retries, the same in every run.
package webhooktest
