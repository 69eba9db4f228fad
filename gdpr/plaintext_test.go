package gdpr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// spoken is all that the engine said: its log, its errors, its results in print.
type spoken struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *spoken) print(v any) { fmt.Fprintf(s, "%v\n%+v\n%#v\n", v, v, v) }

// err notes an error and all that it wraps.
func (s *spoken) err(err error) {
	s.print(err)
	switch e := err.(type) { //nolint:errorlint // walks the tree by hand
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			s.err(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			s.err(inner)
		}
	}
}

// diary is the test's course: what was done, and what must be looked through after each step.
type diary struct {
	t    *testing.T
	site *site
	*running
	scan   *scanner
	said   *spoken
	record gdpr.ID
	hosted gdpr.ID
	party  gdpr.ID
	terms  gdpr.ID // the agreement
}

// step does something and looks everywhere.
func (d *diary) step(name string, do func(ctx context.Context)) {
	d.t.Helper()
	do(d.t.Context())
	d.scan.look(d.t, d.site, name)
	require.Empty(d.t, d.scan.find(d.said.b.Bytes()), "%s: in logs, errors or results", name)
}

func (d *diary) must(err error) {
	d.t.Helper()
	if err != nil {
		d.said.err(err)
	}
	require.NoError(d.t, err)
}

// refused notes an error that must be there.
func (d *diary) refused(what string, err error) {
	d.t.Helper()
	require.Error(d.t, err, what)
	d.said.err(err)
}

// TestNoPlaintextAtRest plants a marker in every field and identifier and looks for each, in many forms, in every byte of every file, in the log, in
// errors and in the trail: after every step and after a crash (EPM-2, Art. 32(1)(a)).
func TestNoPlaintextAtRest(t *testing.T) {
	t.Parallel()
	for _, layout := range bothLayouts {
		t.Run(layout.name, func(t *testing.T) {
			t.Parallel()
			said := &spoken{}
			s := newSite(t, "epm.yaml", layout.apart)
			s.log = said
			d := &diary{t: t, site: s, scan: newScanner(allMarkers...), said: said}
			d.step("open", func(context.Context) { d.running = s.run(t) })
			d.people()
			d.write()
			d.read()
			d.refuse()
			d.holds()
			d.say()
			d.crash()
			d.erase()
			d.control()
		})
	}
}

// control: what may stand there in clear, an actor's name in the trail, is found, and what was stored is still read.
func (d *diary) control() {
	staff := newScanner(planted{"staff", "Märta Support", nil})
	found := 0
	for _, row := range tables(d.t, d.site.raw(d.t, dataFile)) {
		if row.table == "gallra_entries" {
			found += len(staff.find(row.bytes))
		}
	}
	require.NotZero(d.t, found, "the scanner does not see the trail")
	require.Contains(d.t, d.said.b.String(), "sweep done", "the log was not captured")
	require.Contains(d.t, d.said.b.String(), "Fields.message: not valid UTF-8", "errors were not captured")
}

// people: grants, party, agreement, assignment.
func (d *diary) people() {
	admin := d.As(boss, gdpr.Retention)
	d.step("grant", func(ctx context.Context) {
		for who, role := range map[gdpr.Actor]string{support: "support", dpo: "privacy", operations: "operations"} {
			_, err := admin.Grant(ctx, gdpr.Grant{Actor: who, Role: role, Reason: markGrant.value, Supervisor: markSuper.value})
			d.must(err)
		}
	})
	d.step("agreement", func(ctx context.Context) {
		d.party, d.terms = d.hosting(d.t, gdpr.Party{Name: markParty.value, Contact: markDesk.value, Country: "SE", Number: markOrgNr.value}, markAgree.value)
		p, err := d.Party(ctx, d.party)
		d.must(err)
		require.Equal(d.t, markParty.value, p.Name)
		g, _, err := d.Agreement(ctx, d.terms)
		d.must(err)
		require.Equal(d.t, markAgree.value, g.Ref)
		_, err = admin.OpenAssignment(ctx, d.terms, markTitle.value)
		d.must(err)
	})
}

func (d *diary) tickets() *gdpr.Session { return d.As(support, "support-ticket") }
func (d *diary) host() *gdpr.Session    { return d.As(operations, "hosted-customer-data").Under(d.terms) }

