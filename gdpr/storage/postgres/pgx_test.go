package postgres_test

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
	"github.com/gallra/gallra/internal/pgtest"
)

// TestPgx: the same store over the application's connections of another driver.
func TestPgx(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		t.Helper()
		db, err := sql.Open("pgx", pgtest.DSN(t))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		s, err := postgres.OpenDB(t.Context(), db, nil)
		require.NoError(t, err)
		return s
	})
}
