// Package guard decides which addresses deliveries may go to. Tenants type the
// URLs, and a server that fetches what strangers type can be made to reach its
// own network (server-side request forgery): the cloud's metadata service, a
// database, an admin page on loopback.
//
// A [Guard] stands in two places, and only the second can be relied on:
//
//   - [Guard.CheckURL] judges a URL when an endpoint is created, so that the
//     person who typed it is told. A name may resolve to anything later.
//   - [Guard.Control] is a net.Dialer's ControlContext. It judges the concrete
//     address of every connection, after DNS and before the first packet, so
//     rebinding, mixed answers, CNAMEs and AAAA-only names change nothing.
//
// Beside the table of what nobody may reach there are lists of ranges and domains
// ([List]): the host's own, in [Config], and in a [Scope] those of the tenant and
// the endpoint that a request is made for, which can only narrow. They are judged in
// both places too.
//
// Both use the same rules, [Guard.AllowedAddr] for addresses, and one parser:
// [Guard.ParseURL] returns the URL in normal form, and only that is stored and
// dialled, so there is no second reading of a URL to disagree with the first.
//
// The zero Guard is the safe one: https to public addresses.
//
// # Normal form
//
// The scheme and host are lower case, an internationalised name is in its ASCII
// form (UTS 46, non-transitional), one trailing dot of the host and the default
// port are gone, an IPv4 address is dotted decimal, an IPv6 address is as in
// RFC 5952, an empty path is "/", and bytes that RFC 3986 does not allow in a
// path or query are percent-encoded. The rest is as it was typed.
//
// # What is refused
//
// Syntax, with code url_invalid: another scheme than https, userinfo, a
// fragment, a backslash, control bytes and spaces, invalid UTF-8, a percent
// sign or zone in the host, a port that is empty, zero, padded or above 65535,
// or that another protocol owns, a host whose last label is a number without
// being a dotted IPv4 address (2130706433, 0x7f.1, 127.1, 0177.0.0.1), and more
// than 2,048 bytes.
//
// Addresses and names, with code url_not_allowed: literals that AllowedAddr
// denies, names of one label, and names below a top-level domain that has no
// place in the public DNS (localhost, local, internal, test, …). The domain
// "example" passes: it resolves nowhere, and documentation needs it.
package guard
