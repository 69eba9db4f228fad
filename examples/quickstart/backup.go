package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// backUp copies the data file alone, as a nightly backup would.
func (h *house) backUp(ctx context.Context) error {
	if err := h.data.Scrub(ctx); err != nil { // brings the write-ahead log into the file
		return err
	}
	return copyFile(h.path(filepath.Join(copyDir, dataFile)), h.path(dataFile))
}

// onBackup opens an engine on the copy with the keys of today, and tries something with it.
func (h *house) onBackup(ctx context.Context, noLedger bool, try func(*gdpr.Session) error) (err error) {
	data, err := sqlite.Open(ctx, h.path(filepath.Join(copyDir, dataFile)), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	old, err := gdpr.Open(ctx, data, h.kek, h.Register(), &gdpr.Options{Keys: h.keys, NoLedger: noLedger, Now: h.clock.now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	return try(old.As(privacy, gdpr.SubjectRights))
}

// openFromBackup tries to open records from the copy, past the ledger that would forbid it.
func (h *house) openFromBackup(ctx context.Context, records []holding) (opened, erased int, err error) {
	err = h.onBackup(ctx, true, func(s *gdpr.Session) error {
		for _, r := range records {
			_, err := s.Get(ctx, r.ID)
			switch {
			case err == nil:
				opened++
			case errors.Is(err, gdpr.ErrErased):
				erased++
			default:
				return err
			}
		}
		return nil
	})
	return opened, erased, err
}
