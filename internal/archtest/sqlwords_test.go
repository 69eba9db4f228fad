package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// banned are the words of SQL that one of the databases behind the shared adapters lacks, or has with another meaning, and what to write
// instead. What pays only on plain Postgres stands in a file named fastpath_*.go, beside a portable form that is tested too.
var banned = []struct {
	word    string
	pattern *regexp.Regexp
	instead string
}{
	{"advisory lock", sql(`pg_\w*advisory\w*`), "a lease row with a fence"},
	{"SKIP LOCKED", sql(`skip\s+locked`), "a lease on a bucket, or compare and set"},
	{"SERIAL or a sequence", sql(`(small|big)?serial[248]?|sequence|nextval|as\s+identity`), "an id made in Go, behind the bucket"},
	{"ctid", sql(`ctid`), "the primary key"},
	{"xmin", sql(`xmin`), "a version column"},
	{"LISTEN", sql(`listen`), "polling"},
	{"NOTIFY", sql(`notify|pg_notify`), "polling"},
	{"trigger", sql(`triggers?`), "Go code"},
	{"DEFERRABLE", sql(`deferrable|deferred`), "the right order, or a check in Go"},
	{"LOCK TABLE", sql(`lock\s+table`), "a row that stands for what is locked"},
	{"TEMP TABLE", sql(`temp(orary)?\s+table`), "arguments of the statement"},
	{"now()", sql(`now\s*\(\s*\)|current_(timestamp|date|time)`), "an argument: time comes from Go, once an operation"},
	{"CASCADE", sql(`cascade`), "explicit statements, so that the rows can be counted"},
}

