// Package sqlite keeps a store in one SQLite file, through modernc.org/sqlite: no cgo, nothing to install.
//
//	store, err := sqlite.Open(ctx, "app.db", nil)
//
// # Durability
//
// The database runs in WAL mode with synchronous=FULL: what was acknowledged survives a loss of power. One connection writes,
// a few read; several processes may open the same file, and wait up to five seconds for one another.
//
// # Erasure
//
// secure_delete overwrites erased rows with zeros. Scrub does the same to the copies that SQLite leaves in the slack of pages when they split or merge,
// moves all of it out of the write-ahead log, and truncates that (GDPR Art. 17). A reader that holds an old state prevents it: Scrub then returns
// [storage.ErrBusy] and a later one finishes. Open scrubs what a crash left. Backups and snapshots of the disk are out of reach; that is what the keys
// are for.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	driversqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/sqlstore"
)

// readers is how many connections read at the same time.
const readers = 4

// Options are the choices of a store.
type Options struct {
	// KeepSchema leaves the tables as they are: the host runs [Migrations] itself. Open then fails with [storage.ErrSchemaOutdated]
	// when they lag behind. Defaults to false: Open creates and updates the tables.
	KeepSchema bool
}

// Store is a [storage.Store] in a SQLite file. It is safe for concurrent use. Open and OpenDB make one.
type Store struct {
	*base

	path   string
	memory memory
}

type base = sqlstore.Store

var (
	_ storage.Store    = (*Store)(nil)
	_ storage.Scrubber = (*Store)(nil)
)

// Open opens the file at path, or creates it, readable by its owner alone. Nil options mean the defaults.
//
// It returns an error that matches [storage.ErrSchemaOutdated] when the tables were written by a newer library.
func Open(ctx context.Context, path string, opt *Options) (*Store, error) {
	s, err := open(ctx, path, opt)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, path string, opt *Options) (*Store, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") || strings.HasPrefix(path, "file:") {
		return nil, errors.New("path must name a file; for a store that is gone with the process use package memory")
	}
	// A file that is there is not opened: to close it would drop the locks of whoever has it open in this process.
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		if err := f.Close(); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	write, err := sql.Open("sqlite", DSN(path))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", DSN(path)+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	s := &Store{base: sqlstore.New(dialect, write, read, true)}
	if err := s.prepare(ctx, opt); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenDB is Open over connections that the caller keeps and closes. They must have been opened with what [DSN] returns, or it fails.
func OpenDB(ctx context.Context, db *sql.DB, opt *Options) (*Store, error) {
	s := &Store{base: sqlstore.New(dialect, db, db, false)}
	if err := s.prepare(ctx, opt); err != nil {
		return nil, fmt.Errorf("open store: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

// DSN returns the data source name by which Open opens a file: for [sql.Open] with driver "sqlite".
func DSN(path string) string {
	path = filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		path = "/" + path
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_pragma=foreign_keys(0)" +
		// A cache of 32 MiB and a log of as much: a batch of a thousand parts touches thousands of pages (measured: twice as fast).
		"&_pragma=cache_size(-32768)&_pragma=wal_autocheckpoint(8000)"
}

// prepare makes the store ready: the settings as they must be, the tables as this library knows them, no residue of a crash.
func (s *Store) prepare(ctx context.Context, opt *Options) error {
	if err := s.settings(ctx); err != nil {
		return err
	}
	if err := s.Writer().QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&s.path); err != nil {
		return sqlstore.Wrap(ctx, s.base, "read settings", err)
	}
	crashed := false
	if log, err := os.Stat(s.path + "-wal"); err == nil {
		crashed = log.Size() > 0
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := migrate(ctx, s.Writer(), opt != nil && opt.KeepSchema); err != nil {
		return err
	}
	if !crashed {
		return nil
	}
	if err := s.Scrub(ctx); err != nil && !errors.Is(err, storage.ErrBusy) {
		return err
	}
	return nil
}

// settings refuses connections on which an erasure would not hold.
func (s *Store) settings(ctx context.Context) error {
	for _, want := range []struct {
		pragma string
		ok     func(string) bool
	}{
		{"journal_mode", func(v string) bool { return v == "wal" }},
		{"synchronous", func(v string) bool { return v >= "2" }},
		{"secure_delete", func(v string) bool { return v == "1" }},
	} {
		var v string
		if err := s.Writer().QueryRowContext(ctx, "PRAGMA "+want.pragma).Scan(&v); err != nil {
			return sqlstore.Wrap(ctx, s.base, "read settings", err)
		}
		if !want.ok(v) {
			return fmt.Errorf("%s is %s: open the database with the data source name of DSN", want.pragma, v)
		}
	}
	return nil
}

// Scrub overwrites the slack of the file's pages, where SQLite leaves copies of rows, moves what was erased out of the write-ahead log, and truncates
// that. The first of a process, and one after somebody else has written, reads the whole file (some 200 MiB a second), the others what changed. It
// returns [storage.ErrBusy] when a reader or a writer, here or in another process, prevents it for a second; a later Scrub finishes it.
func (s *Store) Scrub(ctx context.Context) error {
	return sqlstore.Wrap(ctx, s.base, "scrub", s.scrub(ctx))
}

func (s *Store) scrub(ctx context.Context) error {
	m := &s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	conn, err := s.Writer().Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout(1000)"); err != nil {
		return err
	}
	defer func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA busy_timeout(5000)"); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // not to be used again
		}
	}()
	log, version, err := m.wipe(ctx, conn, s.path)
	m.file = nil
	if err != nil {
		return err
	}
	if log == 0 { // nothing to move
		m.file, err = os.Stat(s.path)
		return err
	}
	var busy, frames, moved int
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return storage.ErrBusy
	}
	var now int64
	if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&now); err != nil || now != version {
		return err // another connection wrote meanwhile: the next Scrub reads the whole file
	}
	m.log = nextLog(log)
	m.file, err = os.Stat(s.path)
	return err
}

var dialect = sqlstore.Dialect{
	Bind:     sqlx.QUESTION,
	Prefix:   "gallra_",
	Contains: `instr(body, ?) > 0`,
	Classify: classify,
}

// classify reads the result codes of SQLite. A write that fails within the file system may have reached the log: nobody knows.
func classify(err error) sqlstore.Class {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return sqlstore.NotStored // the driver rolls back what it is told to stop
	}
	var e *driversqlite.Error
	if !errors.As(err, &e) {
		return sqlstore.Other
	}
	if e.Code() == lib.SQLITE_BUSY_SNAPSHOT {
		return sqlstore.Retry
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return sqlstore.Busy
	case lib.SQLITE_INTERRUPT, lib.SQLITE_FULL, lib.SQLITE_CONSTRAINT, lib.SQLITE_READONLY:
		return sqlstore.NotStored
	}
	return sqlstore.Other
}
