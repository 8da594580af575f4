package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/seal"
)

// service is a key service: a Sealer whose calls cost something.
type service struct {
	*seal.Keyring
	mu           sync.Mutex
	seals, opens int
	err          error
}

func (s *service) Seal(ctx context.Context, plaintext []byte, ad seal.AssociatedData) ([]byte, error) {
	s.mu.Lock()
	s.seals++
	s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return s.Keyring.Seal(ctx, plaintext, ad)
}

func (s *service) Open(ctx context.Context, sealed []byte, ad seal.AssociatedData) ([]byte, error) {
	s.mu.Lock()
	s.opens++
	s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return s.Keyring.Open(ctx, sealed, ad)
}

// ExampleEnvelope keeps the keys in a key service of a cloud, here a pretended one.
// Any number of values costs one call to seal and, in each process, one to open.
func ExampleEnvelope() {
	ctx := context.Background()
	keyring, err := seal.NewKeyring(seal.NewKey()) // which the service keeps to itself
	if err != nil {
		fmt.Println(err)
		return
	}
	kms := &service{Keyring: keyring}
	sealer := seal.NewEnvelope(kms, seal.EnvelopeConfig{}) // dispatcher.Config{Keyring: sealer}

	var sealed [][]byte
	for i := range 1000 {
		place := seal.AssociatedData{Tenant: "acme", ID: fmt.Sprint(i), Field: "secret"}
		value, err := sealer.Seal(ctx, []byte("whsec_…"), place)
		if err != nil {
			fmt.Println(err)
			return
		}
		sealed = append(sealed, value)
	}
	fmt.Println("calls after 1000 seals:", kms.seals+kms.opens)

	another := seal.NewEnvelope(kms, seal.EnvelopeConfig{}) // another process
	for i, value := range sealed {
		place := seal.AssociatedData{Tenant: "acme", ID: fmt.Sprint(i), Field: "secret"}
		if _, err := another.Open(ctx, value, place); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("calls after 1000 opens elsewhere:", kms.seals+kms.opens)
	// Output:
	// calls after 1000 seals: 1
	// calls after 1000 opens elsewhere: 2
}

func newEnvelope(t *testing.T, cfg seal.EnvelopeConfig) (*seal.Envelope, *service) {
	t.Helper()
	kms := &service{Keyring: newKeyring(t, seal.NewKey())}
	return seal.NewEnvelope(kms, cfg), kms
}

func TestEnvelopeBounds(t *testing.T) {
	now := time.Unix(0, 0)
	e, kms := newEnvelope(t, seal.EnvelopeConfig{MaxAge: time.Hour, MaxSeals: 3, MaxKeys: 2, Now: func() time.Time { return now }})
	var values [][]byte
	for range 7 {
		values = append(values, sealValue(t, e, "secret"))
	}
	if kms.seals != 3 {
		t.Errorf("7 values with 3 to a data key took %d calls; want 3", kms.seals)
	}
	now = now.Add(time.Hour)
	values = append(values, sealValue(t, e, "secret"))
	if kms.seals != 4 {
		t.Errorf("a value after %v took %d calls in all; want one more", time.Hour, kms.seals)
	}
	for _, v := range values {
		if got, err := e.Open(t.Context(), v, place); err != nil || string(got) != "secret" {
			t.Fatalf("Open = %q, %v; want the secret", got, err)
		}
	}
	if kms.opens != 3 {
		t.Errorf("opening values of 4 data keys, of which one is fresh, took %d calls; want 3", kms.opens)
	}
	now = now.Add(time.Hour)
	if _, err := e.Open(t.Context(), values[7], place); err != nil || kms.opens != 4 {
		t.Errorf("Open after another hour = %v with %d calls; want the service asked again: it may have withdrawn its key", err, kms.opens)
	}
}

func TestEnvelopeRefusesAlteredBytes(t *testing.T) {
	e, kms := newEnvelope(t, seal.EnvelopeConfig{})
	sealed := sealValue(t, e, "whsec_secret")
	if bytes.Contains(sealed, []byte("whsec")) {
		t.Error("the sealed value contains the plaintext")
	}
	for i := range sealed {
		for bit := range 8 {
			altered := bytes.Clone(sealed)
			altered[i] ^= 1 << bit
			if got, err := e.Open(t.Context(), altered, place); err == nil {
				t.Fatalf("Open with bit %d of byte %d flipped = %q; want an error", bit, i, got)
			}
		}
	}
	for n := range sealed {
		if _, err := e.Open(t.Context(), sealed[:n], place); err == nil {
			t.Errorf("Open of the first %d bytes = nil error; want one", n)
		}
	}
	if _, err := e.Open(t.Context(), sealed, seal.AssociatedData{Tenant: "other"}); !errors.Is(err, seal.ErrCorrupt) {
		t.Errorf("Open in another place = %v; want ErrCorrupt", err)
	}
	other := seal.NewEnvelope(newKeyring(t, seal.NewKey()), seal.EnvelopeConfig{})
	if _, err := other.Open(t.Context(), sealed, place); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("Open with another service = %v; want ErrWrongKey", err)
	}
	kms.err = errors.New("service down")
	if got, err := e.Open(t.Context(), sealed, place); err != nil || string(got) != "whsec_secret" {
		t.Errorf("Open while the service is down = %q, %v; want it open: its key is known", got, err)
	}
	if _, err := seal.NewEnvelope(kms, seal.EnvelopeConfig{}).Seal(t.Context(), nil, place); !errors.Is(err, kms.err) {
		t.Errorf("Seal while the service is down = %v; want its error", err)
	}
}

func TestEnvelopeConcurrently(t *testing.T) {
	e, _ := newEnvelope(t, seal.EnvelopeConfig{MaxSeals: 5, MaxKeys: 3})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				sealed := sealValue(t, e, fmt.Sprint(i))
				if got, err := e.Open(t.Context(), sealed, place); err != nil || string(got) != fmt.Sprint(i) {
					t.Errorf("Open = %q, %v; want %d", got, err, i)
				}
			}
		})
	}
	all.Wait()
}

func TestCurrent(t *testing.T) {
	older, newer := seal.NewKey(), seal.NewKey()
	before, after := newKeyring(t, older), newKeyring(t, newer, older)
	for name, s := range map[string][2]seal.Rotating{
		"keyring":  {before, after},
		"envelope": {seal.NewEnvelope(before, seal.EnvelopeConfig{}), seal.NewEnvelope(after, seal.EnvelopeConfig{})},
	} {
		sealed := sealValue(t, s[0], "x")
		if !s[0].Current(sealed) || s[1].Current(sealed) || !s[1].Current(sealValue(t, s[1], "x")) {
			t.Errorf("%s: Current is wrong before or after a rotation", name)
		}
		for n := range sealed {
			if n < 9 && s[0].Current(sealed[:n]) {
				t.Errorf("%s: Current of %d bytes = true; want false", name, n)
			}
		}
	}
	plain, _ := newEnvelope(t, seal.EnvelopeConfig{})
	opaque := seal.NewEnvelope(struct{ seal.Sealer }{newKeyring(t, older)}, seal.EnvelopeConfig{})
	if opaque.Current(sealValue(t, opaque, "x")) {
		t.Error("Current where the other Sealer cannot tell = true; want false: it is sealed anew")
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %v", plain, plain, plain, &plain)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", plain)
	if strings.Contains(out.String(), "prk_") || !strings.Contains(out.String(), "***") {
		t.Errorf("an Envelope prints as %s; want ***", out.String())
	}
}
