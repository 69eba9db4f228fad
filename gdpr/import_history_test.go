package gdpr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// history brings in one record and returns the outcome and its id.
func (f *firm) history(s *gdpr.Session, r gdpr.Record) (gdpr.Imported, gdpr.ID) {
	f.t.Helper()
	out, err := s.PutAll(f.t.Context(), sequence(r), nil)
	require.NoError(f.t, err)
	require.Empty(f.t, out.Refused)
	for found, err := range f.rights.Find(f.t.Context(), asa) {
		require.NoError(f.t, err)
		return out, found.ID
	}
	f.t.Fatal("it was not stored")
	return out, gdpr.ID{}
}

// lease is a customer's agreement of 2014 that ended on a day, if any is given.
func (f *firm) lease(ended string) gdpr.ID {
	f.t.Helper()
	party, err := f.admin.PutParty(f.t.Context(), gdpr.Party{Name: "Tallbackens vårdcentral", Contact: "dso@kund.example", Country: "SE"})
	require.NoError(f.t, err)
	id, err := f.admin.PutAgreement(f.t.Context(), gdpr.Agreement{Party: party, Ref: "AV-2014", From: day(f.t, "2014-01-01"),
		Activities: []string{"hosted-customer-data"}, Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
	require.NoError(f.t, err)
	if ended != "" {
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: id, Day: day(f.t, ended)})
	}
	return id
}

