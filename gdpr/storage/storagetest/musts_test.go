package storagetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryMust ties the contract to the suite. The promises of package storage are the sentences of its comments with "must"; a subtest keeps one
// when its name is that sentence with words left out, but no "must" among them. A new sentence needs a subtest, and a subtest whose sentence has
// gone needs another name.
func TestEveryMust(t *testing.T) {
	t.Parallel()
	promises := map[string]bool{}
	files, err := filepath.Glob(filepath.Join("..", "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, promise := range musts(parsed) {
			promises[promise] = true
		}
	}
	require.Greater(t, len(promises), 70, "the reader of comments finds little")
	names := subtestNames()
	for _, promise := range unkept(promises, names) {
		assert.Fail(t, "no subtest keeps a promise", "%s\nGive storagetest a subtest of that name; words other than must may be left out.", promise)
	}
	for _, name := range names {
		if count(words(name), "must") == 0 {
			continue
		}
		assert.Greater(t, len(words(name)), 3, "%s: so few words would keep any promise", name)
		known := false
		for promise := range promises {
			known = known || shortens(name, promise)
		}
		assert.True(t, known, "no comment of package storage says: %s", name)
	}
}

// subtestNames are the names of all subtests that promise something.
func subtestNames() (names []string) {
	for _, g := range suite() {
		for _, test := range g.tests {
			names = append(names, test.name)
		}
	}
	for _, test := range faultTests {
		names = append(names, test.name)
	}
	for _, test := range joinTests {
		names = append(names, test.name)
	}
	return append(names, scrubs)
}

// notPromises are sentences with "must" that demand nothing of an adapter.
var notPromises = []string{
	"whatever must be atomic is one Batch handed to Apply",
	`in sentences with "must"; storagetest has a subtest for each of them`,
	"Batch is what must be stored together",
	"KeyBatch is what must happen to keys together",
	"Apart: for what must stay when that is rolled back",
}

// unkept returns the promises that no name shortens.
func unkept(promises map[string]bool, names []string) (out []string) {
	for promise := range promises {
		kept := false
		for _, name := range append(names, notPromises...) {
			kept = kept || shortens(name, promise)
		}
		if !kept {
			out = append(out, promise)
		}
	}
	return out
}

// shortens reports whether a name has the words of a promise, in their order and with each of its musts; some may be left out.
func shortens(name, promise string) bool {
	short, whole := words(name), words(promise)
	if count(short, "must") != count(whole, "must") {
		return false
	}
	for _, word := range whole {
		if len(short) > 0 && short[0] == word {
			short = short[1:]
		}
	}
	return len(short) == 0
}

func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func count(words []string, word string) (n int) {
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

// sentenceEnd ends a sentence, an item of a list or a paragraph.
var sentenceEnd = regexp.MustCompile(`\.\s|\n\s*\n|\n\s*- `)

// musts returns the sentences with "must" of all comments on declarations, each after the names of what it is about.
func musts(file *ast.File) (out []string) {
	say := func(about string, groups ...*ast.CommentGroup) {
		for _, group := range groups {
			for _, sentence := range sentenceEnd.Split(group.Text(), -1) {
				if count(words(sentence), "must") > 0 {
					text := strings.Join(strings.Fields(sentence), " ")
					out = append(out, about+": "+strings.TrimSuffix(text, "."))
				}
			}
		}
	}
	say("package", file.Doc)
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			say(decl.Name.Name, decl.Doc)
		case *ast.GenDecl:
			for i, spec := range decl.Specs {
				var name string
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					name = spec.Name.Name
					say(name, spec.Doc, spec.Comment)
					sayFields(name, spec.Type, say)
				case *ast.ValueSpec:
					name = spec.Names[0].Name
					say(name, spec.Doc, spec.Comment)
				}
				if i == 0 {
					say(name, decl.Doc)
				}
			}
		}
	}
	return out
}

// sayFields goes through the fields of a struct and the methods of an interface.
func sayFields(name string, of ast.Expr, say func(string, ...*ast.CommentGroup)) {
	var fields *ast.FieldList
	switch of := of.(type) {
	case *ast.StructType:
		fields = of.Fields
	case *ast.InterfaceType:
		fields = of.Methods
	default:
		return
	}
	for _, field := range fields.List {
		about := name
		for _, n := range field.Names {
			about += " " + n.Name
		}
		say(about, field.Doc, field.Comment)
	}
}

// TestEveryMustCanFail gives the check promises that nobody keeps, and names that promise nothing.
func TestEveryMustCanFail(t *testing.T) {
	t.Parallel()
	source := `// Package p is small. It must be fast.
package p

// T is kept.
// T must be new. Nothing else
// is asked.
type T struct {
	A int // must be over 0; else refused
	B int // may be anything
}

type I interface {
	// M must return all, and it must
	// do so twice.
	M()
}

// These must be known.
var (
	V = 1 // must stay
)

// F must work:
//   - it must not fail
//   - slowly
func F() {}
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.ParseComments)
	require.NoError(t, err)
	found := musts(file)
	assert.ElementsMatch(t, []string{
		"package: It must be fast", "T: T must be new", "T A: must be over 0; else refused", "I M: M must return all, and it must do so twice",
		"V: must stay", "V: These must be known", "F: F must work:", "F: it must not fail",
	}, found)

	for name, kept := range map[string]bool{
		"M must return all, and it must do so twice": true,
		"m must return and must twice":               true,
		"M must return all":                          false, // one of two
		"M must must return all":                     false, // another order
		"M must return all, and it must do so often": false, // a word that is not there
		"A must be over 0":                           false, // of another
		"returns all twice":                          false,
	} {
		assert.Equal(t, kept, shortens(name, "I M: M must return all, and it must do so twice"), name)
	}
	assert.Equal(t, []string{"V: must stay"}, unkept(map[string]bool{"V: must stay": true, "T A: must be over 0": true}, []string{"A must be over 0"}))
}

// TestTraps: docs/adapters.md sends the author of an adapter to subtests by their names.
func TestTraps(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "adapters.md"))
	require.NoError(t, err)
	_, traps, ok := strings.Cut(string(page), "\n## Traps\n")
	require.True(t, ok)
	named := regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(traps, -1)
	require.Greater(t, len(named), 5)
	for _, name := range named {
		assert.True(t, slices.ContainsFunc(subtestNames(), func(of string) bool { return strings.HasPrefix(of, name[1]) }), "no subtest begins with %q", name[1])
	}
}
