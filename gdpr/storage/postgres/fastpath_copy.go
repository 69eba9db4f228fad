package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"strconv"
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

// copyIn streams rows into a table by COPY, as lib/pq does it. conn is the connection of the transaction, nil for one of the application.
func (s *Store) copyIn(ctx context.Context, conn *sql.Conn, tx *sql.Tx, b *bulk) error {
	text := s.text(`COPY gallra_` + b.table + ` (` + strings.Join(b.columns, `, `) + `) FROM STDIN`)
	if conn != nil {
		err := conn.Raw(func(c any) error { return b.stream(ctx, c, text) })
		if !errors.Is(err, errNoStream) {
			return err
		}
	}
	st, err := tx.PrepareContext(ctx, text)
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

// errNoStream: somebody's driver stands between, and the rows go one by one.
var errNoStream = errors.New("no stream of rows")

// streamer is what lib/pq makes of a COPY: it takes rows as the text that the server reads.
type streamer interface {
	driver.Stmt
	CopyData(ctx context.Context, lines string) (driver.Result, error)
}

const chunk = 64 << 10

// stream writes the rows as text by itself: database/sql would take each value in hand several times (measured: a third of the time). A context that
// ends is seen between two chunks, and ends the transaction: lib/pq cannot interrupt a COPY.
func (b *bulk) stream(ctx context.Context, conn any, text string) (err error) {
	c, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return errNoStream
	}
	uncut := context.WithoutCancel(ctx)
	st, err := c.PrepareContext(uncut, text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	to, ok := st.(streamer)
	if !ok {
		return errNoStream
	}
	buf := make([]byte, 0, chunk+chunk/4)
	for row := range b.rows {
		for col := range b.columns {
			if col > 0 {
				buf = append(buf, '\t')
			}
			var err error
			if buf, err = appendCopied(buf, b.value(row, col)); err != nil {
				return err
			}
		}
		if len(buf) < chunk && row < b.rows-1 {
			buf = append(buf, '\n')
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := to.CopyData(uncut, string(buf)); err != nil { // which ends the last line
			return err
		}
		buf = buf[:0]
	}
	_, err = to.Exec(nil) // the only way to end it and hear of errors
	return err
}

// appendCopied writes a value as COPY reads it.
func appendCopied(to []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(to, `\N`...), nil
	case int:
		return strconv.AppendInt(to, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(to, v, 10), nil
	case bool:
		return append(to, strconv.FormatBool(v)[0]), nil
	case string:
		for i := range len(v) {
			switch c := v[i]; c {
			case '\\', '\t', '\n', '\r':
				to = append(to, '\\', map[byte]byte{'\\': '\\', '\t': 't', '\n': 'n', '\r': 'r'}[c])
			default:
				to = append(to, c)
			}
		}
		return to, nil
	case []byte:
		return hex.AppendEncode(append(to, `\\x`...), v), nil
	}
	return to, errors.New("copy rows: a value of no known type")
}
