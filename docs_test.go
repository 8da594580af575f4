package postrider_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guides are the documents whose headings are features.
var guides = []string{"docs/developers.md", "docs/administrators.md", "docs/integrators.md"}

var (
	exampleLine = regexp.MustCompile("(?ms)^Example: (.*?)$\n*(?:^\n|\\z)")
	codeLink    = regexp.MustCompile("\\[`([^`]+)`\\]\\(([^)#]+)\\)")
	anyLink     = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	notInSlug   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestFeaturesHaveExamples holds every feature that a guide names to an Example that
// runs, or to a program of examples with a test of its own.
func TestFeaturesHaveExamples(t *testing.T) {
	t.Parallel()
	features := 0
	for _, guide := range guides {
		for heading, section := range sections(t, guide) {
			features++
			for _, fault := range withoutExample(filepath.Dir(guide), section) {
				t.Errorf("%s: %q: %s", guide, heading, fault)
			}
		}
	}
	if features < 60 {
		t.Errorf("the guides have %d features; want all of them: they are read wrongly", features)
	}
}

// TestFeaturesWithoutExamplesAreFound shows that the test above can fail.
func TestFeaturesWithoutExamplesAreFound(t *testing.T) {
	t.Parallel()
	for name, section := range map[string]string{
		"no Example":    "Text.\n",
		"no such name":  "Text.\n\nExample: [`ExampleNone`](../example_test.go)\n",
		"no such file":  "Text.\n\nExample: [`Example`](../none_test.go)\n",
		"an empty link": "Text.\n\nExample: some day\n",
		"no test":       "Text.\n\nExample: [`docs`](../docs)\n",
	} {
		if withoutExample("docs", section) == nil {
			t.Errorf("%s: the section passes", name)
		}
	}
}

// TestExamplesRun finds Examples that are compiled and not run, since they do not say what
// they print.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	n := 0
	walk(t, "_test.go", func(path string) {
		for _, ex := range examplesOf(t, path) {
			if n++; ex.Output == "" && !ex.EmptyOutput {
				t.Errorf("%s: Example%s has no output, so it does not run", path, ex.Name)
			}
		}
	})
	if n < 60 {
		t.Errorf("%d Examples were found; want all of them", n)
	}
}

// TestDocumentsLinkToWhatIsThere follows the relative links of all documents.
func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	t.Parallel()
	walk(t, ".md", func(path string) {
		for _, link := range anyLink.FindAllStringSubmatch(read(t, path), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			to := path
			if link[1] != "" {
				to = filepath.Join(filepath.Dir(path), link[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", path, link[1])
			} else if link[2] != "" && !slices.Contains(anchors(t, to), link[2]) {
				t.Errorf("%s links to %s#%s, which is no heading of it", path, link[1], link[2])
			}
		}
	})
}

// TestPackagesAreDescribed wants a sentence about every package in the table of
// CONTRIBUTING.md, and no sentence about one that is gone.
func TestPackagesAreDescribed(t *testing.T) {
	t.Parallel()
	text := read(t, "CONTRIBUTING.md")
	there := make(map[string]bool)
	walk(t, ".go", func(path string) {
		if dir := filepath.ToSlash(filepath.Dir(path)); dir != "." && !strings.HasPrefix(dir, "examples/") && !strings.Contains(dir, "testdata") {
			there[dir] = true
		}
	})
	described := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\| [^|]+ \\|$").FindAllStringSubmatch(text, -1) {
		if described[row[1]] = true; !there[row[1]] {
			t.Errorf("CONTRIBUTING.md describes %s, which is not there", row[1])
		}
	}
	for dir := range there {
		if !described[dir] {
			t.Errorf("CONTRIBUTING.md says nothing of %s", dir)
		}
	}
}

// sections returns the text below each heading of the second level.
func sections(t *testing.T, path string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, part := range strings.Split("\n"+read(t, path), "\n## ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		all[heading] = text
	}
	return all
}

// withoutExample says what a section of a document in dir lacks.
func withoutExample(dir, section string) (faults []string) {
	line := exampleLine.FindStringSubmatch(section)
	if line == nil {
		return []string{"has no Example"}
	}
	links := codeLink.FindAllStringSubmatch(line[1], -1)
	if links == nil {
		return []string{"its Example links to nothing"}
	}
	for _, link := range links {
		name, to := link[1], filepath.Join(dir, link[2])
		if !strings.HasPrefix(name, "Example") {
			if tests, _ := filepath.Glob(filepath.Join(to, "*_test.go")); len(tests) == 0 {
				faults = append(faults, fmt.Sprintf("%s has no test", to))
			}
			continue
		}
		text, err := os.ReadFile(to)
		if err != nil || !strings.Contains(string(text), "\nfunc "+name+"()") {
			faults = append(faults, fmt.Sprintf("%s is not in %s", name, to))
		}
	}
	return faults
}

// anchors returns what the headings of a document are linked to by.
func anchors(t *testing.T, path string) (all []string) {
	t.Helper()
	for line := range strings.Lines(read(t, path)) {
		if level, text, ok := strings.Cut(line, " "); ok && strings.Trim(level, "#") == "" && level != "" {
			slug := notInSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), "")
			all = append(all, strings.ReplaceAll(slug, " ", "-"))
		}
	}
	return all
}

func examplesOf(t *testing.T, path string) []*doc.Example {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Error(err)
		return nil
	}
	return doc.Examples([]*ast.File{file}...)
}

// walk calls visit for every file of the repository whose name ends in suffix.
func walk(t *testing.T, suffix string, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, suffix) {
			visit(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
