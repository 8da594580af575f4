// Command server runs the library as a service of its own, to try it from outside: the
// management API, the console, publishing and delivering in one process.
//
//	go run ./examples/server -store sqlite:webhooks.db -api-key "$(openssl rand -hex 24)"
//
// Requests show the key as "Authorization: Bearer KEY". Their tenant is that of the header
// X-Tenant-Id, or "default"; whoever has the key is admin of all tenants, with all scopes.
// It makes keys of single tenants, with fewer rights, by POST /api-keys: they are shown in
// the same way, and so are portal tokens.
// The API is under /api/v1/platform, its document at /api/v1/platform/openapi.json;
// /healthz answers while the process lives, and /readyz while its store answers and
// deliveries are less than a minute late.
//
// The console is under /settings/webhooks/, behind a form that takes the same key. It shows
// what customers see, too: its page of API keys makes portal tokens, and a link for each
// that lets whoever has it in to the console of that tenant until the token ends.
//
// It prints one line with its URLs when it is ready. SIGTERM and interrupt end it: what is
// being sent is finished first, at most half a minute long.
package main