func markedTime(t *testing.T) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, markTime.value+"Z")
	require.NoError(t, err)
	return at
}

func (d *diary) write() {
	anna := gdpr.Email(markMail.value).And(gdpr.Phone(markTel.value)).And(gdpr.NationalNumber(markPnr.value)).And(gdpr.Ref(markRef.value))
	d.step("put", func(ctx context.Context) {
		var err error
		d.record, err = d.tickets().Put(ctx, gdpr.Record{
			Subject: anna, Source: markSrc.value,
			Fields: gdpr.Fields{"name": markName.value, "phone": markTel.value, "message": "Jag bor på " + markText.value + ".\nHej!",
				"attachments": []any{markList.value, []byte(markBin.value), int64(918273645546372819), 27182818.284590452, markedTime(d.t)}},
			Also:   []gdpr.Share{{Subject: gdpr.Email(markMail2.value), Fields: gdpr.Fields{"message": markText2.value}}},
			Origin: "tickets.csv:4711",
		})
		d.must(err)
	})
	d.step("put all", func(ctx context.Context) {
		out, err := d.tickets().PutAll(ctx, sequence(
			gdpr.Record{Subject: anna, Fields: gdpr.Fields{"message": markText.value}},
			gdpr.Record{Subject: gdpr.Email("inte en adress " + markBad.value), Fields: gdpr.Fields{"message": "Hej"}, Origin: "tickets.csv:2"},
			gdpr.Record{Subject: gdpr.Subject(gdpr.ID{1}), Fields: gdpr.Fields{"message": markBad.value}},
		), nil)
		d.must(err)
		require.Equal(d.t, 1, out.Stored)
		d.said.print(out)
		for _, r := range out.Refused {
			d.said.err(r.Err)
		}
	})
	d.step("put hosted", func(ctx context.Context) {
		var err error
		d.hosted, err = d.host().Put(ctx, gdpr.Record{Subject: gdpr.Ref(markKey.value), Fields: gdpr.Fields{"content": markHost.value, "email": markMail2.value}})
		d.must(err)
	})
	d.step("update", func(ctx context.Context) {
		d.must(d.tickets().Update(ctx, d.record, gdpr.Change{Fields: gdpr.Fields{"name": markName2.value, "email": markMail3.value}}))
	})
	d.step("event", func(ctx context.Context) {
		d.must(d.host().RecordEvent(ctx, gdpr.Event{Kind: gdpr.ErasureInstructed, Subject: gdpr.Ref(markKey.value), Note: markNote.value}))
		d.must(d.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Purpose: "sales-contact", Record: d.sales(ctx), Note: markNote.value}))
	})
}

// sales puts a record whose purpose can end.
func (d *diary) sales(ctx context.Context) gdpr.ID {
	seller := gdpr.Person("Säljare Sågström")
	d.grant(d.t, seller, "sales")
	id, err := d.As(seller, "sales-contact").Put(ctx, gdpr.Record{Subject: gdpr.Phone(markTel.value), Fields: gdpr.Fields{"name": markName.value, "employer": markParty.value}})
	d.must(err)
	return id
}

