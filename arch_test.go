package postrider_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/postrider/postrider"

// A rule says what the code of a package, tests aside, may import beside the
// standard library and its own sub-packages. It holds for sub-packages without a
// rule of their own too.
type rule struct {
	local   []string // our packages, exactly
	modules []string // third-party modules; "*" for any
}

// rules is the picture of the architecture (see CONTRIBUTING.md):
//
//	signer ← webhook ← store ← dispatcher ← manage ← httpapi, console
//
// A new entry or a new word in one is a change of design. Packages that are
// still to come are listed already.
var rules = map[string]rule{
	"": {},

	"sabotage": {},

	"signer":     {},
	"signer/jwe": {local: []string{"signer", "signer/redact"}, modules: []string{"github.com/go-jose/go-jose/v4"}},

	"webhook":         {local: []string{"signer", "signer/redact", "webhook/pointer"}, modules: []string{"github.com/cenkalti/backoff/v4", "github.com/oklog/ulid/v2"}},
	"webhook/pointer": {},
	"webhook/schema":  {local: []string{"webhook"}, modules: []string{"github.com/santhosh-tekuri/jsonschema/v6"}},
	"webhook/celexpr": {local: []string{"webhook"}, modules: []string{"cel.dev/cel-go"}},
	"webhook/catalog": {local: []string{"webhook", "webhook/schema"}, modules: []string{"github.com/invopop/jsonschema"}},

	"store":           {local: []string{"signer", "webhook"}},
	"store/storetest": {local: []string{"signer", "webhook", "store"}},
	"store/memstore":  {local: []string{"signer", "webhook", "store", "sabotage"}},
	"store/sqlstore":  {local: []string{"signer", "webhook", "store", "sabotage"}, modules: []string{"github.com/pressly/goose/v3"}},
	"store/sqlite":    {local: []string{"signer", "webhook", "store", "store/sqlstore"}, modules: []string{"modernc.org/sqlite", "github.com/pressly/goose/v3", "golang.org/x/sys"}},
	"store/postgres":  {local: []string{"signer", "webhook", "store", "store/sqlstore", "sabotage"}, modules: []string{"github.com/jackc/pgx/v5", "github.com/jackc/puddle/v2", "github.com/pressly/goose/v3"}},
	"store/sharded":   {local: []string{"signer", "webhook", "store"}},

	"dispatcher/clock":     {},
	"dispatcher/entropy":   {local: []string{"webhook", "dispatcher/clock"}},
	"dispatcher/transport": {local: []string{"signer", "webhook", "sabotage"}, modules: []string{"golang.org/x/net"}},
	"dispatcher/transport/auth": {
		local:   []string{"webhook", "dispatcher/clock", "dispatcher/transport", "dispatcher/transport/guard"},
		modules: []string{"golang.org/x/oauth2", "github.com/go-jose/go-jose/v4"},
	},
	"dispatcher/transport/pubsub": {
		local:   []string{"webhook", "dispatcher/transport", "dispatcher/transport/guard"},
		modules: []string{"gocloud.dev"},
	},
	"dispatcher/seal":       {local: []string{"signer", "signer/redact", "webhook"}},
	"dispatcher/leaktest":   {local: []string{"store", "dispatcher/seal"}},
	"dispatcher/vault":      {local: []string{"webhook", "store", "dispatcher/clock", "dispatcher/seal"}},
	"dispatcher/lane":       {local: []string{"webhook"}},
	"dispatcher/batch":      {local: []string{"store"}, modules: []string{"github.com/cenkalti/backoff/v4"}},
	"dispatcher/directory":  {local: []string{"webhook", "store", "dispatcher/clock"}, modules: []string{"golang.org/x/sync", "github.com/maypok86/otter/v2"}},
	"dispatcher/expression": {local: []string{"webhook"}, modules: []string{"github.com/maypok86/otter/v2"}},
	"dispatcher/audit":      {local: []string{"webhook"}},
	"dispatcher/quota":      {local: []string{"webhook", "store", "dispatcher/clock"}},
	"dispatcher/types":      {local: []string{"webhook", "webhook/pointer", "webhook/schema", "store", "dispatcher/clock"}, modules: []string{"go.uber.org/zap"}},
	"dispatcher/tokens":     {local: []string{"webhook", "store", "dispatcher/clock"}, modules: []string{"go.uber.org/zap"}},
	"dispatcher/telemetry":  {local: []string{"webhook", "store"}, modules: []string{"go.opentelemetry.io/otel", "go.uber.org/zap"}},
	"dispatcher/send": {
		local:   []string{"dispatcher/telemetry", "signer", "signer/jwe", "webhook", "webhook/pointer", "store", "dispatcher/clock", "dispatcher/expression", "dispatcher/seal", "dispatcher/transport", "dispatcher/transport/auth", "dispatcher/transport/guard"},
		modules: []string{"go.uber.org/zap"},
	},
	"dispatcher/schedule": {local: []string{"webhook", "store", "dispatcher/clock", "dispatcher/lane", "dispatcher/send"}},
	"dispatcher/jobs": {
		local:   []string{"webhook", "store", "dispatcher/clock", "dispatcher/batch"},
		modules: []string{"go.uber.org/zap", "golang.org/x/time"},
	},
	"dispatcher/engine": {
		local: []string{
			"webhook", "store", "dispatcher/clock", "dispatcher/entropy", "dispatcher/seal", "dispatcher/lane",
			"dispatcher/batch", "dispatcher/jobs", "dispatcher/send", "dispatcher/schedule", "dispatcher/telemetry",
		},
		modules: []string{"go.uber.org/zap", "golang.org/x/time"},
	},
	"dispatcher": {
		local: []string{
			"signer", "webhook", "webhook/schema", "store", "dispatcher/clock", "dispatcher/entropy", "dispatcher/seal",
			"dispatcher/transport", "dispatcher/transport/auth", "dispatcher/transport/guard", "dispatcher/audit", "dispatcher/batch", "dispatcher/directory", "dispatcher/expression", "dispatcher/tokens", "dispatcher/types", "dispatcher/quota", "dispatcher/send",
			"dispatcher/schedule", "dispatcher/jobs", "dispatcher/engine", "dispatcher/lane", "dispatcher/vault", "dispatcher/telemetry",
		},
		modules: []string{"go.uber.org/zap", "golang.org/x/time"},
	},
	"dispatcher/manage": {
		local:   []string{"signer", "signer/redact", "webhook", "webhook/schema", "webhook/catalog", "store", "dispatcher", "dispatcher/audit", "dispatcher/clock", "dispatcher/jobs", "dispatcher/quota", "dispatcher/lane", "dispatcher/transport", "dispatcher/transport/guard", "dispatcher/seal"},
		modules: []string{"go.uber.org/zap", "golang.org/x/time"},
	},
	"dispatcher/deliverylog": {local: []string{"webhook", "store", "dispatcher/clock", "dispatcher/manage"}},
	"dispatcher/mount":       {modules: []string{"github.com/go-chi/chi/v5"}},
	"dispatcher/httpapi": {
		local:   []string{"signer", "webhook", "webhook/schema", "webhook/catalog", "store", "dispatcher", "dispatcher/clock", "dispatcher/manage", "dispatcher/deliverylog", "dispatcher/mount"},
		modules: []string{"github.com/danielgtaylor/huma/v2", "github.com/go-chi/chi/v5", "github.com/evanphx/json-patch/v5", "github.com/go-jose/go-jose/v4", "go.uber.org/zap", "golang.org/x/time"},
	},
	"dispatcher/httpapi/auth": {
		local:   []string{"signer/redact", "webhook", "dispatcher", "dispatcher/clock", "dispatcher/manage", "dispatcher/transport"},
		modules: []string{"github.com/go-jose/go-jose/v4"},
	},
	"dispatcher/console": {
		local:   []string{"webhook", "webhook/schema", "store", "dispatcher", "dispatcher/manage", "dispatcher/deliverylog", "dispatcher/mount"},
		modules: []string{"github.com/go-chi/chi/v5", "go.uber.org/zap"},
	},

	"webhook/webhooktest": {
		local: []string{
			"signer", "webhook", "store", "store/memstore",
			"dispatcher", "dispatcher/transport", "dispatcher/transport/guard", "dispatcher/manage",
		},
	},
	"examples": {local: []string{"*"}, modules: []string{"*"}},
}

