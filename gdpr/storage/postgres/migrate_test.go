package postgres_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/pgtest"
)

// applied is which migrations a schema has had, and how often.
func applied(t *testing.T, dsn, schema string) string {
	t.Helper()
	return ask(t, dsn, `SELECT COALESCE(string_agg(CAST(version_id AS TEXT), ' ' ORDER BY id), '') FROM `+schema+`.schema_version`)
}

// TestFiveProcesses: five processes open one empty database at the same moment. Each of them succeeds, and one of them makes the tables.
func TestFiveProcesses(t *testing.T) {
	if dsn := os.Getenv("GALLRA_POSTGRES_CHILD"); dsn != "" {
		openAsChild(t, dsn)
		return
	}
	t.Parallel()
	const processes = 5
	dsn := pgtest.DSN(t)
	cmds := make([]*exec.Cmd, processes)
	starts, outs := make([]*bufio.Writer, processes), make([]*bufio.Reader, processes)
	for i := range cmds {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFiveProcesses$")
		cmd.Env = append(os.Environ(), "GALLRA_POSTGRES_CHILD="+dsn)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		cmds[i], starts[i], outs[i] = cmd, bufio.NewWriter(in), bufio.NewReader(out)
	}
	hear := func(i int) string {
		line, err := outs[i].ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSpace(line)
	}
	for i := range cmds {
		require.Equal(t, "ready", hear(i))
	}
	// In one schema after the other, of which each begins with nothing.
	for _, schema := range []string{postgres.DefaultSchema, "personuppgifter", "a1", "a2"} {
		for i := range cmds {
			_, err := starts[i].WriteString(schema + "\n")
			require.NoError(t, err)
		}
		for i := range cmds {
			require.NoError(t, starts[i].Flush())
		}
		for i := range cmds {
			require.Equal(t, "opened", hear(i))
		}
		assert.Equal(t, eachOnce(t), applied(t, dsn, schema), "each migration once")
		assert.Equal(t, "false", ask(t, dsn, `SELECT bool_or(locked) FROM `+schema+`.schema_lock`), "nobody is kept out")
		n, err := openStore(t, dsn, &postgres.Options{Schema: schema}).Count(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, processes, n, "what each has stored")
	}
	for i := range cmds {
		_, err := starts[i].WriteString("\n")
		require.NoError(t, err)
		require.NoError(t, starts[i].Flush())
		require.NoError(t, cmds[i].Wait())
	}
}

