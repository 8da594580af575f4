package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// JWTConfig configures JWT. Issuer, Audience, and either Keys or JWKSURL are required.
type JWTConfig struct {
	// Issuer is the "iss" of tokens. Those of others are not of this kind: another
	// authenticator may know them.
	Issuer string
	// Audience must be in the "aud" of tokens: what the issuer calls this API. Without
	// it, tokens that somebody was given for another service would be good here.
	Audience string
	// Keys are the keys that tokens are signed with.
	Keys []Key
	// JWKSURL is where the issuer publishes its keys (RFC 7517). They are read when the
	// first token comes, and again every 5 minutes and when a token names one that is
	// not known, but at most every 10 seconds. While they cannot be read, keys are
	// used for up to an hour.
	JWKSURL string
	// Fetch reads JWKSURL. Use Get of a transport.HTTP of your own for an issuer on a
	// private network.
	// Defaults to HTTPS to public addresses, through the address guard.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Algorithms are those that tokens of JWKSURL may be signed by; all others are
	// refused. There are none with shared secrets.
	// Defaults to RS256, PS256, ES256 and EdDSA.
	Algorithms []string
	// Type must be the "typ" of tokens, such as "at+jwt" for the access tokens of RFC
	// 9068, where an issuer signs others with the same audience.
	// Defaults to any.
	Type string
	// Leeway is how far the issuer's clock may be from ours.
	// Defaults to 1 minute, the clock skew that is warned of elsewhere.
	Leeway time.Duration
	// Principal says who somebody is whose token is good. Its error refuses them.
	// Defaults to PrincipalOf.
	Principal func(ctx context.Context, c Claims) (webhook.Principal, error)
}

// Claims are what a token says that is good.
type Claims struct {
	// Subject is "sub", who the token is about, or "".
	Subject string
	// ExpiresAt is "exp".
	ExpiresAt time.Time
	payload   []byte
}

// Decode reads the claims into v, as encoding/json does. They are a JSON object without
// duplicate names.
func (c Claims) Decode(v any) error { return json.Unmarshal(c.payload, v) }

// PrincipalOf returns who has a token by its claims "tenant", "role", "scope" (RFC 8693
// section 4.2: scopes with spaces between them) and "sub", of which only "scope" may be
// absent.
func PrincipalOf(_ context.Context, c Claims) (webhook.Principal, error) {
	var claims struct {
		Tenant *string      `json:"tenant"`
		Role   webhook.Role `json:"role"`
		Scope  string       `json:"scope"`
	}
	if err := c.Decode(&claims); err != nil {
		return webhook.Principal{}, invalid("a claim is of another type")
	}
	if claims.Tenant == nil || !claims.Role.Valid() || c.Subject == "" {
		return webhook.Principal{}, invalid("the claims tenant, role or sub are missing")
	}
	return webhook.Principal{Tenant: *claims.Tenant, Role: claims.Role, Actor: c.Subject, Scopes: strings.Fields(claims.Scope)}, nil
}

// maxToken bounds a token, in bytes, before anything is computed of it: what servers take
// as a header.
const maxToken = 8 << 10

// JWT lets in who has a signed JWT of an issuer as bearer token (RFC 7519, RFC 8725): an
// OAuth 2.0 access token, or one of the host's own. It must expire, be for the audience,
// and be signed by a key of the issuer's with the algorithm of that key, so neither "none"
// nor a public key that is taken for a secret gets anybody in. Extensions that are marked
// critical are refused. The error says what is wrong with the configuration.
func JWT(cfg JWTConfig) (Func, error) {
	v, err := newVerifier(cfg)
	if err != nil {
		return nil, fmt.Errorf("auth: JWT: %w", err)
	}
	return v.authenticate, nil
}

type verifier struct {
	cfg        JWTConfig
	algorithms []jose.SignatureAlgorithm
	// keys returns those that a token may be signed with.
	keys func(ctx context.Context, id, algorithm string) ([]Key, error)
}