// lastInChain may import much, and nothing may import it.
var lastInChain = []string{"examples", "webhook/webhooktest", "dispatcher/transport/pubsub"}

// ownModules are the folders of modules that only those who import them pay for. They
// need the module of the root, which must not need theirs.
var ownModules = []string{"dispatcher/transport/pubsub"}

// chosen are modules that are linked only by those who chose them: drivers by the
// database, and OpenTelemetry's SDK by the host, whose affair it is.
var chosen = []struct {
	what             string
	modules, allowed []string
}{
	{"driver", []string{"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/lib/pq", "github.com/mattn/go-sqlite3"}, []string{"store/sqlite", "store/postgres", "examples"}},
	{"SDK", []string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "github.com/prometheus"}, []string{"examples", "dispatcher/transport/pubsub"}},
}

// kits are for tests alone. Nobody else may link package testing, and nobody at all
// what other modules have for tests: no user's binary is to have them.
var (
	kits = []string{
		"store/storetest", "store/postgres/postgrestest", "dispatcher/transport/transporttest", "dispatcher/transport/guard/guardtest",
		"dispatcher/transport/auth/authtest", "webhook/webhooktest",
	}
	testModules = []string{"github.com/google/go-cmp", "go.uber.org/goleak", "go.uber.org/zap/zaptest", "github.com/stretchr/testify", "pgregory.net/rapid"}
)

