package embedding

import (
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var cost = flag.Bool("cost", false, "build all programs, and compare their sizes with the table too")

const (
	module = "github.com/postrider/postrider"
	guide  = "../../docs/embedding.md"
	// tolerance is how far a size may be from the table's: what a month of ordinary
	// changes adds, and other minor versions of Go.
	tolerance = 0.05
)

// row is a line of the table.
type row struct {
	program string
	grown   float64 // MB, over a program that has nothing of ours
	modules int     // that are linked, ours aside
}

var rowOf = regexp.MustCompile("(?m)^\\| .+ \\| \\[`([a-z]+)`\\]\\(.+\\) \\| ([0-9.]+) MB \\| ([0-9]+) \\|$")

// TestModulesAreThoseOfTheTable compares the modules that each program links with the
// table.
func TestModulesAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	programs, rows := programs(t), table(t)
	var listed []string
	for _, r := range rows {
		listed = append(listed, r.program)
	}
	if slices.Sort(listed); !slices.Equal(listed, programs) {
		t.Fatalf("the table has %q; want a row for each of %q", listed, programs)
	}
	for _, r := range rows {
		if got := modules(t, r.program); len(got) != r.modules {
			t.Errorf("%s links %d modules, %q; the table says %d", r.program, len(got), got, r.modules)
		}
	}
}

// TestSignerLinksNothingElse holds receivers' programs to the standard library.
func TestSignerLinksNothingElse(t *testing.T) {
	t.Parallel()
	if got := modules(t, "signer"); len(got) != 0 {
		t.Errorf("a receiver links %q; want the standard library alone", got)
	}
}

// TestSizesAreThoseOfTheTable builds the programs, stripped.
func TestSizesAreThoseOfTheTable(t *testing.T) {
	if !*cost {
		t.Skip("links ten programs; run it with -cost")
	}
	nothing := size(t, "none")
	for _, r := range table(t) {
		grown := float64(size(t, r.program)-nothing) / 1e6
		t.Logf("%s: %.1f MB, %d modules", r.program, grown, len(modules(t, r.program)))
		if off := math.Abs(grown - r.grown); off > max(0.1, tolerance*grown) {
			t.Errorf("%s adds %.1f MB; the table says %.1f", r.program, grown, r.grown)
		}
	}
}

// programs returns the names of all programs but the one that has nothing of ours.
func programs(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir("programs")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "none" {
			names = append(names, e.Name())
		}
	}
	return names
}

func table(t *testing.T) (rows []row) {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rowOf.FindAllStringSubmatch(string(text), -1) {
		grown, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(m[3])
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{m[1], grown, n})
	}
	return rows
}

// modules returns the modules of the packages that a program links, ours aside.
func modules(t *testing.T, program string) []string {
	t.Helper()
	all := strings.Fields(run(t, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./programs/"+program))
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(m string) bool { return m == module })
}

// size returns the bytes of a program's stripped binary.
func size(t *testing.T, program string) int64 {
	t.Helper()
	out := filepath.Join(t.TempDir(), program)
	run(t, "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./programs/"+program)
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// run runs the go command for the platform of the table, and returns what it prints.
func run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	cmd.Stderr = new(strings.Builder)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%v", args[0], err, cmd.Stderr)
	}
	return string(out)
}
