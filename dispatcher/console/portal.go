package console

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// Where customers come in and leave, right below the mount.
const (
	portalPath = "/portal"
	leavePath  = "/leave"
)

// errSessionEnded is returned for a cookie whose token lets nobody in any more.
var errSessionEnded = errors.New("the portal token is not valid any more")

// trusting returns what stands before the entrance of the portal: those who may show the
// console in a frame may also post tokens. Ancestors that are no plain origins may not.
func trusting(ancestors []string) *http.CrossOriginProtection {
	guard := http.NewCrossOriginProtection()
	for _, origin := range ancestors {
		_ = guard.AddTrustedOrigin(origin) // 'self' and patterns are not ones
	}
	return guard
}

// customer returns whose portal token the cookie of a request has, or nil if there is no
// portal or no cookie. The token is checked anew each time, so that one that was revoked
// lets nobody in a second later.
func (c *console) customer(r *http.Request) (*visitor, error) {
	if !c.cfg.Portal {
		return nil, nil
	}
	cookie, err := r.Cookie(c.portalCookie(r).Name)
	if err != nil {
		return nil, nil
	}
	t, err := c.m.CheckToken(r.Context(), webhook.TokenPortal, cookie.Value)
	switch {
	case errors.Is(err, manage.ErrTokenInvalid):
		return nil, errSessionEnded
	case err != nil:
		return nil, err
	}
	return &visitor{Principal: t.Principal(), Portal: true}, nil
}

// portalCookie returns the cookie of the portal without a value. It has no Path, so that
// browsers bind it to where they have found the portal (RFC 6265 section 5.1.4), which is
// the mount as they see it, behind any proxy. A frame on a page of another site gets it
// only if it says so, and then it is for frames on that site alone.
func (c *console) portalCookie(r *http.Request) *http.Cookie {
	cookie := &http.Cookie{Name: "webhooks_portal", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || !loopback(r.Host)}
	if len(c.cfg.FrameAncestors) > 0 {
		cookie.SameSite, cookie.Partitioned, cookie.Secure = http.SameSiteNoneMode, true, true
	}
	if cookie.Secure {
		cookie.Name = "__Secure-" + cookie.Name
	}
	return cookie
}

// loopback reports whether a Host is this machine, where browsers need no TLS.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// forget has the browser forget the cookie. It must be called for a page right below the
// mount, or the browser would look for the cookie of another path.
func (c *console) forget(w http.ResponseWriter, r *http.Request) {
	cookie := c.portalCookie(r)
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
}

// portalPage takes a token, from the address by a script or typed into a form.
type portalPage struct {
	page
	// Ended says that there was a session, which has ended.
	Ended bool
	// Other is who is signed in already, and has to be asked first.
	Other string
}

// portal shows the page that a link with a token leads to, and those whose session has
// ended. What is after the "#" never gets here: a script takes it out of the address at
// once and posts it. A link must not change who somebody is without asking, unless it is in
// a frame on a page that the host trusts.
func (c *console) portal(w http.ResponseWriter, r *http.Request) error {
	p := &portalPage{page: c.newPage(r, "", "Open the console")}
	if framed := len(c.cfg.FrameAncestors) > 0 && r.Header.Get("Sec-Fetch-Dest") == "iframe"; p.Known && !framed {
		p.Other = p.Who
	}
	p.Known, p.Who, p.Portal, p.Write = false, "", false, false // there is nothing to navigate to yet
	if _, err := c.customer(r); errors.Is(err, errSessionEnded) {
		p.Ended = true
		c.forget(w, r)
	}
	c.show(w, r, http.StatusOK, "portal", p)
	return nil
}

// enter trades a token for the cookie.
func (c *console) enter(w http.ResponseWriter, r *http.Request) error {
	text := strings.TrimSpace(r.PostForm.Get("token"))
	t, err := c.m.CheckToken(r.Context(), webhook.TokenPortal, text)
	if errors.Is(err, manage.ErrTokenInvalid) {
		return &trouble{
			status: http.StatusUnauthorized, title: "This link does not work any more", text: "Its time is over, it was revoked, or a part of it is missing.",
			todo: "Open the console again from where you came from, or ask for a new link.",
		}
	}
	if err != nil {
		return err
	}
	cookie := c.portalCookie(r)
	cookie.Value, cookie.Expires = text, t.ExpiresAt
	cookie.MaxAge = max(int(time.Until(t.ExpiresAt)/time.Second), 1) // rounded down: no longer than the token
	http.SetCookie(w, cookie)
	redirect(w, root(r.Context()), http.StatusSeeOther)
	return nil
}

// leave ends the session in this browser. The token stays good elsewhere.
func (c *console) leave(w http.ResponseWriter, r *http.Request) error {
	c.forget(w, r)
	redirect(w, root(r.Context())+"portal?done=left", http.StatusSeeOther)
	return nil
}
