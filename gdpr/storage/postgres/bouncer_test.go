package postgres_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
	"github.com/gallra/gallra/internal/pgtest"
)

// TestBouncer: behind a pooler that hands out another connection for each transaction.
func TestBouncer(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t, nil)
	address := pgtest.Bouncer(t, c)
	for name, test := range map[string]struct {
		open   opener
		params []string
	}{
		"pq":  {openStore, nil},
		"pgx": {openPgx, []string{"default_query_exec_mode=exec"}},
	} {
		require.NoError(t, c.CreateDatabase(t.Context(), name))
		dsn := address(name, test.params...)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, calm((&shelf{dsn: dsn}).stores(test.open, postgres.Options{Unprepared: true})))
			t.Run("an engine", func(t *testing.T) {
				t.Parallel()
				s := newSite(t, test.open(t, dsn, &postgres.Options{Unprepared: true}), t.TempDir()).roles()
				errs := make([]error, 8)
				var wg sync.WaitGroup
				for n := range errs {
					wg.Go(func() { errs[n] = s.life(t.Context(), n) })
				}
				wg.Wait()
				require.NoError(t, errors.Join(errs...))
				s.end()
			})
		})
	}
}
