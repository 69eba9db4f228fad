package gdpr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// firm is EPM Data with staff who hold the roles that its register wants.
type firm struct {
	*house
	support, accounts, operations, rights, admin *gdpr.Session
}

var (
	ops   = gdpr.Person("Ylva Drift")
	books = gdpr.Person("Göran Räkenskap")
)

func newFirm(h *house) *firm {
	h.t.Helper()
	h.grant(support, "support")
	h.grant(books, "accounts")
	h.grant(ops, "operations")
	h.grant(dpo, "privacy")
	return &firm{h, h.As(support, "support-ticket"), h.As(books, "invoice"), h.As(ops, "hosted-customer-data"),
		h.As(dpo, gdpr.SubjectRights), h.As(boss, gdpr.Retention)}
}

// ticket stores a ticket of Åsa's.
func (f *firm) ticket(agreement, assignment gdpr.ID) gdpr.ID {
	f.t.Helper()
	id, err := f.support.Put(f.t.Context(), gdpr.Record{Subject: asa, Agreement: agreement, Assignment: assignment,
		Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Skrivaren på plan 5 hittar inte papperet."}})
	require.NoError(f.t, err)
	return id
}

// hosted stores something about a person under a customer's agreement.
func (f *firm) hosted(agreement gdpr.ID, who gdpr.Identity) gdpr.ID {
	f.t.Helper()
	id, err := f.operations.Under(agreement).Put(f.t.Context(), gdpr.Record{Subject: who, Fields: gdpr.Fields{"content": "Journal: öronvärk"}})
	require.NoError(f.t, err)
	return id
}

// event notes something for a session.
func (f *firm) event(s *gdpr.Session, ev gdpr.Event) {
	f.t.Helper()
	require.NoError(f.t, s.RecordEvent(f.t.Context(), ev))
}

// assignment opens one under an agreement.
func (f *firm) assignment(agreement gdpr.ID) gdpr.ID {
	f.t.Helper()
	id, err := f.admin.OpenAssignment(f.t.Context(), agreement, "Drift av kassan i Åre")
	require.NoError(f.t, err)
	return id
}

// goesOn turns the clock day by day, sweeps on each, and returns the day on which the record was gone, or "never" at the last.
func (f *firm) goesOn(id gdpr.ID, from, last string) string {
	f.t.Helper()
	for d := from; ; d = next(f.t, d) {
		f.clock.set(d)
		f.sweep()
		parts, err := f.store.Record(f.t.Context(), id)
		require.NoError(f.t, err)
		if len(parts) == 0 {
			return d
		}
		if d == last {
			return "never"
		}
	}
}

// A ceiling is met with a lead: the first noon from which it is three days to the end of the last day.
func TestClocksDayByDay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		run   func(f *firm) gdpr.ID
		until string // what Explain says, "" for a clock that has not started
		from  string // the clock is turned from here
		want  string
		last  string
	}{
		{"EPM-T4: a year after registration", func(f *firm) gdpr.ID { return f.ticket(gdpr.ID{}, gdpr.ID{}) },
			"2027-03-02", "2027-02-20", "2027-02-28", "2027-03-05"},
		{"EPM-T4: registered on a leap day", func(f *firm) gdpr.ID {
			f.clock.set("2028-02-29")
			return f.ticket(gdpr.ID{}, gdpr.ID{})
		}, "2029-02-28", "2029-02-20", "2029-02-26", "2029-03-05"},
		{"EPM-T3: a year after the assignment's end", func(f *firm) gdpr.ID {
			_, agreement := f.supplier()
			job := f.assignment(agreement)
			id := f.ticket(gdpr.ID{}, job)
			f.clock.set("2026-05-12")
			f.event(f.admin, gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: job, Day: day(f.t, "2026-05-10")})
			return id
		}, "2027-05-10", "2027-02-20", "2027-05-08", "2027-05-12"},
		{"EPM-T3: without a named assignment, after the agreement's", func(f *firm) gdpr.ID {
			_, agreement := f.supplier()
			id := f.ticket(agreement, gdpr.ID{})
			f.clock.set("2026-05-10")
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
			return id
		}, "2027-05-10", "2027-05-01", "2027-05-08", "2027-05-12"},
		{"EPM-T3: the assignment is open, the agreement ended", func(f *firm) gdpr.ID {
			_, agreement := f.supplier()
			id := f.ticket(gdpr.ID{}, f.assignment(agreement))
			f.clock.set("2026-06-01")
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
			return id
		}, "2027-06-01", "2027-05-25", "2027-05-30", "2027-06-05"},
		{"EPM-T3: an end that was long ago when it was noted", func(f *firm) gdpr.ID {
			_, agreement := f.supplier()
			job := f.assignment(agreement)
			f.clock.set("2026-03-02")
			id := f.ticket(gdpr.ID{}, job)
			f.clock.set("2027-09-01")
			f.event(f.admin, gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: job, Day: day(f.t, "2026-03-02")})
			return id
		}, "2027-03-02", "2027-09-01", "2027-09-01", "2027-09-02"},
		{"EPM-T3: nothing ended", func(f *firm) gdpr.ID {
			_, agreement := f.supplier()
			return f.ticket(gdpr.ID{}, f.assignment(agreement))
		}, "", "2036-03-01", "never", "2036-03-10"},
		{"EPM-T4: an agreement named later switches the clock", func(f *firm) gdpr.ID {
			id := f.ticket(gdpr.ID{}, gdpr.ID{})
			f.clock.set("2026-08-01")
			_, agreement := f.supplier()
			f.event(f.support, gdpr.Event{Kind: gdpr.AgreementNamed, Record: id, Agreement: agreement})
			assert.Equal(f.t, "never", f.goesOn(id, "2027-02-26", "2027-03-05"))
			f.clock.set("2027-06-01")
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
			events, err := f.store.EventsOf(f.t.Context(), id)
			require.NoError(f.t, err)
			assert.Len(f.t, events, 1, "the switch is an event, and the old deadline follows from what was before it")
			return id
		}, "2028-06-01", "2028-05-25", "2028-05-30", "2028-06-05"},
		{"EPM-8.2: agreement ended, P30D", func(f *firm) gdpr.ID {
			_, agreement := f.customer("Tallbackens vårdcentral")
			id := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
			f.clock.set("2026-06-30")
			f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
			return id
		}, "2026-07-30", "2026-07-01", "2026-07-28", "2026-08-01"},
		{"EPM-8.1: an instruction for one record", func(f *firm) gdpr.ID {
			_, agreement := f.customer("Tallbackens vårdcentral")
			id := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
			f.clock.set("2026-06-30")
			f.event(f.operations.Under(agreement), gdpr.Event{Kind: gdpr.ErasureInstructed, Record: id})
			return id
		}, "2026-09-30", "2026-06-30", "2026-06-30", "2026-07-01"},
		{"EPM-8.1: for one person, with the customer's own earlier day", func(f *firm) gdpr.ID {
			_, agreement := f.customer("Tallbackens vårdcentral")
			id := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
			f.clock.set("2026-06-30")
			f.event(f.operations.Under(agreement), gdpr.Event{Kind: gdpr.ErasureInstructed, Subject: gdpr.Ref("pat-ö7"), By: day(f.t, "2026-07-15")})
			return id
		}, "2026-07-15", "2026-06-30", "2026-06-30", "2026-07-01"},
		{"EPM-8.1: the customer's own later day loosens nothing", func(f *firm) gdpr.ID {
			_, agreement := f.customer("Tallbackens vårdcentral")
			id := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
			f.clock.set("2026-06-30")
			f.event(f.admin, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: agreement, By: day(f.t, "2027-07-15")})
			return id
		}, "2026-09-30", "2026-06-30", "2026-06-30", "2026-07-01"},
		{"bookkeeping: the ceiling, three months after the floor", func(f *firm) gdpr.ID { return f.invoice() },
			"2034-03-31", "2033-12-25", "2034-03-29", "2034-04-02"},
		{"bookkeeping: without a closed year it waits", func(f *firm) gdpr.ID {
			id, err := f.accounts.Put(f.t.Context(), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 17, åtta timmar"}})
			require.NoError(f.t, err)
			return id
		}, "", "2036-03-01", "never", "2036-03-10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				f := newFirm(h)
				id := c.run(f)
				x, err := f.rights.Explain(t.Context(), id)
				require.NoError(t, err)
				until := ""
				if got := x.Parts[0].Until; !got.IsZero() {
					until = got.String()
				}
				assert.Equal(t, c.until, until)
				assert.Equal(t, c.want, f.goesOn(id, c.from, c.last))
				if c.want != "never" {
					assert.Zero(t, h.count())
					_, err = h.store.Subject(t.Context(), x.Parts[0].Subject)
					require.Error(t, err, "and the person with it")
				}
				f.verified()
			})
		})
	}
}

