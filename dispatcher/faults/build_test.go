package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// programVariable holds the path of the children's program, in a process that a test
// has started to be a parent too.
const programVariable = "POSTRIDER_FAULTS_PROGRAM"

// program returns the program that children run. It is this test binary, without the
// race detector in the short version: a child that has it takes five times as long to
// start and to do anything, and what it does is what the tests of all other packages
// do under the race detector already. The long version keeps it.
func program(t *testing.T) string {
	t.Helper()
	path, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var plainBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(programVariable); path != "" {
		return path, nil
	}
	_, err := exec.LookPath("go")
	if long || !builtWith("-race", "true") || err != nil {
		return os.Args[0], nil
	}
	return build("plain")
})

// skewedBinary returns the children's program with a clock that can be wrong.
func skewedBinary(t *testing.T) string {
	t.Helper()
	path, err := buildSkewed()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildSkewed = sync.OnceValues(func() (string, error) { return build("skewed", "skewedclock") })

// build compiles the tests of this package with build tags, beside those that this
// binary has, and returns the path.
func build(name string, tags ...string) (string, error) {
	dir, err := buildFolder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".test")
	if own := setting("-tags"); own != "" {
		tags = append(tags, own)
	}
	args := []string{"test", "-c", "-tags", strings.Join(tags, ","), "-o", path}
	if long && builtWith("-race", "true") {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return path, nil
}

// buildFolder is where programs are built; it is removed after all tests.
var buildFolder = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "faults")
	if err == nil {
		atEnd = append(atEnd, func() { _ = os.RemoveAll(dir) }) // it is a temporary folder
	}
	return dir, err
})

func builtWith(key, value string) bool { return setting(key) == value }

// setting returns how this binary was built in one respect, or "".
func setting(key string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == key })
	if i < 0 {
		return ""
	}
	return info.Settings[i].Value
}
