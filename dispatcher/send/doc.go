// Package send makes one attempt at a delivery: it frames the event, encrypts it if
// the endpoint wants that, signs it, sends it through a transport and describes what came of it.
//
// A [Message] is the event's part, made once and shared by all its deliveries. A
// [Route] is the endpoint's part: where to send, with which headers, signed by
// whom, all of it opened that a store keeps sealed. [Sender.Send] brings the two
// together. [NewBatch] puts several messages into one. It does not judge: what an answer means for the delivery is the
// engine's to say. Its description of an attempt is what the attempt log keeps:
// headers that the endpoint's owner has set are named there and not shown.
package send
