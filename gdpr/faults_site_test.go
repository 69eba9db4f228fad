package gdpr_test

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	driversqlite "modernc.org/sqlite"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/internal/faultsql"
)

// site is a folder with all files of one store: data, keys if they live apart, key file and ledger. It is opened, closed,
// copied and looked into as a whole.
type site struct {
	dir      string
	apart    bool
	register string
	clock    *clock // nil: the real one
	ttl      time.Duration
	log      io.Writer
	fragile  bool                             // its databases can be made to fail
	arm      func(db int, f *faultsql.Faults) // of a fragile site: called before a database is opened
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

func newSite(t *testing.T, reg string, apart bool) *site {
	t.Helper()
	return &site{dir: memoryDir(t), apart: apart, register: reg, clock: on("2026-03-02")}
}

// registers are read once: engines only read them.
var registers sync.Map

func registerOf(name string) (*gdpr.Register, error) {
	if r, ok := registers.Load(name); ok {
		return r.(*gdpr.Register), nil
	}
	load := func() (*gdpr.Register, error) {
		return gdpr.LoadRegister(filepath.Join("..", "testdata", "registers", name))
	}
	if name == village || name == laterVillage {
		text := villageText
		if name == laterVillage {
			text = strings.NewReplacer("version: 1,", "version: 2, change: Kortare,", "P1Y after collected", "P6M after collected").Replace(text)
		}
		load = func() (*gdpr.Register, error) {
			return register.Parse(register.File{Name: name, Data: []byte(text)})
		}
	}
	r, err := load()
	if err == nil {
		registers.Store(name, r)
	}
	return r, err
}

// memoryDir is a folder in memory where there is one: what these tests look at does not depend on a disk, but writing to one takes them minutes.
func memoryDir(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("/dev/shm", "gallra-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	dir := filepath.Join(root, "site") // copies are made beside it
	require.NoError(t, os.Mkdir(dir, 0o700))
	return dir
}

// village is a register of few lines with everything on it that can end: a record with a further purpose, and data held for others.
const (
	village      = "village.yaml"
	laterVillage = "village, version 2" // in which what was collected without an agreement lives half as long
	villageText  = `
register: {format: 1, version: 1, from: 2026-01-01, author: Byrådet}
organization: {name: Byn AB, contact: post@byn.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
backups: {kept: P35D, keys-kept: P7D}
security: Bommen
subjects: {guest: A guest of a customer}
terms:
  lease: {ref: Hyresavtal, erase: [P3M after erasure-instructed, P1M after agreement-ended], at-end: erase, breach-notice: PT24H}
activities:
  inquiry:
    role: controller
    class: internal
    subjects: [prospect]
    fields: {name: user.name, email: user.contact.email, question: user.content.private}
    find-by: [email]
    purpose: Svara
    basis: A6-1-f
    interest: Att svara
    erase:
      - P1Y after assignment-ended with agreement
      - P1Y after collected without agreement
  statistics:
    records-of: inquiry
    fields: [question]
    purpose: Se vad folk undrar
    basis: A6-1-f
    interest: Att svara bättre
    compatible: Ingen pekas ut
    erase: P2Y after collected
  hosted:
    role: processor
    terms: lease
    subjects: [guest]
    fields: {key: user.unique_id, content: user}
    find-by: [key]
    purpose: Leverera tjänsten
roles:
  clerk: {may: [read, write], for: [inquiry, statistics, hosted]}
  privacy: {may: [read, erase, hold, decide], for: all}
  manager: {may: [grant]}
`
)

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// running is a site with its engine.
type running struct {
	*gdpr.Engine
	site   *site
	data   *sqlite.Store
	keys   *sqlite.Store      // nil: in data
	faults []*faultsql.Faults // of a fragile site: of data, and of keys if they live apart
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
	reg, err := registerOf(s.register)
	if err != nil {
		return err
	}
	if r.data, err = r.store(ctx, dataFile); err != nil {
		return err
	}
	opt := &gdpr.Options{Owner: boss, CacheTTL: s.ttl}
	if s.clock != nil {
		opt.Now = s.clock.now
	}
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
	if !r.site.fragile {
		s, err := sqlite.Open(ctx, path, nil)
		if err == nil {
			r.closer = append(r.closer, s.Close)
		}
		return s, err
	}
	connector, err := driversqlite.NewConnector(sqlite.DSN(path))
	if err != nil {
		return nil, err
	}
	faults := faultsql.New(connector)
	r.faults = append(r.faults, faults)
	if r.site.arm != nil {
		r.site.arm(len(r.faults)-1, faults)
	}
	db := sql.OpenDB(faults)
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
	c.dir, c.fragile, c.arm = dir, false, nil
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

// lease makes a customer of the village with an agreement, and an assignment under it.
func (r *running) lease(t *testing.T, name string) (party, agreement, assignment gdpr.ID) {
	t.Helper()
	admin := r.As(boss, gdpr.Retention)
	party, err := admin.PutParty(t.Context(), gdpr.Party{Name: name, Contact: "dso@kund.example", Country: "SE"})
	require.NoError(t, err)
	agreement, err = admin.PutAgreement(t.Context(), gdpr.Agreement{Party: party, Ref: "Avtal " + name, From: day(t, "2024-01-01"),
		Activities: []string{"hosted"}, Terms: "lease"})
	require.NoError(t, err)
	assignment, err = admin.OpenAssignment(t.Context(), agreement, "Uppdrag "+name)
	require.NoError(t, err)
	return party, agreement, assignment
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
