package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"html/template"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/postrider/postrider/webhook"
)

// login is what a host has already: it lets people in to the console, by the same key as
// programs, and remembers them in memory until they close the browser.
type login struct {
	key [sha256.Size]byte
	// tries bounds how often keys can be tried by everybody together.
	tries *rate.Limiter

	mu       sync.Mutex
	sessions map[string]session
}

type session struct {
	tenant string
	until  time.Time
}

const (
	loginPath   = "/login"
	cookieName  = "postrider_session"
	sessionFor  = 12 * time.Hour
	maxSessions = 1000
)

func newLogin(key string) *login {
	return &login{key: sha256.Sum256([]byte(key)), tries: rate.NewLimiter(1, 10), sessions: make(map[string]session)}
}

// authenticate is the console's Authenticate: who has the key is admin.
func (l *login) authenticate(r *http.Request) (webhook.Principal, error) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return webhook.Principal{}, errKey
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.sessions[c.Value]
	if !ok || !time.Now().Before(s.until) {
		return webhook.Principal{}, errKey
	}
	return webhook.Principal{Tenant: s.tenant, Role: webhook.RoleAdmin, Actor: "console", Scopes: []string{"publish", "event-types"}}, nil
}

var loginForm = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Log in</title><link rel="icon" href="data:,"></head>
<body><main><h1>Log in</h1>{{with .}}<p role="alert">{{.}}</p>{{end}}
<form method="post" action="/login">
<p><label>Key <input type="password" name="key" required autocomplete="current-password"></label></p>
<p><label>Tenant <input name="tenant" value="default"></label></p>
<p><button>Log in</button></p></form></main></body></html>
`))

func (l *login) show(w http.ResponseWriter, status int, problem string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = loginForm.Execute(w, problem) // who does not read it does not miss it
}

// ServeHTTP is the form.
func (l *login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		l.show(w, http.StatusOK, "")
		return
	}
	if !l.tries.Allow() {
		l.show(w, http.StatusTooManyRequests, "Too many tries. Wait a second.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	given := sha256.Sum256([]byte(r.PostFormValue("key")))
	tenant := r.PostFormValue("tenant")
	if subtle.ConstantTimeCompare(given[:], l.key[:]) != 1 || !webhook.ValidTenant(tenant) {
		l.show(w, http.StatusUnauthorized, "That is not the key.")
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: l.begin(tenant), Path: consolePrefix, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, consolePrefix+"/", http.StatusSeeOther)
}

// begin returns the name of a new session.
func (l *login) begin(tenant string) string {
	name := rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	for old, s := range l.sessions {
		if len(l.sessions) >= maxSessions || !time.Now().Before(s.until) {
			delete(l.sessions, old)
		}
	}
	l.sessions[name] = session{tenant, time.Now().Add(sessionFor)}
	return name
}
