package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/pgtest"
)

// TestPages: whoever reads page by page makes the server touch each row about once, however many there are and whether or not it has
// statistics of them. A plan that sorts what is left, for each page, touches them hundreds of times here.
func TestPages(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	pool := connect(t, "postgres", dsn)
	pool.SetMaxOpenConns(2)
	pool.SetMaxIdleConns(1) // whose counters are asked for
	s, err := postgres.OpenDB(t.Context(), pool, nil)
	require.NoError(t, err)
	people := []person{newPerson(), newPerson()}
	due := people[0].subject.Created
	var ids []storage.ID
	for i := range people {
		p := &people[i]
		ids = append(ids, p.subject.ID)
		p.part.Owner, p.part.Hangs, p.part.Due, p.part.Controller = people[0].lane, true, due, people[0].subject.Controller
		require.NoError(t, s.Apply(t.Context(), p.batch()))
	}
	const each, limit = 5_000, 20
	execute(t, dsn, `ALTER TABLE gallra.parts SET (autovacuum_enabled = false)`,
		`INSERT INTO gallra.parts SELECT (q.row).* FROM (SELECT jsonb_populate_record(p, jsonb_build_object('record', '\x' || lpad(to_hex(n), 32, '0'))) AS row
			FROM gallra.parts p, generate_series(2, 5000) n) q`)
	first := people[0]
	for _, statistics := range []bool{false, true} {
		if statistics {
			execute(t, dsn, `ANALYZE gallra.parts`)
		}
		for name, q := range map[string]storage.PartQuery{
			"all":               {},
			"person":            {Subjects: ids[:1]},
			"person, activity":  {Subjects: ids[:1], Family: first.part.Family, Controller: first.part.Controller},
			"people":            {Subjects: ids},
			"activity":          {Family: first.part.Family, Controller: first.part.Controller},
			"what hangs":        {Owner: first.lane, Family: first.part.Family, Hanging: true},
			"what an owner has": {Owner: first.lane},
		} {
			q.Limit = limit
			want := len(ids) * each
			if len(q.Subjects) == 1 {
				want = each
			}
			rows := touched(t, pool, func() {
				n := 0
				for {
					parts, err := s.Parts(t.Context(), q)
					require.NoError(t, err)
					n += len(parts)
					if len(parts) < limit {
						break
					}
					q.After = parts[limit-1].PartRef
				}
				assert.Equal(t, want, n, name)
			})
			assert.Less(t, rows, 3*want, "%s, statistics: %v", name, statistics)
		}
		rows := touched(t, pool, func() {
			n := 0
			for q := (storage.DueQuery{Before: due.Add(time.Hour), Light: true, Limit: limit}); ; {
				parts, err := s.Due(t.Context(), q)
				require.NoError(t, err)
				n += len(parts)
				if len(parts) < limit {
					break
				}
				q.After = storage.DueCursor{Due: parts[limit-1].Due, Part: parts[limit-1].PartRef}
			}
			assert.Equal(t, len(ids)*each, n)
		})
		assert.Less(t, rows, 3*len(ids)*each, "due, statistics: %v", statistics)
	}
}

// touched is how many rows of parts the server reads while something is done.
func touched(t *testing.T, db *sql.DB, do func()) int {
	t.Helper()
	count := func() (n int) {
		_, err := db.ExecContext(t.Context(), `SELECT pg_stat_force_next_flush()`)
		require.NoError(t, err)
		err = db.QueryRowContext(t.Context(), `SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = 'gallra' AND relname = 'parts'`).Scan(&n)
		require.NoError(t, err)
		return n
	}
	before := count()
	do()
	return count() - before
}
