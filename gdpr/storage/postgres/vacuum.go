package postgres

import (
	"context"

	"github.com/gallra/gallra/gdpr/storage"
)

// vacuum cleans the tables from which rows are erased, and looks whether an older transaction kept it from that.
func (s *Store) vacuum(ctx context.Context) error {
	var before int64
	if err := s.db.QueryRowContext(ctx, `SELECT txid_current()`).Scan(&before); err != nil {
		return err
	}
	for _, table := range []string{"parts", "index", "subjects", "links", "part_keys", "subject_keys", "controller_keys", "files"} {
		if _, err := s.db.ExecContext(ctx, `VACUUM `+s.schema+`.`+table); err != nil {
			return err
		}
	}
	var old bool
	if err := s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()
		AND backend_xmin IS NOT NULL AND CAST(CAST(backend_xmin AS TEXT) AS BIGINT) <= $1 % 4294967296)`, before).Scan(&old); err != nil {
		return err
	}
	if old {
		return storage.ErrBusy
	}
	return nil
}
