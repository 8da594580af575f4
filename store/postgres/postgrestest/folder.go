package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// folderPrefix begins the names of the folders of all test binaries.
const folderPrefix = "postgrestest-"

// folder holds all files of this test binary. It is locked while the binary runs,
// and others remove those that are not.
var folder = sync.OnceValues(makeFolder)

func makeFolder() (string, error) {
	sweep()
	dir, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	// Others may pass through, to what the servers' user owns.
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	// The lock gets its name when it is held, so that nobody removes a folder
	// that was just made.
	unnamed := filepath.Join(dir, "unlocked")
	unlock, err := lock(unnamed)
	if err == nil {
		err = os.Rename(unnamed, filepath.Join(dir, "lock"))
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return "", errors.Join(fmt.Errorf("lock folder: %w", err), os.RemoveAll(dir))
	}
	atEnd.add(func() error {
		defer unlock()
		return os.RemoveAll(dir)
	})
	return dir, nil
}

// sweep removes the folders of binaries that were killed. What cannot be removed
// belongs to another user, or is still being written by a server that is about to
// end; it is left to the next binary.
func sweep() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*", "lock")) // the pattern is good
	for _, path := range locks {
		unlock, err := tryLock(path)
		if err != nil {
			continue
		}
		dir := filepath.Dir(path)
		servers, _ := filepath.Glob(filepath.Join(dir, "s*")) // the pattern is good
		if removeAll(servers...) == nil {
			_ = os.RemoveAll(dir)
		}
		unlock()
	}
}

// removeAll removes folders and all that is in them; an empty name is none.
func removeAll(dirs ...string) error {
	var errs []error
	for _, dir := range dirs {
		if dir != "" {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// newDir makes a folder for one server, which the servers' user owns, in parent or
// else in this binary's.
func newDir(parent string) (string, error) {
	if parent == "" {
		var err error
		if parent, err = folder(); err != nil {
			return "", err
		}
	}
	// The name is short: the path of a socket may have 107 bytes, or less.
	dir, err := os.MkdirTemp(parent, "s")
	if err == nil {
		err = giveToServers(dir)
	}
	if err != nil {
		return "", fmt.Errorf("make the server's folder: %w", err)
	}
	return dir, nil
}

// template is what initdb made, and every server starts from: copying is a tenth
// of the work.
var template = sync.OnceValues(makeTemplate)

type databaseTemplate struct {
	bin  string // the folder of the programs
	data string
}

func makeTemplate() (*databaseTemplate, error) {
	bin, err := locate(serverPrograms)
	if err != nil {
		return nil, err
	}
	dir, err := newDir("")
	if err != nil {
		return nil, err
	}
	tpl := &databaseTemplate{bin: bin, data: filepath.Join(dir, "template")}
	if err := run(exec.Command(filepath.Join(bin, "initdb"), "-D", tpl.data, "-U", "postgres",
		"-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync")); err != nil {
		return nil, fmt.Errorf("initdb: %w", err)
	}
	return tpl, nil
}

// copyTo copies the data to a folder, as the user who will own them.
func (tpl *databaseTemplate) copyTo(data string) error {
	if err := run(exec.Command("cp", "-R", tpl.data+"/.", data)); err != nil {
		return fmt.Errorf("copy the template: %w", err)
	}
	return nil
}
