package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const testKey = "obviously-not-a-real-key"

// running is a server that a test has started.
type running struct {
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error
}

func launch(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{t: t, stop: stop, done: make(chan error, 1)}
	out, w := io.Pipe()
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0", "-api-key", testKey, "-log-level", "error"}, args...), w, io.Discard)
		_ = w.CloseWithError(io.EOF)
		r.done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("run ended before it was ready: %v", <-r.done)
	}
	r.url = regexp.MustCompile(`http://[0-9.:]+`).FindString(line)
	return r
}

// end ends the server and waits until it is drained.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("run = %v; want nil after a drain", err)
	}
}

// call makes a request with the key, and returns the answer's status and body.
func (r *running) call(method, path, body string) (int, string) {
	r.t.Helper()
	return r.as(testKey, method, path, body)
}

// as is call with another key.
func (r *running) as(key, method, path, body string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// TestServerDelivers creates, publishes and receives through real sockets, byte for byte,
// and finds everything again after a restart.
func TestServerDelivers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bodies := make(chan []byte, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- body
	}))
	defer receiver.Close()
	args := []string{"-store", "sqlite:" + filepath.Join(dir, "w.db"), "-allow-http", "-allow-private"}
	s := launch(t, args...)

	status, made := s.call("POST", apiPrefix+"/webhooks", `{"url":"`+receiver.URL+`"}`)
	if status != http.StatusCreated || !strings.Contains(made, "whsec_") {
		t.Fatalf("POST /webhooks = %d %s; want 201 with a secret", status, made)
	}
	const data = `{"b": 1.0,"a":1e400, "a":"\u00e9\/"}`
	if status, got := s.call("POST", apiPrefix+"/events", `{"type":"invoice.paid","data":`+data+`}`); status != http.StatusAccepted {
		t.Fatalf("POST /events = %d %s; want 202", status, got)
	}
	if got := <-bodies; !bytes.Contains(got, []byte(`"data":`+data)) {
		t.Errorf("the receiver got %s; want data to be %s", got, data)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _ := s.call("GET", path, ""); status != http.StatusOK {
			t.Errorf("GET %s = %d; want 200", path, status)
		}
	}
	s.end()
	if info, err := os.Stat(filepath.Join(dir, "postrider.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keyring beside the database: %v, %v; want mode 0600", info, err)
	}

	again := launch(t, args...)
	defer again.end()
	_, list := again.call("GET", apiPrefix+"/webhooks/deliveries?status=delivered", "")
	var page struct{ Data []json.RawMessage }
	if err := json.Unmarshal([]byte(list), &page); err != nil || len(page.Data) != 1 {
		t.Errorf("deliveries after a restart = %s; want the one that was delivered", list)
	}
}

// TestServerKeys makes an API key and a portal token with the root key, and uses them until
// they are revoked.
func TestServerKeys(t *testing.T) {
	t.Parallel()
	s := launch(t, "-key-file", filepath.Join(t.TempDir(), "k"))
	defer s.end()
	for _, path := range []string{"/api-keys", "/portal-tokens"} {
		status, made := s.call("POST", apiPrefix+path, `{"name":"deploy","role":"developer"}`)
		var key struct{ ID, Secret string }
		if err := json.Unmarshal([]byte(made), &key); err != nil || status != http.StatusCreated || key.Secret == "" {
			t.Fatalf("POST %s = %d %s; want 201 with a secret", path, status, made)
		}
		for _, step := range []struct {
			call, path string
			want       int
		}{{"GET", "/webhooks", http.StatusOK}, {"GET", "/api-keys", http.StatusForbidden}} {
			if status, got := s.as(key.Secret, step.call, apiPrefix+step.path, ""); status != step.want {
				t.Errorf("%s %s by a developer's secret of %s = %d %s; want %d", step.call, step.path, path, status, got, step.want)
			}
		}
		if status, got := s.call("DELETE", apiPrefix+path+"/"+key.ID, ""); status != http.StatusNoContent {
			t.Errorf("DELETE %s = %d %s; want 204", path, status, got)
		}
		if status, got := s.as(key.Secret, "GET", apiPrefix+"/webhooks", ""); status != http.StatusUnauthorized {
			t.Errorf("with a revoked secret of %s = %d %s; want 401", path, status, got)
		}
	}
}

func TestServerRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-api-key", "short"},
		{"-api-key", testKey, "-store", "oracle:x"},
		{"-api-key", testKey, "extra"},
		{"-api-key", testKey, "-log-level", "loud"},
		{"-api-key", testKey, "-store", "sqlite:" + filepath.Join(t.TempDir(), "missing", "w.db")},
	} {
		args = append([]string{"-addr", "127.0.0.1:0", "-key-file", filepath.Join(t.TempDir(), "k")}, args...)
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("run %q = nil; want an error", args)
		}
	}
	s := launch(t, "-key-file", filepath.Join(t.TempDir(), "k"))
	defer s.end()
	if status, body := s.call("POST", apiPrefix+"/webhooks", `{"url":"http://127.0.0.1/"}`); status != 422 || !strings.Contains(body, "url_invalid") && !strings.Contains(body, "url_not_allowed") {
		t.Errorf("an http URL on loopback without the flags = %d %s; want 422", status, body)
	}
	resp, err := http.Get(s.url + apiPrefix + "/webhooks") //nolint:noctx // nothing to cancel
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a key = %d; want 401", resp.StatusCode)
	}
}
