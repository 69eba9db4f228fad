package postgres_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/internal/pgtest"
)

// upgrades holds a store of each version of the tables, as README.md there says.
const upgrades = "testdata/upgrade"

// kept names what is in an old store.
type kept struct {
	Ticket, Held, Hired, Old, Erased, Hosted gdpr.ID // records
	Agreement, Ended                         gdpr.ID // agreements
}

// TestUpgrade: a store that an earlier version of the library wrote is opened by this one, which goes on with it: all is there, and what must go goes.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	if os.Getenv("GALLRA_WRITE_UPGRADE") != "" {
		writeUpgrade(t)
	}
	dumps, err := filepath.Glob(filepath.Join(upgrades, "v*.sql"))
	require.NoError(t, err)
	require.NotEmpty(t, dumps)
	for _, dump := range dumps {
		name := strings.TrimSuffix(dump, ".sql")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for from, to := range map[string]string{".kek": "dev.kek", ".ledger": "dev.kek.ledger"} {
				content, err := os.ReadFile(name + from)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, to), content, 0o600))
			}
			text, err := os.ReadFile(dump)
			require.NoError(t, err)
			dsn := pgtest.DSN(t)
			execute(t, dsn, string(text))
			var k kept
			text, err = os.ReadFile(name + ".json")
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &k))

			store := openStore(t, dsn, nil)
			assert.Equal(t, "1", ask(t, dsn, `SELECT CAST(COUNT(*) AS TEXT) FROM gallra.schema_version WHERE version_id = 1`))
			goesOn(t, openSite(t, store, nil, dir, name+".yaml"), &k)
			openStore(t, dsn, nil) // a second process finds nothing to do
		})
	}
}

// goesOn says that an old store is whole, and works.
func goesOn(t *testing.T, s *site, k *kept) {
	ctx := t.Context()
	s.now.Store(1)
	before, err := s.Verify(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 1, before.Proofs)
	assert.Positive(t, before.Segments)
	assert.Positive(t, before.Unsealed)

	tickets := s.As(support, "support-ticket")
	texts := func(who string) map[string]int {
		out := map[string]int{}
		for r, err := range tickets.Find(ctx, gdpr.Email(who)) {
			require.NoError(t, err)
			out[r.Text("message")]++
		}
		return out
	}
	r, err := tickets.Get(ctx, k.Ticket)
	require.NoError(t, err)
	assert.Equal(t, []string{"Åsa Öberg", "åsa@kund.example", "Skärmen är grå"}, []string{r.Text("name"), r.Text("email"), r.Text("message")})
	assert.Equal(t, map[string]int{"Skärmen är grå": 1}, texts("ÅSA@kund.example"))
	assert.Equal(t, map[string]int{"Åsa sade det": 1}, texts("börje@kund.example"))
	assert.Empty(t, texts("glömd@kund.example"))
	_, err = tickets.Get(ctx, k.Erased)
	require.ErrorIs(t, err, gdpr.ErrErased)
	hosted := s.As(operations, "hosted-customer-data")
	r, err = hosted.Under(k.Agreement).Get(ctx, k.Hosted)
	require.NoError(t, err)
	assert.Equal(t, "kundens data", r.Text("content"))
	_, err = hosted.Under(k.Ended).Put(ctx, gdpr.Record{Subject: gdpr.Ref("nyckel-9"), Fields: gdpr.Fields{"content": "för sent"}})
	require.ErrorIs(t, err, gdpr.ErrPurposeEnded)

	// It goes on: new data, changed data, data about those whom it knew.
	id, err := tickets.Put(ctx, gdpr.Record{Subject: gdpr.Email("åsa@kund.example"), Fields: gdpr.Fields{"message": "Nu är den svart igen"}})
	require.NoError(t, err)
	r, err = tickets.Get(ctx, id)
	require.NoError(t, err)
	known, err := tickets.Get(ctx, k.Ticket)
	require.NoError(t, err)
	assert.Equal(t, known.Subject(), r.Subject(), "she is the same person")
	require.NoError(t, tickets.Update(ctx, k.Ticket, gdpr.Change{Fields: gdpr.Fields{"message": "Lagad"}}))
	assert.Equal(t, map[string]int{"Lagad": 1, "Nu är den svart igen": 1}, texts("åsa@kund.example"))

	// What has come due goes; what is on hold stays.
	res, err := s.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(t, err)
	assert.EqualValues(t, 1, res.Erased)
	_, err = tickets.Get(ctx, k.Old)
	require.ErrorIs(t, err, gdpr.ErrErased)
	rights := s.As(dpo, gdpr.SubjectRights)
	_, err = rights.Erase(ctx, gdpr.Email("örjan@kund.example"), gdpr.NoLongerNeeded)
	require.ErrorIs(t, err, gdpr.ErrOnHold)
	e, err := rights.Erase(ctx, gdpr.Email("åsa@kund.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	assert.True(t, e.Whole)
	assert.Empty(t, texts("åsa@kund.example"))
	r, err = tickets.Get(ctx, k.Ticket)
	require.NoError(t, err)
	assert.Equal(t, "Åsa sade det", r.Text("message"), "Börje's part of the same record")

	require.NoError(t, s.As(owner, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: k.Agreement}))
	s.now.Store(3 * 365)
	_, err = s.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(t, err)
	h, err := s.Health(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 2, h.Parts, "the one on hold, and the one whose assignment goes on: not what the customers had")
	require.NoError(t, s.Seal(ctx))
	after, err := s.Verify(ctx)
	require.NoError(t, err)
	assert.Greater(t, after.Segments, before.Segments)
	assert.Zero(t, after.Unsealed)
}

// oldStore is what the store of a version holds: one of each kind of rows.
func oldStore(t *testing.T, s *site) (k kept) {
	ctx := t.Context()
	s.roles()
	_, err := s.Sweep(ctx, nil) // of nothing yet
	require.NoError(t, err)
	tickets, admin := s.As(support, "support-ticket"), s.As(owner, gdpr.Retention)
	put := func(session *gdpr.Session, r gdpr.Record) gdpr.ID {
		t.Helper()
		id, err := session.Put(ctx, r)
		require.NoError(t, err)
		return id
	}
	extra, err := admin.Grant(ctx, gdpr.Grant{Actor: gdpr.Person("Vikarie Öst"), Role: "support"})
	require.NoError(t, err)
	require.NoError(t, admin.Revoke(ctx, extra))

	k.Ticket = put(tickets, gdpr.Record{Subject: gdpr.Email("åsa@kund.example"), Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Skärmen är svart"},
		Also: []gdpr.Share{{Subject: gdpr.Email("börje@kund.example"), Fields: gdpr.Fields{"message": "Åsa sade det"}}}})
	require.NoError(t, tickets.Update(ctx, k.Ticket, gdpr.Change{Fields: gdpr.Fields{"message": "Skärmen är grå"}}))
	k.Held = put(tickets, gdpr.Record{Subject: gdpr.Email("örjan@kund.example"), Fields: gdpr.Fields{"message": "Vi ses i rätten"}})
	_, err = s.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: k.Held, Ground: "A17-3-e", ReviewBy: civil.Date{Year: 2026, Month: 9, Day: 1}, Note: "Tvist"})
	require.NoError(t, err)
	k.Old = put(tickets, gdpr.Record{Subject: gdpr.Email("gammal@kund.example"), CollectedAt: s.day().AddDate(-1, 0, 1),
		Fields: gdpr.Fields{"message": "För ett år sedan"}})
	k.Erased = put(tickets, gdpr.Record{Subject: gdpr.Email("glömd@kund.example"), Fields: gdpr.Fields{"message": "Glöm mig"}})
	e, err := s.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("glömd@kund.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	require.True(t, e.Whole)

	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Sågverket i Älvsbyn AB", Contact: "dso@sagverket.example", Country: "SE"})
	require.NoError(t, err)
	agreement := func() gdpr.ID {
		id, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-2001", From: civil.Date{Year: 2024, Month: 1, Day: 1},
			Activities: []string{"hosted-customer-data"}, Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
		require.NoError(t, err)
		return id
	}
	k.Agreement, k.Ended = agreement(), agreement()
	hosted := s.As(operations, "hosted-customer-data")
	k.Hosted = put(hosted.Under(k.Agreement), gdpr.Record{Subject: gdpr.Ref("nyckel-1"), Fields: gdpr.Fields{"content": "kundens data"}})
	put(hosted.Under(k.Ended), gdpr.Record{Subject: gdpr.Ref("nyckel-2"), Fields: gdpr.Fields{"content": "en annan kunds"}})
	require.NoError(t, admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: k.Ended}))
	own, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "Ramavtal", From: civil.Date{Year: 2025, Month: 1, Day: 1}})
	require.NoError(t, err)
	assignment, err := admin.OpenAssignment(ctx, own, "Flytt till Umeå")
	require.NoError(t, err)
	k.Hired = put(tickets, gdpr.Record{Subject: gdpr.Email("gun@kund.example"), Assignment: assignment, Fields: gdpr.Fields{"message": "När flyttar vi?"}})
	require.NoError(t, s.Seal(ctx))
	_, err = tickets.Get(ctx, k.Ticket) // not sealed yet
	require.NoError(t, err)
	return k
}

