package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/pgtest"
)

// secret stands in every address of these tests, and in no error.
const secret = "lösen#42"

// refusal opens what cannot be opened: the error says what to do, and keeps the password to itself.
func refusal(t *testing.T, dsn string, opt *postgres.Options, want ...string) error {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn, opt)
	if err == nil {
		_ = s.Close()
	}
	told(t, err, want...)
	return err
}

func told(t *testing.T, err error, want ...string) {
	t.Helper()
	require.Error(t, err)
	for _, words := range want {
		assert.ErrorContains(t, err, words)
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Split(secret, "#")[0]} {
		assert.NotContains(t, err.Error(), form)
	}
}

func TestBadDSN(t *testing.T) {
	t.Parallel()
	const elsewhere, plain = "postgres://app:" + "l%C3%B6sen%2342" + "@db.example/app", "sslmode would let data travel unencrypted"
	for name, test := range map[string]struct{ dsn, want string }{
		"empty":                    {"", "data source name: missing; give postgres://"},
		"blank":                    {" \n", "data source name: missing; give postgres://"},
		"not escaped":              {"postgres://app:" + secret + "@db.example/app", "data source name: cannot be read"},
		"a port that is none":      {"postgres://app:lösen@db.example:" + secret + "/app", "data source name: cannot be read"},
		"of another database":      {"mysql://app:" + secret + "@db.example/app", "data source name: cannot be read"},
		"a pair without a value":   {"host=db.example password=" + secret + " user", "data source name: cannot be read"},
		"a quote that is open":     {"host=db.example password='" + secret, "data source name: cannot be read"},
		"no such sslmode":          {elsewhere + "?sslmode=on", "data source name: cannot be read"},
		"disable":                  {elsewhere + "?sslmode=disable", plain},
		"prefer":                   {elsewhere + "?sslmode=prefer", plain},
		"allow":                    {elsewhere + "?sslmode=allow", plain},
		"pairs":                    {"host=db.example sslmode=disable password=" + secret, plain},
		"an address":               {"postgres://app@192.0.2.7/app?sslmode=disable", plain},
		"IPv6":                     {"postgres://app@[2001:db8::7]/app?sslmode=disable", plain},
		"a second host":            {"host=localhost,db.example sslmode=disable", plain},
		"an address beside a name": {"host=localhost hostaddr=192.0.2.7 sslmode=disable", plain},
		"a second address":         {"host=localhost,localhost hostaddr=127.0.0.1,192.0.2.7 sslmode=disable", plain},
		"a name like localhost":    {"postgres://app@localhost.example/app?sslmode=disable", plain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusal(t, test.dsn, nil, test.want)
		})
	}
}

func TestBadSchemaName(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for _, name := range []string{"Gallra", "gällra", "a-b", "a.b", "1a", `a"b`, "a; DROP TABLE x", " ", strings.Repeat("a", 64)} {
		refusal(t, dsn, &postgres.Options{Schema: name}, "Options.Schema: must be lower-case letters, digits and underscores")
	}
	for _, name := range []string{"order", "table", "left", "pg_gallra", "pg_catalog", "information_schema"} {
		refusal(t, dsn, &postgres.Options{Schema: name}, "Options.Schema: ", "choose another")
	}
	openStore(t, dsn, &postgres.Options{Schema: strings.Repeat("a", 63)})
}

// unnamed is a loopback address that the cluster's certificate does not name.
const unnamed = "127.0.0.2"

