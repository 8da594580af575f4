package schema_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/google/jsonschema-go/jsonschema" // carries the official test suite

	"github.com/postrider/postrider/webhook/schema"
)

// suite returns where the module has the official test suite of draft 2020-12.
func suite(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/jsonschema-go").Output()
	if err != nil {
		t.Fatalf("find the module of the test suite: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "jsonschema", "testdata", "draft2020-12")
}

// notOurs are groups of the suite that ask for something that is refused here on
// purpose, by file and group, with the reason. An entry that no group has fails.
var notOurs = map[string]string{
	"refRemote.json": "other documents are not loaded",
	"dynamicRef.json: strict-tree schema, guards against misspelled properties":       "loads another document",
	"dynamicRef.json: tests for implementation dynamic anchor and reference link":     "loads another document",
	"dynamicRef.json: $ref and $dynamicAnchor are independent of order - $defs first": "loads another document",
	"dynamicRef.json: $ref and $dynamicAnchor are independent of order - $ref first":  "loads another document",
	"dynamicRef.json: $ref to $dynamicRef finds detached $dynamicAnchor":              "loads another document",
}

// TestOfficialSuite runs the official cases of draft 2020-12.
func TestOfficialSuite(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(suite(t), "*.json"))
	if err != nil || len(files) < 40 {
		t.Fatalf("the suite has %d files, %v; want 40 at least", len(files), err)
	}
	ran, left := 0, map[string]bool{}
	for _, file := range files {
		name := filepath.Base(file)
		var groups []struct {
			Description string          `json:"description"`
			Schema      json.RawMessage `json:"schema"`
			Tests       []struct {
				Description string          `json:"description"`
				Data        json.RawMessage `json:"data"`
				Valid       bool            `json:"valid"`
			} `json:"tests"`
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &groups)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			key := name + ": " + g.Description
			if notOurs[name] != "" || notOurs[key] != "" {
				left[name], left[key] = true, true
				if _, err := schema.Compile(g.Schema); err == nil || !strings.Contains(err.Error(), "other documents") {
					t.Errorf("%s is left out, but Compile = %v; want that other documents are not loaded", key, err)
				}
				continue
			}
			s, err := schema.Compile(g.Schema)
			if err != nil {
				t.Errorf("%s: Compile: %v", key, err)
				continue
			}
			for _, tt := range g.Tests {
				ran++
				if got := s.Validate(tt.Data); (got == nil) != tt.Valid {
					t.Errorf("%s: %s: violations %v; want valid %v", key, tt.Description, got, tt.Valid)
				}
			}
		}
	}
	for key := range notOurs {
		if !left[key] {
			t.Errorf("%s is left out, but the suite has no such group", key)
		}
	}
	// As many as the suite had when this was written: a suite that is not found
	// must not pass.
	if t.Logf("%d cases of the official suite", ran); ran < 1050 {
		t.Errorf("%d cases ran; want 1050 at least", ran)
	}
}
