// Package guardtest reads the tables of URLs that the address guard is held
// against, for the tests of all packages through which a URL has to go: at
// creation, and at the dial.
package guardtest

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Hostile is a URL that leads where deliveries must not go, with the code that
// says so to who typed it.
type Hostile struct{ URL, Code string }

// Legitimate is a URL that looks like a hostile one, or is odd, and is fine, with
// its normal form.
type Legitimate struct{ URL, Normal string }

// ReadHostile returns the table of hostile URLs in the testdata of package guard,
// which is at dir.
func ReadHostile(t testing.TB, dir string) []Hostile {
	t.Helper()
	var table []Hostile
	for _, line := range lines(t, filepath.Join(dir, "hostile.txt")) {
		code, _, _ := strings.Cut(line, " ")
		table = append(table, Hostile{URL: quoted(line)[0], Code: code})
	}
	return table
}

// ReadLegitimate returns the table of legitimate URLs in the testdata of package
// guard, which is at dir.
func ReadLegitimate(t testing.TB, dir string) []Legitimate {
	t.Helper()
	var table []Legitimate
	for _, line := range lines(t, filepath.Join(dir, "legitimate.txt")) {
		pair := quoted(line)
		table = append(table, Legitimate{URL: pair[0], Normal: pair[len(pair)-1]})
	}
	return table
}

// lines returns the lines of a table, without comments. Every line has a quoted
// string.
func lines(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := sc.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(quoted(line)) == 0 {
			t.Fatalf("%s: line without a URL: %q", path, line)
		}
		out = append(out, line)
	}
	return out
}

// quoted returns the Go strings in a line.
func quoted(line string) []string {
	var out []string
	for {
		i := strings.IndexByte(line, '"')
		if i < 0 {
			return out
		}
		q, err := strconv.QuotedPrefix(line[i:])
		if err != nil {
			return out
		}
		s, _ := strconv.Unquote(q)
		out = append(out, s)
		line = line[i+len(q):]
	}
}
