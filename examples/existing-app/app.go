package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/postgres"
)

// settings are what a start says.
type settings struct {
	dsn, register, kek string
	owner              string
	log                *slog.Logger
}

// app is the application with its library.
type app struct {
	*gdpr.Engine
	db   *sql.DB // of the application
	data *postgres.Store
	log  *slog.Logger
}

// openApp opens the database twice: the trace of a read that is made within a transaction takes a connection more, and with a single pool the
// transactions could hold all of them while each waits for another.
func openApp(ctx context.Context, set settings) (_ *app, err error) {
	a := &app{log: set.log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	register, err := gdpr.LoadRegister(set.register)
	if err != nil {
		return nil, err
	}
	if set.dsn == "" {
		return nil, errors.New("the data source name is missing: set APP_DSN")
	}
	if a.data, err = postgres.Open(ctx, set.dsn, nil); err != nil { // checks the DSN, and makes the tables of schema gallra
		return nil, err
	}
	if a.db, err = sql.Open("postgres", set.dsn); err != nil {
		return nil, err
	}
	a.db.SetMaxOpenConns(16)
	if _, err = a.db.ExecContext(ctx, ticketTable); err != nil {
		return nil, err
	}
	// In production, the key comes from a key service: any Tink AEAD will do.
	kek, err := insecurekeyfile.Open(set.kek)
	if err != nil {
		return nil, err
	}
	opt := &gdpr.Options{Logger: set.log}
	if set.owner != "" {
		opt.Owner = gdpr.Person(set.owner)
	}
	a.Engine, err = gdpr.Open(ctx, a.data, kek, register, opt)
	return a, err
}

// close closes what is open.
func (a *app) close() error {
	var errs []error
	if a.Engine != nil {
		errs = append(errs, a.Engine.Close())
	}
	if a.data != nil {
		errs = append(errs, a.data.Close())
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	return errors.Join(errs...)
}

// inTx runs do in one transaction of the application. What do writes through its context, and through tx, is there together or not at all.
func (a *app) inTx(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil) // READ COMMITTED, as Postgres has it by default
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := do(postgres.InTx(ctx, tx), tx); err != nil {
		return err
	}
	return tx.Commit()
}
