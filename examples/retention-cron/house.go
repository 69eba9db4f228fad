package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// house is the engine with what lies under it.
type house struct {
	*gdpr.Engine
	data, keys storage.Store // keys is nil when they lie with the data
}

// openHouse opens what the settings name. Everything must be there already.
func openHouse(ctx context.Context, set settings) (_ *house, err error) {
	h := &house{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	register, err := gdpr.LoadRegister(set.register)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	kek, err := openKEK(set.kek, set.ledger)
	if err != nil {
		return nil, err
	}
	if h.data, err = openStore(ctx, set.dsn); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if err := setUp(ctx, h.data); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	opt := &gdpr.Options{}
	if set.keysDSN != "" {
		if h.keys, err = openStore(ctx, set.keysDSN); err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		opt.Keys = h.keys
	}
	h.Engine, err = gdpr.Open(ctx, h.data, kek, register, opt)
	return h, err
}

// postgresDSN tells an address of Postgres from a path.
var postgresDSN = regexp.MustCompile(`^\s*(postgres(ql)?://|[a-z_]+\s*=)`)

// openStore opens a store with tables as they are: to change them takes rights that a nightly job should not have. Errors do not repeat what
// could not be read: a password may stand in it.
func openStore(ctx context.Context, dsn string) (storage.Store, error) {
	path, isSQLite := strings.CutPrefix(dsn, "sqlite:")
	switch {
	case !isSQLite && postgresDSN.MatchString(dsn):
		store, err := postgres.Open(ctx, dsn, &postgres.Options{KeepSchema: true, Conns: 4})
		if err != nil {
			return nil, err
		}
		return store, nil
	case !isSQLite && strings.Contains(dsn, "://"):
		return nil, errors.New("neither an address of Postgres (postgres://...) nor the path of a SQLite file")
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("no SQLite file at this path (nor is it an address of Postgres): the application that keeps the data makes the file")
	}
	store, err := sqlite.Open(ctx, path, &sqlite.Options{KeepSchema: true})
	if err != nil {
		return nil, err
	}
	return store, nil
}

// setUp refuses a store that no application has set up yet, which gdpr.Open would do.
func setUp(ctx context.Context, store storage.Store) error {
	meta, err := store.Meta(ctx)
	if err != nil {
		return err
	}
	if len(meta) == 0 {
		return errors.New("the store is empty: is it the right one? The application that keeps the data sets it up")
	}
	return nil
}

// openKEK opens the key that wraps all others. In production it never lies in a file: take it from a key service here. Any Tink AEAD will do,
// such as that of tink-go-awskms, -gcpkms or -hcvault:
//
//	client, err := hcvault.NewClientWithAEADOptions(...)
//	...
//	key, err := client.GetAEAD(uri)
//	...
//	return kek{crypto.FromAEAD(key), ledger}, nil
func openKEK(path, ledger string) (crypto.KEK, error) {
	if _, err := os.Stat(path); err != nil { // or it would be made, and open nothing
		return nil, fmt.Errorf("KEK: %w", err)
	}
	key, err := insecurekeyfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("KEK: %w", err)
	}
	if ledger == "" {
		ledger = key.LedgerPath()
	}
	if _, err := os.Stat(ledger); err != nil { // or a new one would know of no erasure, and a restored store would pass for the newest
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return kek{key, ledger}, nil
}

// kek is a KEK and the ledger that goes with it: gdpr.Open asks for LedgerPath.
type kek struct {
	crypto.KEK
	ledger string
}

// LedgerPath is where the ledger lies.
func (k kek) LedgerPath() string { return k.ledger }

// close closes what is open.
func (h *house) close() error {
	var errs []error
	if h.Engine != nil {
		errs = append(errs, h.Engine.Close())
	}
	for _, store := range []storage.Store{h.data, h.keys} {
		if store != nil {
			errs = append(errs, store.Close())
		}
	}
	return errors.Join(errs...)
}
