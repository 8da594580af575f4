package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// libraries are fetched by the test, into a folder that is removed.
const (
	npmStandard = "standardwebhooks@1.1.1"
	npmSvix     = "svix@1.99.1"
)

// The secrets of the receivers: the one that signs first, the one that it is rotated
// to, and one that nobody signs with.
const (
	first = iota
	second
	strangers
)

// TestLibrariesVerify sends real requests to receivers that verify by libraries of
// others: that of Standard Webhooks in Go.
func TestLibrariesVerify(t *testing.T) {
	t.Parallel()
	secrets := newSecrets(t)
	verifyAll(t, goReceiver(t, secrets), secrets)
}

// TestNodeLibrariesVerify does the same with those of npm, standardwebhooks and svix,
// in a process of Node. It fetches them, so it runs only if it is asked to.
func TestNodeLibrariesVerify(t *testing.T) {
	t.Parallel()
	if os.Getenv("POSTRIDER_INTEROP") == "" {
		t.Skip("fetches libraries from npm: set POSTRIDER_INTEROP=1 to run it")
	}
	secrets := newSecrets(t)
	url := nodeReceiver(t, secrets)
	for _, library := range []string{"standardwebhooks", "svix"} {
		t.Run(library, func(t *testing.T) { verifyAll(t, url+"/"+library, secrets) })
	}
}

func newSecrets(t *testing.T) []signer.Secret {
	t.Helper()
	secrets := make([]signer.Secret, 3)
	for i := range secrets {
		var err error
		if secrets[i], err = signer.NewSecret(); err != nil {
			t.Fatal(err)
		}
	}
	return secrets
}

// verifyAll sends events to a receiver that verifies with the secret whose number is
// in the URL: while one secret signs, while two do, while a v1a key does beside them,
// and that alone.
func verifyAll(t *testing.T, url string, secrets []signer.Secret) {
	const accepted, refused = http.StatusNoContent, http.StatusBadRequest
	s := newSender(t)
	once := webhook.RetryPolicy{Schedule: []time.Duration{0}}
	paths := []string{"/0", "/1", "/2", "/0/tampered"}
	endpoints := make([]webhook.Endpoint, len(paths))
	for i, path := range paths {
		endpoints[i] = s.connect(webhook.Endpoint{URL: url + path, Retry: once}, secrets[first])
	}
	rotate := func(to string, signature webhook.Signature) {
		t.Helper()
		for _, ep := range endpoints {
			r := manage.Rotation{Signature: signature, Secret: to}
			if _, err := s.manage.RotateSecret(t.Context(), tenant, ep.ID, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(when string, want ...int) {
		t.Helper()
		ev, err := webhook.NewEvent(tenant, "invoice.paid", payment{"Zoë & Söhne <ключ>", 4200})
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := s.Publish(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		for i, ep := range endpoints {
			if got := s.answer(receipt.EventID, ep.ID); got != want[i] {
				t.Errorf("%s, receiver %s answered %d; want %d", when, paths[i], got, want[i])
			}
		}
	}
	check("with one secret", accepted, refused, refused, refused)
	rotate(secrets[second].Reveal(), webhook.Signature{})
	check("with two secrets", accepted, accepted, refused, refused)
	rotate("", webhook.Signature{Scheme: webhook.SchemeV1a})
	check("with v1a beside both", accepted, accepted, refused, refused)

	endpoints = endpoints[:1]
	ep, _, err := s.manage.CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: tenant, URL: url + paths[0], Retry: once, Signature: webhook.Signature{Scheme: webhook.SchemeV1a},
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoints[0] = ep
	check("with v1a alone, which they do not know", refused)
}

// answer waits until the one attempt to deliver an event to an endpoint is recorded,
// and returns the status of the answer.
func (s *sender) answer(event, endpoint string) (status int) {
	s.t.Helper()
	eventually(s.t, "no attempt is recorded", func() bool {
		got, err := s.manage.Deliveries(s.t.Context(), tenant, store.DeliveryFilter{Event: event, Endpoint: endpoint}, store.Page{Limit: 1})
		if err != nil || len(got) != 1 {
			s.t.Fatalf("Deliveries = %v, %v; want one", got, err)
		}
		attempts, err := s.manage.Attempts(s.t.Context(), tenant, got[0].ID)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(attempts) == 0 {
			return false
		}
		status = attempts[0].StatusCode
		return true
	})
	return status
}

// goReceiver returns the URL of a receiver that verifies by the Go library of Standard
// Webhooks. Its paths are those of testdata/receiver.cjs.
func goReceiver(t *testing.T, secrets []signer.Secret) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number, tampered, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		n, err := strconv.Atoi(number)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender broke off
		}
		if tampered != "" {
			body[len(body)-2] ^= 1
		}
		verifier, err := standardwebhooks.NewWebhook(secrets[n].Reveal())
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// nodeReceiver fetches the libraries of npm and returns the URL of testdata/receiver.cjs,
// which runs until the test ends.
func nodeReceiver(t *testing.T, secrets []signer.Secret) string {
	t.Helper()
	folder := t.TempDir()
	install := exec.CommandContext(t.Context(), "npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", npmStandard, npmSvix)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	texts := make([]string, len(secrets))
	for i, s := range secrets {
		texts[i] = s.Reveal()
	}
	node := exec.CommandContext(t.Context(), "node", "testdata/receiver.cjs", folder)
	node.Env = append(os.Environ(), "SECRETS="+strings.Join(texts, " "))
	node.Stderr = t.Output()
	stdin, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close() // it ends then
		_ = node.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the receiver did not start: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}
