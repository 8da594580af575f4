package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/postrider/postrider/dispatcher/leaktest"
)

// canary is a secret that must not be found where it does not belong.
type canary = leaktest.Secret

func newCanary(name, text string) canary { return leaktest.NewSecret(name, text) }

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
