package gdpr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// missed are the deviations of a house, without what is random.
func (h *house) missed() (out []gdpr.Deviation) {
	h.t.Helper()
	for _, d := range listed(h.t, h.As(dpo, gdpr.Retention).Deviations(h.t.Context())) {
		assert.False(h.t, d.ID.IsZero())
		d.ID, d.Proof = gdpr.ID{}, gdpr.ID{}
		out = append(out, d)
	}
	return out
}

// parts is how many parts deviations count.
func (h *house) missedParts() (n int) {
	h.t.Helper()
	for _, d := range h.missed() {
		n += d.Parts
	}
	return n
}

// What is erased on its last day is no deviation; what is erased a moment later is exactly one, however often it is swept.
func TestMissedDeadline(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{}) // last day 2027-03-02
		h.clock.set("2026-03-03")
		late := f.ticket(gdpr.ID{}, gdpr.ID{}) // last day 2027-03-03
		h.clock.set("2026-03-04")
		f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.at = on("2027-03-02").at.Add(10*60*60*1e9 + 59*60*1e9) // 22:59 UTC is 23:59 in Stockholm
		_, err := h.Sweep(t.Context(), &gdpr.SweepOptions{MaxParts: 1})
		require.NoError(t, err)
		assert.Empty(t, h.missed())

		h.clock.at = on("2027-03-03").at.Add(11 * 60 * 60 * 1e9) // midnight in Stockholm
		assert.Equal(t, 2, h.sweep().Erased, "one of them late")
		want := []gdpr.Deviation{{Cause: gdpr.SweptLate, Activity: "support-ticket", Rule: "P1Y after collected without agreement", Parts: 1,
			First: day(t, "2027-03-03"), Last: day(t, "2027-03-03"), Found: h.clock.at}}
		for range 3 {
			assert.Equal(t, want, h.missed())
			h.clock.at = h.clock.at.AddDate(0, 0, 1)
			h.sweep()
		}
		// The proof names the part, and the trail names the deviation.
		d := listed(t, f.support.Deviations(t.Context()))[0]
		rows, err := h.store.ProofOf(t.Context(), late)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		assert.Equal(t, rows[0].ID, d.Proof)
		entries, _ := h.trail()
		named := 0
		for _, e := range entries {
			for _, object := range e.Objects {
				if e.Action == "Sweep" && object == audit.Object("deviation", d.ID) {
					named++
				}
			}
		}
		assert.Equal(t, 1, named)
		assert.Empty(t, listed(t, f.accounts.Deviations(t.Context())), "of another activity")
		f.verified()
	})
}

// Thousands at once: one for each batch and rule, and each part in exactly one; killed before and after each batch, and swept by two engines.
func TestEachMissedPartIsCountedOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx, f := t.Context(), newFirm(h)
		const n = 40
		for i := range n {
			if i%10 == 0 {
				h.clock.at = h.clock.at.AddDate(0, 0, 1)
			}
			f.ticket(gdpr.ID{}, gdpr.ID{})
		}
		h.clock.set("2027-06-01")
		two, s := h.second().spied()
		kills, turns := 0, 0
		s.fail = func(b *storage.Batch) error {
			if len(b.EraseParts) == 0 {
				return nil
			}
			if turns++; turns%3 == 1 { // the connection is lost: the batch is stored or not, and the engine asks
				kills++
				if turns%2 == 0 {
					if err := s.Store.Apply(ctx, b); err != nil {
						return err
					}
				}
				return storage.ErrOutcomeUnknown
			}
			if turns%3 == 2 {
				kills++
				return errKilled
			}
			return nil
		}
		for i := 0; h.count() > 0; i++ {
			require.Less(t, i, 50)
			_, _ = two.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 7, MaxParts: 14})
			_, _ = h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 3, MaxParts: 3})
		}
		require.Greater(t, kills, 2)
		assert.Equal(t, n, h.missedParts())
		first := h.missed()[0]
		assert.Equal(t, "2027-03-03", first.First.String(), "the oldest first")
		h.sweep()
		assert.Equal(t, n, h.missedParts())
		f.verified()
	})
}

