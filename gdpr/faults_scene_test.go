package gdpr_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// scene is what an operation finds: a village of few rows.
type scene struct {
	Live, Hosted, Hired          gdpr.ID // records: Anna's, a guest's, one under an assignment
	Party, Agreement, Assignment gdpr.ID
	Own                          gdpr.ID // an agreement that only dates records of our own
	Grant, Hold                  gdpr.ID
}

// operation is one act of the engine, to be cut short at every call of the database.
type operation struct {
	name    string
	prepare func(t *testing.T, r *running, sc *scene) // what must have happened before
	do      func(ctx context.Context, r *running, sc *scene) error
	// done reports whether an error says that it was done already. Nil: the operation may be done again, which does nothing.
	done func(error) bool
	// again: done twice it makes a second thing.
	again bool
	// steps: it is of several batches. Between two of them nothing is half readable; what is left over, the second run finishes.
	steps bool
	// since is what is done after a copy was made that is then brought back, with a ledger that knows of it.
	since func(t *testing.T, r *running, sc *scene)
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

// operations are all that write.
var everyOperation = []operation{
	{name: "Grant", again: true, do: func(ctx context.Context, r *running, _ *scene) error {
		_, err := r.As(boss, gdpr.Retention).Grant(ctx, gdpr.Grant{Actor: web, Role: "clerk"})
		return err
	}},
	{name: "Revoke", do: func(ctx context.Context, r *running, sc *scene) error {
		return r.As(boss, gdpr.Retention).Revoke(ctx, sc.Grant)
	}},
	{name: "PutParty", again: true, do: func(ctx context.Context, r *running, _ *scene) error {
		_, err := r.As(boss, gdpr.Retention).PutParty(ctx, gdpr.Party{Name: "Bageriet", Contact: "dso@bageri.example", Country: "SE"})
		return err
	}},
	{name: "PutAgreement", again: true, do: func(ctx context.Context, r *running, sc *scene) error {
		_, err := r.As(boss, gdpr.Retention).PutAgreement(ctx, gdpr.Agreement{Party: sc.Party, Ref: "Ännu ett", Activities: []string{"hosted"}, Terms: "lease"})
		return err
	}},
	{name: "OpenAssignment", again: true, do: func(ctx context.Context, r *running, sc *scene) error {
		_, err := r.As(boss, gdpr.Retention).OpenAssignment(ctx, sc.Own, "Nytt uppdrag")
		return err
	}},
	{name: "Put", again: true, do: func(ctx context.Context, r *running, sc *scene) error {
		_, err := r.As(support, "inquiry").Put(ctx, gdpr.Record{Subject: gdpr.Email("cajsa@byn.example"), Assignment: sc.Assignment, Source: "brev",
			Fields: gdpr.Fields{"name": "Cajsa", "question": "Varför?"}, Also: []gdpr.Share{{Subject: gdpr.Email("bo@byn.example"), Fields: gdpr.Fields{"question": "Därför"}}}})
		return err
	}},
	{name: "PutAll", again: true, do: func(ctx context.Context, r *running, _ *scene) error {
		out, err := r.As(support, "inquiry").PutAll(ctx, sequence(
			gdpr.Record{Subject: gdpr.Email("cajsa@byn.example"), Fields: gdpr.Fields{"question": "Ett"}},
			gdpr.Record{Subject: gdpr.Email("dag@byn.example"), Fields: gdpr.Fields{"question": "Två"}},
			gdpr.Record{Subject: gdpr.Email("cajsa@byn.example"), Fields: gdpr.Fields{"name": "Cajsa"}}), nil)
		if err == nil && (out.Stored != 3 || len(out.Refused) > 0) {
			return fmt.Errorf("stored %d, refused %v", out.Stored, out.Refused)
		}
		return err
	}},
	{name: "Update", again: true, do: func(ctx context.Context, r *running, sc *scene) error {
		return r.As(support, "inquiry").Update(ctx, sc.Live, gdpr.Change{Fields: gdpr.Fields{"question": "Ändrad", "email": "anna.ny@byn.example"}})
	}},
	{name: "Update to a new part", again: true, do: func(ctx context.Context, r *running, sc *scene) error {
		return r.As(support, "inquiry").Update(ctx, sc.Hired, gdpr.Change{Fields: gdpr.Fields{"question": "Tillagd"}})
	}},
	{name: "RecordEvent of a record", again: true, do: func(ctx context.Context, r *running, sc *scene) error {
		return r.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: sc.Live, Purpose: "inquiry", Note: "Brev från Anna"})
	}},
	{name: "RecordEvent of an assignment", done: is(gdpr.ErrConflict), do: func(ctx context.Context, r *running, sc *scene) error {
		return r.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: sc.Assignment})
	}},
	{name: "RecordEvent of an agreement", done: is(gdpr.ErrConflict), do: func(ctx context.Context, r *running, sc *scene) error {
		return r.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: sc.Agreement})
	}},
	{name: "Hold", again: true, do: hold},
	{name: "Release", prepare: holdIt, do: func(ctx context.Context, r *running, sc *scene) error {
		return r.As(dpo, gdpr.Retention).Release(ctx, sc.Hold)
	}},
	{name: "Erase", done: is(gdpr.ErrNotFound), do: func(ctx context.Context, r *running, _ *scene) error {
		_, err := r.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("anna@byn.example"), gdpr.NoLongerNeeded)
		return err
	}},
	{name: "Sweep", steps: true, prepare: somethingDue, do: func(ctx context.Context, r *running, _ *scene) error {
		res, err := r.Sweep(ctx, nil)
		if err == nil && res.Leased {
			return storage.ErrLeased
		}
		return err
	}},
	{name: "Sweep after a new version", steps: true, prepare: adoptShorter, do: func(ctx context.Context, r *running, _ *scene) error {
		res, err := r.Sweep(ctx, &gdpr.SweepOptions{Batch: 2})
		if err == nil && res.Leased {
			return storage.ErrLeased
		}
		return err
	}},
	{name: "Offboard", prepare: endAgreement, do: offboard},
	{name: "Sweep after Offboard", steps: true, prepare: func(t *testing.T, r *running, sc *scene) {
		endAgreement(t, r, sc)
		require.NoError(t, offboard(t.Context(), r, sc))
	}, do: func(ctx context.Context, r *running, _ *scene) error {
		res, err := r.Sweep(ctx, &gdpr.SweepOptions{Batch: 1})
		if err == nil && res.Leased {
			return storage.ErrLeased
		}
		return err
	}},
	{name: "Replay", steps: true, prepare: func(t *testing.T, r *running, sc *scene) {
		somethingDue(t, r, sc)
		holdIt(t, r, sc)
	}, since: eraseAll, do: func(ctx context.Context, r *running, _ *scene) error {
		_, err := r.As(dpo, gdpr.Retention).Replay(ctx)
		return err
	}},
	{name: "Seal", again: true, do: func(ctx context.Context, r *running, _ *scene) error { return r.Seal(ctx) }},
}

