package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// DefaultSchema is where the tables are unless Options.Schema says otherwise.
const DefaultSchema = "gallra"

// VersionTable is where the version of the tables stands within the schema, in goose's form.
const VersionTable = "schema_version"

// lockTable lets one process at a time change the tables.
const lockTable = "schema_lock"

// tables are ours; with the two above they are all that the schema holds.
var tables = []string{
	"meta", "subjects", "parts", "links", "index", "schedules", "events", "files", "leases", "lanes", "free_lanes", "entries", "segments", "proofs",
	"store_keys", "controller_keys", "subject_keys", "part_keys",
}

// Migrations returns the SQL files that make the tables in a schema, in goose's form, for a host that runs them itself (see
// [Options]). The schema must be there. The version table is VersionTable within it.
func Migrations(schema string) fs.FS {
	files, _ := fs.Sub(migrations, "migrations") // a valid path never fails
	return inSchema{files, schema}
}

// inSchema is a tree of SQL files with another name for the schema.
type inSchema struct {
	fs.FS
	schema string
}

func (f inSchema) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return sqlFile{file, bytes.NewReader(bytes.ReplaceAll(text, []byte(DefaultSchema+"."), []byte(f.schema+".")))}, nil
}

func (f inSchema) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.FS, name) }

type sqlFile struct {
	fs.File
	text *bytes.Reader
}

func (f sqlFile) Read(p []byte) (int, error) { return f.text.Read(p) }

// newest is the version of the tables that this library knows.
func newest() (int64, error) {
	names, err := fs.Glob(Migrations(DefaultSchema), "*.sql")
	if err != nil || len(names) == 0 {
		return 0, errors.New("no migrations")
	}
	return goose.NumericComponent(names[len(names)-1])
}

// prepare looks at connection and schema, and brings the tables to the version of this library or says why not.
func prepare(ctx context.Context, db *sql.DB, schema string, opt *Options) error {
	if db == nil {
		return errors.New("connections: missing")
	}
	if db.Stats().MaxOpenConnections == 1 {
		return errors.New("connections: at most one at a time; allow two at least, by Options.Conns or SetMaxOpenConns")
	}
	if err := settings(ctx, db, opt); err != nil {
		return err
	}
	if err := nameable(ctx, db, schema); err != nil {
		return err
	}
	want, err := newest()
	if err != nil {
		return err
	}
	have, err := version(ctx, db, schema)
	if err != nil {
		return err
	}
	switch {
	case have > want:
		return fmt.Errorf("%w: the tables have version %d, this library knows %d; update the library", storage.ErrSchemaOutdated, have, want)
	case have < want && opt.KeepSchema:
		return fmt.Errorf("%w: the tables have version %d, this library needs %d; run its migrations", storage.ErrSchemaOutdated, have, want)
	case have < want:
		if err := migrate(ctx, db, schema, have == 0); err != nil {
			return err
		}
	}
	return rights(ctx, db, schema)
}

// settings refuses connections over which data would travel or be kept badly.
func settings(ctx context.Context, db *sql.DB, opt *Options) error {
	var encrypted, local, readOnly bool
	var encoding string
	err := db.QueryRowContext(ctx, `SELECT COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), FALSE),
		COALESCE(host(inet_client_addr()) LIKE '127.%' OR host(inet_client_addr()) = '::1', TRUE), current_setting('server_encoding'),
		current_setting('transaction_read_only') = 'on'`).
		Scan(&encrypted, &local, &encoding, &readOnly)
	if err != nil {
		return fmt.Errorf("ask the server about the connection: %w", err)
	}
	if !encrypted && !local && !opt.Plaintext {
		return errors.New("the server says that the connection from another machine is not encrypted: open it with sslmode=verify-full (or require), " +
			"or set Options.Plaintext where something else protects the wire")
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s: it must be UTF8; create one with ENCODING 'UTF8'", encoding)
	}
	if readOnly {
		return errors.New("the connection is read-only: connect to the primary (of several hosts, with target_session_attrs=read-write), " +
			"and not with default_transaction_read_only")
	}
	return nil
}

