package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// publisher publishes the keys of an issuer, and counts who asks for them.
type publisher struct {
	mu    sync.Mutex
	set   jose.JSONWebKeySet
	asked int
	fails error
	hangs chan struct{}
}

// publish makes the keys those of the issuer.
func (p *publisher) publish(keys ...signing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set.Keys = nil
	for _, s := range keys {
		p.set.Keys = append(p.set.Keys, jose.JSONWebKey{Key: s.public().Key, KeyID: s.id, Use: "sig"})
	}
}

func (p *publisher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails = err
}

func (p *publisher) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *publisher) fetch(ctx context.Context, _ string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if hangs := p.hangs; hangs != nil {
		p.mu.Unlock()
		select {
		case <-hangs:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if p.fails != nil {
		return nil, p.fails
	}
	return json.Marshal(p.set)
}

// follows returns an authenticator that has its keys from a publisher.
func follows(t *testing.T, p *publisher) auth.Func {
	t.Helper()
	return newJWT(t, func(c *auth.JWTConfig) { c.JWKSURL, c.Fetch = "https://login.example/keys", p.fetch })
}

// try authenticates by a fresh token of a key, and reports an error that is not wanted.
func try(t *testing.T, what string, f auth.Func, s signing, want error) {
	t.Helper()
	if _, err := f(with(s.sign(t, claims(nil), nil))); !errors.Is(err, want) {
		t.Errorf("%s: JWT = %v; want %v", what, err, want)
	}
}

// A new key is found out when its first token comes, but made-up ones do not make the
// issuer be asked at every request. One that is withdrawn ends within 5 minutes.
func TestKeysRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, never := newSigning(t, "a", "ES256"), newSigning(t, "b", "EdDSA"), newSigning(t, "c", "ES256")
		p := new(publisher)
		p.publish(first)
		f := follows(t, p)
		for range 100 {
			try(t, "the first key", f, first, nil)
		}
		if got := p.requests(); got != 1 {
			t.Errorf("100 tokens of one key made %d requests for keys; want 1", got)
		}
		p.publish(first, second)
		time.Sleep(10 * time.Second)
		try(t, "a new key", f, second, nil)
		if got := p.requests(); got != 2 {
			t.Errorf("a token of a new key made %d requests for keys; want 1 more", got-1)
		}
		for range 100 {
			try(t, "a made-up key", f, never, auth.ErrInvalid)
		}
		time.Sleep(10 * time.Second)
		for range 100 {
			try(t, "a made-up key, later", f, never, auth.ErrInvalid)
		}
		if got := p.requests(); got != 3 {
			t.Errorf("200 tokens of a made-up key within 10 s made %d requests for keys; want 1", got-2)
		}
		p.publish(second)
		time.Sleep(5 * time.Minute)
		try(t, "a key that was withdrawn", f, first, auth.ErrInvalid)
		try(t, "a key that stays", f, second, nil)
	})
}

// While the issuer is down its keys are used for an hour; then nobody can tell.
func TestIssuerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, "a", "ES256")
		p := new(publisher)
		p.fail(errors.New("down"))
		f := follows(t, p)
		for range 100 {
			try(t, "before keys are known", f, s, webhook.ErrUndecided)
		}
		if got := p.requests(); got != 1 {
			t.Errorf("100 tokens made %d requests for keys to an issuer that is down; want 1", got)
		}
		p.publish(s)
		p.fail(nil)
		time.Sleep(10 * time.Second)
		try(t, "when it is up", f, s, nil)
		p.fail(errors.New("down"))
		time.Sleep(59 * time.Minute)
		try(t, "after 59 minutes", f, s, nil)
		time.Sleep(time.Minute)
		try(t, "after an hour", f, s, webhook.ErrUndecided)
	})
}

