package webhook

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// AuthType is how requests to an endpoint prove who sends them.
type AuthType string

// The types of authentication. The signature is beside all of them.
const (
	AuthNone   AuthType = ""        // the signature alone
	AuthAPIKey AuthType = "api_key" // a fixed value in a header
	AuthBasic  AuthType = "basic"   // a user name and a password (RFC 7617)
	AuthBearer AuthType = "bearer"  // a fixed token (RFC 6750)
	AuthJWT    AuthType = "jwt"     // a token that is signed for each attempt (RFC 7519)
	AuthOAuth2 AuthType = "oauth2"  // a token by client credentials (RFC 6749 section 4.4)
	AuthCustom AuthType = "custom"  // a scheme of the host's own
)

// Auth is how requests to an endpoint prove who sends them, beside their
// signature. The zero value is by the signature alone. Of the settings of the
// single types only those of its own may be set.
type Auth struct {
	Type AuthType
	// Secret is the API key, the password, the token, the key that signs JWTs,
	// the client's secret, or what a custom scheme takes for one. It can be
	// written and never read: an endpoint that is read has none.
	Secret Credential
	// Header is the name of the header of an API key. Defaults to X-Api-Key.
	Header string
	// Username goes with the password of Basic authentication.
	Username string
	// JWT says what the tokens of type jwt are.
	JWT JWT
	// OAuth2 says where tokens of type oauth2 come from.
	OAuth2 OAuth2
	// Scheme is the name under which the host has registered a custom scheme,
	// and Params are what it takes that is not secret, with the bounds of
	// metadata.
	Scheme string
	Params map[string]string
}

// JWTAlgorithm is how a JWT is signed (RFC 7518 section 3, RFC 8037).
type JWTAlgorithm string

// The algorithms of JWTs.
const (
	JWTHS256 JWTAlgorithm = "HS256" // Secret is a shared secret of 32 bytes or more
	JWTRS256 JWTAlgorithm = "RS256" // Secret is an RSA key of 2,048 to 4,096 bits
	JWTES256 JWTAlgorithm = "ES256" // Secret is a key on the curve P-256
	JWTEdDSA JWTAlgorithm = "EdDSA" // Secret is an Ed25519 key
)

// JWT is what a token says that is signed anew for each attempt. Its claims are
// iss, sub, aud, iat, exp, a fresh jti, and body_sha256: the SHA-256 of the body in
// hex, which binds the token to it. Private keys are PEM, PKCS #8 or the older
// forms of RSA and EC keys.
type JWT struct {
	Algorithm JWTAlgorithm
	// KeyID is the header kid, by which receivers choose the key. Defaults to
	// none.
	KeyID string
	// Issuer is the claim iss. Defaults to "postrider".
	Issuer string
	// Subject is the claim sub. Defaults to the endpoint's id.
	Subject string
	// Audience is the claim aud. Defaults to scheme and host of the
	// endpoint's URL.
	Audience string
	// Lifetime is the time from iat to exp, in whole seconds, 1 minute to 1
	// hour: no shorter than the longest attempt. Defaults to 5 minutes.
	Lifetime time.Duration
}

// OAuth2Style is how a client shows its secret to the token endpoint.
type OAuth2Style string

// The styles of RFC 6749 section 2.3.1.
const (
	OAuth2Basic OAuth2Style = "basic" // in the header Authorization
	OAuth2Post  OAuth2Style = "post"  // in the body
)

// OAuth2 is where tokens by client credentials come from.
type OAuth2 struct {
	// TokenURL is the token endpoint, in normal form. It is judged like the
	// endpoint's URL. Deliveries and tokens never share a connection's TLS
	// settings.
	TokenURL string
	ClientID string
	// Scopes are asked for. At most 20. Defaults to the server's choice.
	Scopes []string
	// Audience is asked for as the parameter of that name, which some servers
	// want. Defaults to none.
	Audience string
	// Style defaults to basic.
	Style OAuth2Style
}

