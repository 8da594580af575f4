package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// generator makes a client in Go of a document. It is no dependency of ours: the test runs
// it in a module of its own.
const generator = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

// TestGeneratedClient generates a client from the document that the server answers with,
// compiles it with the program of testdata, and lets that create a webhook, publish, read
// the delivery and send it again. It fetches the generator, so it runs only if it is asked
// to, with POSTRIDER_CLIENT=1.
func TestGeneratedClient(t *testing.T) {
	t.Parallel()
	if os.Getenv("POSTRIDER_CLIENT") == "" {
		t.Skip("fetches the generator: set POSTRIDER_CLIENT=1 to run it")
	}
	requests := make(chan struct{}, 2)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // whatever it is, it arrived
		requests <- struct{}{}
	}))
	defer receiver.Close()
	s := launch(t, "-store", "sqlite:"+filepath.Join(t.TempDir(), "w.db"), "-allow-http", "-allow-private")
	dir := t.TempDir()
	status, document := s.call("GET", apiPrefix+"/openapi.json", "")
	if status != http.StatusOK {
		t.Fatalf("GET openapi.json = %d", status)
	}
	program, err := os.ReadFile("testdata/client.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"go.mod": "module client.example\n\ngo 1.26\n", "main.go": string(program), "openapi.json": document,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "API="+s.url+apiPrefix, "KEY="+testKey, "RECEIVER="+receiver.URL)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	command("run", generator, "-generate", "types,client", "-package", "main", "-o", "client.gen.go", "openapi.json")
	command("mod", "tidy")
	if got := command("run", "."); got != "ok\n" {
		t.Errorf("the program said %q; want ok", got)
	}
	for range 2 { // the delivery, and the one that was sent again
		select {
		case <-requests:
		case <-t.Context().Done():
			t.Fatal("the receiver did not get the delivery twice")
		}
	}
	s.end()
}
