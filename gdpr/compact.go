package gdpr

import (
	"context"
	"fmt"

	"github.com/gallra/gallra/gdpr/storage"
)

// Compact writes the files of the stores anew, where a store can do that, so that no copy of what was erased is left in the slack of a file's pages.
// A sweep removes rows and keys and scrubs what it can at once; a database may still hold bytes of them between its rows, which open nothing while the keys
// live apart. Run it now and then, at a quiet hour: writers wait as long as it takes to copy a store.
func (e *Engine) Compact(ctx context.Context) error {
	if err := e.ready(); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	stores := []any{e.store}
	if e.apart {
		stores = append(stores, e.keys)
	}
	for _, s := range stores {
		if c, ok := s.(storage.Compactor); ok {
			if err := c.Compact(ctx); err != nil {
				return fmt.Errorf("compact: %w", translate(err))
			}
		}
	}
	return nil
}