// Nothing is late: nothing more is asked.
func TestInTimeCostsNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		h, s := h.spied()
		f := newFirm(h)
		cost := func(day string) int {
			t.Helper()
			f.ticket(gdpr.ID{}, gdpr.ID{})
			h.clock.set(day)
			s.reset()
			require.Equal(t, 1, h.sweep().Erased)
			assert.NotContains(t, s.asked, "EventsOf")
			return len(s.asked)
		}
		cost("2027-03-01")
		inTime := cost("2028-03-01")
		assert.Equal(t, inTime+2, cost("2029-03-02"), "late: were there holds, was a rule shortened")
		assert.Equal(t, 1, h.missedParts())
	})
}

// What came in when its last day was over is late by the import, not by the sweep.
func TestStoredLate(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx, f := t.Context(), newFirm(h)
		_, err := f.support.PutAll(ctx, tenYears(0, 3), nil)
		require.NoError(t, err)
		young := text("Nytt")
		young.CollectedAt = on("2025-06-01").at
		_, err = f.support.Put(ctx, young)
		require.NoError(t, err)
		h.clock.set("2026-06-10")
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
		require.NoError(t, err)
		causes := map[gdpr.Cause]gdpr.Deviation{}
		for _, d := range h.missed() {
			causes[d.Cause] = d
		}
		require.Len(t, causes, 2)
		assert.Equal(t, 3, causes[gdpr.StoredLate].Parts)
		assert.Equal(t, "2017-05-10", causes[gdpr.StoredLate].First.String())
		assert.Equal(t, 1, causes[gdpr.SweptLate].Parts)
		assert.Equal(t, "2026-06-01", causes[gdpr.SweptLate].Last.String())
	})
}

// An event that was recorded after the last day that it sets: the fault is not the sweep's (REQUIREMENTS 4.18).
func TestMovedBack(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		_, late := h.supplier()
		_, known := h.supplier()
		job := f.assignment(late)
		f.ticket(late, gdpr.ID{})
		f.ticket(late, job)
		f.ticket(known, gdpr.ID{})
		own := f.ticket(gdpr.ID{}, gdpr.ID{})
		invoice, err := f.accounts.Put(t.Context(), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura"},
			Events: map[retention.Event]civil.Date{"financial-year-closed": day(t, "2026-12-31")}})
		require.NoError(t, err)
		f.event(f.support, gdpr.Event{Kind: gdpr.ConsentWithdrawn, Record: f.ticket(known, gdpr.ID{})})
		ended := day(t, "2026-03-02")
		h.clock.set("2026-04-01")
		assert.Equal(t, 1, h.sweep().Erased)
		require.Equal(t, 1, h.missedParts(), "withdrawn a month ago")
		require.Equal(t, gdpr.SweptLate, h.missed()[0].Cause)

		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: known, Day: ended})
		h.clock.set("2027-04-01")
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: late, Day: ended})
		f.event(f.support, gdpr.Event{Kind: gdpr.ConsentWithdrawn, Record: own, Day: ended}) // it was late before that was said
		res := h.sweep()
		assert.Equal(t, 4, res.Erased)
		causes := map[gdpr.Cause]int{}
		for _, d := range h.missed() {
			causes[d.Cause] += d.Parts
		}
		assert.Equal(t, map[gdpr.Cause]int{gdpr.SweptLate: 3, gdpr.MovedBack: 2}, causes)

		// An event of the register's own, corrected to an earlier day when that is long over.
		h.clock.set("2034-02-01")
		h.grant(dpo, "accounts")
		f.event(h.As(dpo, "invoice"), gdpr.Event{Kind: "financial-year-closed", Record: invoice, Day: day(t, "2025-12-31")})
		assert.Equal(t, 1, h.sweep().Erased)
		last := h.missed()
		assert.Equal(t, gdpr.MovedBack, last[len(last)-1].Cause)
		assert.Equal(t, "invoice", last[len(last)-1].Activity)
		f.verified()
	})
}

