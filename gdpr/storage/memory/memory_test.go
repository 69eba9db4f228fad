package memory_test

import (
	"testing"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/storagetest"
	_ "github.com/gallra/gallra/internal/seeded"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(*testing.T) storage.Store { return memory.New() })
}

// TestModel compares the store with itself: that the model draws batches that succeed, and that nothing depends on the order of a map.
func TestModel(t *testing.T) {
	t.Parallel()
	open := func(*testing.T) storage.Store { return memory.New() }
	storagetest.Model(t, open, open)
}