// invoice stores one of a financial year that closes in August.
func (f *firm) invoice() gdpr.ID {
	f.t.Helper()
	id, err := f.accounts.Put(f.t.Context(), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"reference": "Åsa Öberg", "document": "Faktura 17, åtta timmar"},
		Events: map[retention.Event]civil.Date{"financial-year-closed": day(f.t, "2026-08-31")}})
	require.NoError(f.t, err)
	return id
}

// Art. 17(3)(b): a request during the floor keeps and restricts; it then goes by itself, and not a day before.
func TestErasureDuringTheFloor(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id, ticket := f.invoice(), f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2026-10-01")
		out, err := f.rights.Erase(ctx, asa, gdpr.Objected)
		require.NoError(t, err)
		assert.Equal(t, []gdpr.ID{ticket}, out.Records)
		require.Len(t, out.Kept, 1)
		assert.Equal(t, id, out.Kept[0].Record)
		assert.Equal(t, "2033-12-31", out.Kept[0].Until.String())
		assert.Contains(t, out.Kept[0].Why, "a duty to keep it, P7Y after year-end of financial-year-closed")
		_, err = f.accounts.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrRestricted)
		require.ErrorIs(t, f.accounts.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"document": "x"}}), gdpr.ErrRestricted)
		found := find(t, f.rights, asa)
		require.Len(t, found, 1, "the e-mail is part of what the law keeps")
		assert.True(t, found[0].Restricted)
		assert.Equal(t, "2034-01-01", f.goesOn(id, "2033-12-20", "2034-01-05"), "at the floor's end, without a lead")
		assert.Zero(t, h.count())
		f.verified()
	})
}

