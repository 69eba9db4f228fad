package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// house is the engine with what lies under it.
type house struct {
	*gdpr.Engine
	end []func() error // last opened, first closed
	now func() time.Time
}

// openHouse opens what the settings name, which must be there already; or the demo.
func openHouse(ctx context.Context, set settings) (_ *house, err error) {
	h := &house{now: time.Now}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if set.demo {
		return h, h.invent(ctx)
	}
	register, err := gdpr.LoadRegister(set.register)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if _, err := os.Stat(set.kek); err != nil { // or it would be made, and open nothing
		return nil, fmt.Errorf("KEK: %w", err)
	}
	kek, err := insecurekeyfile.Open(set.kek) // in production any Tink AEAD; retention-cron shows how
	if err != nil {
		return nil, fmt.Errorf("KEK: %w", err)
	}
	data, err := h.open(ctx, set.dsn)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	opt := &gdpr.Options{}
	if set.keysDSN != "" {
		if opt.Keys, err = h.open(ctx, set.keysDSN); err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
	}
	if h.Engine, err = gdpr.Open(ctx, data, kek, register, opt); err != nil {
		return nil, err
	}
	h.end = append(h.end, h.Engine.Close)
	return h, nil
}

// open opens a store that an application has set up.
func (h *house) open(ctx context.Context, dsn string) (storage.Store, error) {
	store, err := openStore(ctx, dsn)
	if err != nil {
		return nil, err
	}
	h.end = append(h.end, store.Close)
	meta, err := store.Meta(ctx)
	if err != nil {
		return nil, err
	}
	if len(meta) == 0 {
		return nil, errors.New("the store is empty: is it the right one?")
	}
	return store, nil
}

func openStore(ctx context.Context, dsn string) (storage.Store, error) {
	path, isSQLite := strings.CutPrefix(dsn, "sqlite:")
	if !isSQLite {
		return postgres.Open(ctx, dsn, &postgres.Options{KeepSchema: true, Conns: 4})
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("no SQLite file at this path: the application that keeps the data makes it")
	}
	return sqlite.Open(ctx, path, &sqlite.Options{KeepSchema: true})
}

func (h *house) close() error {
	var errs []error
	for i := range h.end {
		errs = append(errs, h.end[len(h.end)-1-i]())
	}
	h.end = nil
	return errors.Join(errs...)
}