const (
	defaultAPIKeyHeader = "X-Api-Key"
	defaultJWTIssuer    = "postrider"
	// defaultJWTLifetime is how long receivers take a signature for fresh
	// (Standard Webhooks 1.0.0).
	defaultJWTLifetime = 5 * time.Minute
	maxJWTLifetime     = time.Hour

	maxAuthText = 255 // names, claims, ids
	maxScopes   = 20
	// maxCredential bounds a Credential: a chain of certificates, with room.
	maxCredential = 16 << 10
)

func (a Auth) withDefaults() Auth {
	switch a.Type {
	case AuthAPIKey:
		if a.Header == "" {
			a.Header = defaultAPIKeyHeader
		}
	case AuthJWT:
		if a.JWT.Issuer == "" {
			a.JWT.Issuer = defaultJWTIssuer
		}
		if a.JWT.Lifetime == 0 {
			a.JWT.Lifetime = defaultJWTLifetime
		}
	case AuthOAuth2:
		if a.OAuth2.Style == "" {
			a.OAuth2.Style = OAuth2Basic
		}
	}
	return a
}

func (a Auth) clone() Auth {
	a.OAuth2.Scopes = slices.Clone(a.OAuth2.Scopes)
	a.Params = maps.Clone(a.Params)
	return a
}

// HeaderName returns the name of the header that the authentication sets, or ""
// if it sets none or, being a custom scheme, has its own.
func (a Auth) HeaderName() string {
	switch a.Type {
	case AuthNone, AuthCustom:
		return ""
	case AuthAPIKey:
		return http.CanonicalHeaderKey(a.withDefaults().Header)
	}
	return "Authorization"
}

// validate judges the authentication, and the headers where the two meet.
func (a Auth) validate(inv *InvalidError, headers map[string]string) {
	a = a.withDefaults()
	rest := a
	rest.Type, rest.Secret = "", Credential{}
	switch a.Type {
	case AuthNone:
		if !a.Secret.IsZero() {
			inv.Add("auth.type", CodeInvalidField, "Is needed with a secret.")
		}
	case AuthAPIKey:
		rest.Header = ""
		a.validateAPIKey(inv)
	case AuthBasic:
		rest.Username = ""
		a.validateBasic(inv)
	case AuthBearer:
		a.validateToken(inv)
	case AuthJWT:
		rest.JWT = JWT{}
		a.validateJWT(inv)
	case AuthOAuth2:
		rest.OAuth2 = OAuth2{}
		a.OAuth2.validate(inv)
		a.validateSecret(inv)
	case AuthCustom:
		rest.Scheme, rest.Params = "", nil
		a.validateCustom(inv)
	default:
		inv.Add("auth.type", CodeInvalidField, "Must be api_key, basic, bearer, jwt, oauth2 or custom.")
		return
	}
	if !rest.empty() {
		inv.Add("auth", CodeInvalidField, "Has settings of another type.")
	}
	if own := fold(a.HeaderName()); own != "" {
		for name := range headers {
			if fold(name) == own {
				inv.Add("headers", CodeHeaderNotAllowed, "The authentication sets a header of this name.")
			}
		}
	}
}

func (a Auth) empty() bool {
	return a.Type == "" && a.Secret.IsZero() && a.Header == "" && a.Username == "" && a.JWT == JWT{} && a.OAuth2.empty() &&
		a.Scheme == "" && len(a.Params) == 0
}

func (o OAuth2) empty() bool {
	return o.TokenURL == "" && o.ClientID == "" && len(o.Scopes) == 0 && o.Audience == "" && o.Style == ""
}

// validateSecret judges a secret that may be any text.
func (a Auth) validateSecret(inv *InvalidError) {
	switch secret := a.Secret.Reveal(); {
	case secret == "":
		inv.Add("auth.secret", CodeInvalidField, "Is needed.")
	case len(secret) > maxHeaderLen || !cleanText(secret):
		inv.Add("auth.secret", CodeInvalidField, "Must be at most 4 KiB of UTF-8 text without control characters.")
	}
}

