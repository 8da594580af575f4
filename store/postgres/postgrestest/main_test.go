package postgrestest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

func TestOnlyShortSkips(t *testing.T) {
	t.Parallel()
	out, err := child("-test.short", "-test.run=^(TestSharedIs|TestOptions)").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "postgrestest: 3 tests skipped with -short") {
		t.Errorf("with -short: %v, want success and 3 tests skipped\n%s", err, out)
	}
}

func TestMissingServerFails(t *testing.T) {
	t.Parallel()
	cmd := child("-test.run=^TestSchemaEndsWithItsTest$")
	cmd.Env = append(os.Environ(), "POSTRIDER_TEST_POSTGRES=postgres://nobody:secret@127.0.0.1:1/none")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "connect to the server of POSTRIDER_TEST_POSTGRES") {
		t.Errorf("with a server that is not there: %v, want a failure that says so\n%s", err, out)
	}
	if strings.Contains(string(out), "secret") {
		t.Errorf("the failure tells the password\n%s", out)
	}
}

func TestExistingServerIsUsed(t *testing.T) {
	t.Parallel()
	s := postgrestest.Shared(t)
	cmd := child("-test.run=^TestSchemaEndsWithItsTest$")
	// Were the variable not read, there would be nowhere to make a server.
	cmd.Env = append(os.Environ(), "POSTRIDER_TEST_POSTGRES="+s.DSN(), "TMPDIR=/nowhere", "TMP=/nowhere")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with an existing server: %v, want success\n%s", err, out)
	}
}

// child runs this test binary again.
func child(args ...string) *exec.Cmd { return exec.Command(os.Args[0], args...) }

// passable returns a folder that the servers' user may enter too.
func passable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
