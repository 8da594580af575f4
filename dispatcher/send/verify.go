package send

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
)

// Verifier tells whether a request was signed with secrets of an endpoint, in any of
// their schemes.
type Verifier struct{ schemes []schemeVerifier }

// schemeVerifier knows the secrets of one scheme. ever takes a signature of any time,
// recent one that receivers would take by default.
type schemeVerifier struct {
	cfg          signer.VerifierConfig
	ever, recent *signer.Verifier
	// outside are keys of v1 that stay outside: they are asked to sign the same.
	outside []*externalSigner
}

// NewVerifier opens secrets of a tenant's endpoint. The error is the sealer's, or
// says what it opened that cannot be read.
func (s *Sender) NewVerifier(ctx context.Context, sealer seal.Sealer, tenant string, records []store.SecretRecord) (*Verifier, error) {
	v := new(Verifier)
	for _, rec := range records {
		one, err := openSecret(ctx, sealer, rec)
		if err != nil {
			return nil, err
		}
		sv := v.scheme(one.form)
		switch key := one.Signer.(type) {
		case signer.Secret:
			sv.cfg.Secrets = append(sv.cfg.Secrets, key)
		case signer.PrivateKey:
			sv.cfg.PublicKeys = append(sv.cfg.PublicKeys, key.Public())
		default:
			switch {
			case !one.form.Standard():
				sv.cfg.TextSecrets = append(sv.cfg.TextSecrets, one.text)
			case !one.external.PublicKey.IsZero():
				sv.cfg.PublicKeys = append(sv.cfg.PublicKeys, one.external.PublicKey)
			default:
				sv.outside = append(sv.outside, &externalSigner{s.keys, tenant, one.external.Reference, one.version})
			}
		}
	}
	for i := range v.schemes {
		if err := v.schemes[i].complete(); err != nil {
			return nil, fmt.Errorf("verify with secrets of an endpoint: %w", err)
		}
	}
	return v, nil
}

func (v *Verifier) scheme(form signer.Scheme) *schemeVerifier {
	i := slices.IndexFunc(v.schemes, func(sv schemeVerifier) bool { return sv.cfg.Scheme == form })
	if i < 0 {
		i = len(v.schemes)
		v.schemes = append(v.schemes, schemeVerifier{cfg: signer.VerifierConfig{Scheme: form}})
	}
	return &v.schemes[i]
}

func (sv *schemeVerifier) complete() (err error) {
	if len(sv.outside) > 0 { // a key that nobody has, so that v1 is looked for
		nobodys, err := signer.NewSecret()
		if err != nil {
			return err
		}
		sv.cfg.Secrets = append(sv.cfg.Secrets, nobodys)
	}
	if sv.recent, err = signer.NewVerifierWith(sv.cfg); err != nil {
		return err
	}
	sv.cfg.Tolerance = math.MaxInt64
	sv.ever, err = signer.NewVerifierWith(sv.cfg)
	return err
}

// Verify returns nil if a request with these headers, whose names are canonical, and
// exactly this body is what one of the secrets has signed, and a receiver would take
// it now. Otherwise it returns an error of signer.Verifier.Verify: that of the scheme
// which comes closest, and ErrTooOld or ErrTooNew only of a request that is right in
// all else. Without secrets that is signer.ErrNoKey. Other errors are those of keys
// that stay outside.
func (v *Verifier) Verify(ctx context.Context, header http.Header, body []byte) error {
	closest := signer.ErrNoKey
	for i := range v.schemes {
		err := v.schemes[i].verify(ctx, header, body)
		if err == nil {
			return nil
		}
		if rank(err) >= rank(closest) {
			closest = err
		}
	}
	return closest
}

func (sv *schemeVerifier) verify(ctx context.Context, header http.Header, body []byte) error {
	err := sv.ever.Verify(header, body)
	if errors.Is(err, signer.ErrNoMatch) && len(sv.outside) > 0 {
		err = sv.askOutside(ctx, header, body)
	}
	switch {
	case errors.Is(err, signer.ErrTooOld), errors.Is(err, signer.ErrTooNew): // in centuries
		return signer.ErrBadTimestamp
	case err != nil:
		return err
	}
	if err := sv.recent.Verify(header, body); errors.Is(err, signer.ErrTooOld) || errors.Is(err, signer.ErrTooNew) {
		return err
	}
	return nil
}

// askOutside has the keys that stay outside sign the same, which nobody is shown. The
// headers have been found to be in order.
func (sv *schemeVerifier) askOutside(ctx context.Context, header http.Header, body []byte) error {
	unix, err := strconv.ParseInt(header.Get(signer.HeaderTimestamp), 10, 64)
	if err != nil {
		return signer.ErrBadTimestamp
	}
	for _, key := range sv.outside {
		token, err := key.Sign(ctx, header.Get(signer.HeaderID), time.Unix(unix, 0), body)
		if err != nil {
			return err
		}
		for _, values := range header.Values(signer.HeaderSignature) {
			for sent := range strings.SplitSeq(values, " ") {
				if subtle.ConstantTimeCompare([]byte(sent), []byte(token)) == 1 {
					return nil
				}
			}
		}
	}
	return signer.ErrNoMatch
}

// progress are the errors of a verification in the order in which it finds them, so
// that the later one has come closer.
var progress = []error{
	signer.ErrNoKey, signer.ErrMissingHeader, signer.ErrBadID, signer.ErrBadTimestamp, signer.ErrNoSignature,
	signer.ErrNoMatch, signer.ErrTooOld, signer.ErrTooNew,
}

// rank returns how far a verification has come; what it does not know, such as a key
// service that is down, is the first to be told.
func rank(err error) int {
	i := slices.IndexFunc(progress, func(known error) bool { return errors.Is(err, known) })
	if i < 0 {
		return len(progress)
	}
	return i
}

// Sent returns the body that a message is sent with alone, in no batch. It is nil if that
// cannot be told: encryption makes another one each time, and what cannot be shaped is
// not sent.
func (s *Sender) Sent(ctx context.Context, r *Route, msg *Message) ([]byte, error) {
	if r.encrypt != nil {
		return nil, nil
	}
	body, _, err := s.bodyFor(ctx, r, msg)
	if _, ok := errors.AsType[*shapeError](err); ok {
		return nil, nil
	}
	return body, err
}
