package auth

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/webhook"
)

// claims are what a JWT says of the attempt that it is for (RFC 7519 section 4.1).
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
	// BodySHA256 binds the token to the body, in lower-case hex.
	BodySHA256 string `json:"body_sha256"`
}

func newJWTSigner(a webhook.Auth) (jose.Signer, error) {
	key, err := a.SigningKey()
	if err != nil {
		return nil, fmt.Errorf("key of the JWTs: %w", err)
	}
	opts := new(jose.SignerOptions).WithType("JWT")
	if a.JWT.KeyID != "" {
		opts = opts.WithHeader("kid", a.JWT.KeyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(a.JWT.Algorithm), Key: key}, opts)
	if err != nil {
		return nil, errors.New("key of the JWTs is not for their algorithm")
	}
	return signer, nil
}

// mint returns a JWT for a request with this body, good from now on.
func (a *Authenticator) mint(c *Credentials, body []byte) (string, error) {
	id, err := a.newID()
	if err != nil {
		return "", fmt.Errorf("make an id for a JWT: %w", err)
	}
	now, sum := clock.Now(), sha256.Sum256(body)
	payload, err := json.Marshal(claims{
		Issuer: c.auth.JWT.Issuer, Subject: cmp.Or(c.auth.JWT.Subject, c.endpoint), Audience: cmp.Or(c.auth.JWT.Audience, c.origin()),
		IssuedAt: now.Unix(), Expires: now.Add(c.auth.JWT.Lifetime).Unix(), ID: id, BodySHA256: hex.EncodeToString(sum[:]),
	})
	if err != nil {
		return "", fmt.Errorf("encode a JWT: %w", err)
	}
	signed, err := c.signer.Sign(payload)
	if err != nil {
		return "", errors.New("sign a JWT")
	}
	return signed.CompactSerialize()
}
