package main

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/jwe"
	"github.com/postrider/postrider/webhook"
)

// shop is a receiver that runs, with the secret that its sender signs with.
type shop struct {
	*server
	secret signer.Secret
	key    jwe.PrivateKey
	// printed and logged are where receipts and log lines go.
	printed, logged lockedBuffer
}

// openShop starts a receiver on a port and in a file of its own. It is stopped when the
// test ends.
func openShop(t *testing.T) *shop {
	t.Helper()
	s := startShop(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve = %v; want nil after a stop", err)
		}
	})
	return s
}

// startShop returns a receiver that does not serve yet.
func startShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{key: newKey(t)}
	var err error
	if s.secret, err = signer.NewSecret(); err != nil {
		t.Fatal(err)
	}
	c := config{addr: "127.0.0.1:0", database: filepath.Join(t.TempDir(), "books.db")}
	if err := c.readKeys(s.secret.Reveal(), s.key.Reveal()); err != nil {
		t.Fatal(err)
	}
	if s.server, err = start(t.Context(), c, &s.printed, &s.logged); err != nil {
		t.Fatal(err)
	}
	return s
}

// newKey returns the key that -new-key prints.
func newKey(t *testing.T) jwe.PrivateKey {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-new-key"}, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	key, err := jwe.ParsePrivateKey(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatalf("-new-key printed no key: %v", err)
	}
	return key
}

// accounts returns what the books say, in cents.
func (s *shop) accounts(t *testing.T) map[string]int64 {
	t.Helper()
	rows, err := s.books.db.QueryContext(t.Context(), `SELECT customer, cents FROM accounts`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := make(map[string]int64)
	for rows.Next() {
		var customer string
		var cents int64
		if err := rows.Scan(&customer, &cents); err != nil {
			t.Fatal(err)
		}
		got[customer] = cents
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

// wantAccounts compares the books with what must be in them.
func (s *shop) wantAccounts(t *testing.T, want map[string]int64) {
	t.Helper()
	if diff := cmp.Diff(want, s.accounts(t)); diff != "" {
		t.Errorf("accounts (-want +got):\n%s\n%s", diff, s.logged.String())
	}
}

func TestEventsAreBooked(t *testing.T) {
	t.Parallel()
	for name, encrypted := range map[string]bool{"plain": false, "encrypted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t)
			ep := webhook.Endpoint{URL: s.url}
			if encrypted {
				ep.Encryption.JWK = s.key.PublicJWK()
			}
			sender := newSender(t)
			sender.connect(ep, s.secret)
			sender.deliver("invoice.paid", payment{"ada", 4200})
			sender.deliver("invoice.paid", payment{"bob", 1})
			sender.deliver("invoice.paid", payment{"ada", 800})
			sender.deliver("invoice.refunded", payment{"ada", 1000})
			sender.deliver("customer.moved", map[string]string{"to": "elsewhere"}) // of no interest
			s.wantAccounts(t, map[string]int64{"ada": 4000, "bob": 1})
		})
	}
}

// What is redelivered, as after an answer that got lost, has the same id.
func TestRedeliveredEventIsBookedOnce(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	sender := newSender(t)
	sender.connect(webhook.Endpoint{URL: s.url}, s.secret)
	first := sender.deliver("invoice.paid", payment{"ada", 4200})
	for range 3 {
		sender.redeliver(first)
	}
	s.wantAccounts(t, map[string]int64{"ada": 4200})
	sender.deliver("invoice.paid", payment{"ada", 4200}) // the same again, and another event
	s.wantAccounts(t, map[string]int64{"ada": 8400})
}

// A refund that overtakes its payment is refused, and booked when it comes again.
func TestRefundThatIsEarlyComesAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	sender := newSender(t)
	sender.connect(webhook.Endpoint{URL: s.url, Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}}}, s.secret)
	early := sender.publish("invoice.refunded", payment{"ada", 1000})
	sender.await(early, webhook.DeliveryFailed)
	s.wantAccounts(t, map[string]int64{})
	sender.deliver("invoice.paid", payment{"ada", 4200})
	sender.redeliver(early)
	s.wantAccounts(t, map[string]int64{"ada": 3200})
}

