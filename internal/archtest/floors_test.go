package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/gallra/gallra"

// A room is the place of one package in the house. A package imports any package of a floor below, and of its own floor only those beside it.
type room struct {
	floor   int
	beside  []string // packages of the same floor that it may import
	stdOnly bool     // imports nothing but the standard library
	helper  bool     // for tests only: may import testing and testify, and no production package may import it
	free    bool     // a program: imports what it likes
}

// house is the table of floors, by exact path below the module. A package may stand here before it is built.
var house = map[string]room{
	"examples/quickstart":     {floor: 5, free: true},
	"examples/retention-cron": {floor: 5, free: true},
	"examples/access-report":  {floor: 5, free: true},
	"examples/existing-app":   {floor: 5, free: true},
	"examples/journal":        {floor: 5, free: true},
	"examples/requests":       {floor: 5, free: true},
	"examples/deadline":       {floor: 5, free: true},

	"subjectrights":                 {floor: 4, beside: []string{"subjectrights/report"}},
	"subjectrights/report":          {floor: 4},
	"subjectrights/report/chromium": {floor: 4},
	"subjectrights/webhook":         {floor: 4, beside: []string{"subjectrights"}},
	"subjectrights/maildraft":       {floor: 4, beside: []string{"subjectrights"}},

	"gdpr/otelgdpr": {floor: 4},

	"gdpr":          {floor: 3},
	"gdpr/dataset":  {floor: 3, beside: []string{"gdpr"}},
	"gdpr/breach":   {floor: 3, beside: []string{"gdpr"}},
	"gdpr/gdprtest": {floor: 3, beside: []string{"gdpr"}, helper: true},

	"crypto":                 {floor: 2},
	"crypto/insecurekeyfile": {floor: 2, beside: []string{"crypto"}},
	"retention":              {floor: 2},
	"gdpr/audit":             {floor: 2},
	"gdpr/register":          {floor: 2, beside: []string{"retention"}},

	"gdpr/storage":             {floor: 1, stdOnly: true},
	"gdpr/storage/storagetest": {floor: 1, beside: []string{"gdpr/storage", "internal/faultsql"}, helper: true},
	"gdpr/storage/memory":      {floor: 1, beside: []string{"gdpr/storage", "internal/sqlstore"}},
	"gdpr/storage/sqlite":      {floor: 1, beside: []string{"gdpr/storage", "internal/sqlstore"}},
	"gdpr/storage/postgres":    {floor: 1, beside: []string{"gdpr/storage", "internal/sqlstore"}},
	"gdpr/civil":               {floor: 1, stdOnly: true},
	"gdpr/civil/holiday":       {floor: 1, beside: []string{"gdpr/civil"}},

	"internal/sqlstore":          {floor: 1, beside: []string{"gdpr/storage"}},
	"internal/strict":            {floor: 1, stdOnly: true},
	"internal/chromium":          {floor: 1, stdOnly: true},
	"internal/chromium/pictures": {floor: 1, free: true},
	"internal/pgtest":            {floor: 1, helper: true},
	"internal/crashtest":         {floor: 1, helper: true},
	"internal/golden":            {floor: 1, helper: true},
	"internal/archtest":          {floor: 1, helper: true},
	"internal/faultsql":          {floor: 1, helper: true},
	"internal/invented":          {floor: 1, helper: true},
	"internal/seeded":            {floor: 1, helper: true},
	"internal/invented/generate": {floor: 1, free: true},
	"internal/bench":             {floor: 1, free: true},
}

// owners says who alone may import a module of somebody else, so that it can be replaced, or audited, in one place.
var owners = map[string][]string{
	"github.com/tink-crypto/tink-go": {"crypto", "crypto/insecurekeyfile"},
	"filippo.io/age":                 {"crypto"},
	"github.com/rickar/cal":          {"gdpr/civil/holiday"},
	"go.opentelemetry.io":            {"gdpr/otelgdpr"},
}

