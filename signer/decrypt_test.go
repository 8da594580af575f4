package signer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// rot is a Decrypter of bodies that begin with "!".
type rot struct{}

var errNotRot = errors.New("not for us")

func (rot) Decrypt(_ context.Context, body []byte) ([]byte, string, error) {
	plain, ok := bytes.CutPrefix(body, []byte("!"))
	if !ok {
		return nil, "", errNotRot
	}
	return plain, "text/plain", nil
}

func TestMiddlewareDecrypts(t *testing.T) {
	secret := newSecret(t)
	for name, tt := range map[string]struct {
		decrypter         signer.Decrypter
		sentType, body    string
		status            int
		gotType, got, why string
	}{
		"encrypted":            {rot{}, "application/jose", "!x", 200, "text/plain", "x", ""},
		"with a parameter":     {rot{}, "Application/JOSE; a=b", "!x", 200, "text/plain", "x", ""},
		"not encrypted":        {rot{}, "application/json", "!x", 200, "application/json", "!x", ""},
		"of no type":           {rot{}, "", "!x", 200, "", "!x", ""},
		"without a Decrypter":  {nil, "application/jose", "!x", 200, "application/jose", "!x", ""},
		"cannot be decrypted":  {rot{}, "application/jose", "x", 400, "", "Request body could not be decrypted. Check the public key.", "decrypt"},
		"forged, not even try": {panics{}, "application/jose", "forged", 401, "", rejected, "match"},
	} {
		t.Run(name, func(t *testing.T) {
			var told error
			v, err := signer.NewVerifierWith(signer.VerifierConfig{
				Secrets: []signer.Secret{secret}, Decrypter: tt.decrypter, Duplicates: newMemory(t, signer.MemoryConfig{}),
				OnReject: func(_ *http.Request, err error) { told = err },
			})
			if err != nil {
				t.Fatal(err)
			}
			h := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.ContentLength != int64(len(body)) {
					t.Errorf("Content-Length %d of a body of %d bytes", r.ContentLength, len(body))
				}
				w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
				_, _ = w.Write(body)
			}))
			r := delivery(t, secret, time.Now(), []byte(tt.body))
			if tt.body == "forged" {
				r = delivery(t, newSecret(t), time.Now(), []byte(tt.body))
			}
			r.Header.Set("Content-Type", tt.sentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.status || w.Body.String() != tt.got || tt.status == 200 && w.Header().Get("Content-Type") != tt.gotType {
				t.Errorf("answer %d %q of type %q; want %d %q %q", w.Code, w.Body, w.Header().Get("Content-Type"), tt.status, tt.got, tt.gotType)
			}
			if r.Header.Get("Content-Type") != tt.sentType {
				t.Error("the request of the server was changed")
			}
			switch {
			case tt.why == "decrypt" && (!errors.Is(told, signer.ErrDecrypt) || !errors.Is(told, errNotRot)):
				t.Errorf("OnReject was told %v; want ErrDecrypt and why", told)
			case tt.why == "match" && !errors.Is(told, signer.ErrNoMatch), tt.why == "" && told != nil:
				t.Errorf("OnReject was told %v", told)
			}
		})
	}
}

// panics must not be called.
type panics struct{}

func (panics) Decrypt(context.Context, []byte) ([]byte, string, error) {
	panic("something that nobody signed was decrypted")
}