func newVerifier(cfg JWTConfig) (*verifier, error) {
	switch {
	case cfg.Issuer == "" || cfg.Audience == "":
		return nil, errors.New("there is no Issuer or no Audience")
	case (len(cfg.Keys) > 0) == (cfg.JWKSURL != ""):
		return nil, errors.New("there must be either Keys or a JWKSURL")
	case cfg.Leeway < 0:
		return nil, errors.New("the Leeway is negative")
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = time.Minute
	}
	if cfg.Principal == nil {
		cfg.Principal = PrincipalOf
	}
	v := &verifier{cfg: cfg}
	if cfg.JWKSURL != "" {
		return v, v.follow()
	}
	if len(cfg.Algorithms) > 0 {
		return nil, errors.New("there are Algorithms without a JWKSURL: a key has its own")
	}
	for i, k := range cfg.Keys {
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(k.Algorithm))
	}
	v.keys = func(_ context.Context, id, algorithm string) (found []Key, _ error) {
		for _, k := range cfg.Keys {
			if k.isFor(id, algorithm) {
				found = append(found, k)
			}
		}
		return found, nil
	}
	return v, nil
}

// public are the algorithms that have public keys.
var public = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// follow makes the keys those of the issuer's URL.
func (v *verifier) follow() error {
	algorithms := v.cfg.Algorithms
	if len(algorithms) == 0 {
		algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}
	}
	for _, a := range algorithms {
		if !slices.Contains(public, a) {
			return fmt.Errorf("%q is no algorithm with public keys", a)
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(a))
	}
	url, get := v.cfg.JWKSURL, v.cfg.Fetch
	if get == nil {
		h, err := transport.NewHTTP(transport.HTTPConfig{})
		if err != nil {
			return err
		}
		if url, err = h.CheckURL(url); err != nil {
			return fmt.Errorf("the JWKSURL: %w", err)
		}
		get = h.Get
	}
	v.keys = (&keyset{url: url, algorithms: algorithms, get: get}).find
	return nil
}

func (v *verifier) authenticate(r *http.Request) (webhook.Principal, error) {
	token, err := bearer(r)
	if err != nil {
		return webhook.Principal{}, err
	}
	if !v.mine(token) {
		return webhook.Principal{}, ErrNone
	}
	c, err := v.verify(r.Context(), token)
	if err != nil {
		return webhook.Principal{}, err
	}
	p, err := v.cfg.Principal(r.Context(), c)
	if err != nil {
		return webhook.Principal{}, final(err)
	}
	return p, nil
}

// mine reports whether a token looks like a JWT of the issuer's. It decides who judges
// the token, and nothing else.
func (v *verifier) mine(token string) bool {
	parts := strings.Split(token[:min(len(token), maxToken+1)], ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer string `json:"iss"`
	}
	return err == nil && json.Unmarshal(payload, &claims) == nil && claims.Issuer == v.cfg.Issuer
}

// verify returns the claims of a token that is good now.
func (v *verifier) verify(ctx context.Context, token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, invalid("the token is too long")
	}
	t, err := jwt.ParseSigned(token, v.algorithms)
	if err != nil {
		return Claims{}, invalid("it is no JWT by an algorithm that is allowed")
	}
	h := t.Headers[0]
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); v.cfg.Type != "" && !strings.EqualFold(strings.TrimPrefix(strings.ToLower(typ), "application/"), v.cfg.Type) {
		return Claims{}, invalid("the JWT is of another type")
	}
	keys, err := v.keys(ctx, h.KeyID, h.Algorithm)
	if err != nil {
		return Claims{}, err
	}
	for _, k := range keys {
		var c jwt.Claims
		var payload json.RawMessage
		if t.Claims(k.Key, &payload, &c) == nil {
			return v.validate(&c, payload)
		}
	}
	return Claims{}, invalid("the JWT is not signed by a key of the issuer")
}

// validate judges the claims of a token whose signature is good.
func (v *verifier) validate(c *jwt.Claims, payload []byte) (Claims, error) {
	if c.Expiry == nil {
		return Claims{}, invalid("the JWT does not expire")
	}
	err := c.ValidateWithLeeway(jwt.Expected{Issuer: v.cfg.Issuer, AnyAudience: jwt.Audience{v.cfg.Audience}, Time: clock.Now()}, v.cfg.Leeway)
	if err != nil {
		return Claims{}, invalid("the JWT is not for here and now")
	}
	return Claims{Subject: c.Subject, ExpiresAt: c.Expiry.Time(), payload: payload}, nil
}
