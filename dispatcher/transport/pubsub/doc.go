// Package pubsub sends deliveries to topics and queues, through gocloud.dev/pubsub:
// Kafka, NATS, RabbitMQ, those of the clouds, or one in memory, whichever driver the
// host links. It is a module of its own, so that nobody else pays for it.
//
//	topics, err := pubsub.New(pubsub.Config{
//		Open:  func(ctx context.Context, url string) (*gopubsub.Topic, error) { return gopubsub.OpenTopic(ctx, url) },
//		Allow: func(tenant, url string) bool { return url == "nats://webhooks."+tenant },
//	})
//	defer topics.Close(context.Background()) // after Run has returned
//	d, err := dispatcher.New(st, dispatcher.Config{Schemes: map[string]transport.Scheme{"nats": topics}})
//
// An endpoint whose URL is nats://webhooks.acme then gets what others get by HTTP. Its
// URL is whatever Allow lets a tenant have: no guard of addresses stands behind it, and
// the topics are reached with the host's rights, so Allow names them rather than
// excludes some.
//
// # What is sent
//
// The body is the message's, byte for byte, and the headers are its metadata, in lower
// case: webhook-id, webhook-timestamp, webhook-signature, content-type and whatever else
// the endpoint has. So whoever takes the message verifies it as a request is verified,
// by signer.Verifier.Verify with [Header]; the timestamp is that of the attempt, so a
// receiver that lets messages lie for longer sets a Tolerance. The method means nothing.
//
// # What an answer is
//
// A message that the broker has taken is answered with status 202, "accepted": a
// delivery is delivered when the broker has it. A broker that has no room (code
// ResourceExhausted) is answered with 429, so that the dispatcher slows down. What else
// can go wrong is an error of a class, all of which are tried again:
//
//	timeout          the deadline has passed; the broker may have the message
//	canceled         the context was canceled; likewise
//	blocked_address  the request has lists of addresses to keep to
//	tls_error        the request asks for TLS settings
//	auth_error       the broker does not permit it
//	protocol_error   the broker refuses the message as it is
//	connect_error    there is no such topic, or the broker cannot be reached
//	internal         the transport is closed
package pubsub