// nested are the folders of modules of their own; their packages have rooms as well. The tools are nobody's import.
var nested = []string{"gdpr/otelgdpr", "internal/tools"}

// forTests are the imports that only helpers may have.
var forTests = []string{"testing", "github.com/stretchr/testify", "pgregory.net/rapid", "go.uber.org/goleak"}

func TestImportFloors(t *testing.T) {
	t.Parallel()
	packages := list(t, "../..")
	require.Contains(t, packages, listed{path: "internal/archtest"}, "the walk does not even find this package")
	assert.Equal(t, nested, modules(t, "../.."))
	for _, folder := range nested {
		for _, p := range list(t, filepath.Join("../..", folder)) {
			p.path = strings.TrimSuffix(folder+"/"+p.path, "/.")
			packages = append(packages, p)
		}
	}
	require.True(t, slices.ContainsFunc(packages, func(p listed) bool { return p.path == "gdpr/otelgdpr" }), "nor into modules of their own")
	for _, problem := range check(packages) {
		assert.Fail(t, problem)
	}
}

// A listed package is one of ours, with what its files import, tests left out.
type listed struct {
	path    string // below the module
	imports []string
}

// list returns the packages of the module at root, of every operating system and build tag. It reads the files itself: the cache of test
// results knows which files a test has opened, and not what a go command that it started has seen.
func list(t *testing.T, root string) []listed {
	t.Helper()
	byPath := map[string][]string{}
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skip(root, name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		path := filepath.ToSlash(dir)
		imports := byPath[path]
		if !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				imports = append(imports, strings.Trim(spec.Path.Value, "\"`"))
			}
		}
		byPath[path] = imports // a folder of tests alone is a package too
		return nil
	}))
	var packages []listed
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		imports := slices.Compact(slices.Sorted(slices.Values(byPath[path])))
		packages = append(packages, listed{path: path, imports: imports})
	}
	return packages
}

// modules are the folders of modules of their own.
func modules(t *testing.T, root string) (out []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && name != root && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		if err == nil && entry.Name() == "go.mod" && filepath.Dir(name) != filepath.Clean(root) {
			var dir string
			dir, err = filepath.Rel(root, filepath.Dir(name))
			out = append(out, filepath.ToSlash(dir))
		}
		return err
	}))
	return out
}

// skip returns fs.SkipDir for a folder that holds no package of the module: data, hidden things, and modules of their own.
func skip(root, dir string) error {
	base := filepath.Base(dir)
	if dir == root {
		return nil
	}
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// check returns what is wrong with the imports of these packages, in words that say how to mend it.
func check(packages []listed) []string {
	var problems []string
	for _, p := range packages {
		r, ok := house[p.path]
		if !ok {
			problems = append(problems, fmt.Sprintf("%s is on no floor. Give it a room in the table of internal/archtest/floors_test.go: "+
				"the lowest floor whose packages above may need it, and beside it only what it cannot do without.", p.path))
			continue
		}
		if r.free {
			continue
		}
		for _, imported := range p.imports {
			if reason := refuse(p.path, r, imported); reason != "" {
				problems = append(problems, fmt.Sprintf("%s must not import %s: %s.", p.path, imported, reason))
			}
		}
	}
	return problems
}

// refuse says why the package at path may not import another, or "" if it may.
func refuse(path string, r room, imported string) string {
	if !r.helper {
		for _, prefix := range forTests {
			if within(imported, prefix) {
				return "a production package links nothing that is for tests"
			}
		}
	}
	for prefix, allowed := range owners {
		if within(imported, prefix) && !slices.Contains(allowed, path) {
			return "only " + strings.Join(allowed, " and ") + " may"
		}
	}
	other, ours := strings.CutPrefix(imported, module+"/")
	if r.stdOnly && (ours || strings.Contains(strings.Split(imported, "/")[0], ".")) {
		return "it keeps to the standard library"
	}
	if !ours {
		return ""
	}
	to, ok := house[other]
	switch {
	case !ok:
		return "that package is on no floor"
	case to.free:
		return "that is a program"
	case to.helper && !r.helper:
		return "that package is for tests"
	case to.floor < r.floor || slices.Contains(r.beside, other):
		return ""
	}
	return fmt.Sprintf("it is on floor %d and that is on floor %d; imports go down, or to a neighbor that the table names", r.floor, to.floor)
}

// within reports whether an import path is the package or module prefix, of whatever major version, or lies below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func TestHouseIsSound(t *testing.T) {
	t.Parallel()
	for path, r := range house {
		for _, neighbor := range r.beside {
			n, ok := house[neighbor]
			assert.True(t, ok && n.floor == r.floor, "%s names %s as a neighbor, which is not on its floor", path, neighbor)
		}
	}
	for prefix, allowed := range owners {
		for _, path := range allowed {
			assert.Contains(t, house, path, "owner of %s", prefix)
		}
	}
}

