package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// until is the last day of the single part of a record.
func (f *firm) until(id gdpr.ID) string {
	f.t.Helper()
	x, err := f.rights.Explain(f.t.Context(), id)
	require.NoError(f.t, err)
	if x.Parts[0].Until.IsZero() {
		return ""
	}
	return x.Parts[0].Until.String()
}

// An end that is recorded again replaces the first: an earlier day is free and may erase at once, a later one wants a second person, as does going on
// (REQUIREMENTS 3.1, 4.18).
func TestEndIsCorrected(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(f *firm) (id gdpr.ID, end gdpr.Event){
		"assignment": func(f *firm) (gdpr.ID, gdpr.Event) {
			_, agreement := f.supplier()
			job := f.assignment(agreement)
			return f.ticket(gdpr.ID{}, job), gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: job}
		},
		"agreement": func(f *firm) (gdpr.ID, gdpr.Event) {
			_, agreement := f.supplier()
			return f.ticket(agreement, gdpr.ID{}), gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}
		},
		"agreement of an assignment": func(f *firm) (gdpr.ID, gdpr.Event) {
			_, agreement := f.supplier()
			return f.ticket(gdpr.ID{}, f.assignment(agreement)), gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				f := newFirm(h)
				ctx := t.Context()
				id, end := of(f)
				on := func(d string) gdpr.Event {
					ev := end
					ev.Day = day(t, d)
					return ev
				}
				h.clock.set("2026-05-20")
				f.event(f.admin, on("2026-05-10"))
				assert.Equal(t, "2027-05-10", f.until(id))
				require.ErrorIs(t, f.admin.RecordEvent(ctx, on("2026-05-10")), gdpr.ErrConflict)
				f.event(f.admin, on("2026-04-10"))
				assert.Equal(t, "2027-04-10", f.until(id), "back")

				forward := on("2026-05-15")
				refusedInput(t, f.admin.RecordEvent(ctx, forward), "Event.Approver")
				forward.Approver = boss
				refusedInput(t, f.admin.RecordEvent(ctx, forward), "Event.Approver")
				forward.Approver = gdpr.Job("natt")
				refusedInput(t, f.admin.RecordEvent(ctx, forward), "Event.Approver")
				forward.Approver = support
				require.ErrorIs(t, f.admin.RecordEvent(ctx, forward), gdpr.ErrNotAllowed, "who may not decide")
				assert.Equal(t, "2027-04-10", f.until(id))
				forward.Approver = dpo
				f.event(f.admin, forward)
				assert.Equal(t, "2027-05-15", f.until(id), "forth")

				on2 := gdpr.Event{Kind: gdpr.Reopened, Agreement: end.Agreement, Assignment: end.Assignment, Approver: dpo}
				refusedInput(t, f.admin.RecordEvent(ctx, on2), "Event.Note")
				on2.Note = "Kunden ångrade sig"
				f.event(f.admin, on2)
				assert.Empty(t, f.until(id), "it goes on")
				refusedInput(t, f.admin.RecordEvent(ctx, on2), "Event")
				h.clock.set("2030-05-20")
				assert.Zero(t, h.sweep().Erased)
				f.event(f.admin, on("2029-05-10"))
				assert.Equal(t, 1, h.sweep().Erased, "its year is over: at once")
				h.verified()
			})
		})
	}
}

// An event of the register's own that is moved to a later day, and an instruction that is given twice.
func TestEventOfARecordIsCorrected(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, s := t.Context(), h.As(web, "order")
		id, err := s.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": "ÅKV-0001"}, Events: map[retention.Event]civil.Date{"delivered": day(t, "2026-03-01")}})
		require.NoError(t, err)
		ev := gdpr.Event{Kind: "delivered", Record: id, Day: day(t, "2026-03-20")}
		refusedInput(t, s.RecordEvent(ctx, ev), "Event.Approver")
		ev.Approver = dpo
		require.NoError(t, s.RecordEvent(ctx, ev))
		x, err := s.Explain(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "2029-03-20", x.Parts[0].Until.String())
		ev.Day, ev.Approver = day(t, "2026-02-20"), gdpr.Actor{}
		require.NoError(t, s.RecordEvent(ctx, ev))
		h.verified()
	})
}
