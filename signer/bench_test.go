package signer_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

const benchID = "evt_01JC7Z5T3M8V6K2N4Q9R0S1XYZ"

func benchSigners(b *testing.B) map[string]signer.Signer {
	return map[string]signer.Signer{"v1": newSecret(b), "v1a": mustPrivate(b, vectorNamed(b, "C").Key)}
}

// BenchmarkSign is the work per attempt of a sender with bodies of 1 KiB.
func BenchmarkSign(b *testing.B) {
	body, at := bytes.Repeat([]byte("x"), 1024), time.Now()
	for name, s := range benchSigners(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := s.Sign(b.Context(), benchID, at, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHeader(b *testing.B) {
	body, at := bytes.Repeat([]byte("x"), 1024), time.Now()
	newKey, oldKey := newSecret(b), newSecret(b)
	for name, signers := range map[string][]signer.Signer{"one": {newKey}, "rotating": {newKey, oldKey}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signer.Header(b.Context(), benchID, at, body, signers...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSignParallel shows that workers do not wait for each other.
func BenchmarkSignParallel(b *testing.B) {
	body, at, s := bytes.Repeat([]byte("x"), 1024), time.Now(), newSecret(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Sign(b.Context(), benchID, at, body); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body, at := bytes.Repeat([]byte("x"), 1024), time.Now()
	for name, s := range benchSigners(b) {
		value, err := signer.Header(b.Context(), benchID, at, body, s)
		if err != nil {
			b.Fatal(err)
		}
		var cfg signer.VerifierConfig
		switch k := s.(type) {
		case signer.Secret:
			cfg.Secrets = []signer.Secret{k}
		case signer.PrivateKey:
			cfg.PublicKeys = []signer.PublicKey{k.Public()}
		}
		v, err := signer.NewVerifierWith(cfg)
		if err != nil {
			b.Fatal(err)
		}
		header := signed(benchID, strconv.FormatInt(at.Unix(), 10), value)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Verify(header, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMiddleware(b *testing.B) {
	body, s := bytes.Repeat([]byte("x"), 1024), newSecret(b)
	h := mustVerifier(b, s.Reveal()).Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := delivery(b, s, time.Now(), body)
	reader := bytes.NewReader(body)
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		r.Body = readCloser{reader}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
