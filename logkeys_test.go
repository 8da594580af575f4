package postrider_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/telemetry"
)

// zapFields are the functions of zap whose first argument is a key.
var zapFields = []string{
	"Any", "Bool", "ByteString", "ByteStrings", "Dict", "Duration", "Durations", "Float64", "Inline", "Int", "Int64", "NamedError", "Namespace",
	"Object", "Reflect", "String", "Strings", "Stringer", "Time", "Uint", "Uint64",
}

// Every key in a log is in the table that operators are shown, and the table has no
// others.
func TestLogKeys(t *testing.T) {
	t.Parallel()
	table, used := telemetry.LogKeys(), make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && (e.Name() == "examples" || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && path != ".") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, found := range logKeysOf(file) {
			if used[found.key] = true; table[found.key] == "" {
				t.Errorf("%s: key %q is not in telemetry.LogKeys", fset.Position(found.at), found.key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if !used[key] {
			t.Errorf("telemetry.LogKeys has %q, which nothing logs", key)
		}
	}
}

// loggedKey is a key where it is given to zap; "" if it is no constant.
type loggedKey struct {
	key string
	at  token.Pos
}

func logKeysOf(file *ast.File) (found []loggedKey) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		fun, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := fun.X.(*ast.Ident); !ok || pkg.Name != "zap" {
			return true
		}
		switch {
		case fun.Sel.Name == "Error":
			found = append(found, loggedKey{"error", call.Pos()})
		case slices.Contains(zapFields, fun.Sel.Name) && len(call.Args) > 0:
			key := ""
			if lit, ok := call.Args[0].(*ast.BasicLit); ok {
				key, _ = strconv.Unquote(lit.Value)
			}
			found = append(found, loggedKey{key, call.Pos()})
		}
		return true
	})
	return found
}

func TestLogKeysAreFound(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
		func f() { log.Warn("m", zap.Error(err), zap.Int("a", 1), zap.String(key, "v"), other.String("b", "v"), zap.New(core)) }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range logKeysOf(file) {
		got = append(got, k.key)
	}
	if want := []string{"error", "a", ""}; !slices.Equal(got, want) {
		t.Errorf("keys = %q; want %q", got, want)
	}
}