func sequence(records ...gdpr.Record) iter.Seq2[gdpr.Record, error] {
	return func(yield func(gdpr.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (d *diary) read() {
	d.step("get", func(ctx context.Context) {
		got, err := d.tickets().Get(ctx, d.record)
		d.must(err)
		require.Equal(d.t, markName2.value, got.Text("name"), "the markers are really there")
		require.Equal(d.t, markSrc.value, got.Source())
		d.said.print(got)
		d.said.print(got.Fields())
	})
	d.step("find", func(ctx context.Context) {
		for s, who := range map[*gdpr.Session]gdpr.Identity{
			d.tickets():                   gdpr.Email(markMail3.value),
			d.As(dpo, gdpr.SubjectRights): gdpr.NationalNumber(markPnr.value),
			d.host():                      gdpr.Ref(markKey.value),
		} {
			found := find(d.t, s, who)
			require.NotEmpty(d.t, found)
			d.said.print(found)
			d.said.print(who)
		}
		require.Empty(d.t, find(d.t, d.tickets(), gdpr.Email(markLost.value)))
	})
	d.step("records", func(ctx context.Context) {
		for r, err := range d.tickets().Records(ctx, gdpr.Query{}) {
			d.must(err)
			d.said.print(r)
		}
	})
	d.step("explain", func(ctx context.Context) {
		x, err := d.tickets().Explain(ctx, d.record)
		d.must(err)
		d.said.print(x)
		d.said.print(*x)
		plan, err := d.Plan(ctx)
		d.must(err)
		d.said.print(*plan)
		h, err := d.Health(ctx)
		d.must(err)
		d.said.print(h)
	})
	d.step("seal", func(ctx context.Context) {
		d.must(d.Seal(ctx))
		report, err := d.Verify(ctx)
		d.must(err)
		d.said.print(report)
	})
}

// refuse gives bad input that carries a marker, everywhere.
func (d *diary) refuse() {
	bad := markBad.value
	mail := gdpr.Email(markMail.value)
	for name, r := range map[string]gdpr.Record{
		"e-mail":        {Subject: gdpr.Email(bad), Fields: gdpr.Fields{"message": bad}},
		"phone":         {Subject: gdpr.Phone("070-" + bad), Fields: gdpr.Fields{"message": bad}},
		"personnummer":  {Subject: gdpr.NationalNumber(markPnr.value + "0"), Fields: gdpr.Fields{"message": bad}},
		"field's name":  {Subject: mail, Fields: gdpr.Fields{bad: bad}},
		"UTF-8":         {Subject: mail, Fields: gdpr.Fields{"message": bad + "\xff"}},
		"NUL":           {Subject: mail, Fields: gdpr.Fields{"message": bad + "\x00"}},
		"too large":     {Subject: mail, Fields: gdpr.Fields{"message": strings.Repeat(bad, 1<<16)}},
		"type":          {Subject: mail, Fields: gdpr.Fields{"message": struct{ Name string }{bad}}},
		"list in list":  {Subject: mail, Fields: gdpr.Fields{"message": []any{[]any{bad}}}},
		"source":        {Subject: mail, Fields: gdpr.Fields{"message": bad}, Source: bad + "\n"},
		"label":         {Subject: mail, Fields: gdpr.Fields{"message": bad}, Labels: map[string]string{bad: bad}},
		"event":         {Subject: mail, Fields: gdpr.Fields{"message": bad}, Events: map[retention.Event]civil.Date{retention.Event(bad): {}}},
		"two persons":   {Subject: gdpr.Email(markMail2.value).And(gdpr.Ref(markRef.value)), Fields: gdpr.Fields{"message": bad}},
		"second person": {Subject: mail, Fields: gdpr.Fields{"message": bad}, Also: []gdpr.Share{{Subject: gdpr.Email(bad), Fields: gdpr.Fields{bad: bad}}}},
	} {
		d.step("refuse "+name, func(ctx context.Context) {
			_, err := d.tickets().Put(ctx, r)
			d.refused(name, err)
			d.said.print(r)
			d.said.print(&r)
		})
	}
	admin := d.As(boss, gdpr.Retention)
	today := day(d.t, "2026-03-02")
	for name, try := range map[string]func(ctx context.Context) error{
		"purpose": func(ctx context.Context) error { _, err := d.As(support, bad).Get(ctx, d.record); return err },
		"no grant": func(ctx context.Context) error {
			_, err := d.As(web, "support-ticket").Put(ctx, gdpr.Record{Subject: mail, Fields: gdpr.Fields{"message": bad}})
			return err
		},
		"actor": func(ctx context.Context) error {
			_, err := d.As(gdpr.Person(bad+"\n"), "support-ticket").Get(ctx, d.record)
			return err
		},
		"case": func(ctx context.Context) error { _, err := d.tickets().Case(bad+"\n").Get(ctx, d.record); return err },
		"find": func(ctx context.Context) error { return firstOf(d.tickets().Find(ctx, gdpr.Email(bad))) },
		"update": func(ctx context.Context) error {
			return d.tickets().Update(ctx, d.record, gdpr.Change{Fields: gdpr.Fields{bad: bad}})
		},
		"update 2": func(ctx context.Context) error {
			return d.tickets().Update(ctx, d.record, gdpr.Change{Fields: gdpr.Fields{"message": bad + "\x00"}})
		},
		"role": func(ctx context.Context) error {
			_, err := admin.Grant(ctx, gdpr.Grant{Actor: web, Role: bad})
			return err
		},
		"party": func(ctx context.Context) error {
			_, err := admin.PutParty(ctx, gdpr.Party{Name: bad + "\n", Contact: bad, Country: bad})
			return err
		},
		"country": func(ctx context.Context) error {
			_, err := admin.PutParty(ctx, gdpr.Party{Name: bad, Contact: bad, Country: bad})
			return err
		},
		"terms": func(ctx context.Context) error {
			_, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: d.party, Ref: bad, Terms: bad, Activities: []string{bad}})
			return err
		},
		"rule": func(ctx context.Context) error {
			_, err := admin.PutAgreement(ctx, hostingTerms(d.party, bad))
			return err
		},
		"title": func(ctx context.Context) error { _, err := admin.OpenAssignment(ctx, d.terms, bad+"\x00"); return err },
		"event kind": func(ctx context.Context) error {
			return d.tickets().RecordEvent(ctx, gdpr.Event{Kind: retention.Event(bad), Record: d.record, Note: bad})
		},
		"event note": func(ctx context.Context) error {
			return d.tickets().RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: d.record, Note: bad + "\xff"})
		},
		"event of nobody": func(ctx context.Context) error {
			return d.tickets().RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Subject: gdpr.Email(markLost.value), Note: bad})
		},
		"hold ground": func(ctx context.Context) error {
			_, err := d.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: d.record, Ground: bad + "\n", ReviewBy: today.AddDays(9)})
			return err
		},
		"hold field": func(ctx context.Context) error {
			_, err := d.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: d.record, Fields: []string{bad}, Ground: "A17-3-e", ReviewBy: today.AddDays(9), Note: bad})
			return err
		},
		"erase ground": func(ctx context.Context) error {
			_, err := d.As(dpo, gdpr.SubjectRights).Erase(ctx, mail, gdpr.Ground(bad))
			return err
		},
		"erase nobody": func(ctx context.Context) error {
			_, err := d.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email(markLost.value), gdpr.Unlawful)
			return err
		},
		"id": func(context.Context) error { _, err := gdpr.ParseID(bad); return err },
	} {
		d.step("refuse "+name, func(ctx context.Context) { d.refused(name, try(ctx)) })
	}
}

