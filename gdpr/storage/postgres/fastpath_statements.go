package postgres

import (
	"context"
	"database/sql"
	"strings"
	"sync"

	"github.com/jmoiron/sqlx"
)

// statements are those that this package has prepared, by text. Few shapes of batches are usual; the rest is sent unprepared.
type statements struct {
	mu  sync.Mutex
	all map[string]prepared
}

type prepared struct {
	text string
	st   *sql.Stmt
}

const mostStatements = 200

func (s *Store) prepared(ctx context.Context, query string) (prepared, error) {
	s.stmts.mu.Lock()
	p, ok := s.stmts.all[query]
	full := len(s.stmts.all) >= mostStatements
	s.stmts.mu.Unlock()
	if ok {
		return p, nil
	}
	p.text = s.text(query)
	if full {
		return p, nil
	}
	if !s.unprep {
		var err error
		if p.st, err = s.db.PrepareContext(ctx, p.text); err != nil {
			return p, err
		}
	}
	s.stmts.mu.Lock()
	defer s.stmts.mu.Unlock()
	if other, ok := s.stmts.all[query]; ok {
		if p.st != nil {
			_ = p.st.Close()
		}
		return other, nil
	}
	if s.stmts.all == nil {
		s.stmts.all = map[string]prepared{}
	}
	s.stmts.all[query] = p
	return p, nil
}

func (s *Store) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	p, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if p.st == nil {
		return s.db.ExecContext(ctx, p.text, args...)
	}
	return p.st.ExecContext(ctx, args...)
}

// execTx runs a statement within a transaction.
func (p prepared) execTx(ctx context.Context, tx *sql.Tx, args []any) (sql.Result, error) {
	if p.st == nil {
		return tx.ExecContext(ctx, p.text, args...)
	}
	return tx.StmtContext(ctx, p.st).ExecContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
}

// preparedAll prepares the steps of a batch, but those that copy.
func (s *Store) preparedAll(ctx context.Context, steps []step) ([]prepared, error) {
	all := make([]prepared, len(steps))
	for i, st := range steps {
		if st.copy != nil {
			continue
		}
		var err error
		if all[i], err = s.prepared(ctx, st.sql); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// texts are the steps of a batch for a transaction of the application, which may be of other connections.
func (s *Store) texts(steps []step) []prepared {
	all := make([]prepared, len(steps))
	for i, st := range steps {
		all[i].text = s.text(st.sql)
	}
	return all
}

// text is a statement as the server wants it.
func (s *Store) text(query string) string {
	return sqlx.Rebind(sqlx.DOLLAR, strings.ReplaceAll(query, "gallra_", s.schema+"."))
}
