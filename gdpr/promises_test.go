package gdpr_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/retention"
)

// A part that Update begins knows what was said of the record before: an ended purpose stays ended.
func TestNewPartKnowsEndedPurposes(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, order := t.Context(), h.As(web, "order")
		id, err := order.Put(ctx, gdpr.Record{Subject: gdpr.Phone("070-174 06 05"), Fields: gdpr.Fields{"amount": int64(1), "name": "Åsa"}})
		require.NoError(t, err)
		require.NoError(t, order.RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Purpose: "warranty", Record: id}))
		require.NoError(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"serial": "ÅKV-1"}}))
		_, err = h.As(web, "warranty").Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
	})
}

// What a hold keeps is not changed, and its record gets no new part that the hold does not keep; what a floor keeps is not emptied.
func TestUpdateRespectsHoldAndFloor(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, order := t.Context(), h.As(web, "order")
		id, err := order.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": "x"}})
		require.NoError(t, err)
		hold, err := order.Hold(ctx, gdpr.Hold{Record: id, Ground: "anspråk", ReviewBy: day(t, "2027-03-01")})
		require.NoError(t, err)
		require.ErrorIs(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"serial": "y"}}), gdpr.ErrOnHold)
		require.ErrorIs(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "bevis"}}), gdpr.ErrOnHold)
		require.NoError(t, order.Release(ctx, hold))
		require.NoError(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"serial": "y"}}))

		kept, err := order.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa", "amount": int64(1)},
			Events: map[retention.Event]civil.Date{"year-closed": day(t, "2026-12-31")}})
		require.NoError(t, err)
		var in *gdpr.InputError
		require.ErrorAs(t, order.Update(ctx, kept, gdpr.Change{Fields: gdpr.Fields{"amount": nil}}), &in)
		assert.Equal(t, "Fields.amount", in.Field)
	})
}

// A hold that is released while a sweep runs leaves nothing behind that no sweep looks at.
func TestHoldReleasedDuringSweep(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, order := t.Context(), h.As(web, "order")
		for i := range 2 {
			_, err := order.Put(ctx, gdpr.Record{Subject: gdpr.Ref(fmt.Sprint("x", i)), Fields: gdpr.Fields{"message": "m"}})
			require.NoError(t, err)
		}
		_, err := order.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "m"}})
		require.NoError(t, err)
		h.clock.set("2027-02-25")
		hold, err := order.Hold(ctx, gdpr.Hold{Subject: asa, Ground: "anspråk", ReviewBy: day(t, "2028-02-20")})
		require.NoError(t, err)
		h.clock.set("2027-03-01")
		done := false
		_, err = h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 1, Progress: func(retention.Result) {
			if !done {
				done = true
				assert.NoError(t, order.Release(ctx, hold))
			}
		}})
		require.NoError(t, err)
		h.sweep()
		assert.Equal(t, 1, h.count(), "the message had to go by 2 March 2027; the e-mail serves the warranty too")
	})
}

// What a sweep dates by a hold's review while the hold is being released is not forgotten: the release finds it.
func TestHoldReleasedUnseen(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, order := t.Context(), h.As(web, "order")
		message := gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "m"}}
		_, err := order.Put(ctx, message)
		require.NoError(t, err)
		hold, err := order.Hold(ctx, gdpr.Hold{Subject: asa, Ground: "anspråk", ReviewBy: day(t, "2026-12-20")})
		require.NoError(t, err)
		late, spy := h.spied()
		spy.before = func(*storage.Batch) { // the release has read what there is
			spy.before = nil
			message.CollectedAt = on("2021-03-01").at
			_, err := order.Put(ctx, message)
			require.NoError(t, err)
			h.sweep()
		}
		require.NoError(t, late.As(web, "order").Release(ctx, hold))
		require.Nil(t, spy.before)
		h.sweep()
		assert.Equal(t, 3, h.count(), "the second message had to go: the first stays, and two e-mails serve the warranty")
	})
}

