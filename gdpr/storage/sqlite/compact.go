package sqlite

import (
	"context"

	"github.com/gallra/gallra/internal/sqlstore"
)

// Compact writes the whole file anew. When pages of a table split or merge, SQLite leaves copies of rows in the slack of the old pages, and
// secure_delete does not reach those: after Compact and the Scrub that it ends with they are gone. It takes time and room in the order of the file's
// size, and writers wait for it.
func (s *Store) Compact(ctx context.Context) error {
	if _, err := s.Writer().ExecContext(ctx, "VACUUM"); err != nil {
		return sqlstore.Wrap(ctx, s.base, "compact", err)
	}
	return s.Scrub(ctx)
}