// sql makes a pattern for whole words in any case. An underscore is part of a word.
func sql(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|\W)(` + words + `)($|\W)`)
}

var (
	deleteLimit = regexp.MustCompile(`(?is)\bdelete\b[^;]*\blimit\b`)
	innermost   = regexp.MustCompile(`\([^()]*\)`)
	sqlComment  = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
)

func TestSharedSQLWords(t *testing.T) {
	t.Parallel()
	scanned := 0
	for _, root := range []string{"../../internal/sqlstore", "../../gdpr/storage"} {
		require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !sharedSQL(name) {
				return err
			}
			scanned++
			statements, err := statementsOf(name)
			for _, s := range statements {
				for _, problem := range bannedIn(s.text) {
					assert.Fail(t, fmt.Sprintf("%s:%d: %s", strings.TrimPrefix(name, "../../"), s.line, problem))
				}
			}
			return err
		}))
	}
	assert.Positive(t, scanned, "no file with shared SQL was found: have the folders moved?")
}

// sharedSQL reports whether the file holds statements that every SQL adapter may run: all SQL files, and the Go files of internal/sqlstore.
func sharedSQL(name string) bool {
	base := filepath.Base(name)
	if strings.Contains(filepath.ToSlash(name), "/testdata/") { // dumps
		return false
	}
	if strings.HasSuffix(base, ".sql") {
		return true
	}
	return strings.Contains(filepath.ToSlash(name), "internal/sqlstore/") && strings.HasSuffix(base, ".go") &&
		!strings.HasSuffix(base, "_test.go") && !strings.HasPrefix(base, "fastpath_")
}

// A statement is a piece of text in which SQL stands, and the line where it begins.
type statement struct {
	text string
	line int
}

// statementsOf returns the string literals of a Go file, or a SQL file as a whole; comments may say what they like.
func statementsOf(name string) ([]statement, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".sql") {
		return linesOf(string(text)), nil
	}
	return literalsOf(name, text)
}

// linesOf splits SQL at its semicolons, comments blanked out.
func linesOf(text string) []statement {
	text = sqlComment.ReplaceAllStringFunc(text, func(comment string) string {
		return strings.Repeat("\n", strings.Count(comment, "\n"))
	})
	var statements []statement
	line := 1
	for _, part := range strings.SplitAfter(text, ";") {
		body := strings.TrimLeft(part, " \t\r\n")
		leading := strings.Count(part[:len(part)-len(body)], "\n")
		statements = append(statements, statement{body, line + leading})
		line += strings.Count(part, "\n")
	}
	return statements
}

// literalsOf returns the string literals of Go source, import paths and struct tags left out.
func literalsOf(name string, source []byte) ([]statement, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var statements []statement
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				statements = append(statements, statement{text, files.Position(n.Pos()).Line})
			}
		}
		return true
	})
	return statements, nil
}

// bannedIn says which banned words stand in a piece of SQL.
func bannedIn(text string) []string {
	text = sqlComment.ReplaceAllString(text, " ")
	var problems []string
	for _, b := range banned {
		if b.pattern.MatchString(text) {
			problems = append(problems, fmt.Sprintf("%s is not the same in every database; use %s.", b.word, b.instead))
		}
	}
	// A LIMIT inside a subquery is fine, so what stands in parentheses goes first.
	for outer := innermost.ReplaceAllString(text, " "); outer != text; outer = innermost.ReplaceAllString(text, " ") {
		text = outer
	}
	if deleteLimit.MatchString(text) {
		problems = append(problems, "DELETE .. LIMIT is not the same in every database; use select ids, then delete by ids.")
	}
	return problems
}

// TestSharedSQLWordsCanFail plants each banned word, and text that only looks like one.
func TestSharedSQLWordsCanFail(t *testing.T) {
	t.Parallel()
	for text, word := range map[string]string{
		"SELECT pg_try_advisory_xact_lock($1)":                            "advisory lock",
		"SELECT id FROM parts FOR UPDATE\n\tSKIP  LOCKED":                 "SKIP LOCKED",
		"CREATE TABLE a (id bigserial)":                                   "SERIAL",
		"CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY)":         "SERIAL",
		"SELECT nextval('a_id')":                                          "SERIAL",
		"DELETE FROM parts WHERE ctid = ANY($1)":                          "ctid",
		"SELECT xmin FROM parts":                                          "xmin",
		"listen due":                                                      "LISTEN",
		"SELECT pg_notify('due', '')":                                     "NOTIFY",
		"CREATE TRIGGER gone AFTER DELETE ON parts":                       "trigger",
		"UNIQUE (seq) DEFERRABLE INITIALLY DEFERRED":                      "DEFERRABLE",
		"LOCK TABLE parts":                                                "LOCK TABLE",
		"CREATE TEMP TABLE ids (id uuid)":                                 "TEMP TABLE",
		"SELECT 1 FROM parts WHERE due <= now()":                          "now()",
		"due timestamp DEFAULT CURRENT_TIMESTAMP":                         "now()",
		"REFERENCES records (id) ON DELETE CASCADE":                       "CASCADE",
		"DELETE FROM parts WHERE due <= $1 AND id IN ($2, $3)\nLIMIT 100": "DELETE .. LIMIT",
	} {
		problems := bannedIn(text)
		if assert.Len(t, problems, 1, text) {
			assert.Contains(t, problems[0], word)
		}
	}
	for _, text := range []string{
		"DELETE FROM parts WHERE id IN (SELECT id FROM parts WHERE (due <= $1) LIMIT 100)",
		"SELECT known, notified, triggered_by, lane_seq FROM parts -- not now()",
		"SELECT id FROM parts ORDER BY due LIMIT 100",
		"DELETE FROM parts WHERE id = $1; SELECT id FROM parts LIMIT 1",
		"",
	} {
		assert.Empty(t, bannedIn(text), text)
	}
}

func TestStatementsAreFound(t *testing.T) {
	t.Parallel()
	found := linesOf("-- +goose Up\n/* now()\n*/\nCREATE TABLE a (id uuid);\n\nCREATE TABLE b (due text DEFAULT now());\n")
	require.Len(t, found, 3)
	assert.Equal(t, 4, found[0].line)
	assert.Equal(t, 6, found[1].line)
	assert.Empty(t, bannedIn(found[0].text))
	assert.NotEmpty(t, bannedIn(found[1].text))

	source := "package p\n\nimport \"listen\"\n\n// never now()\ntype row struct {\n\tID string `db:\"ctid\"`\n}\n\nconst q = `SELECT 1\n\tWHERE due <= now()`\n"
	literals, err := literalsOf("q.go", []byte(source))
	require.NoError(t, err)
	require.Len(t, literals, 1)
	assert.Equal(t, 10, literals[0].line)
	assert.NotEmpty(t, bannedIn(literals[0].text))

	assert.True(t, sharedSQL("../../internal/sqlstore/parts/put.go"))
	assert.True(t, sharedSQL("../../gdpr/storage/sqlite/migrations/0001_rows.sql"))
	assert.False(t, sharedSQL("../../internal/sqlstore/fastpath_copy.go"))
	assert.False(t, sharedSQL("../../internal/sqlstore/put_test.go"))
	assert.False(t, sharedSQL("../../gdpr/storage/sqlite/open.go"))
}
