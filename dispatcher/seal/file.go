package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const maxKeyringLen = 64 << 10

// LoadKeyring reads the keyring file at path, whose text is that of ParseKeyring,
// and makes one with a new key if there is none; the folder must exist. Of
// several processes that start at once, all get the key of the one that was first.
//
// The file must be readable by its owner alone (mode 0600 or less): LoadKeyring
// refuses any other, because the key in it may be known already. Windows has no
// such modes; there the folder's access rights decide.
func LoadKeyring(path string) (*Keyring, error) {
	text, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createKeyFile(path, NewKey()); err == nil {
			text, err = readKeyFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("load keyring: %w", err)
	}
	return ParseKeyring(text)
}

func readKeyFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("%s has mode %04o: only its owner may have access (chmod 600), and if others had, the key should be rotated", path, perm)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyringLen+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxKeyringLen {
		return "", fmt.Errorf("%s is too large for a keyring", path)
	}
	return string(b), nil
}

// createKeyFile makes the file whole or not at all, and leaves one that is there
// alone: two keys for one database would be worse than none. It is on disk when
// createKeyFile returns, before anything is sealed with it.
func createKeyFile(path string, k Key) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".postrider-key-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // a leftover is readable by its owner only
	_, err = fmt.Fprintf(tmp, "# Postrider keyring, the primary key first. Back it up, and not beside the database:\n# without it the sealed secrets are lost.\n%s\n", k.Reveal())
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // it cannot open folders for this
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