// TestBadServer: what a server refuses, or is refused for. All of it is on one cluster, by turns, as some of it is its restart.
func TestBadServer(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, &pgtest.Options{TLS: true, Settings: map[string]string{"listen_addresses": "127.0.0.1," + unnamed}})
	t.Run("rights", func(t *testing.T) { badRights(t, c) })
	t.Run("encoding", func(t *testing.T) { badEncoding(t, c) })
	t.Run("read-only", func(t *testing.T) { badStandby(t, c) })

	execute(t, c.DSN("postgres"), `CREATE ROLE known LOGIN PASSWORD '`+secret+`'`, `CREATE ROLE locked NOLOGIN`)
	rules := []string{"host all known 127.0.0.1/32 scram-sha-256", "host all postgres,locked,ingen 127.0.0.1/32 trust"}
	require.NoError(t, os.WriteFile(filepath.Join(c.Dir(), "pg_hba.conf"), []byte(strings.Join(rules, "\n")+"\n"), 0o600))
	require.NoError(t, c.Restart(t.Context()))
	require.NoError(t, c.CreateDatabase(t.Context(), "app"))
	execute(t, c.DSN("app"), `GRANT CREATE ON DATABASE app TO known`)
	dsn := with(t, c.DSN("app"), "user=known", "password="+secret)
	t.Run("access", func(t *testing.T) { badAccess(t, dsn) })
	t.Run("TLS", func(t *testing.T) { badTLS(t, c, dsn) })
	t.Run("stopped", func(t *testing.T) {
		require.NoError(t, c.Shutdown(t.Context()))
		refusal(t, dsn, nil, "the server cannot be reached")
		require.NoError(t, c.Restart(t.Context()))
		openStore(t, dsn, nil)
	})
	assert.Eventually(t, func() bool {
		return ask(t, c.DSN("postgres"), `SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'gallra'`) == "0"
	},
		testPatience, testTick, "who is refused leaves no connection behind")
}

// port is that of an address, with its colon.
func port(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	return ":" + u.Port()
}

// ways are both drivers, as an application opens them.
var ways = []struct {
	driver string
	open   func(t *testing.T, dsn string, opt *postgres.Options) error
}{
	{"lib/pq", func(t *testing.T, dsn string, opt *postgres.Options) error {
		t.Helper()
		s, err := postgres.Open(t.Context(), dsn, opt)
		if err == nil {
			err = s.Close()
		}
		return err
	}},
	{"pgx", func(t *testing.T, dsn string, opt *postgres.Options) error {
		t.Helper()
		_, err := postgres.OpenDB(t.Context(), connect(t, "pgx", dsn), opt)
		return err
	}},
}

func badAccess(t *testing.T, dsn string) {
	const refused = "the server refused the role: check role and password of the data source name, and pg_hba.conf"
	for _, way := range ways {
		refuse := func(dsn string, want ...string) {
			t.Helper()
			told(t, way.open(t, dsn, nil), want...)
		}
		require.NoError(t, way.open(t, dsn, nil), way.driver)
		refuse(with(t, dsn, "password="+secret+"!"), refused, "password authentication failed")
		refuse(with(t, dsn, "user=known"), "password")
		refuse(with(t, dsn, "user=ingen", "password="+secret), refused, `"ingen" does not exist`)
		refuse(with(t, dsn, "user=locked", "password="+secret), refused, "not permitted to log in")
		refuse(with(t, dsn, "dbname=ingen"), "the server has no such database: create it, or correct the data source name")
		refuse(with(t, dsn, "host=127.0.0.1:1"), "the server cannot be reached: check host and port of the data source name, and that it runs")
		refuse(with(t, dsn, "user=stranger", "password="+secret), refused, "no pg_hba.conf entry")
	}
}

