package gdpr_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/internal/pgtest"
	"github.com/gallra/gallra/retention"
)

// clock is a clock to turn.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) set(day string) {
	t, err := time.Parse("2006-01-02", day)
	if err != nil {
		panic(err)
	}
	c.at = t.Add(12 * time.Hour)
}

func on(day string) *clock {
	c := &clock{}
	c.set(day)
	return c
}

// day reads a date.
func day(t *testing.T, s string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(s)
	require.NoError(t, err)
	return d
}

var (
	boss    = gdpr.Person("Åsa Ägare")
	dpo     = gdpr.Person("Örjan Dataskydd")
	support = gdpr.Person("Märta Support")
	web     = gdpr.Job("web")
)

// house is an engine with all that a test turns.
type house struct {
	*gdpr.Engine
	t     *testing.T
	store storage.Store
	keys  storage.Keys
	dir   string
	clock *clock
	reg   *gdpr.Register
	log   *logged

	approval *gdpr.Approval
	approve  int // Options.ApproveAbove
	keep     func(gdpr.Departing) error
}

// eachStore runs a test on memory, on SQLite, on SQLite with keys in a second file, and on Postgres; with GALLRA_LONG=1 also on Postgres with keys in a
// second schema. A short run leaves Postgres out.
func eachStore(t *testing.T, register string, run func(t *testing.T, h *house)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		run(t, newHouse(t, register, memory.New(), nil))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, sqliteHouse(t, register, false))
	})
	t.Run("sqlite, keys apart", func(t *testing.T) {
		t.Parallel()
		run(t, sqliteHouse(t, register, true))
	})
	if testing.Short() {
		return
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		run(t, postgresHouse(t, register, false))
	})
	if os.Getenv("GALLRA_LONG") == "" {
		return
	}
	t.Run("postgres, keys apart", func(t *testing.T) {
		t.Parallel()
		run(t, postgresHouse(t, register, true))
	})
}

// postgresHouse has its keys in a second schema when they are apart.
func postgresHouse(t *testing.T, register string, apart bool) *house {
	t.Helper()
	dsn := pgtest.DSN(t)
	store := openPostgres(t, dsn, "")
	var keys storage.Keys
	if apart {
		keys = openPostgres(t, dsn, "gallra_keys")
	}
	return newHouse(t, register, store, keys)
}

func openPostgres(t *testing.T, dsn, schema string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn, &postgres.Options{Schema: schema, Conns: 4})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func sqliteHouse(t *testing.T, register string, apart bool) *house {
	t.Helper()
	dir := t.TempDir()
	store := openSQLite(t, filepath.Join(dir, "data.db"))
	var keys storage.Keys
	if apart {
		keys = openSQLite(t, filepath.Join(dir, "keys.db"))
	}
	return newHouseIn(t, dir, register, store, keys)
}