// pkg is one package as "go list" knows it. Deps are all it links, directly or
// not.
type pkg struct {
	ImportPath    string
	Imports, Deps []string
}

func TestArchitecture(t *testing.T) {
	pkgs, err := list(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range ownModules {
		own, err := list(folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(own) == 0 || localName(own[0].ImportPath) != folder {
			t.Errorf("%s holds the packages %v; want a module of that name", folder, own)
		}
		pkgs = append(pkgs, own...)
	}
	if len(pkgs) < 3 {
		t.Fatalf("go list found %d packages; want all of the module", len(pkgs))
	}
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
}

// list returns the packages of the module in a folder. A package that is broken in another
// way, which its own test says, is listed with the imports that could be read.
func list(folder string) ([]pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("go list: %w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("read go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}

// violations returns a sentence for every import that the rules do not allow.
func violations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		name := localName(p.ImportPath)
		owner, ok := ruleOf(name)
		if !ok {
			found = append(found, fmt.Sprintf("%s has no rule in arch_test.go: say what it may import", name))
			continue
		}
		for _, imp := range p.Imports {
			if why := forbidden(name, owner, imp); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", name, imp, why))
			}
		}
		for _, c := range chosen {
			for _, m := range c.modules {
				if !within(name, c.allowed) && p.links(m) {
					found = append(found, fmt.Sprintf("%s links the %s %s: only %s may", name, c.what, m, strings.Join(c.allowed, ", ")))
				}
			}
		}
		if slices.Contains(p.Deps, "testing") && !within(name, kits) {
			found = append(found, fmt.Sprintf("%s links package testing: only %s may", name, strings.Join(kits, ", ")))
		}
		for _, m := range testModules {
			if p.links(m) {
				found = append(found, fmt.Sprintf("%s links %s, which is for tests", name, m))
			}
		}
	}
	return found
}

