package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/gallra/gallra/gdpr/storage"
)

// tx is one batch on its way: the first error of the driver ends it, conditions that failed are gathered.
type tx struct {
	s      *Store
	ctx    context.Context // without the caller's end: it ends the transaction, between two statements
	tx     *sql.Tx
	stmts  map[string]*sql.Stmt
	failed []storage.Failure
	err    error
}

// errOvertaken: another transaction took the number of a row. Trying again finds the next one.
var errOvertaken = errors.New("overtaken by another transaction")

// inTx runs do in a transaction, again when the database asks for it.
func (s *Store) inTx(ctx context.Context, op string, do func(*tx)) error {
	if err := ctx.Err(); err != nil {
		return Wrap(ctx, s, op, err)
	}
	if s.closed.Load() {
		return Wrap(ctx, s, op, storage.ErrClosed)
	}
	for try := 1; ; try++ {
		err := s.tryTx(ctx, do)
		if err == nil || try == tries || !errors.Is(err, errOvertaken) && s.dialect.Classify(err) != Retry {
			return Wrap(ctx, s, op, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try*try) * time.Millisecond):
		}
	}
}

func (s *Store) tryTx(ctx context.Context, do func(*tx)) error {
	if err := s.write.catchUp(ctx); err != nil {
		return err
	}
	sqlTx, err := s.write.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = sqlTx.Rollback() }() // does nothing after a commit
	t := &tx{s: s, ctx: context.WithoutCancel(ctx), tx: sqlTx, stmts: map[string]*sql.Stmt{}}
	do(t)
	switch {
	case t.err != nil:
		return t.err
	case len(t.failed) > 0:
		return &storage.ConditionError{Failures: t.failed}
	}
	if err := sqlTx.Commit(); err != nil {
		return s.commitError(err)
	}
	return nil
}

// commitError tells a commit that certainly failed from one that may have been stored.
func (s *Store) commitError(err error) error {
	if errors.Is(err, sql.ErrTxDone) || s.dialect.Classify(err) != Other {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err)
}

func (t *tx) fail(f storage.Failure) { t.failed = append(t.failed, f) }

func (t *tx) stmt(query string) *sql.Stmt {
	if st := t.stmts[query]; st != nil {
		return st
	}
	st := t.s.write.known(query)
	if st != nil {
		st = t.tx.StmtContext(t.ctx, st)
	} else if st, t.err = t.tx.PrepareContext(t.ctx, sqlx.Rebind(t.s.dialect.Bind, query)); t.err != nil {
		return nil
	}
	t.stmts[query] = st
	return st
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) int64 {
	if t.err != nil {
		return 0
	}
	st := t.stmt(query)
	if t.err != nil {
		return 0
	}
	res, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		t.err = err
		return 0
	}
	n, err := res.RowsAffected()
	t.err = err
	return n
}

// get reads one row and reports whether there is one.
func (t *tx) get(query string, args []any, dest ...any) bool {
	if t.err != nil {
		return false
	}
	st := t.stmt(query)
	if t.err != nil {
		return false
	}
	err := st.QueryRowContext(t.ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false
	}
	t.err = err
	return err == nil
}

// each reads several rows.
func (t *tx) each(query string, args []any, scan func(*sql.Rows) error) {
	if t.err != nil {
		return
	}
	st := t.stmt(query)
	if t.err != nil {
		return
	}
	rows, err := st.QueryContext(t.ctx, args...)
	if err != nil {
		t.err = err
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