func openSQLite(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newHouse(t *testing.T, register string, store storage.Store, keys storage.Keys) *house {
	t.Helper()
	return newHouseIn(t, t.TempDir(), register, store, keys)
}

func newHouseIn(t *testing.T, dir, register string, store storage.Store, keys storage.Keys) *house {
	t.Helper()
	reg, err := gdpr.LoadRegister(filepath.Join("..", "testdata", "registers", register))
	require.NoError(t, err)
	if reg.Backups != nil && keys == nil && register == "full.yaml" {
		reg.Backups.Kept = civil.Period{Days: 35} // full copies hold keys too: half a year of them would outlive an instruction
	}
	h := &house{t: t, store: store, keys: keys, dir: dir, clock: on("2026-03-02"), reg: reg, log: &logged{}}
	h.open()
	return h
}

// anonymizers are one for each activity that wants one: what they are given, the house remembers.
func (h *house) anonymizers() map[string]gdpr.Anonymizer {
	out := map[string]gdpr.Anonymizer{}
	for id, act := range h.reg.Activities {
		if act.Anonymize {
			out[id] = gdpr.Anonymizer{Assessment: "Örjan Dataskydd 2026-02-01, k = 20", Keep: func(_ context.Context, d gdpr.Departing) error {
				if h.keep != nil {
					return h.keep(d)
				}
				return nil
			}}
		}
	}
	return out
}

// open opens the engine anew over the same stores, as a second process would.
func (h *house) open() {
	h.t.Helper()
	kek, err := insecurekeyfile.Open(filepath.Join(h.dir, "dev.kek"))
	require.NoError(h.t, err)
	h.Engine, err = gdpr.Open(h.t.Context(), h.store, kek, h.reg, &gdpr.Options{Owner: boss, Keys: h.keys, Now: h.clock.now,
		Adopt: h.approval, ApproveAbove: h.approve, Anonymize: h.anonymizers(),
		Logger: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	require.NoError(h.t, err)
	e := h.Engine
	h.t.Cleanup(func() { _ = e.Close() })
}

// second is another engine over the same stores.
func (h *house) second() *house {
	h.t.Helper()
	two := *h
	two.open()
	return &two
}

// grant gives a role to an actor.
func (h *house) grant(who gdpr.Actor, role string) gdpr.ID {
	h.t.Helper()
	id, err := h.As(boss, gdpr.Retention).Grant(h.t.Context(), gdpr.Grant{Actor: who, Role: role})
	require.NoError(h.t, err)
	return id
}

// customer makes a party with a hosting agreement.
func (h *house) customer(name string) (party, agreement gdpr.ID) {
	h.t.Helper()
	admin := h.As(boss, gdpr.Retention)
	party, err := admin.PutParty(h.t.Context(), gdpr.Party{Name: name, Contact: "dso@kund.example", Country: "SE"})
	require.NoError(h.t, err)
	agreement, err = admin.PutAgreement(h.t.Context(), gdpr.Agreement{Party: party, Ref: "AV-2001", From: day(h.t, "2024-01-01"),
		Activities: []string{"hosted-customer-data"}, Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
	require.NoError(h.t, err)
	return party, agreement
}

// find collects what a session finds.
func find(t *testing.T, s *gdpr.Session, who gdpr.Identity) []*gdpr.Stored {
	t.Helper()
	var out []*gdpr.Stored
	for r, err := range s.Find(t.Context(), who) {
		require.NoError(t, err)
		out = append(out, r)
	}
	return out
}

// logged is what an engine has logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// trail is every entry of the trail, oldest first, and their bytes.
func (h *house) trail() (entries []audit.Entry, raw string) {
	h.t.Helper()
	lanes, err := h.store.Lanes(h.t.Context())
	require.NoError(h.t, err)
	for _, lane := range lanes {
		rows, err := h.store.Entries(h.t.Context(), lane.ID, 0, 1_000_000)
		require.NoError(h.t, err)
		for _, row := range rows {
			e, err := audit.DecodeEntry(row.Body)
			require.NoError(h.t, err)
			entries = append(entries, e)
			raw += string(row.Body) + "\n"
		}
	}
	slices.SortStableFunc(entries, func(a, b audit.Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Action, b.Action)) })
	return entries, raw
}

// refusals counts the refused entries of an action.
func (h *house) refusals(action string) int {
	h.t.Helper()
	n := 0
	entries, _ := h.trail()
	for _, e := range entries {
		if e.Action == action && e.Outcome == audit.Refused {
			n++
		}
	}
	return n
}

// count is how many parts are stored.
func (h *house) count() int {
	h.t.Helper()
	n, err := h.store.Count(h.t.Context())
	require.NoError(h.t, err)
	return int(n)
}

// sweep sweeps without a bound.
func (h *house) sweep() retention.Result {
	h.t.Helper()
	res, err := h.Sweep(h.t.Context(), &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(h.t, err)
	return res
}

// verified says that trail, seals, proofs and ledger stand.
func (h *house) verified() audit.Report {
	h.t.Helper()
	require.NoError(h.t, h.Seal(h.t.Context()))
	report, err := h.Verify(h.t.Context())
	require.NoError(h.t, err)
	return report
}

// next is the day after.
func next(t *testing.T, s string) string { return day(t, s).AddDays(1).String() }
