package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/internal/sqlstore"
)

// errRefused: a row was not as the batch demands. The portable form then finds out which.
var errRefused = errors.New("refused")

// applyFast tries a batch as few statements over sets of rows: as a single one where that means the same, which is one round trip and one
// commit. What it cannot do, or what fails on a row, goes the portable way.
func (s *Store) applyFast(ctx context.Context, b *storage.Batch) error {
	p := planOf(b, s.copies)
	if !p.ok {
		return s.base.Apply(ctx, b)
	}
	steps := together(p.steps)
	const op = "apply batch"
	var err error
	if outer, ok := storage.Joined(ctx).(*sql.Tx); ok {
		err = s.InSavepoint(ctx, op, outer, func(ctx context.Context) error { return s.steps(ctx, nil, outer, steps, s.texts(steps)) })
	} else {
		err = s.Again(ctx, op, func() error {
			// A lost connection makes database/sql send a statement again. Only a trail entry, whose number is taken once, tells whether it was done.
			// Of another driver than lib/pq nobody knows what an interrupted statement did.
			if len(b.Entries) > 0 && (s.copies || ctx.Done() == nil) && len(steps) == 1 && steps[0].copy == nil {
				return s.statement(ctx, &steps[0])
			}
			// Before the transaction has its connection: to prepare takes one too.
			all, err := s.preparedAll(ctx, steps)
			if err != nil {
				return err
			}
			return s.InTx(ctx, func(ctx context.Context, conn *sql.Conn, tx *sql.Tx) error { return s.steps(ctx, conn, tx, steps, all) })
		})
	}
	if errors.Is(err, errRefused) {
		return s.base.Apply(ctx, b)
	}
	return err
}

// statement runs all of a batch as one statement, which the server commits by itself.
func (s *Store) statement(ctx context.Context, st *step) error {
	_, err := s.exec(ctx, st.sql, st.args)
	code := state(err)
	switch {
	case err == nil:
		return nil
	case code == divisionByZero, strings.HasPrefix(code, "23"):
		return errRefused
	case code == serializationFailure, code == deadlock:
		return err
	}
	if class := classify(err); class == sqlstore.Lost || class == sqlstore.Other && code == "" {
		return fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err)
	}
	return err
}

// steps runs them one by one in a transaction; conn is its connection, nil for one of the application.
func (s *Store) steps(ctx context.Context, conn *sql.Conn, tx *sql.Tx, steps []step, all []prepared) error {
	for i, st := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if st.copy != nil {
			if err := s.copyIn(ctx, conn, tx, st.copy); err != nil {
				return refusedBy(err)
			}
			continue
		}
		res, err := all[i].execTx(ctx, tx, st.args)
		if err != nil {
			return refusedBy(err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if st.want != anyNumber && int(n) != st.want {
			return errRefused
		}
	}
	return nil
}

// refusedBy reads a violated constraint, and the division by zero of a combined step, as a row that is not as it must be.
func refusedBy(err error) error {
	if code := state(err); code == divisionByZero || strings.HasPrefix(code, "23") {
		return errRefused
	}
	return err
}