// nameable refuses a schema that belongs to the server, or that it would read as a word of SQL.
func nameable(ctx context.Context, db *sql.DB, schema string) error {
	reserved := strings.HasPrefix(schema, "pg_") || schema == "information_schema"
	if !reserved {
		err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_get_keywords() WHERE word = $1 AND catcode IN ('R', 'T'))`, schema).Scan(&reserved)
		if err != nil {
			return fmt.Errorf("look at the schema's name: %w", err)
		}
	}
	if reserved {
		return fmt.Errorf("Options.Schema: %s is reserved by the server; choose another", schema)
	}
	return nil
}

// version is that of the tables; 0 when there are none.
func version(ctx context.Context, db *sql.DB, schema string) (int64, error) {
	var there bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2)`, schema, VersionTable).Scan(&there); err != nil {
		return 0, fmt.Errorf("look for the schema: %w", err)
	}
	if !there {
		return 0, foreign(ctx, db, schema)
	}
	var have int64
	err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+schema+`.`+VersionTable+` WHERE is_applied`).Scan(&have)
	if state(err) == undefinedColumn {
		return 0, errForeign(schema, VersionTable)
	}
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if have == 0 {
		return 0, nil
	}
	var ours bool // another's goose may have a table of that name
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = ANY($2))`, schema, pq.Array(tables)).
		Scan(&ours); err != nil {
		return 0, fmt.Errorf("look for the schema: %w", err)
	}
	if !ours {
		return 0, errForeign(schema, VersionTable)
	}
	return have, nil
}

func errForeign(schema, table string) error {
	return fmt.Errorf("schema %s holds a %s that is not this library's, or that its migrations did not make: choose another Options.Schema", schema, table)
}

// foreign refuses a schema in which somebody else's relations have the names of ours.
func foreign(ctx context.Context, db *sql.DB, schema string) error {
	var name sql.NullString
	err := db.QueryRowContext(ctx, `SELECT MIN(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND (c.relname = ANY($2)
			OR c.relname = $3 AND NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = c.oid AND attname = 'lock_id'))`,
		schema, pq.Array(tables), lockTable).Scan(&name) // another process may have made the lock just now
	if err != nil {
		return fmt.Errorf("look for the schema: %w", err)
	}
	if name.Valid {
		return errForeign(schema, name.String)
	}
	return nil
}

// migrate brings the tables to the version of this library. Of several processes one does it, and the others wait.
func migrate(ctx context.Context, db *sql.DB, schema string, create bool) error {
	if create {
		// Of two at once, one may fail over the other's row in the catalog.
		for try := 1; ; try++ {
			_, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+schema)
			if err == nil {
				break
			}
			var there bool
			_ = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`, schema).Scan(&there)
			if there {
				break
			}
			if code := state(err); try == 5 || code != uniqueViolation && code != duplicateSchema {
				return fmt.Errorf("create schema: %w", err)
			}
		}
	}
	locker, err := lock.NewPostgresTableLocker(lock.WithTableName(schema+"."+lockTable), lock.WithTableLockTimeout(time.Second/5, 600),
		lock.WithTableRetryPolicy(func(err error) bool { return state(err) == "" || classify(err) == sqlstore.Retry })) // held, but not refused
	if err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, Migrations(schema),
		goose.WithTableName(schema+"."+VersionTable), goose.WithDisableGlobalRegistry(true), goose.WithLocker(locker))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// rights says which table is missing, or may not be used by the role.
func rights(ctx context.Context, db *sql.DB, schema string) error {
	var missing, closed sql.NullString
	err := db.QueryRowContext(ctx, `SELECT MIN(t.name) FILTER (WHERE c.oid IS NULL), MIN(t.name) FILTER (WHERE NOT (has_schema_privilege(c.relnamespace, 'USAGE')
			AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
			AND has_table_privilege(c.oid, 'DELETE')))
		FROM unnest(CAST($2 AS TEXT[])) AS t(name)
		LEFT JOIN pg_class c ON c.relname = t.name AND c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`,
		schema, pq.Array(tables)).Scan(&missing, &closed)
	if err != nil {
		return fmt.Errorf("look at the role's rights: %w", err)
	}
	if missing.Valid {
		return fmt.Errorf("schema %s has no table %s: restore what the migrations made, or choose another Options.Schema", schema, missing.String)
	}
	if closed.Valid {
		return fmt.Errorf("the role may not read and write %s.%s: grant it USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on all tables in it",
			schema, closed.String)
	}
	return nil
}
