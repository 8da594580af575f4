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