// EPM-8.2: from an agreement's end its data is stored, returned or erased, and nothing else.
func TestAgreementEnded(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		_, agreement := h.customer("Tallbackens vårdcentral")
		s := f.operations.Under(agreement)
		id, other := f.hosted(agreement, gdpr.Ref("Pat-Ö7")), f.hosted(agreement, gdpr.Ref("Pat-Ä8"))
		h.clock.set("2026-06-30")
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
		require.ErrorIs(t, f.admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}), gdpr.ErrConflict)

		refused := h.refusals("Get")
		_, err := s.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		assert.Equal(t, refused+1, h.refusals("Get"))
		_, err = s.Put(ctx, gdpr.Record{Subject: gdpr.Ref("Pat-Å9"), Fields: gdpr.Fields{"content": "sen"}})
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		require.ErrorIs(t, s.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"content": "sen"}}), gdpr.ErrPurposeEnded)
		for _, err := range s.Find(ctx, gdpr.Ref("Pat-Ö7")) {
			require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		}
		for _, err := range s.Records(ctx, gdpr.Query{}) {
			require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		}
		imported, err := s.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			yield(gdpr.Record{Subject: gdpr.Ref("Pat-Å9"), Fields: gdpr.Fields{"content": "sen"}}, nil)
		}, nil)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		assert.Zero(t, imported.Stored)
		_, err = f.admin.OpenAssignment(ctx, agreement, "Sent uppdrag")
		refusedInput(t, err, "Agreement")
		require.Equal(t, 2, h.count())

		out, err := s.Erase(ctx, gdpr.Ref("Pat-Ö7"), gdpr.Instructed)
		require.NoError(t, err)
		assert.True(t, out.Whole)
		assert.Equal(t, "2026-07-28", f.goesOn(other, "2026-07-20", "2026-08-01"))

		// Our own records about the customer's people: collected before the end, they may still come in; later they may not.
		_, err = f.support.Put(ctx, gdpr.Record{Subject: asa, Agreement: agreement, Fields: gdpr.Fields{"message": "sen"}})
		refusedInput(t, err, "CollectedAt")
		late, err := f.support.Put(ctx, gdpr.Record{Subject: asa, Agreement: agreement, Fields: gdpr.Fields{"message": "tidig"},
			CollectedAt: time.Date(2026, time.June, 30, 9, 0, 0, 0, time.UTC)})
		require.NoError(t, err)
		assert.Equal(t, "2027-06-28", f.goesOn(late, "2027-06-20", "2027-07-05"), "on the agreement's clock, which runs already")
		f.verified()
	})
}

