package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
	"github.com/gallra/gallra/internal/pgtest"
)

// open returns a function that opens a store in a new database each time.
func open(opt *postgres.Options) func(t *testing.T) storage.Store {
	return func(t *testing.T) storage.Store {
		t.Helper()
		s, err := postgres.Open(t.Context(), pgtest.DSN(t), opt)
		require.NoError(t, err)
		return s
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, open(nil))
}

// TestPortable: the same promises without what only plain Postgres has.
func TestPortable(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, open(&postgres.Options{Portable: true}))
}

func TestModel(t *testing.T) {
	t.Parallel()
	storagetest.Model(t, func(*testing.T) storage.Store { return memory.New() }, open(nil))
}
