package subjectrights_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/subjectrights"
)

// office is a house with an outbox, on a store of any kind. Its files are in dir.
type office struct {
	*gdpr.Engine
	t          *testing.T
	dir        string
	data, keys storage.Store // keys nil: with the data
	desk       *subjectrights.Desk
	send       func(ctx context.Context, m subjectrights.Message) (string, error)

	mu   sync.Mutex
	at   time.Time
	logs strings.Builder
	sent map[gdpr.ID][]subjectrights.Message // by the transport, whatever it said
}

// eachOffice runs a test on memory and SQLite, with keys beside the data and apart.
func eachOffice(t *testing.T, run func(t *testing.T, o *office)) {
	t.Helper()
	for name, make := range map[string]func(*testing.T, *office){
		"memory": func(_ *testing.T, o *office) { o.data = memory.New() },
		"memory, keys apart": func(_ *testing.T, o *office) {
			o.data, o.keys = memory.New(), memory.New()
		},
		"sqlite": func(_ *testing.T, o *office) { o.openFiles(false) },
		"sqlite, keys apart": func(_ *testing.T, o *office) {
			o.openFiles(true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, t.TempDir())
			make(t, o)
			o.start()
			o.settle()
			run(t, o)
		})
	}
}

func newOffice(t *testing.T, dir string) *office {
	t.Helper()
	return &office{t: t, dir: dir, at: instant(t, "2026-03-02"), sent: map[gdpr.ID][]subjectrights.Message{}}
}

// openFiles opens the stores of a folder.
func (o *office) openFiles(apart bool) {
	o.t.Helper()
	open := func(name string) storage.Store {
		s, err := sqlite.Open(o.t.Context(), filepath.Join(o.dir, name), nil)
		require.NoError(o.t, err)
		o.t.Cleanup(func() { _ = s.Close() })
		return s
	}
	o.data = open("data.db")
	if apart {
		o.keys = open("keys.db")
	}
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

// pass lets time go by.
func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = o.at.Add(d)
}

// Write takes what is logged.
func (o *office) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.logs.Write(p)
}

// Send is the transport: it notes what it got, and does what the test wants.
func (o *office) Send(ctx context.Context, m subjectrights.Message) (string, error) {
	o.mu.Lock()
	o.sent[m.ID] = append(o.sent[m.ID], m)
	send := o.send
	o.mu.Unlock()
	if send == nil {
		return "k-17", nil
	}
	return send(ctx, m)
}

// start opens the engine and the desk.
func (o *office) start() {
	o.t.Helper()
	kek, err := insecurekeyfile.Open(filepath.Join(o.dir, "dev.kek"))
	require.NoError(o.t, err)
	reg, err := gdpr.LoadRegister(orangery)
	require.NoError(o.t, err)
	reg.Backups.Kept = civil.Period{Days: 35}
	opt := &gdpr.Options{Owner: boss, Now: o.now, Logger: slog.New(slog.NewTextHandler(o, nil)), Anonymize: map[string]gdpr.Anonymizer{
		"survey": {Assessment: "Örjan Dataskydd 2025-01-01", Keep: func(context.Context, gdpr.Departing) error { return nil }}}}
	if o.keys != nil {
		opt.Keys = o.keys
	}
	o.Engine, err = gdpr.Open(o.t.Context(), o.data, kek, reg, opt)
	require.NoError(o.t, err)
	o.t.Cleanup(func() { _ = o.Close() })
	o.desk, err = subjectrights.New(o.Engine, &subjectrights.Options{Now: o.now, Transport: o, Logger: slog.New(slog.NewTextHandler(o, nil))})
	require.NoError(o.t, err)
}

// settle hands out the roles, and has Anna as a member of our own and as somebody of a customer's.
func (o *office) settle() {
	o.t.Helper()
	ctx, admin := o.t.Context(), o.As(boss, gdpr.Retention)
	for role, may := range o.Register().Roles {
		if role == "privacy" || len(may.For) > 0 {
			_, err := admin.Grant(ctx, gdpr.Grant{Actor: dpo, Role: role})
			require.NoError(o.t, err)
		}
	}
	_, err := o.As(dpo, "membership").Put(ctx, gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist", "email": annas}})
	require.NoError(o.t, err)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Kanalbolaget AB", Contact: "dso@kanalbolaget.example", Country: "SE"})
	require.NoError(o.t, err)
	agreement, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-1", From: date(o.t, "2024-01-01"), Activities: []string{"hosted-open"},
		Terms: "open"})
	require.NoError(o.t, err)
	_, err = o.As(dpo, "hosted-open").Under(agreement).Put(ctx, gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"email": annas,
		"content": "hos kunden"}})
	require.NoError(o.t, err)
}

// receive takes in Anna's request: two notices wait then, one to her and one to the customer.
func (o *office) receive(number string, rights ...subjectrights.Right) *subjectrights.Case {
	o.t.Helper()
	r := request(o.now(), gdpr.Email(annas), rights...)
	r.Case, r.Reply = number, subjectrights.Address{Name: "Anna Lindqvist", Contact: annas}
	c, err := o.desk.Receive(o.t.Context(), dpo, r)
	require.NoError(o.t, err)
	return c
}

func (o *office) deliver() subjectrights.Delivered {
	o.t.Helper()
	out, err := o.desk.Deliver(o.t.Context(), dpo)
	require.NoError(o.t, err)
	return out
}

// read reads a case anew.
func (o *office) read(number string) *subjectrights.Case {
	o.t.Helper()
	c, err := o.desk.Case(o.t.Context(), dpo, number)
	require.NoError(o.t, err)
	return c
}

// told are the kinds of the notices noted in a case, each of which is there once.
func (o *office) told(number string) []string {
	o.t.Helper()
	var kinds []string
	seen := map[gdpr.ID]bool{}
	for _, is := range o.read(number).Told() {
		assert.False(o.t, seen[is.ID], "noted once")
		seen[is.ID] = true
		kinds = append(kinds, is.Kind)
	}
	return kinds
}

// waits is how many notices wait.
func (o *office) waits() int {
	o.t.Helper()
	files, err := o.As(dpo, gdpr.SubjectRights).OpenCaseFiles(o.t.Context(), "notice", gdpr.ID{})
	require.NoError(o.t, err)
	return len(files)
}

// tries is how often the transport got each message, of all kinds.
func (o *office) tries() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, all := range o.sent {
		n += len(all)
	}
	return n
}

// silent asserts that nothing personal stands in log, trail and stored rows that are not sealed.
func (o *office) silent() {
	o.t.Helper()
	o.mu.Lock()
	text := o.logs.String()
	o.mu.Unlock()
	lanes, err := o.data.Lanes(o.t.Context())
	require.NoError(o.t, err)
	for _, lane := range lanes {
		rows, err := o.data.Entries(o.t.Context(), lane.ID, 0, 10000)
		require.NoError(o.t, err)
		for _, row := range rows {
			text += string(row.Body)
		}
	}
	for _, kind := range []string{"open notice", "open request"} {
		files, err := o.data.Files(o.t.Context(), storage.FileQuery{Kind: kind, Limit: 1000})
		require.NoError(o.t, err)
		for _, f := range files {
			text += string(f.Body)
		}
	}
	for _, name := range []string{"data.db", "data.db-wal"} {
		if raw, err := os.ReadFile(filepath.Join(o.dir, name)); err == nil {
			text += string(raw)
		}
	}
	for _, personal := range []string{"anna.lindqvist", "Anna", "Lindqvist", "hemligt-fel"} {
		assert.NotContains(o.t, text, personal)
	}
}