func endAgreement(t *testing.T, r *running, sc *scene) {
	t.Helper()
	require.NoError(t, r.As(boss, gdpr.Retention).RecordEvent(t.Context(), gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: sc.Agreement}))
}

func offboard(ctx context.Context, r *running, sc *scene) error {
	_, err := r.As(dpo, gdpr.Retention).Offboard(ctx, sc.Party)
	return err
}

func holdRecord(ctx context.Context, r *running, sc *scene) (gdpr.ID, error) {
	return r.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: sc.Live, Ground: "A17-3-e", ReviewBy: civil.Date{Year: 2026, Month: 9, Day: 1}, Note: "Tvist med Anna"})
}

func hold(ctx context.Context, r *running, sc *scene) error {
	_, err := holdRecord(ctx, r, sc)
	return err
}

func holdIt(t *testing.T, r *running, sc *scene) {
	t.Helper()
	var err error
	sc.Hold, err = holdRecord(t.Context(), r, sc)
	require.NoError(t, err)
}

// somethingDue: of Evert all is due, so that he goes as a whole; of Frida one part of two.
func somethingDue(t *testing.T, r *running, _ *scene) {
	t.Helper()
	for who, collected := range map[string]string{"evert": "2023-05-01", "frida": "2025-02-01"} {
		_, err := r.As(support, "inquiry").Put(t.Context(), gdpr.Record{Subject: gdpr.Email(who + "@byn.example"), CollectedAt: on(collected).at,
			Fields: gdpr.Fields{"name": who, "question": "Gammal"}})
		require.NoError(t, err)
	}
}