// An instruction for all that is held covers what is there, not what the customer entrusts to us afterwards.
func TestInstructionCoversWhatIsThere(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		_, agreement := h.customer("Tallbackens vårdcentral")
		first := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
		f.event(f.admin, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: agreement})
		assert.Equal(t, "2026-03-02", f.goesOn(first, "2026-03-02", "2026-03-03"))
		h.clock.set("2026-03-05")
		second := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
		assert.Equal(t, "never", f.goesOn(second, "2026-03-05", "2026-03-10"))
		f.event(f.admin, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: agreement})
		assert.Equal(t, "2026-03-10", f.goesOn(second, "2026-03-10", "2026-03-11"), "the second instruction covers it")
		f.verified()
	})
}

// A floor on an agreement's end, on data whose own ceiling passed long before.
func TestFloorOnAnAgreement(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		_, agreement := h.supplier()
		s := h.As(web, "supplier-contact")
		id, err := s.Put(ctx, gdpr.Record{Subject: asa, Agreement: agreement, Fields: gdpr.Fields{"note": "Fråga efter Åsa"}})
		require.NoError(t, err)
		h.clock.set("2027-06-01")
		assert.Zero(t, h.sweep().Erased)
		_, err = s.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded, "the floor keeps it, and allows no use")
		require.NoError(t, h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}))
		f := &firm{house: h}
		assert.Equal(t, "2029-06-02", f.goesOn(id, "2029-05-20", "2029-06-10"))
		h.verified()
	})
}

// Data of long ago, brought in at once: planned, and not swept without the plan (EPM-LOSS).
func TestHalts(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		old := time.Date(2021, time.May, 5, 10, 0, 0, 0, time.UTC)
		res, err := f.support.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for i := range 150 {
				if !yield(gdpr.Record{Subject: gdpr.Ref(fmt.Sprintf("kund %d", i)), CollectedAt: old, Fields: gdpr.Fields{"message": "Gammalt ärende"}}, nil) {
					return
				}
			}
		}, nil)
		require.NoError(t, err)
		require.Equal(t, 150, res.Stored)
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Equal(t, 150, plan.Erase)
		assert.True(t, plan.Halting)
		require.Len(t, plan.Lines, 1)
		assert.Equal(t, retention.Line{Activity: "support-ticket", Rule: "P1Y after collected without agreement", Why: "due", Count: 150}, plan.Lines[0])
		_, err = h.Sweep(ctx, nil)
		require.ErrorIs(t, err, gdpr.ErrHalted)
		require.Equal(t, 150, h.count())

		// What came due since is not what the plan showed.
		late := f.ticket(gdpr.ID{}, gdpr.ID{})
		f.event(f.support, gdpr.Event{Kind: gdpr.PurposeEnded, Record: late})
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
		require.ErrorIs(t, err, gdpr.ErrPlanChanged)
		require.Equal(t, 151, h.count())
		again, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Equal(t, 151, again.Erase)
		assert.NotEqual(t, plan.Digest, again.Digest)
		same, err := h.Plan(ctx)
		require.NoError(t, err)
		assert.Equal(t, again.Digest, same.Digest)
		done, err := h.Sweep(ctx, &gdpr.SweepOptions{Plan: again})
		require.NoError(t, err)
		assert.Equal(t, 151, done.Erased)
		assert.Equal(t, 151, done.Persons)
		assert.Zero(t, h.count())
		f.verified()
	})
}