// TestImportFloorsCanFail shows each rule a house that breaks it, and the nearest one that does not.
func TestImportFloorsCanFail(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path, imported, want string
	}{
		"to a floor above":             {"crypto", "gdpr", "it is on floor 2 and that is on floor 3"},
		"adapter to the front door":    {"gdpr/storage/sqlite", "gdpr", "it is on floor 1 and that is on floor 3"},
		"to an unnamed neighbor":       {"gdpr/audit", "crypto", "it is on floor 2 and that is on floor 2"},
		"neighbors the other way":      {"gdpr", "gdpr/dataset", "it is on floor 3 and that is on floor 3"},
		"port to another package":      {"gdpr/storage", "gdpr/civil", "it keeps to the standard library"},
		"port to another module":       {"gdpr/storage", "!github.com/google/uuid", "it keeps to the standard library"},
		"civil to another module":      {"gdpr/civil", "!golang.org/x/text/language", "it keeps to the standard library"},
		"Tink outside crypto":          {"gdpr", "!github.com/tink-crypto/tink-go/v2/aead", "only crypto and crypto/insecurekeyfile may"},
		"OpenTelemetry in the core":    {"gdpr", "!go.opentelemetry.io/otel/metric", "only gdpr/otelgdpr may"},
		"holidays outside holiday":     {"retention", "!github.com/rickar/cal/v2/se", "only gdpr/civil/holiday may"},
		"testing in production":        {"gdpr", "!testing", "links nothing that is for tests"},
		"testify in production":        {"gdpr", "!github.com/stretchr/testify/require", "links nothing that is for tests"},
		"a test helper in production":  {"gdpr", "gdpr/storage/storagetest", "that package is for tests"},
		"a program as a package":       {"internal/golden", "internal/bench", "that is a program"},
		"a package without a floor":    {"gdpr", "gdpr/cellar", "that package is on no floor"},
		"itself without a floor":       {"gdpr/cellar", "gdpr/storage", "gdpr/cellar is on no floor. Give it a room"},
		"down":                         {"gdpr", "crypto", ""},
		"down by several floors":       {"subjectrights", "gdpr/civil", ""},
		"to a named neighbor":          {"gdpr/storage/sqlite", "internal/sqlstore", ""},
		"port to the standard library": {"gdpr/storage", "!encoding/json", ""},
		"Tink in crypto":               {"crypto", "!github.com/tink-crypto/tink-go/v2/aead", ""},
		"helper to testing":            {"gdpr/gdprtest", "!testing", ""},
		"helper to helper":             {"gdpr/gdprtest", "internal/golden", ""},
		"example to anything":          {"examples/quickstart", "!github.com/tink-crypto/tink-go/v2/aead", ""},
		"a name that only begins so":   {"gdpr", "!testing.example/x", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imported, foreign := strings.CutPrefix(tt.imported, "!")
			if !foreign {
				imported = module + "/" + imported
			}
			problems := check([]listed{{path: tt.path, imports: []string{imported}}})
			if tt.want == "" {
				assert.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			assert.Contains(t, problems[0], tt.want)
		})
	}
}
