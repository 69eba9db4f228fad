package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/subjectrights"
)

// house is the firm's engine with all that lies around it.
type house struct {
	*gdpr.Engine
	desk       *subjectrights.Desk
	data, keys *sqlite.Store
	kek        *insecurekeyfile.Key

	clock    *clock
	zone     *time.Location
	testdata string
	dir      string // the folder that everything is written to
}

// The names of the files under house.dir.
const (
	dataFile   = "data.db"
	keysFile   = "keys.db"
	kekFile    = "dev.kek"
	copyDir    = "copy-from-before"
	reportsDir = "reports"
)

// openHouse begins anew in a folder: it removes what an earlier run has left there.
func openHouse(ctx context.Context, dir string) (_ *house, err error) {
	h := &house{dir: dir, clock: &clock{}}
	if h.testdata, err = findTestdata(); err != nil {
		return nil, err
	}
	if h.zone, err = civil.LoadZone("Europe/Stockholm"); err != nil {
		return nil, err
	}
	h.turnTo(date(2026, 11, 22))
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	for _, needed := range []string{h.path(copyDir), h.path(reportsDir)} {
		if err := os.MkdirAll(needed, 0o700); err != nil {
			return nil, err
		}
	}
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// open is the front door: stores, key, register, engine.
func (h *house) open(ctx context.Context) (err error) {
	if h.data, err = sqlite.Open(ctx, h.path(dataFile), nil); err != nil {
		return err
	}
	// Keys in a file of their own can be backed up apart, and shorter: then what is erased is erased in old copies, too.
	if h.keys, err = sqlite.Open(ctx, h.path(keysFile), nil); err != nil {
		return err
	}
	// In production, the key comes from a key service: any Tink AEAD will do.
	if h.kek, err = insecurekeyfile.Open(h.path(kekFile)); err != nil {
		return err
	}
	register, err := gdpr.LoadRegister(filepath.Join(h.testdata, registerPath))
	if err != nil {
		return err
	}
	if h.Engine, err = gdpr.Open(ctx, h.data, h.kek, register, &gdpr.Options{Owner: owner, Keys: h.keys, Now: h.clock.now}); err != nil {
		return err
	}
	h.desk, err = subjectrights.New(h.Engine, &subjectrights.Options{Now: h.clock.now})
	return err
}

// close closes what is open.
func (h *house) close() error {
	var errs []error
	if h.Engine != nil {
		errs = append(errs, h.Engine.Close())
	}
	for _, store := range []*sqlite.Store{h.data, h.keys} {
		if store != nil {
			errs = append(errs, store.Close())
		}
	}
	h.Engine, h.data, h.keys = nil, nil, nil
	return errors.Join(errs...)
}

// path is that of a file under the folder that everything is written to.
func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

// clock is a clock to turn, so that the story is the same on any day.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// turnTo turns the clock to noon of a day.
func (h *house) turnTo(day civil.Date) { h.clock.at = day.Start(h.zone).Add(12 * time.Hour) }

// day is the civil day of an instant.
func (h *house) day(at time.Time) civil.Date { return civil.DateOf(at, h.zone) }

// today is the day that the clock shows.
func (h *house) today() civil.Date { return h.day(h.clock.at) }

func date(year int, month time.Month, day int) civil.Date {
	return civil.Date{Year: year, Month: month, Day: day}
}