// Bounded runs go on where the last one stopped, by own due and on an agreement's clock.
func TestSweepInSteps(t *testing.T) {
	t.Parallel()
	for _, hanging := range []bool{false, true} {
		t.Run(fmt.Sprintf("hanging %v", hanging), func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				ctx := t.Context()
				f := newFirm(h)
				var agreement gdpr.ID
				if hanging {
					_, agreement = f.supplier()
				}
				_, err := f.support.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
					for i := range 120 {
						if !yield(gdpr.Record{Subject: gdpr.Ref(fmt.Sprintf("kund %d", i)), Agreement: agreement, Fields: gdpr.Fields{"message": "Ärende"}}, nil) {
							return
						}
					}
				}, nil)
				require.NoError(t, err)
				if hanging {
					f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement})
				}
				h.clock.set("2027-03-01")
				for i, want := range []struct {
					erased int
					more   bool
				}{{50, true}, {50, true}, {20, false}, {0, false}} {
					res, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, MaxParts: 50, Batch: 30})
					require.NoError(t, err)
					assert.Equal(t, want.erased, res.Erased, "run %d", i)
					assert.Equal(t, want.erased, res.Persons, "run %d", i)
					assert.Equal(t, want.more, res.More, "run %d", i)
				}
				assert.Zero(t, h.count())
				f.verified()
			})
		})
	}
}

// Leased elsewhere is success.
func TestTwoSweepsAtOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		for range 5 {
			f.ticket(gdpr.ID{}, gdpr.ID{})
		}
		two := h.second()
		h.clock.set("2027-03-01")
		leased := 0
		res, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 2, Progress: func(retention.Result) {
			other, err := two.Sweep(ctx, nil)
			assert.NoError(t, err)
			assert.True(t, other.Leased)
			assert.Zero(t, other.Erased)
			leased++
		}})
		require.NoError(t, err)
		assert.Equal(t, 5, res.Erased)
		assert.Equal(t, 3, leased)
		other, err := two.Sweep(ctx, nil)
		require.NoError(t, err)
		assert.False(t, other.Leased, "the lease was given back")
		f.verified()
	})
}

// A sweep that outlives its lease keeps it while it works. If it was slower than that another goes on, and what both did is right.
func TestSweepOutlivesItsLease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		pause  time.Duration
		takes  bool // another process holds the lease then
		erased int  // by the first
		rest   int  // by the second, at once
	}{
		{"kept", 6 * time.Minute, false, 5, 0},
		{"lost, and the other is done", 11 * time.Minute, false, 2, 3},
		{"lost, and the other sweeps", 11 * time.Minute, true, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				ctx := t.Context()
				f := newFirm(h)
				for range 5 {
					f.ticket(gdpr.ID{}, gdpr.ID{})
				}
				two := h.second()
				h.clock.set("2027-03-01")
				rest := 0
				res, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 2, Progress: func(retention.Result) {
					h.clock.at = h.clock.at.Add(c.pause)
					if c.takes {
						_, err := h.store.Acquire(ctx, "sweep", "another", h.clock.at, h.clock.at.Add(time.Hour))
						assert.NoError(t, err)
						return
					}
					other, err := two.Sweep(ctx, nil)
					assert.NoError(t, err)
					rest += other.Erased
				}})
				require.NoError(t, err)
				assert.Equal(t, c.erased, res.Erased)
				assert.Equal(t, c.takes, res.Leased)
				assert.Equal(t, c.rest, rest)
				assert.Equal(t, 5-c.erased-c.rest, h.count())
				f.verified()
			})
		})
	}
}