// Old data comes in with its own days, and every clock of it says what it would have said, had it been here all the time. The tables of
// clocks_test.go have the same rules on data that came in fresh.
func TestImportOfHistory(t *testing.T) {
	t.Parallel()
	at := func(day string) time.Time { return on(day).at }
	ticket := gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Skrivaren"}, CollectedAt: at("2016-05-10")}
	closed := func(d civil.Date) map[retention.Event]civil.Date {
		return map[retention.Event]civil.Date{"financial-year-closed": d}
	}
	for _, c := range []struct {
		name    string
		run     func(f *firm) (gdpr.Imported, gdpr.ID)
		until   string
		overdue int
		gone    string // the day on which a sweep erases it; "" for what a plan erases on the day of the import
		from    string
	}{
		{"collected, ten years ago", func(f *firm) (gdpr.Imported, gdpr.ID) { return f.history(f.support, ticket) }, "2017-05-10", 1, "", ""},
		{"collected, not yet a year ago", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			r.CollectedAt = at("2025-06-01")
			return f.history(f.support, r)
		}, "2026-06-01", 0, "2026-05-30", "2026-05-20"},
		{"own event, and its floor and ceiling have passed", func(f *firm) (gdpr.Imported, gdpr.ID) {
			return f.history(f.accounts, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 17"}, CollectedAt: at("2016-05-10"),
				Events: closed(day(f.t, "2016-08-31"))})
		}, "2024-03-31", 1, "", ""},
		{"own event, and the floor goes on", func(f *firm) (gdpr.Imported, gdpr.ID) {
			return f.history(f.accounts, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 17"}, CollectedAt: at("2018-10-01"),
				Events: closed(day(f.t, "2019-08-31"))})
		}, "2027-03-31", 0, "2027-03-29", "2026-12-20"},
		{"own event that nobody told", func(f *firm) (gdpr.Imported, gdpr.ID) {
			return f.history(f.accounts, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 17"}, CollectedAt: at("2016-05-10")})
		}, "", 0, "never", "2036-01-01"},
		{"agreement that ended long ago", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			r.Agreement = f.lease("2018-06-30")
			return f.history(f.support, r)
		}, "2019-06-30", 1, "", ""},
		{"agreement that ended a while ago", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			r.Agreement = f.lease("2025-12-31")
			return f.history(f.support, r)
		}, "2026-12-31", 0, "2026-12-29", "2026-12-20"},
		{"agreement that goes on", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			r.Agreement = f.lease("")
			return f.history(f.support, r)
		}, "", 0, "never", "2036-01-01"},
		{"agreement that ended after the import", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			r.Agreement = f.lease("")
			out, id := f.history(f.support, r)
			f.clock.set("2026-06-01")
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: r.Agreement})
			return out, id
		}, "2027-06-01", 0, "2027-05-30", "2027-05-20"},
		{"assignment that ended long ago, of an agreement that goes on", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			r.Assignment = f.assignment(f.lease(""))
			f.event(f.admin, gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: r.Assignment, Day: day(f.t, "2017-02-28")})
			return f.history(f.support, r)
		}, "2018-02-28", 1, "", ""},
		{"assignment that goes on, of an agreement that ended long ago", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			agreement := f.lease("")
			r.Assignment = f.assignment(agreement)
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement, Day: day(f.t, "2018-06-30")})
			return f.history(f.support, r)
		}, "2019-06-30", 1, "", ""},
		{"agreement whose clock a sweep has seen run out", func(f *firm) (gdpr.Imported, gdpr.ID) {
			r := ticket
			r.Agreement = f.lease("2018-06-30")
			f.sweep()
			schedules, err := f.store.SchedulesOf(f.t.Context(), r.Agreement)
			require.NoError(f.t, err)
			for _, sc := range schedules {
				require.Zero(f.t, sc.Due, "it is quiet")
			}
			return f.history(f.support, r)
		}, "2019-06-30", 1, "", ""},
		{"held for a customer whose agreement goes on", func(f *firm) (gdpr.Imported, gdpr.ID) {
			return f.hostedHistory(f.lease(""))
		}, "", 0, "never", "2036-01-01"},
		{"held for a customer whose agreement has ended, within its thirty days", func(f *firm) (gdpr.Imported, gdpr.ID) {
			return f.hostedHistory(f.lease("2026-02-20"))
		}, "2026-03-22", 0, "2026-03-20", "2026-03-10"},
		{"held for a customer who left long ago", func(f *firm) (gdpr.Imported, gdpr.ID) {
			return f.hostedHistory(f.lease("2018-06-30"))
		}, "2018-07-30", 1, "", ""},
		{"held for a customer who has said to erase it", func(f *firm) (gdpr.Imported, gdpr.ID) {
			agreement := f.lease("")
			f.event(f.admin, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: agreement, Day: day(f.t, "2026-02-01")})
			return f.hostedHistory(agreement)
		}, "2026-05-01", 1, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				ctx := t.Context()
				f := newFirm(h)
				out, id := c.run(f)
				assert.Equal(t, c.overdue, out.Overdue)
				x, err := f.rights.Explain(ctx, id)
				require.NoError(t, err)
				until := ""
				if got := x.Parts[0].Until; !got.IsZero() {
					until = got.String()
				}
				assert.Equal(t, c.until, until)
				plan, err := h.Plan(ctx)
				require.NoError(t, err)
				assert.Equal(t, c.overdue, plan.Erase)
				assert.Equal(t, c.overdue > 0, plan.Halting)
				if c.gone == "" {
					_, err = h.Sweep(ctx, nil)
					require.ErrorIs(t, err, gdpr.ErrHalted)
					require.Equal(t, 1, h.count())
					done, err := h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
					require.NoError(t, err)
					assert.Equal(t, 1, done.Erased)
					assert.Equal(t, 1, done.Persons)
				} else {
					last := c.from
					for range 20 {
						last = next(t, last)
					}
					if c.gone > last && c.gone != "never" {
						last = next(t, c.gone)
					}
					assert.Equal(t, c.gone, f.goesOn(id, c.from, last))
				}
				f.verified()
			})
		})
	}
}

// hostedHistory brings in what was held for a customer.
func (f *firm) hostedHistory(agreement gdpr.ID) (gdpr.Imported, gdpr.ID) {
	f.t.Helper()
	return f.history(f.operations.Under(agreement), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"content": "Journal: öronvärk"}, CollectedAt: on("2016-05-10").at})
}

