package signer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/signer"
)

const rejected = "Signature verification failed. Check your secret key."

// delivery is a request that a sender with this key would make.
func delivery(t testing.TB, s signer.Signer, at time.Time, body []byte) *http.Request {
	t.Helper()
	return newDelivery(s, at, string(body))
}

// newDelivery is delivery where there is no test, as in examples. It panics.
func newDelivery(s signer.Signer, at time.Time, body string) *http.Request {
	value, err := signer.Header(context.Background(), "evt_1", at, []byte(body), s)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body))
	r.Header = signed("evt_1", strconv.FormatInt(at.Unix(), 10), value)
	return r
}

func TestMiddlewarePassesGenuine(t *testing.T) {
	secret, at := newSecret(t), time.Now().Truncate(time.Second)
	for _, body := range [][]byte{[]byte(`{"a":1}`), {}, {0x00, 0xFF}, bytes.Repeat([]byte("x"), 1<<20)} {
		called := false
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			called = true
			got, err := io.ReadAll(r.Body)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("next reads %d bytes, %v; want the %d that were verified", len(got), err, len(body))
			}
			if r.ContentLength != int64(len(body)) || r.TransferEncoding != nil {
				t.Errorf("next sees Content-Length %d, encoding %v; want those of a body of %d bytes", r.ContentLength, r.TransferEncoding, len(body))
			}
			if id := signer.ID(r.Context()); id != "evt_1" {
				t.Errorf("ID = %q; want evt_1", id)
			}
			if ts := signer.Timestamp(r.Context()); ts != at.UTC() {
				t.Errorf("Timestamp = %v; want %v", ts, at.UTC())
			}
			w.WriteHeader(http.StatusAccepted)
		})
		r := delivery(t, secret, at, body)
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
		w := httptest.NewRecorder()
		mustVerifier(t, secret.Reveal()).Middleware(next).ServeHTTP(w, r)
		if !called || w.Code != http.StatusAccepted {
			t.Errorf("answer to a genuine webhook of %d bytes = %d %q; want next's 202", len(body), w.Code, w.Body)
		}
	}
}

func TestMiddlewareRejects(t *testing.T) {
	secret := newSecret(t)
	body := []byte(`{"a":1}`)
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
		text   string
		reason error
	}{
		{"no headers", func(r *http.Request) { r.Header = http.Header{} }, 401, rejected, signer.ErrMissingHeader},
		{"bad id", func(r *http.Request) { r.Header.Set(signer.HeaderID, "a.b") }, 401, rejected, signer.ErrBadID},
		{"bad timestamp", func(r *http.Request) { r.Header.Set(signer.HeaderTimestamp, "x") }, 401, rejected, signer.ErrBadTimestamp},
		{"too old", func(r *http.Request) { r.Header.Set(signer.HeaderTimestamp, "1") }, 401, rejected, signer.ErrTooOld},
		{"too new", func(r *http.Request) { r.Header.Set(signer.HeaderTimestamp, "99999999999") }, 401, rejected, signer.ErrTooNew},
		{"unknown scheme", func(r *http.Request) { r.Header.Set(signer.HeaderSignature, "v9,x") }, 401, rejected, signer.ErrNoSignature},
		{"altered body", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"a":2}`)) }, 401, rejected, signer.ErrNoMatch},
		{"no body", func(r *http.Request) { r.Body = nil }, 401, rejected, signer.ErrNoMatch},
		{"one byte over the limit", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 101))), -1
		}, 413, "Request body too large.", signer.ErrBodyTooLarge},
		{"over the limit by its own account", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(errors.New("was read"))), 101
		}, 413, "Request body too large.", signer.ErrBodyTooLarge},
		{"at the limit", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", 100)))
		}, 401, rejected, signer.ErrNoMatch},
		{"body breaks off", func(r *http.Request) {
			r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
		}, 400, "Request body could not be read.", io.ErrUnexpectedEOF},
		{"unsigned is not read", func(r *http.Request) {
			r.Header = http.Header{}
			r.Body = io.NopCloser(iotest.ErrReader(errors.New("was read")))
		}, 401, rejected, signer.ErrMissingHeader},
	}
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("next was called") })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var reason error
			v, err := signer.NewVerifierWith(signer.VerifierConfig{
				Secrets: []signer.Secret{secret}, MaxBody: 100,
				OnReject: func(_ *http.Request, err error) { reason = err },
			})
			if err != nil {
				t.Fatal(err)
			}
			r := delivery(t, secret, time.Now(), body)
			tt.change(r)
			w := httptest.NewRecorder()
			v.Middleware(next).ServeHTTP(w, r)

			wantHeader := http.Header{
				"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"},
				"Content-Length": {strconv.Itoa(len(tt.text))},
			}
			if w.Code != tt.status || w.Body.String() != tt.text {
				t.Errorf("answer = %d %q; want %d %q", w.Code, w.Body, tt.status, tt.text)
			}
			if diff := cmp.Diff(wantHeader, w.Header()); diff != "" {
				t.Errorf("answer headers (-want +got):\n%s", diff)
			}
			if tt.status == 400 && reason.Error() != "read body: unexpected EOF" {
				t.Errorf("OnReject was told %q; want it to name the operation", reason)
			}
			if !errors.Is(reason, tt.reason) {
				t.Errorf("OnReject was told %v; want %v", reason, tt.reason)
			}
		})
	}
}

func TestMiddlewareDefaultLimit(t *testing.T) {
	secret := newSecret(t)
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("next was called") })
	w := httptest.NewRecorder()
	mustVerifier(t, secret.Reveal()).Middleware(next).ServeHTTP(w, delivery(t, secret, time.Now(), make([]byte, 1<<20+1)))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answer to 1 MiB and a byte = %d; want 413", w.Code)
	}
}

func TestContextWithoutWebhook(t *testing.T) {
	if id, at := signer.ID(context.Background()), signer.Timestamp(context.Background()); id != "" || !at.IsZero() {
		t.Errorf("ID, Timestamp of a foreign context = %q, %v; want zero values", id, at)
	}
}

// Over a real connection: sized and chunked bodies arrive, the connection is
// reused after a refusal, and a body without end is cut off.
func TestMiddlewareOverHTTP(t *testing.T) {
	secret := newSecret(t)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	srv := httptest.NewServer(mustVerifier(t, secret.Reveal()).Middleware(next))
	defer srv.Close()
	post := func(body io.Reader, header http.Header) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(data)
	}
	text := `{"a":1}`
	header := delivery(t, secret, time.Now(), []byte(text)).Header
	if code, got := post(strings.NewReader(text), header); code != 200 || got != text {
		t.Errorf("sized body = %d %q; want 200 and the body", code, got)
	}
	if code, got := post(io.MultiReader(strings.NewReader(text)), header); code != 200 || got != text {
		t.Errorf("chunked body = %d %q; want 200 and the body", code, got)
	}
	if code, got := post(strings.NewReader("{}"), header); code != 401 || got != rejected {
		t.Errorf("other body = %d %q; want 401", code, got)
	}
	if code, _ := post(io.MultiReader(bytes.NewReader(make([]byte, 1<<20+1))), header); code != 413 {
		t.Errorf("body over the limit = %d; want 413", code)
	}
}
