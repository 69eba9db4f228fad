// Package postgres keeps a store in PostgreSQL 15 or newer, beside the tables of an application, in a schema of its own.
//
//	store, err := postgres.Open(ctx, "postgres://app:…@db.example/app?sslmode=verify-full", nil)
//
// [OpenDB] takes the connections that the application has, of lib/pq or of pgx through database/sql.
//
// # Transactions
//
// A batch is one statement and one commit where its rows allow that, else one short transaction at READ COMMITTED. Serialization failures,
// deadlocks and lost connections are retried. [InTx] writes within the application's own transaction.
//
// # Durability
//
// What was acknowledged survives a crash while the server has fsync and synchronous_commit on, as it does unless somebody turned them off.
//
// # Erasure
//
// Postgres keeps the bytes of erased rows in its files until VACUUM FULL or until the space is used again, in its write-ahead log until that is
// overwritten, and in its replicas and backups for as long as these live. What protects there is that the keys are destroyed (GDPR Art. 17): keep them in
// a store of their own, on another server, with backups that end sooner.
//
// # Poolers
//
// Behind a pooler that hands out a connection for each transaction, such as PgBouncer older than 1.21, set Options.Unprepared. With pgx give
// default_query_exec_mode=exec as well.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/sqlstore"
)

// Options are the choices of a store. The zero value and nil are safe.
type Options struct {
	// Schema holds the tables: lower-case letters, digits and underscores. Defaults to "gallra".
	Schema string
	// KeepSchema leaves the tables as they are: the host runs [Migrations] itself. Open then fails with [storage.ErrSchemaOutdated]
	// when they lag behind. Defaults to false: Open creates and updates the tables.
	KeepSchema bool
	// Unprepared sends the text of each statement anew, for poolers that hand out a connection for each transaction.
	Unprepared bool
	// Plaintext allows a connection without TLS to another machine, where something else protects the wire. Defaults to false.
	Plaintext bool
	// Portable keeps to the SQL that every database with Postgres's protocol has: no COPY, no statement that writes to several tables. For
	// distributed databases. Defaults to false.
	Portable bool
	// Conns bounds the connections of a store that [Open] made. Defaults to 16. For [OpenDB] the caller's own bound holds.
	Conns int
}

const defaultConns = 16

// Store is a [storage.Store] in PostgreSQL. It is safe for concurrent use. Open and OpenDB make one.
type Store struct {
	*base
	db     *sql.DB
	schema string
	plain  bool // portable SQL only
	copies bool // the driver copies rows in
	unprep bool
	stmts  statements
}

type base = sqlstore.Store

var (
	_ storage.Store  = (*Store)(nil)
	_ storage.Joiner = (*Store)(nil)
)

// Open connects to the server that a data source name names, as lib/pq reads it: a URL, or key=value pairs, with PG environment variables
// for what it leaves out. Without sslmode it asks for TLS, but of a server on this machine.
//
// It returns an error that matches [storage.ErrSchemaOutdated] when the tables were written by a newer library.
func Open(ctx context.Context, dsn string, opt *Options) (*Store, error) {
	s, err := open(ctx, dsn, opt)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, dsn string, opt *Options) (*Store, error) {
	if opt == nil {
		opt = &Options{}
	}
	cfg, err := config(dsn, opt)
	if err != nil {
		return nil, err
	}
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, errDSN
	}
	db := sql.OpenDB(connector)
	conns := opt.Conns
	if conns == 0 {
		conns = defaultConns
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	s, err := newStore(ctx, db, opt, true)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// OpenDB is Open over connections that the caller keeps and closes: of lib/pq, or of pgx through its stdlib package. The server is asked whether
// they are encrypted.
func OpenDB(ctx context.Context, db *sql.DB, opt *Options) (*Store, error) {
	if opt == nil {
		opt = &Options{}
	}
	s, err := newStore(ctx, db, opt, false)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func newStore(ctx context.Context, db *sql.DB, opt *Options, owned bool) (*Store, error) {
	schema := opt.Schema
	if schema == "" {
		schema = DefaultSchema
	}
	if !schemaName.MatchString(schema) {
		return nil, errors.New("Options.Schema: must be lower-case letters, digits and underscores")
	}
	if err := prepare(ctx, db, schema, opt); err != nil {
		return nil, explain(ctx, err)
	}
	_, copies := db.Driver().(*pq.Driver)
	d := dialect(schema)
	d.Unprepared, d.Arrays = opt.Unprepared, !opt.Portable
	return &Store{base: sqlstore.New(d, db, db, owned), db: db, schema: schema, plain: opt.Portable, copies: copies, unprep: opt.Unprepared}, nil
}

// Apply does all of the batch or nothing of it: see [storage.Batches].
func (s *Store) Apply(ctx context.Context, b *storage.Batch) error {
	if s.plain {
		return s.base.Apply(ctx, b)
	}
	return s.applyFast(ctx, b)
}

// Count returns how many parts are stored: exactly up to about a million, then as the server last estimated it.
func (s *Store) Count(ctx context.Context) (int64, error) {
	const large = 1_000_000
	var n float64
	row := s.db.QueryRowContext(ctx, `SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)`, s.schema+".parts")
	if err := row.Scan(&n); err == nil && n > large && !s.plain {
		return int64(n), nil
	}
	return s.base.Count(ctx)
}

func dialect(schema string) sqlstore.Dialect {
	return sqlstore.Dialect{
		Bind:      sqlx.DOLLAR,
		Prefix:    schema + ".",
		Contains:  `position(CAST(? AS BYTEA) IN body) > 0`,
		Shared:    ` FOR SHARE`,
		Exclusive: ` FOR UPDATE`,
		Isolation: sql.LevelReadCommitted,
		Interrupt: true,
		Joins:     true,
		Classify:  classify,
	}
}
