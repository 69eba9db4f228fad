package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
	_ "github.com/gallra/gallra/internal/seeded"
)

func open(t *testing.T) storage.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "gallra.db"), nil)
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, open)
}

func TestModel(t *testing.T) {
	t.Parallel()
	storagetest.Model(t, func(*testing.T) storage.Store { return memory.New() }, open)
}
