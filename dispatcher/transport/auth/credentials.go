package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// Credentials are how requests to one endpoint are authenticated. They are never
// changed, and safe for concurrent use.
type Credentials struct {
	tenant, endpoint, url string
	auth                  webhook.Auth
	// fixed is a header that is the same for every attempt.
	fixed http.Header
	// signer signs the JWTs.
	signer jose.Signer
	// source names where tokens come from, and tls is asked of connections there.
	source sourceKey
	tls    *transport.TLS
	// err is why there is nothing to authenticate with.
	err error
}

// NewCredentials returns the credentials of an endpoint, or nil if its requests are
// authenticated by their signature alone. A key that cannot be used is the error
// of every attempt: it passed when the endpoint was stored.
func NewCredentials(ep *webhook.Endpoint) *Credentials {
	if ep.Auth.Type == webhook.AuthNone {
		return nil
	}
	c := &Credentials{tenant: ep.Tenant, endpoint: ep.ID, url: ep.URL, auth: ep.Auth}
	switch secret := ep.Auth.Secret.Reveal(); ep.Auth.Type {
	case webhook.AuthAPIKey:
		c.fixed = http.Header{ep.Auth.HeaderName(): {secret}}
	case webhook.AuthBasic:
		c.fixed = authorization("Basic " + base64.StdEncoding.EncodeToString([]byte(ep.Auth.Username+":"+secret)))
	case webhook.AuthBearer:
		c.fixed = authorization("Bearer " + secret)
	case webhook.AuthJWT:
		c.signer, c.err = newJWTSigner(ep.Auth)
	case webhook.AuthOAuth2:
		settings := tokenTLS(ep)
		c.source, c.tls = newSourceKey(ep.Tenant, ep.Auth, settings), transport.NewTLS(settings)
	}
	return c
}

// tokenTLS returns what is asked of connections to an endpoint's token endpoint: its
// minimum version, and its authorities, for an authorization server is often of the same
// private network. Its pins name the receiver's key, and its client certificate is for
// the receiver: a server of tokens would know what to do with one only under RFC 8705.
func tokenTLS(ep *webhook.Endpoint) webhook.TLS {
	if strings.HasPrefix(ep.Auth.OAuth2.TokenURL, "http:") { // which the host has allowed
		return webhook.TLS{}
	}
	return webhook.TLS{MinVersion: ep.TLS.MinVersion, Authorities: ep.TLS.Authorities}
}

func authorization(value string) http.Header { return http.Header{"Authorization": {value}} }

// Fixed returns the headers that are the same for every attempt, which the caller
// must not change; nil if they differ, or there are none.
func (c *Credentials) Fixed() http.Header {
	if c == nil {
		return nil
	}
	return c.fixed
}

// Renews reports whether a receiver that answers 401 may be asked again, with what
// Renew returns.
func (c *Credentials) Renews() bool { return c != nil && c.auth.Type == webhook.AuthOAuth2 }

// origin returns scheme and host of the endpoint's URL.
func (c *Credentials) origin() string {
	u, err := url.Parse(c.url)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// sourceKey names a source of tokens: the same for endpoints of a tenant that have
// all in common that a token depends on.
type sourceKey [sha256.Size]byte

func newSourceKey(tenant string, a webhook.Auth, t webhook.TLS) (key sourceKey) {
	h := sha256.New()
	parts := append([]string{
		tenant, a.OAuth2.TokenURL, a.OAuth2.ClientID, a.Secret.Reveal(), a.OAuth2.Audience, string(a.OAuth2.Style),
		string(t.MinVersion), t.Authorities,
	}, a.OAuth2.Scopes...)
	for _, part := range parts { // each after its length, so that no two lists are alike
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Sum(key[:0])
	return key
}
