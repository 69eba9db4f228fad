package postgres

import (
	"context"
	"database/sql"
	"strings"
)

// copyFrom is from how many rows on they are copied in: below, the statement is faster.
const copyFrom = 50

// bulk is many rows for one table.
type bulk struct {
	table   string
	columns []string
	rows    int
	value   func(row, col int) any
}

// copyIn streams rows into a table by COPY, as lib/pq does it.
func (s *Store) copyIn(ctx context.Context, tx *sql.Tx, b *bulk) error {
	st, err := tx.PrepareContext(ctx, `COPY `+s.schema+`.`+b.table+` (`+strings.Join(b.columns, `, `)+`) FROM STDIN`)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	args := make([]any, len(b.columns))
	for row := range b.rows {
		for col := range args {
			args[col] = b.value(row, col)
		}
		if _, err := st.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	_, err = st.ExecContext(ctx) // without rows: what was sent is in the table now, or not
	return err
}
