package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// tx is one batch on its way: the first error of the driver ends it, conditions that failed are gathered.
type tx struct {
	s      *Store
	ctx    context.Context // of each statement
	tx     *sql.Tx
	joined bool // a transaction of the application: what is prepared may be of another database
	stmts  map[string]*sql.Stmt
	failed []storage.Failure
	err    error
}

// errOvertaken: another transaction took the number of a row. Trying again finds the next one.
var errOvertaken = errors.New("overtaken by another transaction")

// joined is the application's transaction that a context carries, or nil: also where a store of this kind writes into none.
func (s *Store) joined(ctx context.Context) *sql.Tx {
	tx, ok := storage.Joined(ctx).(*sql.Tx)
	if !ok || !s.dialect.Joins {
		return nil
	}
	return tx
}

// inTx runs do in a transaction, again when the database asks for it.
func (s *Store) inTx(ctx context.Context, op string, do func(*tx)) error {
	if outer := s.joined(ctx); outer != nil {
		return s.InSavepoint(ctx, op, outer, func(ctx context.Context) error { return s.within(ctx, outer, true, do) })
	}
	return s.Again(ctx, op, func() error {
		if !s.dialect.Unprepared {
			if err := s.write.catchUp(ctx); err != nil {
				return err
			}
		}
		return s.InTx(ctx, func(ctx context.Context, _ *sql.Conn, t *sql.Tx) error { return s.within(ctx, t, false, do) })
	})
}

// Again does something until it works or the database no longer asks to try again, and wraps the error.
func (s *Store) Again(ctx context.Context, op string, do func() error) error {
	if err := ctx.Err(); err != nil {
		return Wrap(ctx, s, op, err)
	}
	if s.closed.Load() {
		return Wrap(ctx, s, op, storage.ErrClosed)
	}
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == tries || errors.Is(err, storage.ErrOutcomeUnknown) || ctx.Err() != nil || !s.again(err) {
			return Wrap(ctx, s, op, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try*try) * time.Millisecond):
		}
	}
}

func (s *Store) again(err error) bool {
	if errors.Is(err, errOvertaken) {
		return true
	}
	class := s.dialect.Classify(err)
	return class == Retry || class == Lost
}

// InTx runs do in a transaction of the pool that batches go through, and commits it.
func (s *Store) InTx(ctx context.Context, do func(context.Context, *sql.Conn, *sql.Tx) error) error {
	conn, err := s.write.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	begin, each := ctx, context.WithoutCancel(ctx) // the caller's end ends the transaction, between two statements
	if s.dialect.Interrupt {
		begin, each = each, begin // it ends a statement, but never a commit
	}
	sqlTx, err := conn.BeginTx(begin, &sql.TxOptions{Isolation: s.dialect.Isolation})
	if err != nil {
		return err
	}
	defer func() { _ = sqlTx.Rollback() }() // does nothing after a commit
	if err := do(each, conn, sqlTx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		return s.commitError(err)
	}
	return nil
}

// InSavepoint runs do within a transaction of the application, of which nothing is left when it fails.
func (s *Store) InSavepoint(ctx context.Context, op string, outer *sql.Tx, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return Wrap(ctx, s, op, err)
	}
	if s.closed.Load() {
		return Wrap(ctx, s, op, storage.ErrClosed)
	}
	// An interrupted statement would end the whole transaction.
	each := context.WithoutCancel(ctx)
	if _, err := outer.ExecContext(each, `SAVEPOINT gallra`); err != nil {
		return Wrap(ctx, s, op, err)
	}
	err := do(each)
	if err != nil {
		_, undo := outer.ExecContext(each, `ROLLBACK TO SAVEPOINT gallra`)
		err = errors.Join(err, undo)
	}
	_, done := outer.ExecContext(each, `RELEASE SAVEPOINT gallra`)
	return Wrap(ctx, s, op, errors.Join(err, done))
}

// within runs do in a transaction that somebody else ends.
func (s *Store) within(ctx context.Context, sqlTx *sql.Tx, joined bool, do func(*tx)) error {
	t := &tx{s: s, ctx: ctx, tx: sqlTx, joined: joined, stmts: map[string]*sql.Stmt{}}
	do(t)
	switch {
	case t.err != nil:
		return t.err
	case len(t.failed) > 0:
		return &storage.ConditionError{Failures: t.failed}
	}
	return nil
}

// commitError tells a commit that certainly failed from one that may have been stored.
func (s *Store) commitError(err error) error {
	class := s.dialect.Classify(err)
	if errors.Is(err, sql.ErrTxDone) || class != Other && class != Lost {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err)
}

func (t *tx) fail(f storage.Failure) { t.failed = append(t.failed, f) }

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) int64 {
	if t.err != nil {
		return 0
	}
	var res sql.Result
	if st := t.stmt(query); t.err != nil {
		return 0
	} else if st != nil {
		res, t.err = st.ExecContext(t.ctx, args...)
	} else {
		res, t.err = t.tx.ExecContext(t.ctx, t.s.write.text(query), args...)
	}
	if t.err != nil {
		return 0
	}
	var n int64
	n, t.err = res.RowsAffected()
	return n
}

// rows runs a query.
func (t *tx) rows(query string, args []any) *sql.Rows {
	if t.err != nil {
		return nil
	}
	var rows *sql.Rows
	if st := t.stmt(query); t.err != nil {
		return nil
	} else if st != nil {
		rows, t.err = st.QueryContext(t.ctx, args...)
	} else {
		rows, t.err = t.tx.QueryContext(t.ctx, t.s.write.text(query), args...)
	}
	if t.err != nil {
		return nil
	}
	return rows
}

// stmt is a prepared statement of this transaction, or nil where the text must be sent.
func (t *tx) stmt(query string) *sql.Stmt {
	if t.joined || t.s.dialect.Unprepared {
		return nil
	}
	if st := t.stmts[query]; st != nil {
		return st
	}
	st := t.s.write.known(query)
	if st != nil {
		st = t.tx.StmtContext(t.ctx, st)
	} else if st, t.err = t.tx.PrepareContext(t.ctx, t.s.dialect.text(query)); t.err != nil {
		return nil
	}
	t.stmts[query] = st
	return st
}

// get reads one row and reports whether there is one.
func (t *tx) get(query string, args []any, dest ...any) (found bool) {
	t.each(query, args, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	return found && t.err == nil
}

// each reads several rows.
func (t *tx) each(query string, args []any, scan func(*sql.Rows) error) {
	rows := t.rows(query, args) //nolint:rowserrcheck // below
	if rows == nil {
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if t.err = scan(rows); t.err != nil {
			return
		}
	}
	t.err = rows.Err()
}

// upsert changes a row or puts it: not by one statement, as not every database behind this SQL has that.
func (t *tx) upsert(update string, updateArgs []any, insert string, insertArgs []any) {
	if t.exec(update, updateArgs...) == 0 && t.exec(insert, insertArgs...) == 0 {
		t.exec(update, updateArgs...)
	}
}

// changed says why a row may not be taken, or nothing.
func changed(found, revision, notHeld bool, held int) storage.Reason {
	switch {
	case !found:
		return storage.Missing
	case !revision:
		return storage.Changed
	case notHeld && held != 0:
		return storage.Held
	}
	return ""
}
