// Package sqlstore is what the SQL adapters share: the statements in portable SQL, how rows become structs, and how a batch
// becomes one transaction. An adapter brings its [Dialect], its tables and its connections.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"github.com/gallra/gallra/gdpr/storage"
)

// Dialect is all in which the databases differ.
type Dialect struct {
	// Bind is the style of placeholders, as in package sqlx. Statements here have question marks.
	Bind int
	// Contains is a condition with one placeholder: that bytes stand in column body.
	Contains string
	// Prefix stands before the names of tables, in place of "gallra_".
	Prefix string
	// Shared and Exclusive end a SELECT that locks the rows it reads; empty where a transaction has the database for itself.
	Shared, Exclusive string
	// Isolation is the level of a transaction; the zero value is the database's own.
	Isolation sql.IsolationLevel
	// Interrupt says that a statement can be stopped while it runs, and that it is known then not to be stored.
	Interrupt bool
	// Arrays says that lists of values are given as arrays, so that a statement over many rows has one text, and a short one.
	Arrays bool
	// Unprepared sends the text of each statement: connections change from one transaction to the next.
	Unprepared bool
	// Joins says that a transaction of the application may be one of this database.
	Joins bool
	// Classify says what an error of the driver means.
	Classify func(error) Class
}

// Class is what an error of a driver means to a batch.
type Class uint8

// The classes of errors.
const (
	Other     Class = iota // nothing more is known; after a commit, the outcome neither
	Retry                  // a serialization failure or deadlock: nothing was stored, try again
	Busy                   // somebody else had the database too long: nothing was stored
	NotStored              // nothing was stored, and to try again does not help
	Lost                   // the connection was lost: nothing was stored, unless by a commit
)

// tries is how often a batch is tried when the database asks for it.
const tries = 10

// atMost ends a SELECT. SQLite would plan a statement with a bare "LIMIT ?" anew each time.
const atMost = ` LIMIT CAST(? AS INTEGER)`

var errLimit = errors.New("limit must be over 0")

// Store is a [storage.Store] over database/sql. It prepares each statement once.
type Store struct {
	dialect Dialect
	write   *cache
	read    *cache
	owned   bool
	closed  atomic.Bool
}

var _ storage.Store = (*Store)(nil)

// New returns a store that writes through one pool and reads through another; they may be the same.
// Close closes them when they are owned.
func New(d Dialect, write, read *sql.DB, owned bool) *Store {
	s := &Store{dialect: d, write: &cache{db: write, d: d}, owned: owned}
	s.read = s.write
	if read != write {
		s.read = &cache{db: read, d: d}
	}
	return s
}

// text is a statement as the database wants it.
func (d *Dialect) text(query string) string {
	return sqlx.Rebind(d.Bind, strings.ReplaceAll(query, "gallra_", d.Prefix))
}

// cache holds prepared statements for life. The statements of this package are few and fixed.
type cache struct {
	db    *sql.DB
	d     Dialect
	mu    sync.RWMutex
	all   map[string]*sql.Stmt
	texts map[string]string // of statements that are not prepared
	want  []string          // asked for within a transaction, which may hold the only connection
}

// text remembers how a statement reads.
func (c *cache) text(query string) string {
	c.mu.RLock()
	text, ok := c.texts[query]
	c.mu.RUnlock()
	if ok {
		return text
	}
	text = c.d.text(query)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.texts == nil {
		c.texts = map[string]string{}
	}
	c.texts[query] = text
	return text
}

// known is a prepared statement, or nil: then it is prepared before the next transaction.
func (c *cache) known(query string) *sql.Stmt {
	c.mu.RLock()
	st := c.all[query]
	c.mu.RUnlock()
	if st == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.want = append(c.want, query)
	}
	return st
}

