package postgres_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/pgtest"
)

// begin begins a transaction of the application, and a context that carries it.
func begin(t *testing.T, db *sql.DB, level sql.IsolationLevel) (context.Context, *sql.Tx) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return postgres.InTx(t.Context(), tx), tx
}

// free is the lane that a transaction gets.
func free(ctx context.Context, t *testing.T, s *postgres.Store) (storage.Lane, []byte) {
	t.Helper()
	lane, mac, err := s.FreeLane(ctx)
	require.NoError(t, err)
	return lane, mac
}

// write appends one entry to a lane.
func write(ctx context.Context, t *testing.T, s *postgres.Store, lane storage.Lane, mac string) {
	t.Helper()
	p := newPerson()
	b := p.batch()
	b.Entries[0].Lane, b.Entries[0].Seq, b.Entries[0].MAC = lane.ID, lane.Last+1, []byte(mac)
	require.NoError(t, s.Apply(ctx, b))
}

// eachJoin runs a test with transactions of both drivers.
func eachJoin(t *testing.T, run func(t *testing.T, s *postgres.Store, db *sql.DB)) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			run(t, d.open(t, dsn, nil), connect(t, d.driver, dsn))
		})
	}
}

// Open transactions have a lane each. One that has ended, in either way, leaves its lane to the next.
func TestFreeLane(t *testing.T) {
	t.Parallel()
	eachJoin(t, func(t *testing.T, s *postgres.Store, db *sql.DB) {
		one, tx1 := begin(t, db, 0)
		first, mac := free(one, t, s)
		assert.Zero(t, first.Last)
		assert.Empty(t, mac)
		write(one, t, s, first, "ett")
		same, mac := free(one, t, s)
		assert.Equal(t, storage.Lane{ID: first.ID, Last: 1}, same, "its own, with what it wrote")
		assert.Equal(t, "ett", string(mac))

		two, tx2 := begin(t, db, 0)
		second, mac := free(two, t, s)
		assert.NotEqual(t, first.ID, second.ID)
		assert.Zero(t, second.Last)
		assert.Empty(t, mac)
		write(two, t, s, second, "två")
		require.NoError(t, tx1.Commit())
		require.NoError(t, tx2.Commit())

		three, tx3 := begin(t, db, 0)
		third, mac := free(three, t, s)
		assert.Equal(t, uint64(1), third.Last, "a lane that was left")
		assert.Equal(t, map[storage.ID]string{first.ID: "ett", second.ID: "två"}[third.ID], string(mac))
		write(three, t, s, third, "tre")
		four, _ := begin(t, db, 0)
		fourth, _ := free(four, t, s)
		assert.NotEqual(t, third.ID, fourth.ID)
		assert.Contains(t, []storage.ID{first.ID, second.ID}, fourth.ID, "the other one, and no new one")
		require.NoError(t, tx3.Rollback())

		five, _ := begin(t, db, 0)
		fifth, again := free(five, t, s)
		assert.Equal(t, third, fifth, "as if the transaction had never been")
		assert.Equal(t, mac, again)
	})
}

// A lane that was new in a transaction goes with it.
func TestFreeLaneRolledBack(t *testing.T) {
	t.Parallel()
	eachJoin(t, func(t *testing.T, s *postgres.Store, db *sql.DB) {
		ctx, tx := begin(t, db, 0)
		gone, _ := free(ctx, t, s)
		write(ctx, t, s, gone, "borta")
		require.NoError(t, tx.Rollback())
		lanes, err := s.Lanes(t.Context())
		require.NoError(t, err)
		assert.Empty(t, lanes)
		ctx, _ = begin(t, db, 0)
		next, mac := free(ctx, t, s)
		assert.NotEqual(t, gone.ID, next.ID)
		assert.Zero(t, next.Last)
		assert.Empty(t, mac)
	})
}

// A transaction that sees a snapshot is refused, whether or not there is a lane yet; so is a context without any.
func TestFreeLaneRefused(t *testing.T) {
	t.Parallel()
	eachJoin(t, func(t *testing.T, s *postgres.Store, db *sql.DB) {
		_, _, err := s.FreeLane(t.Context())
		require.ErrorContains(t, err, "no transaction")
		for range 2 {
			for _, level := range []sql.IsolationLevel{sql.LevelRepeatableRead, sql.LevelSerializable} {
				ctx, tx := begin(t, db, level)
				_, _, err := s.FreeLane(ctx)
				require.ErrorContains(t, err, "READ COMMITTED", level)
				require.NoError(t, tx.Rollback())
			}
			ctx, tx := begin(t, db, sql.LevelReadCommitted)
			free(ctx, t, s)
			require.NoError(t, tx.Commit())
		}
	})
}

// A batch that is refused leaves nothing in the transaction, which goes on.
func TestJoinedBatchRefused(t *testing.T) {
	t.Parallel()
	eachJoin(t, func(t *testing.T, s *postgres.Store, db *sql.DB) {
		ctx, tx := begin(t, db, 0)
		lane, _ := free(ctx, t, s)
		p := newPerson()
		require.NoError(t, s.Apply(ctx, p.batch()))
		bad := newPerson()
		b := bad.batch()
		b.Entries[0].Lane = lane.ID
		b.PutSubjects = append(b.PutSubjects, p.subject) // who is there already
		err := s.Apply(ctx, b)
		var cond *storage.ConditionError
		require.ErrorAs(t, err, &cond)
		assert.Zero(t, bad.parts(t, s))
		write(ctx, t, s, lane, "ett")
		_, err = s.Subject(ctx, bad.subject.ID)
		require.ErrorIs(t, err, storage.ErrNotFound)
		_, err = s.Subject(ctx, p.subject.ID)
		require.NoError(t, err, "the transaction sees what it wrote")
		_, err = s.Subject(t.Context(), p.subject.ID)
		require.ErrorIs(t, err, storage.ErrNotFound, "nobody else does")
		require.NoError(t, tx.Commit())
		assert.Equal(t, 1, p.parts(t, s))
		assert.Zero(t, bad.parts(t, s))
	})
}