// Of a record in parts each has its own clocks: what only the ended purpose needed is overdue, what the law keeps is not.
func TestImportOfHistoryPartByPart(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		s := h.As(web, "order")
		out, err := s.PutAll(ctx, sequence(gdpr.Record{Subject: asa, CollectedAt: on("2019-03-01").at,
			Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Växlarna hoppar", "serial": "CY-17", "amount": int64(8990)},
			Events: map[retention.Event]civil.Date{"delivered": day(t, "2019-03-10"), "year-closed": day(t, "2019-12-31")}}), nil)
		require.NoError(t, err)
		require.Equal(t, 4, h.count())
		assert.Equal(t, 2, out.Overdue, "the message; the serial number with the e-mail")
		rights := h.As(dpo, gdpr.SubjectRights)
		who := find(t, rights, asa)[0].Subject()
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Equal(t, 2, plan.Erase)
		done, err := h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
		require.NoError(t, err)
		assert.Equal(t, 2, done.Erased)
		assert.Zero(t, done.Persons)
		kept := find(t, rights, gdpr.Subject(who))
		require.Len(t, kept, 1)
		assert.Equal(t, []string{"amount", "name"}, kept[0].Fields().Names())
		h.verified()
	})
}

// EPM-8.2: after an agreement's end a processor may still bring in what it held before, and nothing else.
func TestImportAfterTheEnd(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		agreement := f.lease("2026-02-20")
		s := f.operations.Under(agreement)
		held := func(day, name string) gdpr.Record {
			r := gdpr.Record{Subject: gdpr.Ref(name), Fields: gdpr.Fields{"content": "Journal"}, Origin: name}
			if day != "" {
				r.CollectedAt = on(day).at
			}
			return r
		}
		out, err := s.PutAll(ctx, sequence(held("2016-05-10", "ett"), held("2026-02-20", "två"), held("2026-02-21", "tre")), nil)
		require.NoError(t, err)
		assert.Equal(t, 2, out.Stored)
		require.Len(t, out.Refused, 1)
		assert.Equal(t, "tre: CollectedAt: after the agreement or assignment had ended", out.Refused[0].String())

		// A record that does not say when is of today: nobody processes under an ended agreement, and the attempt leaves a trace.
		refused := h.refusals("PutAll")
		out, err = s.PutAll(ctx, sequence(held("2016-05-10", "fyra"), held("2016-05-10", "fem"), held("", "sex"), held("2016-05-10", "sju")), &gdpr.ImportOptions{Batch: 2})
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		assert.Equal(t, 2, out.Stored)
		assert.Empty(t, out.Refused)
		assert.Equal(t, refused+1, h.refusals("PutAll"))
		_, err = s.Put(ctx, held("2016-05-10", "sex"))
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded, "one by one nothing comes in")
		for _, err := range s.Find(ctx, gdpr.Ref("ett")) {
			require.ErrorIs(t, err, gdpr.ErrPurposeEnded, "and nothing is used")
		}
		require.Equal(t, 4, h.count())

		// An agreement that ends in the middle ends an import of today's records.
		live := f.lease("")
		two, spied := h.second().spied()
		spied.before = func(b *storage.Batch) {
			if len(b.PutParts) > 0 {
				spied.before = nil
				f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: live, Day: day(t, "2026-03-01")})
			}
		}
		out, err = two.As(ops, "hosted-customer-data").Under(live).PutAll(ctx, sequence(held("", "åtta"), held("", "nio")), nil)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		assert.Zero(t, out.Stored)
		require.Equal(t, 4, h.count())

		// Once the customer is off-boarded nothing of it comes back.
		g, _, err := h.Agreement(ctx, agreement)
		require.NoError(t, err)
		_, err = f.rights.Offboard(ctx, g.Party)
		require.NoError(t, err)
		out, err = s.PutAll(ctx, sequence(held("2016-05-10", "ett")), nil)
		require.ErrorIs(t, err, gdpr.ErrErased)
		assert.Zero(t, out.Stored)
		f.verified()
	})
}