// links reports whether the package links another, or something below it.
func (p *pkg) links(path string) bool {
	return slices.ContainsFunc(p.Deps, func(dep string) bool { return dep == path || strings.HasPrefix(dep, path+"/") })
}

// forbidden returns why package name, under the rule of owner, must not import
// imp, or "".
func forbidden(name, owner, imp string) string {
	r := rules[owner]
	if !isLocal(imp) {
		if isStandard(imp) || slices.ContainsFunc(r.modules, func(m string) bool { return m == "*" || imp == m || strings.HasPrefix(imp, m+"/") }) {
			return ""
		}
		return "the module is not on the package's list"
	}
	target := localName(imp)
	targetOwner, _ := ruleOf(target)
	switch {
	case within(target, lastInChain) && owner != targetOwner:
		return "it is the end of the chain, which nothing imports"
	case targetOwner == owner, slices.Contains(r.local, target), slices.Contains(r.local, "*"):
		return ""
	}
	return "the arrow points the wrong way"
}

// ruleOf returns the nearest package at or above name that has a rule.
func ruleOf(name string) (owner string, ok bool) {
	for owner = name; owner != ""; {
		if _, ok := rules[owner]; ok {
			return owner, true
		}
		i := strings.LastIndexByte(owner, '/')
		if i < 0 {
			return "", false
		}
		owner = owner[:i]
	}
	return "", true // the root package
}

