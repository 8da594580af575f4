package seal_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postrider/postrider/dispatcher/seal"
)

func TestLoadKeyringCreatesOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postrider.key")
	kr, err := seal.LoadKeyring(path)
	if err != nil {
		t.Fatalf("LoadKeyring of a new file: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v; want 0600", info.Mode())
	}
	again, err := seal.LoadKeyring(path)
	if err != nil || !slices.Equal(again.IDs(), kr.IDs()) {
		t.Errorf("second LoadKeyring = %v, %v; want the same key %v", again.IDs(), err, kr.IDs())
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v, %v; want the keyring alone", entries, err)
	}
}

func TestLoadKeyringConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postrider.key")
	ids := make([]string, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			kr, err := seal.LoadKeyring(path)
			if err != nil {
				t.Errorf("LoadKeyring: %v", err)
				return
			}
			ids[i] = kr.IDs()[0]
		})
	}
	wg.Wait()
	if got := slices.Compact(ids); len(got) != 1 {
		t.Errorf("processes that started at once have keys %v; want one", got)
	}
}

func TestLoadKeyringRefuses(t *testing.T) {
	key := seal.NewKey().Reveal()
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"group-readable", key, 0o640, "0640"},
		{"other-readable", key, 0o604, "0604"},
		{"group-writable", key, 0o620, "0620"},
		{"default mode", key, 0o644, "chmod 600"},
		{"empty", "", 0o600, "no key"},
		{"garbage", key[:20], 0o600, "line 1"},
		{"huge", strings.Repeat("#\n", 64<<10), 0o600, "too large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tt.mode != 0o600 {
				t.Skip("Windows has no such modes")
			}
			path := filepath.Join(t.TempDir(), "k")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := seal.LoadKeyring(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("LoadKeyring = %v; want an error with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), key[4:16]) {
				t.Errorf("the error repeats the key: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != tt.text {
				t.Errorf("the refused file was changed: %v", err)
			}
		})
	}
	if _, err := seal.LoadKeyring(t.TempDir()); err == nil {
		t.Error("LoadKeyring of a folder = nil error; want one")
	}
	if _, err := seal.LoadKeyring(filepath.Join(t.TempDir(), "missing", "k")); err == nil {
		t.Error("LoadKeyring in a missing folder = nil error; want one: a mistyped path must not make keys")
	}
}

func TestLoadKeyringTakesStricterModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	if err := os.WriteFile(path, []byte(seal.NewKey().Reveal()), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadKeyring(path); err != nil {
		t.Errorf("LoadKeyring of a read-only file: %v", err)
	}
}