func TestWhatIsNotGenuineIsRefused(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	forger, err := signer.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	body := `{"type":"invoice.paid","timestamp":"2026-03-01T12:00:00Z","data":{"customer":"eve","cents":100}}`
	for _, tt := range []struct {
		name   string
		secret signer.Secret
		at     time.Time
		body   string
		want   int
	}{
		{"signed by somebody else", forger, time.Now(), body, http.StatusUnauthorized},
		{"changed on the way", s.secret, time.Now(), strings.Replace(body, "100", "999", 1), http.StatusUnauthorized},
		{"recorded yesterday", s.secret, time.Now().Add(-24 * time.Hour), body, http.StatusUnauthorized},
	} {
		if got := s.post(t, tt.secret, tt.at, body, tt.body); got != tt.want {
			t.Errorf("%s: answer %d; want %d", tt.name, got, tt.want)
		}
	}
	s.wantAccounts(t, map[string]int64{})
	if got := strings.Count(s.logged.String(), "refused a request"); got != 3 {
		t.Errorf("the log has %d refused requests; want 3:\n%s", got, s.logged.String())
	}
	if got := s.post(t, s.secret, time.Now(), body, body); got != http.StatusNoContent {
		t.Errorf("the genuine one: answer %d; want 204, or this test shows nothing", got)
	}
}

// A genuine event without sense is the sender's mistake, which it is told by a 400.
func TestMalformedEventsAreRefused(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	for _, body := range []string{
		`{"type":"invoice.paid","data":{"customer":"","cents":100}}`,
		`{"type":"invoice.paid","data":{"customer":"ada","cents":-1}}`,
		`{"type":"invoice.paid","data":[]}`,
		`{}`,
		`hello`,
	} {
		if got := s.post(t, s.secret, time.Now(), body, body); got != http.StatusBadRequest {
			t.Errorf("%s: answer %d; want 400", body, got)
		}
	}
	s.wantAccounts(t, map[string]int64{})
}

// postedID is the id of what post sends.
const postedID = "evt_1"

// post signs one body, sends another, and returns the status of the answer.
func (s *shop) post(t *testing.T, secret signer.Secret, at time.Time, signed, sent string) int {
	t.Helper()
	value, err := signer.Header(t.Context(), postedID, at, []byte(signed), secret)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(signer.HeaderID, postedID)
	r.Header.Set(signer.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(signer.HeaderSignature, value)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Receipts are posted after the answer, once for each payment, and those that a process
// left are posted by the next.
func TestReceiptsArePosted(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	if _, err := s.books.db.ExecContext(t.Context(), `INSERT INTO receipts VALUES ('evt_0', 'ada', 5)`); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx) }()
	sender := newSender(t)
	sender.connect(webhook.Endpoint{URL: s.url}, s.secret)
	paid := sender.deliver("invoice.paid", payment{"bob", 4200})
	sender.redeliver(paid)
	eventually(t, "not all receipts are posted", func() bool { return strings.Count(s.printed.String(), "receipt") == 2 })
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	want := "receipt for ada: 0.05 (evt_0)\nreceipt for bob: 42.00 (" + paid.EventID + ")\n"
	if got := s.printed.String(); got != want {
		t.Errorf("posted %q; want %q", got, want)
	}
}

// A stop finishes what has begun: the request that waits for the books is answered.
func TestStopFinishesRequests(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	began := make(chan struct{}, 1)
	handler := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(signer.HeaderID) == postedID { // others' tests may knock at a port that was theirs
			began <- struct{}{}
		}
		handler.ServeHTTP(w, r)
	})
	writer, err := s.books.db.BeginTx(t.Context(), nil) // keeps all others from writing
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx) }()
	answered := make(chan int, 1)
	body := `{"type":"invoice.paid","data":{"customer":"ada","cents":100}}`
	go func() {
		defer close(answered)
		answered <- s.post(t, s.secret, time.Now(), body, body)
	}()
	<-began
	stop()
	if err := writer.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got != http.StatusNoContent {
		t.Errorf("answer %d to a request that had begun; want 204", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve = %v; want nil", err)
	}
}

func TestRunAsksForASecret(t *testing.T) {
	for _, tt := range []struct{ secrets, key, want string }{
		{"", "", "WEBHOOK_SECRETS must have"},
		{"whsec_", "", "WEBHOOK_SECRETS: signer: no key"},
		{"whpk_AAAA", "", "WEBHOOK_SECRETS: signer: wrong key size"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "{}", "WEBHOOK_PRIVATE_JWK: jwe: not a private key"},
	} {
		t.Setenv("WEBHOOK_SECRETS", tt.secrets)
		t.Setenv("WEBHOOK_PRIVATE_JWK", tt.key)
		err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-database", filepath.Join(t.TempDir(), "books.db")}, t.Output(), t.Output())
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("run with secrets %q and key %q = %v; want an error that begins with %q", tt.secrets, tt.key, err, tt.want)
		}
	}
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