// openAsChild opens a store in each schema that it is told, and stores a row.
func openAsChild(t *testing.T, dsn string) {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan() && in.Text() != ""; {
		s, err := postgres.Open(t.Context(), dsn, &postgres.Options{Schema: in.Text()})
		if err == nil {
			p := newPerson()
			err = s.Apply(t.Context(), p.batch())
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("opened")
	}
}

// TestSchemas: two stores in two schemas of one database, beside the tables of an application that have the same names.
func TestSchemas(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	execute(t, dsn, `CREATE TABLE parts (wheel TEXT)`, `INSERT INTO parts VALUES ('hjul')`, `CREATE TABLE meta (a INT)`, `CREATE TABLE schema_version (v INT)`,
		`CREATE TABLE subjects (name TEXT)`, `CREATE SCHEMA app`, `CREATE TABLE app.orders (n INT)`)
	const theirs = `SELECT string_agg(n.nspname || '.' || c.relname, ' ' ORDER BY 1) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN ('public', 'app') AND c.relname <> ALL ($1)`
	before := ask(t, dsn, theirs, "{}")
	one, two := openStore(t, dsn, nil), openStore(t, dsn, &postgres.Options{Schema: "two"})
	assert.Equal(t, before, ask(t, dsn, theirs, "{}"), "all of ours is in our schema")

	p := newPerson()
	require.NoError(t, one.Apply(t.Context(), p.batch()))
	assert.Equal(t, 1, p.parts(t, one))
	assert.Equal(t, 0, p.parts(t, two))
	require.NoError(t, two.Apply(t.Context(), p.batch()), "the same ids are other rows")
	erase := &storage.Batch{EraseParts: []storage.PartErase{{PartRef: p.part.PartRef, Subject: p.subject.ID}}}
	require.NoError(t, one.Apply(t.Context(), erase))
	assert.Equal(t, 0, p.parts(t, one))
	assert.Equal(t, 1, p.parts(t, two))
	n, err := two.Count(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
	assert.Equal(t, "hjul", ask(t, dsn, `SELECT wheel FROM parts`))

	// A third store goes into the schema of the application, whose names are others.
	in := openStore(t, dsn, &postgres.Options{Schema: "app"})
	require.NoError(t, in.Apply(t.Context(), p.batch()))
	assert.Equal(t, 1, p.parts(t, in))

	// Whoever has another idea of where tables are reaches the same ones.
	lost := openStore(t, with(t, dsn, "search_path=app"), nil)
	q := newPerson()
	require.NoError(t, lost.Apply(t.Context(), q.batch()))
	assert.Equal(t, 1, q.parts(t, one))
}

// TestHostMigrates: the application makes the tables by its own tool, as their owner, and opens the store as a role that may only read and write
// rows. Then all that an engine does works.
func TestHostMigrates(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, nil)
	require.NoError(t, c.CreateDatabase(t.Context(), "app"))
	execute(t, c.DSN("app"), `CREATE ROLE owner LOGIN`, `CREATE ROLE app LOGIN`, `GRANT CREATE ON DATABASE app TO owner`)
	const schema = "gdpr"
	as := func(statements ...string) { execute(t, c.DSN("app", "user=owner"), statements...) }
	as(`CREATE SCHEMA `+schema, `GRANT USAGE ON SCHEMA `+schema+` TO app`,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA `+schema+` GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app`)
	owner := connect(t, "postgres", c.DSN("app", "user=owner"))
	host, err := goose.NewProvider(goose.DialectPostgres, owner, postgres.Migrations(schema),
		goose.WithTableName(schema+"."+postgres.VersionTable), goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = host.Up(t.Context())
	require.NoError(t, err)
	_, err = host.Up(t.Context()) // each time it starts
	require.NoError(t, err)
	assert.Equal(t, eachOnce(t), applied(t, c.DSN("app"), schema))
	assert.Equal(t, "0", ask(t, c.DSN("app"), `SELECT COUNT(*) FROM pg_class WHERE relname = 'schema_lock'`), "the host has its own way to be alone")

	opt := &postgres.Options{Schema: schema, KeepSchema: true}
	dir := t.TempDir()
	for n, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			s := newSite(t, d.open(t, c.DSN("app", "user=app"), opt), dir).roles()
			require.NoError(t, s.life(t.Context(), n))
			s.end()
		})
	}
	refusal(t, c.DSN("app", "user=app"), &postgres.Options{Schema: "other"}, "the role lacks a right")
	made := ask(t, c.DSN("app"), relationsOf(schema))
	s := openStore(t, c.DSN("app", "user=owner"), &postgres.Options{Schema: schema}) // whoever opens without KeepSchema finds nothing to do
	assert.Equal(t, made, ask(t, c.DSN("app"), relationsOf(schema)))
	require.NoError(t, s.Close())

	// The way back takes all of it away but the tables of the versions, and the way there works again.
	_, err = host.DownTo(t.Context(), 0)
	require.NoError(t, err)
	assert.Equal(t, "schema_version", ask(t, c.DSN("app"), `SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = $1`, schema))
	refusal(t, c.DSN("app", "user=app"), opt, fmt.Sprintf("the tables have version 0, this library needs %d; run its migrations", newest(t)))
	openStore(t, c.DSN("app", "user=owner"), &postgres.Options{Schema: schema})
	openStore(t, c.DSN("app", "user=app"), opt)
}

// TestKeysApart: keys live in a database of their own, with backups of their own.
func TestKeysApart(t *testing.T) {
	t.Parallel()
	data, keys := pgtest.DSN(t), pgtest.DSN(t)
	register := filepath.Join("..", "..", "..", "testdata", "registers", "epm.yaml")
	s := openSite(t, openStore(t, data, nil), openStore(t, keys, nil), t.TempDir(), register).roles()
	require.NoError(t, s.life(t.Context(), 1))
	const count = `SELECT (SELECT COUNT(*) FROM gallra.part_keys) + (SELECT COUNT(*) FROM gallra.subject_keys) + (SELECT COUNT(*) FROM gallra.store_keys)`
	assert.Equal(t, "0", ask(t, data, count))
	assert.NotEqual(t, "0", ask(t, keys, count))
	assert.Equal(t, "0", ask(t, keys, `SELECT COUNT(*) FROM gallra.parts`))
	s.end()
	assert.Equal(t, "0", ask(t, keys, `SELECT COUNT(*) FROM gallra.part_keys`))
	assert.Equal(t, "0", ask(t, keys, `SELECT COUNT(*) FROM gallra.subject_keys WHERE NOT destroyed`))
}

// TestLockOfTheDead: a process died while it held the lock of the migrations. Its lease ends, and the next goes on.
func TestLockOfTheDead(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	openStore(t, dsn, &postgres.Options{Schema: "a"})
	execute(t, dsn, `CREATE SCHEMA b`, `CREATE TABLE b.schema_lock (LIKE a.schema_lock INCLUDING ALL)`,
		`INSERT INTO b.schema_lock SELECT lock_id, TRUE, now(), 'the dead', now() + interval '1s', now() FROM a.schema_lock`)
	openStore(t, dsn, &postgres.Options{Schema: "b"})
	assert.Equal(t, eachOnce(t), applied(t, dsn, "b"))
}

// TestMigrationFiles: the files can be taken out for another tool, and are of the schema that was asked for.
func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, postgres.Migrations("personuppgifter")))
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	dsn := pgtest.DSN(t)
	execute(t, dsn, `CREATE SCHEMA personuppgifter`)
	var downs []string
	for _, file := range files { // in their order
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), "personuppgifter.")
		assert.NotContains(t, string(text), "gallra.")
		up, down, found := strings.Cut(string(text), "-- +goose Down")
		require.True(t, found)
		execute(t, dsn, up)
		downs = append(downs, down)
	}
	refusal(t, dsn, &postgres.Options{Schema: "personuppgifter"}, "schema personuppgifter holds a", "or that its migrations did not make")
	slices.Reverse(downs)
	execute(t, dsn, downs...)
	assert.Equal(t, "0", ask(t, dsn, `SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'personuppgifter'`))
}

// newest is the version of the tables that this library knows.
func newest(t *testing.T) int64 {
	t.Helper()
	n, err := postgres.Newest()
	require.NoError(t, err)
	return n
}

// eachOnce is what goose notes when it has applied each migration once.
func eachOnce(t *testing.T) string {
	t.Helper()
	out := "0"
	for n := range newest(t) {
		out += fmt.Sprint(" ", n+1)
	}
	return out
}
