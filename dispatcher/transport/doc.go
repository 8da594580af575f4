// Package transport carries deliveries to receivers. The dispatcher decides
// what is sent and what an answer means; a [Transport] only sends it, once, and
// says what came back or in which of few ways it failed.
//
// [HTTP] is the transport that everybody uses. Its receivers are strangers'
// servers, chosen by strangers, so it trusts nothing:
//
//   - Where: each connection passes the guard of package guard after DNS, in
//     the dialler, with the lists of the request's scope; connections are not
//     shared between scopes. Proxies named by the environment are ignored, and one
//     that the host names is asked for addresses that have passed. Redirects are
//     never followed, and TLS 1.2 with a verified certificate is the least.
//   - How long: the context's deadline covers the whole attempt, from DNS to
//     the last byte of the body. Nothing extends it.
//   - How much: 64 KiB of response header (1xx responses included), 64 KiB of
//     body read, 16 KiB kept. Bodies are never decompressed, so these are bytes
//     on the wire.
//   - As whom: a connection serves requests with the same [TLS] settings and lists
//     alone, so that a client certificate is shown for its own endpoint, and a pin
//     was held against every connection that it is asked of.
//   - How often: a request is sent once. What net/http would repeat by itself
//     after the receiver may have seen it is reported as a failure instead.
//
// # What is a response, and what a failure
//
// A complete header is a response, whatever its status: 3xx and 500 too are the
// dispatcher's to judge. After that, a connection that breaks inside the body
// takes nothing back; the response is returned with what was read, Truncated.
// So is one whose body is larger than the caps. Only the attempt's own end is
// different: a deadline that passes, or a context canceled, while the body is
// still being read is a failure even though a status had come, since one
// deadline is promised for all of it and a receiver that dribbles must not look
// healthy. A body that has reached its read cap is complete: a receiver that
// sends without end fast enough has answered.
//
// A failure is an [Error]; its class is one of:
//
//	blocked_address  the guard refused; no packet was sent
//	dns_error        the name has no address, or its servers do not answer
//	connect_error    refused, unreachable, or dropped before a whole header came
//	tls_error        no TLS, bad certificate, no common version
//	timeout          the deadline, or 5 s to connect, or 5 s of TLS handshake
//	protocol_error   an answer that is not HTTP, header over the cap, 101
//	canceled         the context was canceled
//	internal         the request could not be made at all, or the host's own
//	                 proxy failed
//
// Package transporttest checks that an implementation keeps these promises.
package transport
