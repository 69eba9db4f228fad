package gdpr_test

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// site is a folder with all files of one store: data, keys if they live apart, key file and ledger. It is opened, closed,
// copied and looked into as a whole.
type site struct {
	dir      string
	apart    bool
	register string
	clock    *clock
	ttl      time.Duration
	log      io.Writer
	driver   string // "": the real one
}

const (
	dataFile = "data.db"
	keysFile = "keys.db"
	kekFile  = "dev.kek"
)

// layouts of a store.
var bothLayouts = []struct {
	name  string
	apart bool
}{{"one file", false}, {"keys apart", true}}

func newSite(t *testing.T, register string, apart bool) *site {
	t.Helper()
	return &site{dir: t.TempDir(), apart: apart, register: register, clock: on("2026-03-02")}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// running is a site with its engine.
type running struct {
	*gdpr.Engine
	site   *site
	data   *sqlite.Store
	keys   *sqlite.Store // nil: in data
	closer []func() error
}

// start opens the stores and the engine.
func (s *site) start(ctx context.Context) (*running, error) {
	r := &running{site: s}
	err := r.open(ctx)
	if err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func (r *running) open(ctx context.Context) error {
	s := r.site
	reg, err := gdpr.LoadRegister(filepath.Join("..", "testdata", "registers", s.register))
	if err != nil {
		return err
	}
	if r.data, err = r.store(ctx, dataFile); err != nil {
		return err
	}
	opt := &gdpr.Options{Owner: boss, Now: s.clock.now, CacheTTL: s.ttl}
	if s.apart {
		if r.keys, err = r.store(ctx, keysFile); err != nil {
			return err
		}
		opt.Keys = r.keys
	}
	if s.log != nil {
		opt.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	kek, err := insecurekeyfile.Open(s.path(kekFile))
	if err != nil {
		return err
	}
	if r.Engine, err = gdpr.Open(ctx, r.data, kek, reg, opt); err != nil {
		return err
	}
	r.closer = append(r.closer, r.Close)
	return nil
}

func (r *running) store(ctx context.Context, name string) (*sqlite.Store, error) {
	path := r.site.path(name)
	if r.site.driver == "" {
		s, err := sqlite.Open(ctx, path, nil)
		if err == nil {
			r.closer = append(r.closer, s.Close)
		}
		return s, err
	}
	db, err := sql.Open(r.site.driver, sqlite.DSN(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	r.closer = append(r.closer, db.Close)
	s, err := sqlite.OpenDB(ctx, db, nil)
	if err == nil {
		r.closer = append(r.closer, s.Close)
	}
	return s, err
}

// stop closes what start opened, the last first.
func (r *running) stop() {
	for i := len(r.closer) - 1; i >= 0; i-- {
		_ = r.closer[i]()
	}
	r.closer = nil
}

// run opens the site for the length of a test.
func (s *site) run(t *testing.T) *running {
	t.Helper()
	r, err := s.start(context.Background())
	require.NoError(t, err)
	t.Cleanup(r.stop)
	return r
}

// copyTo copies every file of the site as it is now, as a backup or a crash would leave it.
func (s *site) copyTo(dir string) (*site, error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if filepath.Ext(f.Name()) == ".db-shm" { // the index of the log lives in shared memory and is made anew
			continue
		}
		if err := copyFile(filepath.Join(s.dir, f.Name()), filepath.Join(dir, f.Name())); err != nil {
			return nil, err
		}
	}
	c := *s
	c.dir, c.driver = dir, ""
	return &c, nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// raw opens a file of the site past all of the library.
func (s *site) raw(t *testing.T, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", sqlite.DSN(s.path(name)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// keyFile is where the key tables are.
func (s *site) keyFile() string {
	if s.apart {
		return keysFile
	}
	return dataFile
}

// grant gives a role.
func (r *running) grant(t *testing.T, who gdpr.Actor, role string) gdpr.ID {
	t.Helper()
	id, err := r.As(boss, gdpr.Retention).Grant(t.Context(), gdpr.Grant{Actor: who, Role: role})
	require.NoError(t, err)
	return id
}

// hosting makes a customer with an agreement.
func (r *running) hosting(t *testing.T, p gdpr.Party, ref string) (party, agreement gdpr.ID) {
	t.Helper()
	admin := r.As(boss, gdpr.Retention)
	party, err := admin.PutParty(t.Context(), p)
	require.NoError(t, err)
	agreement, err = admin.PutAgreement(t.Context(), gdpr.Agreement{Party: party, Ref: ref, From: day(t, "2024-01-01"),
		Activities: []string{"hosted-customer-data"}, Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
	require.NoError(t, err)
	return party, agreement
}

var _ storage.Store = (*sqlite.Store)(nil)
