package leaktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// Secret is a text that must not be found where it does not belong.
type Secret struct {
	name string
	// forms are the bytes to look for: the text, what it stands for, and both
	// as a program might write them.
	forms map[string][]byte
}

// NewSecret returns the secret of a text. What follows a prefix such as "whsec_" or
// "Bearer " is looked for by itself, since the prefix is no secret. The text is so long
// that it is nowhere by chance.
func NewSecret(name, text string) Secret {
	s := Secret{name: name, forms: make(map[string][]byte)}
	core := text
	for _, prefix := range []string{"whsec_", "whsk_", "prk_", "Bearer "} {
		core = strings.TrimPrefix(core, prefix)
	}
	s.add("text", []byte(core))
	if key, err := base64.StdEncoding.DecodeString(core); err == nil && len(key) >= 24 {
		s.add("key", key)
	}
	return s
}

func (s Secret) add(name string, b []byte) {
	s.forms[name] = b
	s.forms[name+" in hex"] = []byte(hex.EncodeToString(b))
	s.forms[name+" in HEX"] = bytes.ToUpper(s.forms[name+" in hex"])
	// The last group of base64 depends on what follows.
	std := base64.StdEncoding.EncodeToString(b)
	s.forms[name+" in base64"] = []byte(std[:len(std)/4*4-4])
	url := base64.URLEncoding.EncodeToString(b)
	s.forms[name+" in base64url"] = []byte(url[:len(url)/4*4-4])
}

// Name returns what the secret is of. It is none itself.
func (s Secret) Name() string { return s.name }

// In returns the forms in which the secret is found, in order of their names.
func (s Secret) In(b []byte) (found []string) {
	for _, form := range slices.Sorted(maps.Keys(s.forms)) {
		if bytes.Contains(b, s.forms[form]) {
			found = append(found, form)
		}
	}
	return found
}

// Find returns a sentence for each secret that is in one of some places, by their
// names, also where it is written as HTML does, with &#43; for a plus. It does not repeat
// the secret.
func Find(secrets []Secret, places map[string][]byte) (found []string) {
	plain := make(map[string][]byte, len(places))
	for name, b := range places {
		plain[name] = b
		if bytes.ContainsRune(b, '&') {
			plain[name] = slices.Concat(b, []byte("\x00"+html.UnescapeString(string(b))))
		}
	}
	for _, s := range secrets {
		for _, name := range slices.Sorted(maps.Keys(plain)) {
			for _, form := range s.In(plain[name]) {
				found = append(found, fmt.Sprintf("%s: %s in %s", s.name, form, name))
			}
		}
	}
	return found
}
