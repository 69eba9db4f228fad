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
	if err := settings(ctx, db, opt); err != nil {
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
	var encrypted, local bool
	var encoding string
	err := db.QueryRowContext(ctx, `SELECT COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), FALSE),
		COALESCE(host(inet_client_addr()) LIKE '127.%' OR host(inet_client_addr()) = '::1', TRUE), current_setting('server_encoding')`).
		Scan(&encrypted, &local, &encoding)
	if err != nil {
		return fmt.Errorf("ask the server about the connection: %w", err)
	}
	if !encrypted && !local && !opt.Plaintext {
		return errors.New("the server says that the connection from another machine is not encrypted: open it with sslmode=verify-full (or require), " +
			"or set Options.Plaintext where something else protects the wire")
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s: it must be UTF8", encoding)
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
	if err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+schema+`.`+VersionTable+` WHERE is_applied`).Scan(&have); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return have, nil
}

// foreign refuses a schema in which somebody else's relations have the names of ours.
func foreign(ctx context.Context, db *sql.DB, schema string) error {
	var name sql.NullString
	err := db.QueryRowContext(ctx, `SELECT MIN(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = ANY($2)`, schema, pq.Array(tables)).Scan(&name)
	if err != nil {
		return fmt.Errorf("look for the schema: %w", err)
	}
	if name.Valid {
		return fmt.Errorf("schema %s holds a table %s that is not this library's: choose another Options.Schema", schema, name.String)
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
	locker, err := lock.NewPostgresTableLocker(lock.WithTableName(schema+"."+lockTable), lock.WithTableLockTimeout(time.Second, 120))
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

// rights says which table the role may not use.
func rights(ctx context.Context, db *sql.DB, schema string) error {
	var table sql.NullString
	err := db.QueryRowContext(ctx, `SELECT MIN(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = ANY($2) AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
			AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))`,
		schema, pq.Array(tables)).Scan(&table)
	if err != nil {
		return fmt.Errorf("look at the role's rights: %w", err)
	}
	if table.Valid {
		return fmt.Errorf("the role may not read and write %s.%s: grant it USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on all tables in it",
			schema, table.String)
	}
	return nil
}
