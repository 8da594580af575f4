package transport

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// TLS is what a request asks of the connection that it is sent over, beyond what
// holds for all. It is never changed, and small: keys and certificates are parsed
// for each handshake, which costs more, and are not kept.
type TLS struct {
	settings webhook.TLS
	// key is different for settings that are.
	key string
}

// NewTLS returns the settings of an endpoint, or nil if it asks for nothing.
func NewTLS(t webhook.TLS) *TLS {
	if t.IsZero() {
		return nil
	}
	h := sha256.New()
	parts := append([]string{string(t.MinVersion), t.Authorities, t.ClientCertificate.Reveal(), t.ClientKey.Reveal()}, t.Pins...)
	for _, part := range parts { // each after its length, so that no two lists are alike
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return &TLS{settings: t, key: hex.EncodeToString(h.Sum(nil))}
}

// poolKey is what connections of these settings are kept under, beside the host.
func (t *TLS) poolKey() string {
	if t == nil {
		return ""
	}
	return "s" + t.key
}

var (
	errNoTLS             = errors.New("TLS is asked for and the URL is http")
	errNotPinned         = errors.New("certificate has none of the pinned keys")
	errClientCertificate = errors.New("client certificate cannot be used")
	errAuthorities       = errors.New("authorities cannot be used")
	errClientRefused     = errors.New("connection was closed by a receiver that wants a client certificate")
)

// config returns base with what t asks for; wanted is called if the receiver wants
// a client certificate. A session is never resumed: it would bring the identity of
// its first connection with it.
func (t *TLS) config(base *tls.Config, wanted func()) (*tls.Config, error) {
	cfg, shown := base.Clone(), new(tls.Certificate)
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		wanted()
		return shown, nil // to whoever asks: some name only the root of a longer chain
	}
	if t == nil {
		return cfg, nil
	}
	cfg.ClientSessionCache = nil
	if t.settings.MinVersion == webhook.TLS13 {
		cfg.MinVersion = tls.VersionTLS13
	}
	if t.settings.Authorities != "" {
		roots, err := rootsOf(base)
		if err != nil || !roots.AppendCertsFromPEM([]byte(t.settings.Authorities)) {
			return nil, errAuthorities
		}
		cfg.RootCAs = roots
	}
	pair, err := t.settings.KeyPair()
	if err != nil {
		return nil, errClientCertificate
	}
	if pair != nil {
		shown = pair
	}
	if len(t.settings.Pins) > 0 {
		cfg.VerifyConnection = t.pinned
	}
	return cfg, nil
}

// rootsOf returns the roots that base goes by, for the caller to add to.
func rootsOf(base *tls.Config) (*x509.CertPool, error) {
	if base.RootCAs != nil {
		return base.RootCAs.Clone(), nil
	}
	return x509.SystemCertPool()
}

// pinned judges a connection whose certificate has been verified: a key of one of
// its chains has to be pinned (as in RFC 7469 section 2.6).
func (t *TLS) pinned(state tls.ConnectionState) error {
	for _, chain := range state.VerifiedChains {
		for _, cert := range chain {
			sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
			if slices.Contains(t.settings.Pins, base64.StdEncoding.EncodeToString(sum[:])) {
				return nil
			}
		}
	}
	return errNotPinned
}

// poolName is the name that connections with these keys are kept under. It is in
// upper case, which no host of a normal URL is, so nobody's URL can name a
// connection that was made for somebody else.
func poolName(keys ...string) string {
	return strings.ToUpper(strings.Join(slices.DeleteFunc(keys, func(k string) bool { return k == "" }), "."))
}