// A hold that kept data over its last day: erased in time after the release it is no deviation, erased later it is. One that came too late excuses nothing.
func TestHoldIsNoDeviation(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx, f := t.Context(), newFirm(h)
		holder := h.As(dpo, gdpr.Retention)
		_, agreement := h.customer("Tallbackens vårdcentral")
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		hosted := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
		f.event(f.operations, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: agreement}) // to 2026-06-02
		place := func(hold gdpr.Hold, review string) gdpr.ID {
			t.Helper()
			hold.Ground, hold.ReviewBy = "tvist", day(t, review)
			id, err := holder.Hold(ctx, hold)
			require.NoError(t, err)
			return id
		}
		release := func(id gdpr.ID) {
			t.Helper()
			require.NoError(t, holder.Release(ctx, id))
		}
		one := place(gdpr.Hold{Agreement: agreement}, "2026-09-01")
		h.clock.set("2026-07-01")
		h.sweep()
		other := place(gdpr.Hold{Record: hosted}, "2026-09-01")
		release(one)
		h.clock.set("2026-08-01")
		release(other)
		h.clock.set("2026-08-03")
		assert.Equal(t, 1, h.sweep().Erased)
		assert.Empty(t, h.missed(), "in the run after the release")

		h.clock.set("2027-02-25")
		one = place(gdpr.Hold{Record: id}, "2027-12-01")
		h.clock.set("2027-06-01")
		h.sweep()
		release(one)
		h.clock.set("2027-06-05")
		assert.Equal(t, 1, h.sweep().Erased)
		assert.Equal(t, 1, h.missedParts(), "released on 1 June: it had to go by the 4th")
		assert.Equal(t, gdpr.SweptLate, h.missed()[0].Cause)

		id = f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2028-07-01")
		one = place(gdpr.Hold{Record: id}, "2028-12-01")
		release(one)
		assert.Equal(t, 1, h.sweep().Erased)
		assert.Equal(t, 2, h.missedParts(), "it was late before it was held")
		f.verified()
	})
}

// Whoever erases a person erases what is late, and that is noted as well.
func TestErasedLateByHand(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2026-06-02")
		f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2027-04-01")
		out, err := f.rights.Erase(t.Context(), asa, gdpr.Objected)
		require.NoError(t, err)
		require.Equal(t, 2, out.Parts)
		missed := listed(t, f.rights.Deviations(t.Context()))
		require.Len(t, missed, 1)
		assert.Equal(t, 1, missed[0].Parts)
		assert.Equal(t, out.Proof, missed[0].Proof)
		h.sweep()
		assert.Equal(t, 1, h.missedParts())
		f.verified()
	})
}

// A shorter rule makes late at once what the earlier one let live: that is no fault of the sweep.
func TestRuleShortened(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		text, err := os.ReadFile(filepath.Join("..", "testdata", "registers", "epm.yaml"))
		require.NoError(t, err)
		next := strings.NewReplacer("version: 1,", "version: 2, change: Kortare,", "P1Y after collected without agreement", "P6M after collected without agreement").Replace(string(text))
		h.reg, err = register.Parse(register.File{Name: "epm.yaml", Data: []byte(next)})
		require.NoError(t, err)
		h.clock.set("2026-10-01")
		h.open()
		f = newFirm(h)
		assert.Equal(t, 1, h.sweep().Erased)
		missed := h.missed()
		require.Len(t, missed, 1)
		assert.Equal(t, gdpr.RuleShortened, missed[0].Cause)
		assert.Equal(t, "2026-09-02", missed[0].First.String())

		// From then on the sweep is late by itself.
		f.ticket(gdpr.ID{}, gdpr.ID{})
		h.clock.set("2027-05-01")
		h.sweep()
		assert.Equal(t, gdpr.SweptLate, h.missed()[1].Cause)
	})
}
