package postgrestest

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// programs are what belongs together and is looked for in one folder.
type programs struct {
	names   []string
	folders string // a pattern of folders to look in after PATH
	install string // Debian's package
}

var (
	serverPrograms  = programs{[]string{"postgres", "initdb"}, "/usr/lib/postgresql/*/bin", "postgresql"}
	bouncerPrograms = programs{[]string{"pgbouncer"}, "/usr/sbin", "pgbouncer"}
)

// find returns the first folder that has all programs, or nothing. A PATH often
// has links to a few programs of a server alone.
func (p programs) find() string {
	more, _ := filepath.Glob(p.folders) // the pattern is good
	slices.SortFunc(more, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), more...) {
		if filepath.IsAbs(dir) && !slices.ContainsFunc(p.names, func(name string) bool { return !isProgram(filepath.Join(dir, name)) }) {
			return dir
		}
	}
	return ""
}

// version reads the number in /usr/lib/postgresql/15/bin.
func version(dir string) float64 {
	for part := range strings.SplitSeq(filepath.ToSlash(dir), "/") {
		if v, err := strconv.ParseFloat(part, 64); err == nil {
			return v
		}
	}
	return 0
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
