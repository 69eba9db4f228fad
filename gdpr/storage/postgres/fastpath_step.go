package postgres

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// step is one statement of a batch: all rows of one kind in one go.
type step struct {
	table string // that it writes to; empty for a condition
	sql   string // with question marks, and gallra_ before table names
	args  []any
	want  int   // how many rows it must touch, else the batch is refused; anyNumber: whatever it finds, or it fails by itself
	copy  *bulk // instead of the statement: rows to copy in
	looks bool  // at what the steps before it have done, or what others did before those had their locks: it needs a later statement
}

const anyNumber = -1

// column is one column of the rows that a statement is given: its name, its type, and where its value comes from.
type column[T any] struct {
	name, kind string
	value      func(*T) any // nil, int, int64, bool, string or []byte
}

// source is a list of rows as a table expression: arrays, one for each column, so that the text does not depend on how many rows there are. Each comes
// from a select of its own: the server then plans for a short list, once and for all, and goes row by row through an index; seeing how long the list is,
// it would read the whole other table. A single row is written out.
func source[T any](cols []column[T], rows []T) (sql string, args []any) {
	var b strings.Builder
	if len(rows) == 1 {
		for i, c := range cols {
			b.WriteString([]string{`(SELECT `, `, `}[min(i, 1)] + `CAST(? AS ` + c.kind + `) AS ` + c.name)
			args = append(args, c.value(&rows[0]))
		}
		b.WriteString(`) AS a`)
		return b.String(), args
	}
	b.WriteString(`unnest(`)
	for i, c := range cols {
		if i > 0 {
			b.WriteString(`, `)
		}
		b.WriteString(`(SELECT CAST(? AS ` + c.kind + `[]))`)
		args = append(args, array(c.value, rows))
	}
	b.WriteString(`) AS a(`)
	for i, c := range cols {
		if i > 0 {
			b.WriteString(`, `)
		}
		b.WriteString(c.name)
	}
	b.WriteString(`)`)
	return b.String(), args
}

// insert puts rows, by COPY if there are many and the driver can. One that is there already fails the statement.
func insert[T any](table string, copies bool, cols []column[T], rows []T) step {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.name
	}
	s := step{table: table, want: anyNumber}
	head := `INSERT INTO gallra_` + table + ` (` + strings.Join(names, `, `) + `) `
	if len(rows) == 1 {
		marks := make([]string, len(cols))
		for i, c := range cols {
			marks[i] = `CAST(? AS ` + c.kind + `)`
			s.args = append(s.args, c.value(&rows[0]))
		}
		s.sql = head + `VALUES (` + strings.Join(marks, `, `) + `)`
		return s
	}
	if copies && len(rows) >= copyFrom {
		s.copy = &bulk{table: table, columns: names, rows: len(rows), value: func(row, col int) any { return cols[col].value(&rows[row]) }}
		return s
	}
	from, args := source(cols, rows)
	s.sql, s.args = head+`SELECT * FROM `+from, args
	return s
}

// array is one column of rows as the text of a database array.
func array[T any](value func(*T) any, rows []T) string {
	b := make([]byte, 1, 2+len(rows)*24)
	b[0] = '{'
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		switch v := value(&rows[i]).(type) {
		case nil:
			b = append(b, `NULL`...)
		case int:
			b = strconv.AppendInt(b, int64(v), 10)
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case bool:
			b = append(b, strconv.FormatBool(v)[0])
		case string:
			b = append(b, '"')
			for j := range len(v) {
				if v[j] == '"' || v[j] == '\\' {
					b = append(b, '\\')
				}
				b = append(b, v[j])
			}
			b = append(b, '"')
		case []byte:
			b = append(b, `"\\x`...)
			b = hex.AppendEncode(b, v)
			b = append(b, '"')
		}
	}
	return string(append(b, '}'))
}