// Off-boarding does not go over a hold on one record or person.
func TestOffboardRespectsHolds(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx, f := t.Context(), newFirm(h)
		party, g := h.customer("Kund Öst AB")
		id := f.hosted(g, gdpr.Ref("x1"))
		holder := h.As(dpo, gdpr.Retention)
		hold, err := holder.Hold(ctx, gdpr.Hold{Record: id, Ground: "anspråk", ReviewBy: day(t, "2027-03-01")})
		require.NoError(t, err)
		f.event(f.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: g})
		_, err = f.rights.Offboard(ctx, party)
		require.ErrorIs(t, err, gdpr.ErrOnHold)
		require.Equal(t, 1, h.count())
		require.NoError(t, holder.Release(ctx, hold))
		_, err = f.rights.Offboard(ctx, party)
		require.NoError(t, err)
		_, err = holder.Hold(ctx, gdpr.Hold{Record: id, Ground: "anspråk", ReviewBy: day(t, "2027-03-01")})
		require.ErrorIs(t, err, gdpr.ErrErased)
		h.sweep()
		require.Zero(t, h.count())
	})
}

// A revoked grant stays revoked, whatever the row says; nobody learns of a person whom he may not act on; another owner leaves a trace.
func TestAuthorityHolds(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	ctx, f := t.Context(), newFirm(h)
	f.ticket(gdpr.ID{}, gdpr.ID{})
	nosy := h.As(gdpr.Person("Nyfiken"), "sales-contact")
	for _, who := range []gdpr.Identity{asa, gdpr.Email("ingen@byn.example")} {
		_, err := nosy.Hold(ctx, gdpr.Hold{Subject: who, Ground: "g", ReviewBy: day(t, "2027-01-01")})
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		require.ErrorIs(t, nosy.RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Subject: who}), gdpr.ErrNotAllowed)
	}
	guest := gdpr.Person("Gäst")
	id := h.grant(guest, "support")
	require.NoError(t, h.As(boss, gdpr.Retention).Revoke(ctx, id))
	db, err := sql.Open("sqlite", sqlite.DSN(filepath.Join(h.dir, "data.db")))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, `UPDATE gallra_files SET state = 'active' WHERE kind = 'grant'`)
	require.NoError(t, err)
	rec := gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "m"}}
	_, err = h.second().As(guest, "support-ticket").Put(ctx, rec)
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)

	before := h.verified().Entries
	h.second()
	require.Equal(t, before, h.verified().Entries, "the same owner leaves none")
	_, err = db.ExecContext(ctx, `UPDATE gallra_meta SET value = CAST('person Någon Annan' AS BLOB) WHERE name = 'owner'`)
	require.NoError(t, err)
	h.second()
	require.Equal(t, before+1, h.verified().Entries, "another owner than the stored one leaves a trace")
}

// An assignment cannot have ended before its agreement began.
func TestAssignmentEndsAfterItsAgreementBegan(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		_, g := h.customer("Kund Väst AB")
		var in *gdpr.InputError
		require.ErrorAs(t, f.admin.RecordEvent(t.Context(), gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: f.assignment(g), Day: day(t, "1926-03-02")}), &in)
		assert.Equal(t, "Event.Day", in.Field)
	})
}

// Verify misses a proof that the ledger has.
func TestVerifyAsksTheLedger(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "family.yaml", false)
	ctx := t.Context()
	_, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "m"}})
	require.NoError(t, err)
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.NoLongerNeeded)
	require.NoError(t, err)
	db, err := sql.Open("sqlite", sqlite.DSN(filepath.Join(h.dir, "data.db")))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	for _, q := range []string{`DELETE FROM gallra_proofs`, `DELETE FROM gallra_entries WHERE seq = (SELECT max(seq) FROM gallra_entries)`,
		`UPDATE gallra_lanes SET last = last - 1 WHERE last = (SELECT max(last) FROM gallra_lanes)`} {
		_, err := db.ExecContext(ctx, q)
		require.NoError(t, err)
	}
	_, err = h.Verify(ctx)
	var broken *audit.BrokenError
	require.ErrorAs(t, err, &broken)
}
