// Package webhooktest helps hosts to test what they publish, and how they stand
// receivers that behave badly. It is imported by tests alone.
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
//	// … publish, and run d …
//	got := rc.WaitFor(1)[0] // ID, Type, Data, Header, Attempt, Time
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
package webhooktest
