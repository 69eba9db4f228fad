package postgres

import (
	"strconv"
	"strings"
)

// together makes as few statements of the steps of a batch as mean the same. All parts of a statement see the rows as they were before it, so no two of
// them may meet in a row, and a step that looks at what others did begins another one. A batch of one statement is its own transaction.
func together(steps []step) []step {
	var out, open []step
	written := map[string]bool{} // by the open ones: true when it is only erased from, and however much is found
	flush := func() {
		if len(open) > 0 {
			out = append(out, combined(open))
		}
		open = nil
		clear(written)
	}
	for _, s := range steps {
		if s.copy != nil {
			flush()
			out = append(out, s)
			continue
		}
		erases := s.want == anyNumber && strings.HasPrefix(s.sql, `DELETE`)
		if harmless, meets := written[s.table]; s.looks || s.table != "" && meets && (!harmless || !erases) {
			flush()
		}
		open = append(open, s)
		if s.table != "" {
			written[s.table] = erases
		}
	}
	flush()
	return out
}

// combined is steps as one. A step that touched another number of rows than it must makes it divide by zero. The steps that are counted run in their order,
// locks first.
func combined(steps []step) step {
	var b strings.Builder
	b.Grow(4096)
	var args []any
	for i, st := range steps {
		b.WriteString([]string{`WITH s`, `, s`}[min(i, 1)])
		b.WriteString(strconv.Itoa(i))
		b.WriteString(` AS (`)
		b.WriteString(st.sql)
		if st.table != "" && st.want != anyNumber {
			b.WriteString(` RETURNING 1`)
		}
		b.WriteString(`)`)
		args = append(args, st.args...)
	}
	b.WriteString(` SELECT 1 / (CASE WHEN TRUE`)
	for i, st := range steps {
		if st.want != anyNumber {
			b.WriteString(` AND (SELECT COUNT(*) FROM s`)
			b.WriteString(strconv.Itoa(i))
			b.WriteString(`) = ?`)
			args = append(args, st.want)
		}
	}
	b.WriteString(` THEN 1 ELSE 0 END)`)
	return step{sql: b.String(), args: args, want: anyNumber}
}