// within reports whether name is one of the packages or below one.
func within(name string, packages []string) bool {
	return slices.ContainsFunc(packages, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
}

func isLocal(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func localName(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// TestArchitectureCanFail shows the rules graphs that they must refuse, each
// with one fault.
func TestArchitectureCanFail(t *testing.T) {
	for _, tt := range []struct {
		name string
		pkg  pkg
	}{
		{"signer imports webhook", fake("signer", module+"/webhook")},
		{"signer imports a module", fake("signer", "go.uber.org/zap")},
		{"webhook imports store", fake("webhook", module+"/store")},
		{"webhook imports its test kit", fake("webhook", module+"/webhook/webhooktest")},
		{"store imports dispatcher", fake("store", module+"/dispatcher")},
		{"a store imports dispatcher", fake("store/memstore", module+"/dispatcher")},
		{"a store imports seal", fake("store/sqlite", module+"/dispatcher/seal")},
		{"memstore imports sqlstore", fake("store/memstore", module+"/store/sqlstore")},
		{"sqlstore imports memstore", fake("store/sqlstore", module+"/store/memstore")},
		{"sqlstore imports a driver", fake("store/sqlstore", "modernc.org/sqlite")},
		{"sqlstore links a driver", pkg{ImportPath: module + "/store/sqlstore", Deps: []string{"github.com/jackc/pgx/v5/pgconn"}}},
		{"dispatcher links a driver", pkg{ImportPath: module + "/dispatcher", Deps: []string{"modernc.org/sqlite/lib"}}},
		{"dispatcher links the SDK", pkg{ImportPath: module + "/dispatcher", Deps: []string{"go.opentelemetry.io/otel/sdk/trace"}}},
		{"telemetry links an exporter", pkg{ImportPath: module + "/dispatcher/telemetry", Deps: []string{"go.opentelemetry.io/otel/exporters/prometheus"}}},
		{"engine imports otel", fake("dispatcher/engine", "go.opentelemetry.io/otel/trace")},
		{"telemetry imports engine", fake("dispatcher/telemetry", module+"/dispatcher/engine")},
		{"storetest imports a module", fake("store/storetest", "github.com/google/go-cmp/cmp")},
		{"transport imports store", fake("dispatcher/transport", module+"/store")},
		{"a part of transport imports dispatcher", fake("dispatcher/transport/guard", module+"/dispatcher")},
		{"dispatcher imports a module of its own", fake("dispatcher", module+"/dispatcher/transport/pubsub")},
		{"transport imports what that module pays for", fake("dispatcher/transport", "gocloud.dev/pubsub")},
		{"pubsub imports dispatcher", fake("dispatcher/transport/pubsub", module+"/dispatcher")},
		{"seal imports store", fake("dispatcher/seal", module+"/store")},
		{"lane imports store", fake("dispatcher/lane", module+"/store")},
		{"clock imports webhook", fake("dispatcher/clock", module+"/webhook")},
		{"batch imports clock", fake("dispatcher/batch", module+"/dispatcher/clock")},
		{"directory imports send", fake("dispatcher/directory", module+"/dispatcher/send")},
		{"send imports schedule", fake("dispatcher/send", module+"/dispatcher/schedule")},
		{"schedule imports transport", fake("dispatcher/schedule", module+"/dispatcher/transport")},
		{"schedule imports seal", fake("dispatcher/schedule", module+"/dispatcher/seal")},
		{"engine imports directory", fake("dispatcher/engine", module+"/dispatcher/directory")},
		{"engine imports dispatcher", fake("dispatcher/engine", module+"/dispatcher")},
		{"dispatcher imports a store", fake("dispatcher", module+"/store/memstore")},
		{"dispatcher imports manage", fake("dispatcher", module+"/dispatcher/manage")},
		{"manage imports httpapi", fake("dispatcher/manage", module+"/dispatcher/httpapi")},
		{"httpapi imports console", fake("dispatcher/httpapi", module+"/dispatcher/console")},
		{"console imports an example", fake("dispatcher/console", module+"/examples/server")},
		{"dispatcher imports the test kit", fake("dispatcher", module+"/webhook/webhooktest")},
		{"the test kit imports a module for tests", fake("webhook/webhooktest", "github.com/google/go-cmp/cmp")},
		{"the test kit links a module for tests", pkg{ImportPath: module + "/webhook/webhooktest", Deps: []string{"go.uber.org/goleak"}}},
		{"dispatcher links testing", pkg{ImportPath: module + "/dispatcher", Deps: []string{"testing"}}},
		{"an example links testing", pkg{ImportPath: module + "/examples/server", Deps: []string{"testing", "testing/synctest"}}},
		{"an example imports the test kit", fake("examples/server", module+"/webhook/webhooktest")},
		{"the root imports something", fake("", module+"/webhook")},
		{"a module of a like name", fake("webhook", "github.com/oklog/ulid/v2x")},
		{"a package without a rule", fake("internal/pkg")},
	} {
		if got := violations([]pkg{tt.pkg}); len(got) != 1 {
			t.Errorf("%s: violations = %q; want one", tt.name, got)
		}
	}

	good := []pkg{
		fake(""),
		fake("signer", "crypto/hmac", "net/http"),
		fake("webhook", "time", module+"/signer", "github.com/oklog/ulid/v2"),
		fake("store/sqlite", module+"/store/sqlstore", "modernc.org/sqlite"),
		{ImportPath: module + "/store/sqlite", Deps: []string{"modernc.org/sqlite"}},
		fake("dispatcher/transport", module+"/dispatcher/transport/guard"),
		fake("dispatcher/transport/guard", "golang.org/x/net/idna"),
		fake("dispatcher/engine", module+"/store", module+"/dispatcher/lane", "go.uber.org/zap/zapcore"),
		fake("dispatcher", module+"/dispatcher/engine", module+"/dispatcher/schedule", "go.uber.org/zap"),
		fake("webhook/webhooktest", module+"/dispatcher/manage", module+"/store/memstore"),
		{ImportPath: module + "/webhook/webhooktest", Deps: []string{"testing", "testing/synctest"}},
		fake("examples/server", module+"/dispatcher/console", module+"/examples/receiver", "github.com/gin-gonic/gin"),
	}
	for _, v := range violations(good) {
		t.Errorf("a graph without fault: %s", v)
	}
}

func fake(name string, imports ...string) pkg {
	return pkg{ImportPath: strings.TrimSuffix(module+"/"+name, "/"), Imports: imports}
}