// eraseAll erases in each of the ways that leave a proof, Anna after a hold on her has ended.
func eraseAll(t *testing.T, r *running, sc *scene) {
	t.Helper()
	ctx := t.Context()
	_, err := r.Sweep(ctx, nil)
	require.NoError(t, err)
	require.NoError(t, r.As(dpo, gdpr.Retention).Release(ctx, sc.Hold))
	_, err = r.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("anna@byn.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	endAgreement(t, r, sc)
	require.NoError(t, offboard(ctx, r, sc))
}

// adoptShorter adopts a version by which half of what there is must be dated anew, and some of it is due.
func adoptShorter(t *testing.T, r *running, sc *scene) {
	t.Helper()
	somethingDue(t, r, sc)
	for _, who := range []string{"cajsa", "dag"} {
		_, err := r.As(support, "inquiry").Put(t.Context(), gdpr.Record{Subject: gdpr.Email(who + "@byn.example"), CollectedAt: on("2025-08-01").at,
			Fields: gdpr.Fields{"name": who}})
		require.NoError(t, err)
	}
	r.site.register = laterVillage
	later, err := r.site.start(t.Context())
	require.NoError(t, err)
	later.stop()
}

// stage sets a scene up and closes it.
func stage(t *testing.T, apart bool, op operation) (*site, *scene) {
	t.Helper()
	s := newSite(t, village, apart)
	r, err := s.start(t.Context())
	require.NoError(t, err)
	defer r.stop()
	sc := &scene{}
	r.grant(t, support, "clerk")
	r.grant(t, dpo, "privacy")
	sc.Grant = r.grant(t, gdpr.Person("Vikarie Öst"), "clerk")
	sc.Party, sc.Agreement, _ = r.lease(t, "Kvarnen")
	require.NoError(t, r.Seal(t.Context()))
	admin := r.As(boss, gdpr.Retention)
	smith, _, _ := r.lease(t, "Smedjan")
	sc.Own, err = admin.PutAgreement(t.Context(), gdpr.Agreement{Party: smith, Ref: "Ramavtal", From: day(t, "2025-01-01")})
	require.NoError(t, err)
	sc.Assignment, err = admin.OpenAssignment(t.Context(), sc.Own, "Flytt")
	require.NoError(t, err)
	put := func(s *gdpr.Session, rec gdpr.Record) gdpr.ID {
		id, err := s.Put(t.Context(), rec)
		require.NoError(t, err)
		return id
	}
	desk := r.As(support, "inquiry")
	sc.Live = put(desk, gdpr.Record{Subject: gdpr.Email("anna@byn.example"), Fields: gdpr.Fields{"name": "Anna", "question": "När?"}, Source: "brev"})
	put(desk, gdpr.Record{Subject: gdpr.Email("bo@byn.example"), Fields: gdpr.Fields{"name": "Bo", "question": "Hur?"}})
	sc.Hired = put(desk, gdpr.Record{Subject: gdpr.Email("gun@byn.example"), Assignment: sc.Assignment, Fields: gdpr.Fields{"name": "Gun"}})
	sc.Hosted = put(r.As(support, "hosted").Under(sc.Agreement), gdpr.Record{Subject: gdpr.Ref("gäst-1"), Fields: gdpr.Fields{"content": "Gästens"}})
	if op.prepare != nil {
		op.prepare(t, r, sc)
	}
	if op.since != nil {
		r.stop()
		old, err := s.copyTo(t.TempDir())
		require.NoError(t, err)
		later := s.run(t)
		op.since(t, later, sc)
		later.stop()
		s.restored(t, old, s.files()...)
	}
	return s, sc
}

// state is a site as its users see it, without ids, and what its tables count.
type state struct {
	seen   string // what can be read, why it is there, holds, agreements, trail
	counts string // rows
}

// everybody is all whom a scene or an operation may know.
func everybody() gdpr.Identity {
	var all gdpr.Identity
	for _, name := range []string{"anna", "anna.ny", "bo", "cajsa", "dag", "evert", "frida", "gun"} {
		all = all.And(gdpr.Email(name + "@byn.example"))
	}
	return all
}

// look opens a site by clean drivers and reads its state.
func look(t *testing.T, s *site, sc *scene, op operation) state {
	t.Helper()
	r, err := s.start(t.Context())
	require.NoError(t, err, "open again")
	defer r.stop()
	if health, err := r.Health(t.Context()); s.apart && err == nil && !health.Restored {
		r.noOldKeys(t)
	}
	return r.look(t, sc, op)
}

// noOldKeys demands that a store of keys has none of a version that was replaced, nor of a part that was erased: Open has finished what a fault left.
func (r *running) noOldKeys(t *testing.T) {
	t.Helper()
	versions := map[string]int{}
	for _, row := range column(t, r.data.Writer(), `SELECT CONCAT(hex(record), ' ', part, ' ', version) FROM gallra_parts`) {
		var record string
		var part, version int
		_, err := fmt.Sscan(row, &record, &part, &version)
		require.NoError(t, err)
		versions[fmt.Sprint(record, part)] = version
	}
	proofs := strings.Join(column(t, r.data.Writer(), `SELECT body FROM gallra_proofs`), "")
	for _, row := range column(t, r.keys.Writer(), `SELECT CONCAT(hex(record), ' ', part, ' ', version) FROM gallra_part_keys`) {
		var record string
		var part, version int
		_, err := fmt.Sscan(row, &record, &part, &version)
		require.NoError(t, err)
		now, lives := versions[fmt.Sprint(record, part)]
		require.False(t, lives && version < now, "the key of an old version is there")
		b, err := hex.DecodeString(record)
		require.NoError(t, err)
		require.False(t, !lives && strings.Contains(proofs, gdpr.ID(b).String()), "the key of an erased part is there")
	}
}

// look reads the state. It fails when anything is half done: a record that does not open, a trail or ledger that does not verify, a proof that
// only one of them knows, rows that lead nowhere.
func (r *running) look(t *testing.T, sc *scene, op operation) state {
	t.Helper()
	ctx := t.Context()
	if health, err := r.Health(ctx); err == nil && health.Restored {
		return state{"closed", r.counts(t)}
	}
	_, err := r.Verify(ctx)
	require.NoError(t, err)
	var seen []string
	for rec, err := range r.As(dpo, gdpr.SubjectRights).Find(ctx, everybody()) {
		require.NoError(t, err)
		seen = append(seen, r.describe(rec))
	}
	for _, id := range []gdpr.ID{sc.Live, sc.Hired, sc.Hosted} {
		seen = append(seen, r.explain(t, id))
	}
	hosted, err := r.As(support, "hosted").Under(sc.Agreement).Get(ctx, sc.Hosted)
	if err != nil {
		seen = append(seen, err.Error())
	} else {
		seen = append(seen, r.describe(hosted))
	}
	p, err := r.Party(ctx, sc.Party)
	seen = append(seen, fmt.Sprint(p.Name, err))
	for _, id := range []gdpr.ID{sc.Agreement, sc.Own} {
		g, ended, err := r.Agreement(ctx, id)
		seen = append(seen, fmt.Sprint(g.Ref, ended, err))
	}
	data := r.data.Writer()
	action, _, _ := strings.Cut(op.name, " ")
	for _, rows := range [][2]string{
		{"parts", `SELECT CONCAT(family, ' ', purposes, ' due ', due, ' held ', held, ' restricted ', restricted, ' ', facts) FROM gallra_parts`},
		{"files", `SELECT CONCAT(kind, ' ', state, ' held ', held, ' due ', due) FROM gallra_files WHERE kind <> 'keys to destroy'`},
		{"schedules", `SELECT CONCAT(family, ' due ', due, ' ', facts, held) FROM gallra_schedules`},
		{"events", `SELECT json_extract(body, '$.kind') FROM gallra_events`},
		{"acts", `SELECT CONCAT(json_extract(body, '$.outcome'), json_extract(body, '$.fields'), json_extract(body, '$.count')) FROM gallra_entries
			WHERE json_extract(body, '$.action') = '` + action + `'`},
	} {
		list := column(t, data, rows[1])
		sort.Strings(list)
		seen = append(seen, rows[0]+": "+strings.Join(list, "; "))
	}
	sort.Strings(seen)
	r.whole(t, data)
	return state{strings.Join(seen, "\n"), r.counts(t)}
}

// whole demands that no row leads nowhere, and that ledger and proofs are the same.
func (r *running) whole(t *testing.T, data *sql.DB) {
	t.Helper()
	for _, query := range []string{
		`SELECT p.part FROM gallra_parts p WHERE NOT EXISTS (SELECT 1 FROM gallra_subjects s WHERE s.id = p.subject)`,
		`SELECT i.part FROM gallra_index i WHERE i.part > 0 AND NOT EXISTS (SELECT 1 FROM gallra_parts p WHERE p.record = i.record AND p.part = i.part)`,
		`SELECT i.part FROM gallra_index i WHERE NOT EXISTS (SELECT 1 FROM gallra_subjects s WHERE s.id = i.subject)`,
		`SELECT l.other FROM gallra_links l WHERE NOT EXISTS (SELECT 1 FROM gallra_parts p WHERE p.record = l.record AND p.bucket = l.other)`,
		`SELECT n FROM gallra_proofs WHERE NOT confirmed`,
	} {
		require.Empty(t, column(t, data, query), query)
	}
	ledger, err := os.ReadFile(r.site.path(kekFile + ".ledger"))
	require.NoError(t, err)
	require.Len(t, column(t, data, `SELECT n FROM gallra_proofs`), strings.Count(string(ledger), "\n")-1, "ledger and proofs")
}

// counts are the numbers of rows.
func (r *running) counts(t *testing.T) string {
	t.Helper()
	data, keys := r.data.Writer(), r.data.Writer()
	if r.keys != nil {
		keys = r.keys.Writer()
	}
	var b strings.Builder
	count := func(name string, db *sql.DB, query string) { fmt.Fprintln(&b, name, column(t, db, query)[0]) }
	for _, table := range []string{"subjects", "parts", "index", "proofs", "segments"} {
		count(table, data, `SELECT COUNT(*) FROM gallra_`+table)
	}
	if !r.site.apart { // where keys are written first, a crash may leave some that nothing was ever sealed with
		count("live controllers", keys, `SELECT COUNT(*) FROM gallra_controller_keys WHERE NOT destroyed`)
		count("live persons", keys, `SELECT COUNT(*) FROM gallra_subject_keys WHERE NOT destroyed`)
		count("part keys", keys, `SELECT COUNT(*) FROM gallra_part_keys`)
	}
	count("destroyed persons", keys, `SELECT COUNT(*) FROM gallra_subject_keys WHERE destroyed`)
	count("destroyed controllers", keys, `SELECT COUNT(*) FROM gallra_controller_keys WHERE destroyed`)
	return b.String()
}

// describe is a record without its ids.
func (r *running) describe(rec *gdpr.Stored) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s restricted %v sealed %v source %q", rec.Activity, rec.Purposes, rec.Restricted, rec.Sealed(), rec.Source())
	if !r.site.apart { // apart, a number whose key is there already from a first try is left out
		fmt.Fprintf(&b, " v%d", rec.Version)
	}
	for _, subject := range rec.Subjects() {
		f := rec.FieldsOf(subject)
		for _, name := range f.Names() {
			fmt.Fprintf(&b, " %s=%v", name, f[name])
		}
	}
	return b.String()
}

// explain is why a record is there, without its ids.
func (r *running) explain(t *testing.T, id gdpr.ID) string {
	t.Helper()
	x, err := r.As(dpo, gdpr.SubjectRights).Explain(t.Context(), id)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(regexp.MustCompile(`[0-9a-f-]{36}`).ReplaceAllString(x.String(), "ID"), "\n", ";")
}
