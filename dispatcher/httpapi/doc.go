// Package httpapi is the management REST API: what package manage does, as an
// http.Handler that is mounted under any prefix of a host's router.
//
//	api, err := httpapi.New(m, httpapi.Config{Authenticate: authenticate})
//	mux.Handle("/api/v1/platform/", http.StripPrefix("/api/v1/platform", api))
//
// Every request is made for the tenant of its Principal, and sees nothing of another: an
// id of another tenant, one that nobody has and a text that is no id are the same 404.
// What a route needs is written beside it in the table of routes.go. A webhook is what
// the rest of the library calls an endpoint.
//
// # Bodies
//
// Bodies are JSON in UTF-8, read strictly (package strict), at most 1 MiB, a batch of
// events 8 MiB. Times are RFC 3339 in UTC, lists are never null. Errors are
// application/problem+json (RFC 9457) with a stable code; they never repeat what was
// sent. The document of all of it is at /openapi.json, which needs no authentication.
//
// # Logs of deliveries
//
// Both logs of deliveries, a webhook's and all, come in the form that Accept asks for: a
// page of JSON; all of it as CSV or NDJSON; or as Server-Sent Events, live (see package
// deliverylog). An export that breaks off ends without the proper end of its connection. A
// live log ends when its client does not read, when its server shuts down, and within 30
// seconds of its credentials being refused; a tenant may have 200 in a process, and a
// process 1,000.
//
// # Caching
//
// A single webhook has an ETag, which changes with its configuration and not with its
// health, and may be kept for five minutes; If-Match on a change answers 412 instead of
// undoing somebody else's. Lists have an ETag of their content. The log of deliveries is
// not to be stored.
package httpapi
