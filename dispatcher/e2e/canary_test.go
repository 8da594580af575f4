package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canary is a secret that must not be found where it does not belong.
type canary struct {
	name string
	// forms are the bytes to look for: the text, what it stands for, and both
	// as a program might write them.
	forms map[string][]byte
}

// newCanary returns the canary of a secret's text. What follows a prefix such as
// "whsec_" or "Bearer " is looked for by itself, since the prefix is no secret.
func newCanary(name, text string) canary {
	c := canary{name: name, forms: make(map[string][]byte)}
	core := text
	for _, prefix := range []string{"whsec_", "whsk_", "prk_", "Bearer "} {
		core = strings.TrimPrefix(core, prefix)
	}
	c.add("text", []byte(core))
	if key, err := base64.StdEncoding.DecodeString(core); err == nil && len(key) >= 24 {
		c.add("key", key)
	}
	return c
}

func (c canary) add(name string, b []byte) {
	c.forms[name] = b
	c.forms[name+" in hex"] = []byte(hex.EncodeToString(b))
	c.forms[name+" in HEX"] = bytes.ToUpper(c.forms[name+" in hex"])
	// The last group of base64 depends on what follows.
	std := base64.StdEncoding.EncodeToString(b)
	c.forms[name+" in base64"] = []byte(std[:len(std)/4*4-4])
	url := base64.URLEncoding.EncodeToString(b)
	c.forms[name+" in base64url"] = []byte(url[:len(url)/4*4-4])
}

// in returns the forms in which the canary is found.
func (c canary) in(b []byte) (found []string) {
	for form, pattern := range c.forms {
		if bytes.Contains(b, pattern) {
			found = append(found, form)
		}
	}
	return found
}

// filesOf returns the bytes of a database: the file itself, its write-ahead log,
// its shared memory, and whatever else lies beside it.
func filesOf(t *testing.T, path string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	return files
}