func hostingTerms(party gdpr.ID, rule string) gdpr.Agreement {
	return gdpr.Agreement{Party: party, Ref: "AV-9", Activities: []string{"hosted-customer-data"}, Terms: "service-agreement", Erase: []string{rule}, AtEnd: "erase"}
}

func firstOf(seq iter.Seq2[*gdpr.Stored, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

func (d *diary) holds() {
	var id gdpr.ID
	d.step("hold", func(ctx context.Context) {
		var err error
		id, err = d.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: d.record, Ground: "A17-3-e", ReviewBy: day(d.t, "2026-09-01"), Note: markHold.value})
		d.must(err)
	})
	d.step("erase what is held", func(ctx context.Context) {
		_, err := d.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email(markMail2.value), gdpr.Unlawful)
		d.refused("held", err)
		require.ErrorIs(d.t, err, gdpr.ErrOnHold)
	})
	d.step("release", func(ctx context.Context) { d.must(d.As(dpo, gdpr.Retention).Release(ctx, id)) })
}

// say keeps what is said about a person, and by them.
func (d *diary) say() {
	who, desk := gdpr.Email(markMail3.value), d.As(dpo, gdpr.SubjectRights)
	d.step("restrict", func(ctx context.Context) {
		id, err := desk.Restrict(ctx, gdpr.Restriction{Subject: who, Ground: gdpr.AccuracyContested, Note: markHold.value})
		d.must(err)
		d.must(desk.Update(ctx, d.record, gdpr.Change{Subject: d.who(who), Statement: markText.value}))
		all, err := desk.Restrictions(ctx, who)
		d.must(err)
		require.Equal(d.t, markHold.value, all[0].Note())
		d.said.print(all)
		d.must(desk.Unrestrict(ctx, id, gdpr.Lift{Informed: day(d.t, "2026-03-02")}))
	})
	d.step("evidence", func(ctx context.Context) {
		_, err := d.As(boss, gdpr.Retention).Grant(ctx, gdpr.Grant{Actor: web, Role: "sales"})
		d.must(err)
		_, err = d.As(web, "sales-contact").RecordEvidence(ctx, gdpr.Evidence{Subject: who, Condition: "open-talks", Source: markNote.value})
		d.must(err)
		may, err := d.As(web, "sales-contact").MayMarket(ctx, who)
		d.must(err)
		d.said.print(may)
	})
}