func badTLS(t *testing.T, c *pgtest.Cluster, dsn string) {
	const distrust = "the server's certificate is not trusted: give the file of its authority as sslrootcert"
	missing := filepath.Join(t.TempDir(), "ingen.crt")
	for _, way := range ways {
		told(t, way.open(t, with(t, dsn, "sslmode=verify-full"), nil), distrust, "unknown authority")
		told(t, way.open(t, with(t, dsn, "sslmode=verify-full", "sslrootcert="+missing), nil), "a file that the data source name gives cannot be read", missing)
		told(t, way.open(t, with(t, dsn, "host="+unnamed+port(t, dsn), "sslmode=verify-full", "sslrootcert="+c.Certificate()), nil), distrust, unnamed)
	}
	for _, more := range [][]string{{"sslmode=verify-full", "sslrootcert=" + c.Certificate()}, {"sslmode=require"}, {"sslmode="}} {
		s := openStore(t, with(t, dsn, more...), nil)
		var encrypted bool
		require.NoError(t, s.Writer().QueryRowContext(t.Context(), `SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&encrypted))
		assert.True(t, encrypted, "where it can be had, it is taken: %v", more)
	}
	// The server's answer decides, not the address that was dialed. These connections never leave the loopback: they find a function of the same name, by
	// which the server sees them come from elsewhere.
	execute(t, c.DSN("app"), `CREATE SCHEMA elsewhere`, `CREATE FUNCTION elsewhere.inet_client_addr() RETURNS INET LANGUAGE SQL RETURN INET '192.0.2.7'`)
	far := with(t, c.DSN("app"), "sslmode=disable", "search_path=elsewhere,pg_catalog")
	for _, driver := range []string{"postgres", "pgx"} {
		db := connect(t, driver, far)
		_, err := postgres.OpenDB(t.Context(), db, nil)
		told(t, err, "the connection from another machine is not encrypted", "sslmode=verify-full", "Options.Plaintext")
		_, err = postgres.OpenDB(t.Context(), db, &postgres.Options{Plaintext: true})
		require.NoError(t, err)
		_, err = postgres.OpenDB(t.Context(), connect(t, driver, with(t, far, "sslmode=require")), nil)
		require.NoError(t, err)
	}
}

func badEncoding(t *testing.T, c *pgtest.Cluster) {
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		name := strings.ToLower(encoding)
		execute(t, c.DSN("postgres"), `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING '`+encoding+`' LOCALE_PROVIDER libc LOCALE 'C'`)
		refusal(t, c.DSN(name), nil, "the database's encoding is "+encoding+": it must be UTF8; create one with ENCODING 'UTF8'")
		assert.Equal(t, "0", ask(t, c.DSN(name), `SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'gallra'`), "nothing was made")
	}
}

func badStandby(t *testing.T, c *pgtest.Cluster) {
	const primary = "the connection is read-only: connect to the primary (of several hosts, with target_session_attrs=read-write)"
	require.NoError(t, c.CreateDatabase(t.Context(), "standby"))
	standby, err := c.Replica(t.Context())
	require.NoError(t, err)
	require.NoError(t, standby.CatchUp(t.Context()))
	refusal(t, standby.DSN("standby"), nil, primary)
	openStore(t, c.DSN("standby"), nil)
	require.NoError(t, standby.CatchUp(t.Context()))
	for _, way := range ways {
		told(t, way.open(t, standby.DSN("standby"), nil), primary)
		told(t, way.open(t, standby.DSN("standby"), &postgres.Options{KeepSchema: true}), primary)
		told(t, way.open(t, c.DSN("standby", "default_transaction_read_only=on"), nil), primary)
	}
	both, err := url.Parse(standby.DSN("standby", "target_session_attrs=read-write"))
	require.NoError(t, err)
	q := both.Query()
	q.Set("port", both.Port()+","+port(t, c.DSN("standby"))[1:])
	both.Host, both.RawQuery = "127.0.0.1,127.0.0.1", q.Encode()
	openStore(t, both.String(), nil) // it finds the primary of the two
	require.NoError(t, standby.Stop())
}

func badRights(t *testing.T, c *pgtest.Cluster) {
	execute(t, c.DSN("postgres"), `CREATE ROLE owner LOGIN`, `CREATE ROLE app LOGIN`)
	require.NoError(t, c.CreateDatabase(t.Context(), "rights"))
	execute(t, c.DSN("rights"), `GRANT CREATE ON DATABASE rights TO owner`)
	dsn := c.DSN("rights", "user=app")
	kept := &postgres.Options{KeepSchema: true}

	refusal(t, dsn, nil, "the role lacks a right", "permission denied for database", "Options.KeepSchema")
	openStore(t, c.DSN("rights", "user=owner"), nil)
	refusal(t, dsn, nil, "the role lacks a right", "permission denied for schema", "USAGE")
	as := func(statements ...string) { execute(t, c.DSN("rights", "user=owner"), statements...) }
	as(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA gallra TO app`)
	refusal(t, dsn, kept, "the role lacks a right", "permission denied for schema", "USAGE")
	as(`GRANT USAGE ON SCHEMA gallra TO app`)
	openStore(t, dsn, kept)
	openStore(t, dsn, nil) // nothing is to do
	for _, right := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
		as(`REVOKE ` + right + ` ON gallra.leases FROM app`)
		for _, opt := range []*postgres.Options{nil, kept} {
			refusal(t, dsn, opt, "the role may not read and write gallra.leases", "grant it USAGE on the schema and SELECT, INSERT, UPDATE, DELETE")
		}
		as(`GRANT ` + right + ` ON gallra.leases TO app`)
	}
	as(`REVOKE SELECT ON gallra.schema_version FROM app`)
	refusal(t, dsn, kept, "the role lacks a right", "schema_version")
	db := connect(t, "pgx", dsn)
	_, err := postgres.OpenDB(t.Context(), db, kept)
	told(t, err, "the role lacks a right", "schema_version")

	// A newer library comes, and the role may not change tables.
	as(`GRANT SELECT ON gallra.schema_version TO app`, fmt.Sprintf(`DELETE FROM gallra.schema_version WHERE version_id = %d`, newest(t)))
	refusal(t, dsn, nil, "the role lacks a right", "as the owner of the schema")
}

func TestNoTLSOnServer(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	refusal(t, with(t, dsn, "password="+secret, "sslmode=require"), nil, "the server has TLS turned off")
	_, err := postgres.OpenDB(t.Context(), connect(t, "pgx", with(t, dsn, "password="+secret, "sslmode=require")), nil)
	told(t, err, "the server has TLS turned off")
	openStore(t, with(t, dsn, "sslmode="), nil) // on this machine it is not needed
	_, err = postgres.OpenDB(t.Context(), nil, nil)
	told(t, err, "connections: missing")
}

func TestSchemaVersions(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	err := refusal(t, dsn, &postgres.Options{KeepSchema: true}, fmt.Sprintf("the tables have version 0, this library needs %d; run its migrations", newest(t)))
	require.ErrorIs(t, err, storage.ErrSchemaOutdated)
	assert.Equal(t, "0", ask(t, dsn, `SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'gallra'`), "the schema is kept as it is")
	openStore(t, dsn, nil)
	openStore(t, dsn, &postgres.Options{KeepSchema: true})
	execute(t, dsn, `INSERT INTO gallra.schema_version (version_id, is_applied) VALUES (9999, TRUE)`)
	for _, opt := range []*postgres.Options{nil, {KeepSchema: true}} {
		err := refusal(t, dsn, opt, fmt.Sprintf("the tables have version 9999, this library knows %d; update the library", newest(t)))
		require.ErrorIs(t, err, storage.ErrSchemaOutdated)
	}
}

func TestForeignTables(t *testing.T) {
	t.Parallel()
	const empty, foreign = `CREATE SCHEMA gallra;`, "that is not this library's"
	for name, test := range map[string]struct{ statements, want string }{
		"a table":              {empty + `CREATE TABLE gallra.parts (wheel TEXT)`, "schema gallra holds a parts " + foreign},
		"a view":               {empty + `CREATE VIEW gallra.parts AS SELECT 1 AS wheel`, "schema gallra holds a parts " + foreign},
		"an index":             {empty + `CREATE TABLE gallra.cars (wheel TEXT); CREATE INDEX parts ON gallra.cars (wheel)`, "schema gallra holds a parts " + foreign},
		"a table of versions":  {empty + `CREATE TABLE gallra.schema_version (version TEXT)`, "schema gallra holds a schema_version " + foreign},
		"versions of goose":    {empty + versions(1), "schema gallra holds a schema_version " + foreign},
		"more of them":         {empty + versions(7), "schema gallra holds a schema_version " + foreign},
		"a lock":               {empty + `CREATE TABLE gallra.schema_lock (door TEXT)`, "schema gallra holds a schema_lock " + foreign},
		"ours, but not all":    {`DROP TABLE gallra.links`, "schema gallra has no table links: restore what the migrations made, or"},
		"ours, but no version": {`DROP TABLE gallra.schema_version`, "or that its migrations did not make"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			if !strings.HasPrefix(test.statements, empty) {
				openStore(t, dsn, nil)
			}
			execute(t, dsn, test.statements)
			before := ask(t, dsn, relationsOf("gallra"))
			refusal(t, dsn, nil, test.want, "choose another Options.Schema")
			assert.Equal(t, before, ask(t, dsn, relationsOf("gallra")), "nothing was made beside it")
		})
	}
}

func versions(newest int) string {
	return fmt.Sprintf(`CREATE TABLE gallra.schema_version (id INT, version_id BIGINT, is_applied BOOLEAN); INSERT INTO gallra.schema_version VALUES (1, %d, TRUE)`, newest)
}

// relationsOf asks for all that a schema holds.
func relationsOf(schema string) string {
	return `SELECT COALESCE(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relnamespace = '` + schema + `'::regnamespace`
}

// TestBadContext: a context that is done, at opening.
func TestBadContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := postgres.Open(ctx, pgtest.DSN(t), nil)
	require.ErrorIs(t, err, context.Canceled)
}
