package postgres

import (
	"context"
	"database/sql"
	"sync"

	"github.com/jmoiron/sqlx"
	"strings"
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
	s.texts.mu.Lock()
	p, ok := s.texts.all[query]
	full := len(s.texts.all) >= mostStatements
	s.texts.mu.Unlock()
	if ok {
		return p, nil
	}
	p.text = sqlx.Rebind(sqlx.DOLLAR, strings.ReplaceAll(query, "gallra_", s.schema+"."))
	if full {
		return p, nil
	}
	if !s.unprep {
		var err error
		if p.st, err = s.db.PrepareContext(ctx, p.text); err != nil {
			return p, err
		}
	}
	s.texts.mu.Lock()
	defer s.texts.mu.Unlock()
	if other, ok := s.texts.all[query]; ok {
		if p.st != nil {
			_ = p.st.Close()
		}
		return other, nil
	}
	if s.texts.all == nil {
		s.texts.all = map[string]prepared{}
	}
	s.texts.all[query] = p
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

// execTx runs a statement of a transaction: the application's own may be of other connections, and is given the text.
func (s *Store) execTx(ctx context.Context, tx *sql.Tx, query string, args []any) (sql.Result, error) {
	p, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if p.st == nil {
		return tx.ExecContext(ctx, p.text, args...)
	}
	return tx.StmtContext(ctx, p.st).ExecContext(ctx, args...)
}