// who is the id of a person.
func (d *diary) who(who gdpr.Identity) gdpr.ID {
	d.t.Helper()
	return find(d.t, d.As(dpo, gdpr.SubjectRights), who)[0].Subject()
}

// crash kills a process in the middle of an import and of a sweep, and looks at what it leaves.
func (d *diary) crash() {
	d.step("killed import", func(ctx context.Context) { d.kill("killed import") })
	d.step("killed sweep", func(ctx context.Context) {
		// A sweep has something to do: the hosted data was to be erased within three months.
		d.kill("killed sweep")
	})
	d.step("opened again", func(ctx context.Context) {
		d.stop()
		d.running = d.site.run(d.t)
		found := 0
		for r, err := range d.tickets().Records(ctx, gdpr.Query{}) {
			d.must(err)
			require.NotContains(d.t, r.Text("message"), markBulk.value, "nothing of the killed import is there")
			found++
		}
		require.Equal(d.t, 2, found)
	})
}

func (d *diary) kill(how string) {
	s := *d.site
	s.fragile = true
	p := startChild(d.t, &s, how)
	require.True(d.t, p.end(), "%s", p.text.String())
	d.said.print(p.text.String())
}

// killedImport dies while a large batch is being written: more than the page cache holds, so that part of it is in the log.
func killedImport(t *testing.T, c *child) {
	var records []gdpr.Record
	for i := range 40 {
		records = append(records, gdpr.Record{Subject: gdpr.Email(fmt.Sprintf("avbruten.%d@överföring.example", i)),
			Fields: gdpr.Fields{"name": markName.value, "message": strings.Repeat(markBulk.value+" ", 5000)}})
	}
	c.killAtCommit(t, 1, func(r *running) error {
		_, err := r.As(support, "support-ticket").PutAll(t.Context(), sequence(records...), nil)
		return err
	})
}

// killedSweep dies when the rows are gone and the batch is about to be committed.
func killedSweep(t *testing.T, c *child) {
	c.site.clock.set("2026-06-01")
	c.killAtCommit(t, 2, func(r *running) error {
		_, err := r.Sweep(t.Context(), nil)
		return err
	})
}

func (d *diary) erase() {
	d.step("sweep", func(ctx context.Context) {
		d.site.clock.set("2026-06-02") // the lease of the killed one has run out
		res, err := d.Sweep(ctx, nil)
		d.must(err)
		require.Equal(d.t, 3, res.Erased, "hosted data, sales contact, and what the hold had kept from being erased")
		d.said.print(res)
	})
	d.step("erase", func(ctx context.Context) {
		out, err := d.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Phone(markTel.value), gdpr.NoLongerNeeded)
		d.must(err)
		d.said.print(*out)
		_, err = d.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Phone(markTel.value), gdpr.NoLongerNeeded)
		d.refused("erased twice", err)
		require.ErrorIs(d.t, err, gdpr.ErrNotFound)
	})
	d.step("explain what is gone", func(ctx context.Context) {
		x, err := d.tickets().Explain(ctx, d.record)
		d.must(err)
		d.said.print(*x)
	})
	d.step("off-board", func(ctx context.Context) {
		d.must(d.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: d.terms, Note: markNote.value}))
		_, err := d.As(dpo, gdpr.Retention).Offboard(ctx, d.party)
		d.must(err)
		_, err = d.Party(ctx, d.party)
		d.refused("party", err)
		require.True(d.t, errors.Is(err, gdpr.ErrErased))
	})
	d.step("closed", func(context.Context) { d.stop() })
}