// An issuer that hangs costs one request 5 seconds; the others go on with the keys that
// are known. One that is asked for the first time is asked once.
func TestIssuerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, "a", "ES256")
		p := &publisher{hangs: make(chan struct{})}
		p.publish(s)
		f := follows(t, p)
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { try(t, "one of 64 at once", f, s, nil) })
		}
		synctest.Wait()
		gone := with(s.sign(t, claims(nil), nil))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f(gone.WithContext(ctx)); !errors.Is(err, webhook.ErrUndecided) {
			t.Errorf("who hangs up meanwhile gets %v; want ErrUndecided", err)
		}
		close(p.hangs)
		all.Wait()
		if got := p.requests(); got != 1 {
			t.Errorf("64 requests at once made %d for keys; want 1", got)
		}

		p.hangs = make(chan struct{})
		time.Sleep(5 * time.Minute)
		began := time.Now()
		all.Go(func() { try(t, "who asks again", f, s, nil) })
		synctest.Wait()
		for range 64 {
			try(t, "while another asks", f, s, nil)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("64 others waited %v for keys that they had", waited)
		}
		all.Wait()
		if waited := time.Since(began); waited != 5*time.Second {
			t.Errorf("who asked waited %v; want 5 s", waited)
		}
	})
}

// Of a set, what is of no use is left out, and the rest works.
func TestKeysOfOddSets(t *testing.T) {
	t.Parallel()
	s, small := newSigning(t, "a", "ES256"), newSigning(t, "b", "ES384")
	encode := func(k jose.JSONWebKey) string {
		b, err := k.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	good := encode(jose.JSONWebKey{Key: s.public().Key, KeyID: "a", Algorithm: "ES256"})
	for document, want := range map[string]error{
		`{"keys":[` + good + `]}`: nil,
		`{"keys":[{"kty":"new"},1,{"kty":"EC"},` + good + `],"more":1}`:                                                   nil,
		`{"keys":[` + encode(jose.JSONWebKey{Key: s.public().Key, KeyID: "a", Use: "enc"}) + `]}`:                         webhook.ErrUndecided,
		`{"keys":[` + encode(jose.JSONWebKey{Key: s.key, KeyID: "a"}) + `]}`:                                              webhook.ErrUndecided, // a private one
		`{"keys":[` + encode(jose.JSONWebKey{Key: s.public().Key, KeyID: "a", Algorithm: "ES512"}) + `]}`:                 webhook.ErrUndecided,
		`{"keys":[` + encode(jose.JSONWebKey{Key: small.public().Key, KeyID: "a"}) + `]}`:                                 webhook.ErrUndecided, // not by default
		`{"keys":[` + encode(jose.JSONWebKey{Key: []byte("0123456789012345678901234567890123456789"), KeyID: "a"}) + `]}`: webhook.ErrUndecided,
		`{"keys":[]}`: webhook.ErrUndecided,
		`[]`:          webhook.ErrUndecided,
		`<html>`:      webhook.ErrUndecided,
	} {
		f := newJWT(t, func(c *auth.JWTConfig) {
			c.JWKSURL = "https://login.example/keys"
			c.Fetch = func(context.Context, string) ([]byte, error) { return []byte(document), nil }
		})
		try(t, document, f, s, want)
	}
}

// The keys come over real connections through the guard.
func TestKeysOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSigning(t, "a", "RS256")
	p := new(publisher)
	p.publish(s)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, _ := p.fetch(r.Context(), "")
		_, _ = w.Write(document)
	}))
	t.Cleanup(srv.Close)
	for open, want := range map[bool]error{true: nil, false: webhook.ErrUndecided} {
		h, err := transport.NewHTTP(transport.HTTPConfig{Guard: guard.Config{AllowHTTP: open, AllowPrivate: open}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.CloseIdleConnections)
		before := p.requests()
		try(t, "over HTTP", newJWT(t, func(c *auth.JWTConfig) { c.JWKSURL, c.Fetch = srv.URL, h.Get }), s, want)
		if got := p.requests() - before; (got == 1) != open {
			t.Errorf("through a guard that is open (%v) came %d requests for keys", open, got)
		}
	}
}
