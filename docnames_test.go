package postrider_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeOfMarkdown = regexp.MustCompile("(?s)```go\n(.*?)```|`([^`\n]+)`")
	qualifiedName  = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
)

// variables are the names that documents use for values of our types.
var variables = map[string]string{"d": "dispatcher.Dispatcher", "m": "manage.Manager", "types": "catalog.Registry"}

// TestDocumentsNameWhatIsThere looks for every name of ours that a document has in code,
// such as manage.Manager.Why, d.Health or webhook.Batch, so that none outlives a change.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	known := exportedNames(t)
	checked := 0
	walk(t, ".md", func(path string) {
		for _, name := range namesIn(read(t, path)) {
			first, _, _ := strings.Cut(name, ".")
			if !known[first] {
				continue // somebody else's package, or a file
			}
			if checked++; !known[name] {
				t.Errorf("%s has %s, which is not there", path, name)
			}
		}
	})
	if checked < 150 {
		t.Errorf("%d names were checked; want all of them: the documents are read wrongly", checked)
	}
	for _, gone := range []string{"manage.Gone", "webhook.Endpoint.Gone", "dispatcher.Dispatcher.Gone"} {
		if known[gone] {
			t.Errorf("%s is taken for something that is there", gone)
		}
	}
}

// namesIn returns the qualified names in the code of a document.
func namesIn(markdown string) (names []string) {
	for _, code := range codeOfMarkdown.FindAllStringSubmatch(markdown, -1) {
		for _, m := range qualifiedName.FindAllStringSubmatch(code[1]+" "+code[2], -1) {
			name := m[1]
			if v, ok := variables[name]; ok {
				name = v
			}
			if name += "." + m[2]; m[3] != "" {
				name += "." + m[3]
			}
			names = append(names, name)
		}
	}
	return names
}

// exportedNames returns the names of packages, and what they export, as "pkg",
// "pkg.Name", "pkg.Type.Member" and, since documents say "manage.Pause" for the method of
// the one type that a package is about, "pkg.Member".
func exportedNames(t *testing.T) map[string]bool {
	t.Helper()
	known := make(map[string]bool)
	walk(t, ".go", func(path string) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "examples") || strings.Contains(path, "testdata") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", filepath.ToSlash(path), err)
			return
		}
		pkg := file.Name.Name
		known[pkg] = true
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				known[pkg+"."+decl.Name.Name] = true
				if decl.Recv != nil {
					known[pkg+"."+receiverOf(decl)+"."+decl.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					declare(known, pkg, spec)
				}
			}
		}
	})
	return known
}

func receiverOf(decl *ast.FuncDecl) string {
	typ := decl.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if ident, ok := typ.(*ast.Ident); ok {
		return ident.Name
	}
	return ""
}

// declare adds what a declaration of constants, variables or types has.
func declare(known map[string]bool, pkg string, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			known[pkg+"."+name.Name] = true
		}
	case *ast.TypeSpec:
		known[pkg+"."+spec.Name.Name] = true
		var members *ast.FieldList
		switch typ := spec.Type.(type) {
		case *ast.StructType:
			members = typ.Fields
		case *ast.InterfaceType:
			members = typ.Methods
		default:
			return
		}
		for _, member := range members.List {
			for _, name := range member.Names {
				known[pkg+"."+spec.Name.Name+"."+name.Name] = true
			}
		}
	}
}
