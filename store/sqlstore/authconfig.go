package sqlstore

import (
	"time"

	"github.com/postrider/postrider/webhook"
)

// authConfig and tlsConfig are what is kept in endpointConfig of how an endpoint is
// authenticated to and connected with. What is secret is not here. The names are
// stored; they must not change.
type (
	authConfig struct {
		Type     string            `json:"type"`
		Header   string            `json:"header,omitempty"`
		Username string            `json:"username,omitempty"`
		JWT      *jwtConfig        `json:"jwt,omitempty"`
		OAuth2   *oauth2Config     `json:"oauth2,omitempty"`
		Scheme   string            `json:"scheme,omitempty"`
		Params   map[string]string `json:"params,omitempty"`
	}
	jwtConfig struct {
		Algorithm string        `json:"algorithm"`
		KeyID     string        `json:"key_id,omitempty"`
		Issuer    string        `json:"issuer,omitempty"`
		Subject   string        `json:"subject,omitempty"`
		Audience  string        `json:"audience,omitempty"`
		Lifetime  time.Duration `json:"lifetime,omitempty"`
	}
	oauth2Config struct {
		TokenURL string   `json:"token_url"`
		ClientID string   `json:"client_id"`
		Scopes   []string `json:"scopes,omitempty"`
		Audience string   `json:"audience,omitempty"`
		Style    string   `json:"style,omitempty"`
	}
	tlsConfig struct {
		MinVersion        string    `json:"min_version,omitempty"`
		Authorities       string    `json:"authorities,omitempty"`
		Pins              []string  `json:"pins,omitempty"`
		ClientFingerprint string    `json:"client_fingerprint,omitempty"`
		ClientNotAfter    time.Time `json:"client_not_after,omitzero"`
	}
)

func newAuthConfig(a *webhook.Auth) *authConfig {
	if a.Type == webhook.AuthNone {
		return nil
	}
	c := &authConfig{Type: string(a.Type), Header: a.Header, Username: a.Username, Scheme: a.Scheme, Params: a.Params}
	if j := a.JWT; j != (webhook.JWT{}) {
		c.JWT = &jwtConfig{string(j.Algorithm), j.KeyID, j.Issuer, j.Subject, j.Audience, j.Lifetime}
	}
	if o := a.OAuth2; o.TokenURL != "" {
		c.OAuth2 = &oauth2Config{o.TokenURL, o.ClientID, o.Scopes, o.Audience, string(o.Style)}
	}
	return c
}

func (c *authConfig) auth() webhook.Auth {
	if c == nil {
		return webhook.Auth{}
	}
	a := webhook.Auth{Type: webhook.AuthType(c.Type), Header: c.Header, Username: c.Username, Scheme: c.Scheme, Params: c.Params}
	if j := c.JWT; j != nil {
		a.JWT = webhook.JWT{
			Algorithm: webhook.JWTAlgorithm(j.Algorithm), KeyID: j.KeyID,
			Issuer: j.Issuer, Subject: j.Subject, Audience: j.Audience, Lifetime: j.Lifetime,
		}
	}
	if o := c.OAuth2; o != nil {
		a.OAuth2 = webhook.OAuth2{
			TokenURL: o.TokenURL, ClientID: o.ClientID, Scopes: o.Scopes, Audience: o.Audience, Style: webhook.OAuth2Style(o.Style),
		}
	}
	return a
}

func newTLSConfig(t *webhook.TLS) *tlsConfig {
	c := &tlsConfig{string(t.MinVersion), t.Authorities, t.Pins, t.ClientFingerprint, t.ClientNotAfter}
	if t.IsZero() && t.MinVersion == "" {
		return nil
	}
	return c
}

func (c *tlsConfig) tls() webhook.TLS {
	if c == nil {
		return webhook.TLS{}
	}
	return webhook.TLS{
		MinVersion: webhook.TLSVersion(c.MinVersion), Authorities: c.Authorities, Pins: c.Pins,
		ClientFingerprint: c.ClientFingerprint, ClientNotAfter: c.ClientNotAfter,
	}
}
