package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var tokenCases = []testCase{
	{"FoundByHash", tokenFound},
	{"ListedByKind", tokenListed},
	{"TooManyAreRefused", tokenTooMany},
	{"NeverTooMany", tokenManyCallers},
	{"RevokedIsGone", tokenRevoked},
	{"UseIsNoted", tokenUsed},
	{"ProcessesShare", tokenShared},
	{"TenantsAreSeparate", tokenTenants},
	{"IsDurable", tokenDurable},
	{"CanceledWritesNothing", tokenCanceled},
	{"ExpiredArePruned", tokenPruned},
}

// token returns an API key that nobody stored yet, and the hash of its secret.
func (w *world) token(tenant string) (webhook.Token, []byte) {
	id := w.id(webhook.PrefixAPIKey)
	hash := sha256.Sum256([]byte(id))
	return webhook.Token{
		ID: id, Tenant: tenant, Kind: webhook.TokenAPIKey, Name: "deploy ä", Role: webhook.RoleDeveloper,
		Scopes: []string{"publish", "event-types"}, CreatedBy: "ada", ExpiresAt: w.now.Add(time.Hour),
	}, hash[:]
}

// bareToken returns a portal token with nothing that need not be.
func (w *world) bareToken(tenant string) (webhook.Token, []byte) {
	t, hash := w.token(tenant)
	return webhook.Token{ID: w.id(webhook.PrefixPortalToken), Tenant: tenant, Kind: webhook.TokenPortal, Name: "p", Role: webhook.RoleViewer, ExpiresAt: t.ExpiresAt}, hash
}

func (w *world) createToken(t webhook.Token, hash []byte) webhook.Token {
	w.t.Helper()
	got, err := w.store.CreateToken(w.ctx, w.now, t, hash, many)
	w.must(err, "CreateToken")
	return got
}

func (w *world) wantToken(st store.Store, when string, hash []byte, want webhook.Token) {
	w.t.Helper()
	got, err := st.TokenByHash(w.ctx, hash)
	w.must(err, "TokenByHash "+when)
	if !same(got, want) {
		w.t.Errorf("TokenByHash %s = %+v; want %+v", when, got, want)
	}
}

func (w *world) wantNoToken(st store.Store, when string, hash []byte) {
	w.t.Helper()
	if got, err := st.TokenByHash(w.ctx, hash); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("TokenByHash %s = %+v, %v; want ErrNotFound: it would let somebody in", when, got, err)
	}
}

func (w *world) listTokens(tenant string, kind webhook.TokenKind, page store.Page) []webhook.Token {
	w.t.Helper()
	list, err := w.store.ListTokens(w.ctx, tenant, kind, page)
	w.must(err, "ListTokens")
	return list
}

func tokenFound(w *world) {
	full, hash := w.token(acme)
	forever, second := w.token(acme)
	forever.Scopes, forever.ExpiresAt = nil, time.Time{}
	portal, third := w.bareToken(acme)
	for _, t := range []struct {
		token webhook.Token
		hash  []byte
	}{{full, hash}, {forever, second}, {portal, third}} {
		got := w.createToken(t.token, t.hash)
		t.token.CreatedAt = w.now
		if !same(got, t.token) {
			w.t.Errorf("CreateToken = %+v; want %+v", got, t.token)
		}
		w.wantToken(w.store, "after CreateToken", t.hash, t.token)
		w.advance(time.Minute)
	}
	w.wantNoToken(w.store, "of a hash that is part of another", hash[:16])
	w.wantNoToken(w.store, "of no hash", []byte{})
	w.advance(2 * time.Hour)
	got, err := w.store.TokenByHash(w.ctx, hash)
	w.must(err, "TokenByHash of an expired token")
	if !got.Expired(w.now) {
		w.t.Errorf("TokenByHash of an expired token = %+v; want it with the time when it ended", got)
	}
}

func tokenListed(w *world) {
	var keys, portals []webhook.Token
	for range 3 {
		keys = append([]webhook.Token{w.createToken(w.token(acme))}, keys...)
		portals = append([]webhook.Token{w.createToken(w.bareToken(acme))}, portals...)
		w.advance(time.Minute)
	}
	if got := w.listTokens(acme, webhook.TokenAPIKey, store.Page{}); !sameList(got, keys) {
		w.t.Errorf("ListTokens of API keys = %+v; want %+v: all of the kind, newest first", got, keys)
	}
	first := w.listTokens(acme, webhook.TokenPortal, store.Page{Limit: 2})
	rest := w.listTokens(acme, webhook.TokenPortal, store.Page{Limit: 2, After: first[len(first)-1].ID})
	if !sameList(append(first, rest...), portals) {
		w.t.Errorf("ListTokens of portal tokens in pages = %d and %d; want all 3, newest first", len(first), len(rest))
	}
}

func tokenTooMany(w *world) {
	t, hash := w.token(acme)
	w.createToken(t, hash)
	w.createToken(w.bareToken(acme)) // of another kind
	w.createToken(w.token(globex))   // of another tenant
	next, other := w.token(acme)
	audit := w.auditOf(acme, next.ID)
	if _, err := w.store.CreateToken(w.ctx, w.now, next, other, 1, audit); !errors.Is(err, store.ErrTooMany) {
		w.t.Errorf("CreateToken when there are as many as there may be = %v; want ErrTooMany", err)
	}
	w.wantNoToken(w.store, "after ErrTooMany", other)
	w.wantAudit("ErrTooMany")
	w.advance(time.Hour)
	next.ExpiresAt = w.now.Add(time.Hour)
	_, err := w.store.CreateToken(w.ctx, w.now, next, other, 1, audit)
	w.must(err, "CreateToken when the other has expired")
	w.wantAudit("CreateToken", audit.ID)
}