// writeUpgrade writes the store of the present version, as README.md beside it says.
func writeUpgrade(t *testing.T) {
	c := pgtest.New(t, nil)
	require.NoError(t, c.CreateDatabase(t.Context(), "v"))
	store := openStore(t, c.DSN("v"), nil)
	name := filepath.Join(upgrades, "v"+ask(t, c.DSN("v"), `SELECT CAST(MAX(version_id) AS TEXT) FROM gallra.schema_version`))
	dir := t.TempDir()
	register := filepath.Join("..", "..", "..", "testdata", "registers", "epm.yaml")
	k := oldStore(t, openSite(t, store, nil, dir, register))

	dump, err := exec.CommandContext(t.Context(), c.Bin("pg_dump"), "--schema=gallra", "--inserts", "--no-owner", "--no-privileges", c.DSN("v")).Output()
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(dump)) {
		// What is for psql, or for another version of the server, is left out.
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "--") || strings.HasPrefix(line, `\`) || strings.HasPrefix(line, "SET ") ||
			strings.HasPrefix(line, "SELECT pg_catalog.set_config") {
			continue
		}
		lines = append(lines, line)
	}
	named, err := json.MarshalIndent(k, "", "  ")
	require.NoError(t, err)
	read := func(path string) []byte {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return content
	}
	for suffix, content := range map[string][]byte{
		".sql": []byte(strings.Join(lines, "")), ".json": append(named, '\n'), ".yaml": read(register),
		".kek": read(filepath.Join(dir, "dev.kek")), ".ledger": read(filepath.Join(dir, "dev.kek.ledger")),
	} {
		require.NoError(t, os.WriteFile(name+suffix, content, 0o600))
	}
}