func (a Auth) validateAPIKey(inv *InvalidError) {
	switch {
	case !isToken(a.Header) || len(a.Header) > maxAuthText:
		inv.Add("auth.header", CodeInvalidField, "Must be an HTTP token.")
	case ReservedHeader(a.Header):
		inv.Add("auth.header", CodeHeaderNotAllowed, "A header of this name cannot be set.")
	}
	a.validateHeaderSecret(inv)
}

// validateHeaderSecret judges a secret that is sent as it is.
func (a Auth) validateHeaderSecret(inv *InvalidError) {
	switch secret := a.Secret.Reveal(); {
	case secret == "":
		inv.Add("auth.secret", CodeInvalidField, "Is needed.")
	case len(secret) > maxHeaderLen || !isHeaderValue(secret):
		inv.Add("auth.secret", CodeInvalidField, "Must be at most 4 KiB of visible ASCII.")
	}
}

func (a Auth) validateToken(inv *InvalidError) {
	if strings.ContainsAny(a.Secret.Reveal(), " \t") {
		inv.Add("auth.secret", CodeInvalidField, "Must be the token alone, without spaces.")
		return
	}
	a.validateHeaderSecret(inv)
}

// validateBasic keeps a colon out of the user name, which ends at the first
// (RFC 7617 section 2).
func (a Auth) validateBasic(inv *InvalidError) {
	if a.Username == "" || len(a.Username) > maxAuthText || !cleanText(a.Username) || strings.Contains(a.Username, ":") {
		inv.Add("auth.username", CodeInvalidField, "Must be 1 to 255 bytes of UTF-8 text without control characters and colons.")
	}
	a.validateSecret(inv)
}

func (a Auth) validateCustom(inv *InvalidError) {
	if a.Scheme == "" || len(a.Scheme) > maxAuthText || !cleanText(a.Scheme) {
		inv.Add("auth.scheme", CodeInvalidField, "Must be the name of a scheme that is registered.")
	}
	inv.metadata("auth.params", a.Params)
	inv.secretText("auth.secret", a.Secret)
}

// secretText judges a secret that only those who use it understand, or PEM.
func (e *InvalidError) secretText(field string, c Credential) {
	if text := c.Reveal(); len(text) > maxCredential || !cleanText(strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(text)) {
		e.Add(field, CodeInvalidField, "Must be at most 16 KiB of UTF-8 text.")
	}
}

func (o OAuth2) validate(inv *InvalidError) {
	if o.TokenURL == "" || len(o.TokenURL) > maxURLLen || !cleanText(o.TokenURL) {
		inv.Add("auth.oauth2.token_url", CodeURLInvalid, "Must be a valid HTTPS URL.")
	}
	if o.ClientID == "" || len(o.ClientID) > maxAuthText || !cleanText(o.ClientID) {
		inv.Add("auth.oauth2.client_id", CodeInvalidField, "Must be 1 to 255 bytes of UTF-8 text without control characters.")
	}
	bad := len(o.Scopes) > maxScopes
	for _, s := range o.Scopes {
		bad = bad || !isScope(s)
	}
	if bad {
		inv.Add("auth.oauth2.scopes", CodeInvalidField, "At most 20, each 1 to 255 visible ASCII characters without quotes and backslashes.")
	}
	inv.text("auth.oauth2.audience", o.Audience, maxURLLen)
	if o.Style != OAuth2Basic && o.Style != OAuth2Post {
		inv.Add("auth.oauth2.style", CodeInvalidField, "Must be basic or post.")
	}
}

// isScope reports whether s is a scope-token (RFC 6749 section 3.3).
func isScope(s string) bool {
	return s != "" && len(s) <= maxAuthText && isHeaderValue(s) && !strings.ContainsAny(s, " \t\"\\")
}
