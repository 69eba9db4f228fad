package main

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/maildraft"
)

//go:embed register.yaml
var exampleRegister []byte

// house is the engine and the desk, with what lies under them.
type house struct {
	*gdpr.Engine
	*program
	dir        string
	zone       *time.Location
	data, keys *sqlite.Store
	desk       *subjectrights.Desk
}

// openHouse opens a store that is there: a typing error in -dir must not begin a new one.
func openHouse(ctx context.Context, p *program, set *settings) (*house, error) {
	if _, err := os.Stat(filepath.Join(set.dir, "data.db")); err != nil {
		return nil, errors.New("there is no store in the folder: -demo makes one")
	}
	return begin(ctx, p, set, &gdpr.Options{Now: p.now})
}

// begin opens a store, and makes it if it is not there.
func begin(ctx context.Context, p *program, set *settings, opt *gdpr.Options) (_ *house, err error) {
	h := &house{program: p, dir: set.dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	reg, err := loadRegister(set.register)
	if err != nil {
		return nil, err
	}
	if h.zone, err = civil.LoadZone(reg.Organization.Zone); err != nil {
		return nil, err
	}
	if h.data, err = sqlite.Open(ctx, filepath.Join(set.dir, "data.db"), nil); err != nil {
		return nil, err
	}
	if h.keys, err = sqlite.Open(ctx, filepath.Join(set.dir, "keys.db"), nil); err != nil {
		return nil, err
	}
	kek, err := insecurekeyfile.Open(filepath.Join(set.dir, "dev.kek")) // in production a key service
	if err != nil {
		return nil, err
	}
	opt.Keys = h.keys
	if h.Engine, err = gdpr.Open(ctx, h.data, kek, reg, opt); err != nil {
		return nil, err
	}
	drafts, err := maildraft.New(filepath.Join(set.dir, "drafts"), reg.Organization.Contact)
	if err != nil {
		return nil, err
	}
	h.desk, err = subjectrights.New(h.Engine, &subjectrights.Options{Now: p.now, Transport: drafts, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	return h, err
}

func loadRegister(path string) (*gdpr.Register, error) {
	if path != "" {
		return gdpr.LoadRegister(path)
	}
	return register.Parse(register.File{Name: "register.yaml", Data: exampleRegister})
}

func (h *house) close() error {
	var errs []error
	if h.Engine != nil {
		errs = append(errs, h.Engine.Close())
	}
	for _, s := range []*sqlite.Store{h.data, h.keys} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// theCase reads the case that the command is about.
func (h *house) theCase(ctx context.Context, set *settings) (*subjectrights.Case, error) {
	c, err := h.desk.Case(ctx, set.as, set.number)
	if errors.Is(err, gdpr.ErrNotFound) {
		return nil, errors.New("there is no request of this number")
	}
	return c, err
}

// last is the last day that ends at an instant.
func (h *house) last(end time.Time) civil.Date {
	return civil.DateOf(end.Add(-time.Nanosecond), h.zone)
}

func (h *house) today() civil.Date { return civil.DateOf(h.now(), h.zone) }