// catchUp prepares what was wanted. It must not be called within a transaction.
func (c *cache) catchUp(ctx context.Context) error {
	c.mu.Lock()
	want := c.want
	c.want = nil
	c.mu.Unlock()
	for _, query := range want {
		if _, err := c.stmt(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

func (c *cache) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	c.mu.RLock()
	st := c.all[query]
	c.mu.RUnlock()
	if st != nil {
		return st, nil
	}
	st, err := c.db.PrepareContext(ctx, c.d.text(query))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.all[query]; other != nil {
		_ = st.Close()
		return other, nil
	}
	if c.all == nil {
		c.all = map[string]*sql.Stmt{}
	}
	c.all[query] = st
	return st, nil
}

func (c *cache) close(owned bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.all {
		_ = st.Close() // on a connection that is lost there is nothing to close
	}
	c.all = nil
	if owned {
		return c.db.Close()
	}
	return nil
}

// Writer is the pool that batches go through.
func (s *Store) Writer() *sql.DB { return s.write.db }

// Caps reports that a batch may span any rows.
func (s *Store) Caps() storage.Caps { return storage.Caps{Span: storage.SpanAny} }

// Close closes the statements, and the pools when they are owned. A connection that is dead already is closed. A second Close does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	err := s.write.close(s.owned)
	if s.read != s.write {
		err = errors.Join(err, s.read.close(s.owned))
	}
	if err != nil && s.dialect.Classify(err) != Lost {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Wrap puts the operation before an error, and translates it: a context that is done outweighs what the driver makes of it.
func Wrap(ctx context.Context, s *Store, op string, err error) error {
	var cond *storage.ConditionError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &cond), errors.Is(err, storage.ErrOutcomeUnknown):
	case s.closed.Load():
		err = storage.ErrClosed
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, sql.ErrNoRows):
		err = storage.ErrNotFound
	case s.dialect.Classify(err) == Busy:
		err = fmt.Errorf("%w: %w", storage.ErrBusy, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// ready says whether a read may begin that has nothing to ask.
func (s *Store) ready(ctx context.Context, op string) error {
	if s.closed.Load() {
		return Wrap(ctx, s, op, storage.ErrClosed)
	}
	return Wrap(ctx, s, op, ctx.Err())
}

// query runs a read and hands each row to scan.
func (s *Store) query(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	if s.closed.Load() {
		return storage.ErrClosed
	}
	rows, err := s.rows(ctx, query, args)
	for try := 1; err != nil && try < 3 && s.dialect.Classify(err) == Lost && storage.Joined(ctx) == nil && ctx.Err() == nil; try++ {
		rows, err = s.rows(ctx, query, args) // the connection was of a server that has started anew
	}
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *Store) rows(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if tx := s.joined(ctx); tx != nil {
		return tx.QueryContext(ctx, s.read.text(query), args...)
	}
	if s.dialect.Unprepared {
		return s.read.db.QueryContext(ctx, s.read.text(query), args...)
	}
	st, err := s.read.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// all collects what a read finds.
func all[T any](ctx context.Context, s *Store, op, query string, args []any, scan func(*sql.Rows, *T) error) ([]T, error) {
	var out []T
	err := s.query(ctx, query, args, func(rows *sql.Rows) error {
		var v T
		if err := scan(rows, &v); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	})
	if err != nil {
		return nil, Wrap(ctx, s, op, err)
	}
	return out, nil
}

// one is the single row of a read, or [storage.ErrNotFound].
func one[T any](ctx context.Context, s *Store, op, query string, args []any, scan func(*sql.Rows, *T) error) (T, error) {
	rows, err := all(ctx, s, op, query, args, scan)
	if err == nil && len(rows) == 0 {
		err = Wrap(ctx, s, op, storage.ErrNotFound)
	}
	if err != nil {
		var none T
		return none, err
	}
	return rows[0], nil
}

// Meta returns every stored setting.
func (s *Store) Meta(ctx context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := s.query(ctx, `SELECT name, value FROM gallra_meta`, nil, func(rows *sql.Rows) error {
		var name string
		var value []byte
		if err := rows.Scan(&name, blob(&value)); err != nil {
			return err
		}
		out[name] = value
		return nil
	})
	if err != nil {
		return nil, Wrap(ctx, s, "read settings", err)
	}
	return out, nil
}

// Count returns how many parts are stored, exactly.
func (s *Store) Count(ctx context.Context) (int64, error) {
	return one(ctx, s, "count parts", `SELECT COUNT(*) FROM gallra_parts`, nil, func(rows *sql.Rows, n *int64) error { return rows.Scan(n) })
}