func tokenManyCallers(w *world) {
	stores := []store.Store{w.store}
	if w.h.Second != nil {
		stores = append(stores, w.h.Second(w.t))
	}
	const callers, limit = 8, 3
	var made atomic.Int32
	concurrently(w.t, callers, func(i int) error {
		t, hash := w.token(acme)
		_, err := stores[i%len(stores)].CreateToken(w.ctx, w.now, t, hash, limit)
		if errors.Is(err, store.ErrTooMany) {
			return nil
		}
		made.Add(1)
		return err
	})
	if n := len(w.listTokens(acme, webhook.TokenAPIKey, store.Page{})); n != limit || made.Load() != limit {
		w.t.Errorf("CreateToken by %d callers at once: %d made and %d listed; want %d of each", callers, made.Load(), n, limit)
	}
}

func tokenRevoked(w *world) {
	t, hash := w.token(acme)
	t = w.createToken(t, hash)
	kept, second := w.token(acme)
	kept = w.createToken(kept, second)
	w.wantToken(w.store, "before RevokeToken", hash, t)
	audit := w.auditOf(acme, t.ID)
	w.must(w.store.RevokeToken(w.ctx, w.now, acme, t.ID, audit), "RevokeToken")
	w.wantNoToken(w.store, "after RevokeToken", hash)
	w.wantToken(w.store, "of another after RevokeToken", second, kept)
	if err := w.store.RevokeToken(w.ctx, w.now, acme, t.ID, w.auditOf(acme, t.ID)); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("RevokeToken for the second time = %v; want ErrNotFound", err)
	}
	w.wantAudit("two calls of RevokeToken", audit.ID)
}

func tokenUsed(w *world) {
	t, hash := w.token(acme)
	t = w.createToken(t, hash)
	w.advance(time.Minute)
	w.must(w.store.UseToken(w.ctx, w.now, acme, t.ID), "UseToken")
	t.LastUsedAt = w.now
	w.wantToken(w.store, "after UseToken", hash, t)
	w.must(w.store.UseToken(w.ctx, w.now, acme, w.id(webhook.PrefixAPIKey)), "UseToken of none")
	w.must(w.store.UseToken(w.ctx, w.now.Add(time.Minute), globex, t.ID), "UseToken of another tenant's")
	w.wantToken(w.store, "after UseToken by another tenant", hash, t)
}

func tokenShared(w *world) {
	other := w.second()
	t, hash := w.token(acme)
	w.wantNoToken(other, "before CreateToken by another process", hash)
	t = w.createToken(t, hash)
	w.wantToken(other, "after CreateToken by another process", hash, t)
	w.must(w.store.RevokeToken(w.ctx, w.now, acme, t.ID), "RevokeToken")
	w.wantNoToken(other, "after RevokeToken by another process", hash)
}

func tokenTenants(w *world) {
	t, hash := w.token(acme)
	t = w.createToken(t, hash)
	for _, tenant := range []string{globex, nobody} {
		if err := w.store.RevokeToken(w.ctx, w.now, tenant, t.ID, w.auditOf(tenant, t.ID)); !errors.Is(err, store.ErrNotFound) {
			w.t.Errorf("RevokeToken of another tenant's = %v; want ErrNotFound", err)
		}
		if got := w.listTokens(tenant, t.Kind, store.Page{}); len(got) != 0 {
			w.t.Errorf("ListTokens of tenant %q = %d tokens; want 0: they are another's", tenant, len(got))
		}
	}
	w.wantToken(w.store, "after another tenant's calls", hash, t)
}

func tokenDurable(w *world) {
	t, hash := w.token(acme)
	t = w.createToken(t, hash)
	w.reopen()
	w.wantToken(w.store, "after opening the database again", hash, t)
}

func tokenCanceled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	t, hash := w.token(acme)
	t = w.createToken(t, hash)
	next, second := w.token(acme)
	cancel()
	_, err := w.store.CreateToken(ctx, w.now, next, second, many)
	errs := []error{err, w.store.RevokeToken(ctx, w.now, acme, t.ID), w.store.UseToken(ctx, w.now, acme, t.ID)}
	if i := slices.Index(errs, nil); i >= 0 {
		w.t.Errorf("call %d with a canceled context = no error; want one", i)
	}
	w.wantToken(w.store, "after calls with a canceled context", hash, t)
	w.wantNoToken(w.store, "after CreateToken with a canceled context", second)
}

func tokenPruned(w *world) {
	old, hash := w.token(acme)
	old = w.createToken(old, hash)
	forever, second := w.token(acme)
	forever.ExpiresAt = time.Time{}
	forever = w.createToken(forever, second)
	for range 2 {
		w.createToken(w.bareToken(acme))
	}
	w.now = old.ExpiresAt.Add(store.TokensKept)
	if got := w.pruneAll(); got.Tokens != 0 {
		w.t.Errorf("Prune when tokens have expired not long ago = %d tokens; want 0: people look for them", got.Tokens)
	}
	w.wantToken(w.store, "within the time that it is kept", hash, old)
	w.advance(time.Second)
	if got := w.pruneBy(1); got.Tokens != 3 {
		w.t.Errorf("Prune when tokens have expired long ago = %d tokens; want 3", got.Tokens)
	}
	w.wantNoToken(w.store, "after Prune", hash)
	w.wantToken(w.store, "that never expires, after Prune", second, forever)
}
