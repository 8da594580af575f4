package webhook

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TLSVersion is a version of TLS.
type TLSVersion string

// The versions that deliveries may be sent over.
const (
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

// TLS is what an endpoint asks of the connections to it beyond what holds for
// all: certificates are verified always. It needs an https URL. MinVersion and
// Authorities hold for the endpoint's token endpoint (OAuth2.TokenURL) too; pins and
// the client certificate are for the receiver alone.
type TLS struct {
	// MinVersion is the lowest version that is spoken. Defaults to 1.2.
	MinVersion TLSVersion
	// Authorities are certificates in PEM that the receiver's may chain to, or
	// be, beside the host's own roots. At most 10, and 16 KiB.
	Authorities string
	// Pins are SHA-256 digests of public keys (SubjectPublicKeyInfo) in base64.
	// If there are any, one of the certificates of the receiver's verified chain
	// must have such a key. At most 10: have one more than the key in use.
	Pins []string
	// ClientCertificate is the chain that is shown to receivers that ask for
	// one, the client's own certificate first, and ClientKey its private key;
	// both are PEM. They can be written and never read.
	ClientCertificate, ClientKey Credential

	// ClientFingerprint is the SHA-256 of the client's own certificate, 64 hex
	// digits, and ClientNotAfter is when it expires. The library sets them. An
	// endpoint has a client certificate if it has a fingerprint; taking it away
	// takes the certificate away.
	ClientFingerprint string
	ClientNotAfter    time.Time
}

const (
	maxAuthorities = 10
	maxPins        = 10
	maxChain       = 5
)

// IsZero reports whether nothing is asked for beyond what holds for all.
func (t TLS) IsZero() bool {
	return (t.MinVersion == "" || t.MinVersion == TLS12) && t.Authorities == "" && len(t.Pins) == 0 &&
		t.ClientCertificate.IsZero() && t.ClientKey.IsZero() && t.ClientFingerprint == ""
}

// KeyPair returns the client certificate, or nil if there is none. The error
// repeats nothing of either.
func (t TLS) KeyPair() (*tls.Certificate, error) {
	if t.ClientCertificate.IsZero() && t.ClientKey.IsZero() {
		return nil, nil
	}
	if _, err := parsePrivateKey(t.ClientKey.Reveal()); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair([]byte(t.ClientCertificate.Reveal()), []byte(t.ClientKey.Reveal()))
	if err != nil {
		return nil, errors.New("client certificate and key do not go together")
	}
	if key, ok := pair.Leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSABits {
		return nil, errKeySize
	}
	return &pair, nil
}

// described returns t with what is readable of a client certificate that was
// given with it.
func (t TLS) described() TLS {
	if t.ClientCertificate.IsZero() {
		return t
	}
	t.ClientFingerprint, t.ClientNotAfter = "", time.Time{}
	if certs, err := parseCertificates(t.ClientCertificate.Reveal(), maxChain); err == nil {
		sum := sha256.Sum256(certs[0].Raw)
		t.ClientFingerprint, t.ClientNotAfter = hex.EncodeToString(sum[:]), certs[0].NotAfter.UTC()
	}
	return t
}

// parseCertificates reads PEM of 1 to most certificates and nothing else.
func parseCertificates(text string, most int) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(certs) == 0 || strings.TrimSpace(string(rest)) != "" {
				return nil, errPEM
			}
			return certs, nil
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" || len(certs) == most {
			return nil, errPEM
		}
		certs = append(certs, cert)
	}
}

func (t TLS) validate(inv *InvalidError, url string) {
	if !t.IsZero() && strings.HasPrefix(url, "http:") {
		inv.Add("tls", CodeInvalidField, "Needs an https URL.")
	}
	if t.MinVersion != "" && t.MinVersion != TLS12 && t.MinVersion != TLS13 {
		inv.Add("tls.min_version", CodeInvalidField, "Must be 1.2 or 1.3.")
	}
	if t.Authorities != "" {
		if _, err := parseCertificates(t.Authorities, maxAuthorities); err != nil || len(t.Authorities) > maxCredential {
			inv.Add("tls.authorities", CodeInvalidField, fmt.Sprintf("Must be 1 to %d certificates in PEM, at most 16 KiB.", maxAuthorities))
		}
	}
	bad := len(t.Pins) > maxPins
	for i, pin := range t.Pins {
		sum, err := base64.StdEncoding.Strict().DecodeString(pin)
		bad = bad || err != nil || len(sum) != sha256.Size || slices.Contains(t.Pins[:i], pin)
	}
	if bad {
		inv.Add("tls.pins", CodeInvalidField, fmt.Sprintf("At most %d different ones, each the base64 of a SHA-256.", maxPins))
	}
	t.validateClient(inv)
}

func (t TLS) validateClient(inv *InvalidError) {
	switch {
	case t.ClientCertificate.IsZero() && t.ClientKey.IsZero():
		return
	case t.ClientKey.IsZero():
		inv.Add("tls.client_key", CodeInvalidField, "Is needed with a client certificate.")
		return
	case t.ClientCertificate.IsZero():
		inv.Add("tls.client_certificate", CodeInvalidField, "Is needed with a client key.")
		return
	}
	if _, err := parseCertificates(t.ClientCertificate.Reveal(), maxChain); err != nil || len(t.ClientCertificate.Reveal()) > maxCredential {
		inv.Add("tls.client_certificate", CodeInvalidField, fmt.Sprintf("Must be 1 to %d certificates in PEM, at most 16 KiB.", maxChain))
		return
	}
	if _, err := t.KeyPair(); err != nil || len(t.ClientKey.Reveal()) > maxCredential {
		inv.Add("tls.client_key", CodeInvalidField, "Must be the certificate's private key in PEM (RSA of 2,048 to 4,096 bits, ECDSA or Ed25519).")
	}
}
