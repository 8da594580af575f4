// Package console is the web console: what package manage does, as pages for the people
// whose webhooks they are. It is an http.Handler that a host mounts behind its own login.
//
//	ui, err := console.New(m, console.Config{Authenticate: authenticate})
//	mux.Handle("/settings/webhooks/", http.StripPrefix("/settings/webhooks", ui))
//
// Every request is made for the tenant of its Principal and sees nothing of another. What a
// page needs is written beside it in the table of routes.go: a developer may change
// webhooks, an administrator sees the audit log too, and a viewer, if Config.AllowViewer
// lets them in, changes nothing.
//
// # Where it is mounted
//
// The console never knows its prefix and needs none: all links are relative, by the depth
// of the page they are on ("../" for each segment but the last), so they stay right behind
// a proxy that changes the path. The bare mount path redirects to itself with a slash.
// It works below http.StripPrefix in any router, and mounted in chi as it is.
//
// # Portal
//
// With Config.Portal customers come in without the host's login, by tokens that an
// administrator or the host's program makes (manage.CreatePortalToken), each for one tenant,
// with a role and an end. There are two ways:
//
//   - a link to portal#TOKEN below the mount. What is after the "#" is in no request, so it
//     is in no log and no Referer. A script takes it out of the address bar and the history
//     before it posts it; without JavaScript there is a form to paste it into. The link is
//     good until the token ends, or is revoked.
//   - a form that posts it there as "token", from the console's own origin or one of
//     Config.FrameAncestors.
//
// Both set the console's only cookie. It has the token, is for the mount alone and HttpOnly,
// ends with the token, and is Secure but on plain http on this machine; for frames it is
// partitioned, else SameSite=Lax. The token is checked for every page, so one that is
// revoked shuts its customer out within a second, and live logs end too.
//
// A customer sees what the token's role and scopes open, and never the page of keys: what
// it makes would outlive the session.
//
// # Pages
//
// Pages are html/template with CSS and small ES modules of our own, embedded, with no build
// step and nothing from another origin. They work without JavaScript, but for the live log.
// A page is a template of templates/pages and a Go file of the same name; what several
// share, such as a webhook's card, is defined once in templates/components. Forms answer
// with a redirect that names in the query what was done, by a code from a fixed table, so
// there is no session. The one exception shows a secret that must not be in a URL.
//
// # Security
//
// The Content-Security-Policy allows nothing inline and nothing from elsewhere, and frames
// only for Config.FrameAncestors. Unsafe requests from other origins are refused
// (http.CrossOriginProtection), pages are not stored, and what customers and receivers have
// written is text wherever it stands.
package console
