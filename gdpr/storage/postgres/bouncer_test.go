package postgres_test

import (
	"errors"
	"strings"
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
	for _, test := range []struct {
		name   string
		open   opener
		params []string
		suite  bool
	}{
		{"lib/pq", openStore, nil, true},
		{"lib/pq of the application", openPool, []string{"binary_parameters=yes"}, false},
		{"pgx of the application", openPgx, []string{"default_query_exec_mode=exec"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := strings.Map(func(r rune) rune { return max(r, 'a') }, test.name)
			require.NoError(t, c.CreateDatabase(t.Context(), name))
			dsn := address(name, test.params...)
			if test.suite {
				storagetest.RunSteady(t, (&shelf{dsn: dsn, admin: c.DSN(name)}).stores(test.open, postgres.Options{Unprepared: true}))
			}
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
