package gdpr_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// What is restricted is stored and not used, in every process, until the person was told that it is lifted (Art. 18).
func TestRestrict(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		other, err := f.support.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		two := h.second()
		_, err = two.As(support, "support-ticket").Get(ctx, id)
		require.NoError(t, err)
		r, err := f.rights.Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested, Note: "Åsa säger att numret är fel"})
		require.NoError(t, err)

		shut := func(s *gdpr.Session, id gdpr.ID) {
			t.Helper()
			_, err := s.Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrRestricted)
			require.ErrorIs(t, s.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"name": "Fel"}}), gdpr.ErrRestricted)
			require.ErrorIs(t, s.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"phone": "070-1740605"}}), gdpr.ErrRestricted)
			assert.Empty(t, find(t, s, asa))
			for got, err := range s.Records(ctx, gdpr.Query{}) {
				require.NoError(t, err)
				assert.Equal(t, other, got.ID)
			}
		}
		shut(f.support, id)
		shut(two.As(support, "support-ticket"), id)
		// By right it is read, and put right.
		require.NoError(t, f.rights.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"name": "Åsa Öberg-Ek", "phone": "070-1740605"}}))
		got := find(t, f.rights, asa)
		require.Len(t, got, 1)
		assert.True(t, got[0].Restricted)
		assert.Equal(t, "Åsa Öberg-Ek", got[0].Text("name"))

		// What comes in later is stored, and restricted; by an engine that has not heard of it too.
		late, err := two.As(support, "support-ticket").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Igen"}})
		require.NoError(t, err)
		shut(f.support, late)
		bill, err := f.accounts.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 7"}})
		require.NoError(t, err)
		_, err = f.accounts.Get(ctx, bill)
		require.ErrorIs(t, err, gdpr.ErrRestricted)
		out, err := f.support.PutAll(ctx, sequence(text("En"), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Två"}}), nil)
		require.NoError(t, err)
		assert.Equal(t, 2, out.Stored)
		assert.Empty(t, find(t, f.support, asa))

		x, err := f.support.Explain(ctx, late)
		require.NoError(t, err)
		require.Len(t, x.Parts[0].Restrictions, 1)
		assert.Equal(t, r, x.Parts[0].Restrictions[0].ID)
		assert.Contains(t, x.String(), "Restricted since 2026-03-02 (A18-1-a)")
		all, err := f.rights.Restrictions(ctx, asa)
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, "Åsa säger att numret är fel", all[0].Note())
		assert.True(t, all[0].Lifted.IsZero())

		// First the person is told.
		h.clock.set("2026-03-10")
		refusedInput(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{}), "Lift.Informed")
		refusedInput(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{Informed: day(t, "2026-03-11")}), "Lift.Informed")
		refusedInput(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{Informed: day(t, "2026-03-01")}), "Lift.Informed")
		shut(f.support, id)
		require.NoError(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{Informed: day(t, "2026-03-09")}))
		require.NoError(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{}), "it is lifted")
		for _, s := range []*gdpr.Session{f.support, two.As(support, "support-ticket")} {
			assert.Len(t, find(t, s, asa), 4)
		}
		_, err = f.accounts.Get(ctx, bill)
		require.NoError(t, err)
		_, err = two.As(support, "support-ticket").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Åter"}})
		require.NoError(t, err)
		assert.Len(t, find(t, f.support, asa), 5)
		all, err = f.rights.Restrictions(ctx, asa)
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, "2026-03-09", all[0].Informed.String())
		assert.Equal(t, "2026-03-10", all[0].Lifted.String())
		_, raw := h.trail()
		assert.NotContains(t, raw, "numret")
		h.verified()
	})
}

// Restrictions add up: the last that is lifted frees. What the engine keeps aside for a duty is freed by none (Art. 17(3)(b)).
func TestRestrictionsAddUp(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id, err := f.accounts.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 7"}})
		require.NoError(t, err)
		restrict := func(r gdpr.Restriction) gdpr.ID {
			t.Helper()
			r.Ground = gdpr.AccuracyContested
			out, err := f.rights.Restrict(ctx, r)
			require.NoError(t, err)
			return out
		}
		lift := func(id gdpr.ID) {
			t.Helper()
			require.NoError(t, f.rights.Unrestrict(ctx, id, gdpr.Lift{Informed: day(t, "2026-03-02")}))
		}
		for name, pair := range map[string][2]gdpr.Restriction{"two of the record": {{Record: id}, {Record: id}}, "record and person": {{Record: id}, {Subject: asa}},
			"person and purpose": {{Subject: asa}, {Subject: asa, Activity: "invoice"}}} {
			one, two := restrict(pair[0]), restrict(pair[1])
			lift(one)
			_, err = f.accounts.Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrRestricted, name)
			lift(two)
			_, err = f.accounts.Get(ctx, id)
			require.NoError(t, err, name)
		}
		duty, err := f.accounts.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"document": "Faktura 8"}})
		require.NoError(t, err)
		_, err = f.rights.Erase(ctx, bjorn, gdpr.Unlawful)
		require.NoError(t, err)
		lift(restrict(gdpr.Restriction{Subject: bjorn}))
		_, err = f.accounts.Get(ctx, duty)
		require.ErrorIs(t, err, gdpr.ErrRestricted, "it was kept aside before")
		before := restrict(gdpr.Restriction{Record: id})
		out, err := f.rights.Erase(ctx, asa, gdpr.Unlawful)
		require.NoError(t, err)
		require.Len(t, out.Kept, 1, "a duty")
		after := restrict(gdpr.Restriction{Subject: asa})
		lift(before)
		lift(after)
		_, err = f.accounts.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrRestricted, "kept for the duty, and for nothing else")
		x, err := f.accounts.Explain(ctx, id)
		require.NoError(t, err)
		assert.True(t, x.Parts[0].Restricted)
		assert.Empty(t, x.Parts[0].Restrictions)
		h.verified()
	})
}

// A restriction keeps nothing from its deadline, but for the grounds by which the person wants it kept: these place a hold, and the lift ends it (Art. 18(1)(b), (c)).
func TestRestrictionAndDeadline(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		gone := f.ticket(gdpr.ID{}, gdpr.ID{})
		kept, err := f.support.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		alone, err := f.support.Put(ctx, gdpr.Record{Subject: gdpr.Email("cilla@kund.example"), Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		_, err = f.rights.Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
		require.NoError(t, err)
		claim, err := f.rights.Restrict(ctx, gdpr.Restriction{Subject: bjorn, Ground: gdpr.NeededForClaim, ReviewBy: day(t, "2027-03-02")})
		require.NoError(t, err)
		opposed, err := f.rights.Restrict(ctx, gdpr.Restriction{Record: alone, Ground: gdpr.UnlawfulButKeep, ReviewBy: day(t, "2027-03-02")})
		require.NoError(t, err)
		assert.Len(t, listed(t, f.rights.Holds(ctx)), 2)
		h.clock.set("2027-03-02")
		assert.Equal(t, 1, h.sweep().Erased)
		_, err = f.rights.Get(ctx, gone)
		require.ErrorIs(t, err, gdpr.ErrErased)
		for _, id := range []gdpr.ID{kept, alone} {
			_, err = f.rights.Get(ctx, id)
			require.NoError(t, err)
			_, err = f.support.Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrRestricted)
		}
		_, err = f.rights.Erase(ctx, bjorn, gdpr.Unlawful)
		require.ErrorIs(t, err, gdpr.ErrOnHold)
		for _, r := range []gdpr.ID{claim, opposed} {
			require.NoError(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{Informed: day(t, "2027-03-02")}))
		}
		assert.Empty(t, listed(t, f.rights.Holds(ctx)))
		assert.Equal(t, 2, h.sweep().Erased, "without a new period")
		assert.Zero(t, h.count())
		files, err := h.store.Files(ctx, storage.FileQuery{Kind: "personal", Limit: 10})
		require.NoError(t, err)
		assert.Empty(t, files, "what was said of persons goes with them")
		h.verified()
	})
}

// What comes with a restriction ends with it, and with no other: also a hold that somebody released before.
func TestRestrictionAndItsHold(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		claim := gdpr.Restriction{Subject: asa, Ground: gdpr.NeededForClaim, ReviewBy: day(t, "2027-03-02")}
		one, err := f.rights.Restrict(ctx, claim)
		require.NoError(t, err)
		claim.Record = id
		two, err := f.rights.Restrict(ctx, claim)
		require.NoError(t, err)
		for _, r := range []gdpr.ID{one, two} {
			_, err = f.support.Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrRestricted)
			require.NoError(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{Informed: day(t, "2026-03-02")}))
		}
		_, err = f.support.Get(ctx, id)
		require.NoError(t, err)
		assert.Empty(t, listed(t, f.rights.Holds(ctx)))

		last, err := f.rights.Restrict(ctx, claim)
		require.NoError(t, err)
		all, err := f.rights.Restrictions(ctx, asa)
		require.NoError(t, err)
		at := slices.IndexFunc(all, func(r gdpr.RestrictionInfo) bool { return r.ID == last })
		require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, all[at].Hold))
		assert.Empty(t, listed(t, f.rights.Holds(ctx)))
		_, err = f.support.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrRestricted)
		require.NoError(t, f.rights.Unrestrict(ctx, last, gdpr.Lift{Informed: day(t, "2026-03-02")}))
		_, err = f.support.Get(ctx, id)
		require.NoError(t, err)
		h.clock.set("2027-03-02")
		assert.Equal(t, 1, h.sweep().Erased)
		h.verified()
	})
}

// A controller instructs its processor, under the agreement of the data, and no other.
func TestRestrictOnInstruction(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		who := gdpr.Ref("Pat-Ö7")
		party, one := h.customer("Tallbackens vårdcentral")
		two, err := f.admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-2002", Activities: []string{hostedPurpose},
			Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
		require.NoError(t, err)
		here, there := f.hosted(one, who), f.hosted(two, who)
		ours := f.ticket(gdpr.ID{}, gdpr.ID{})
		r := gdpr.Restriction{Subject: who, Ground: gdpr.AccuracyContested}
		_, err = f.rights.Restrict(ctx, r)
		require.ErrorIs(t, err, gdpr.ErrNotFound, "nobody of ours")
		_, err = f.rights.Restrict(ctx, gdpr.Restriction{Record: here, Ground: r.Ground})
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		_, err = f.operations.Under(two).Restrict(ctx, gdpr.Restriction{Record: here, Ground: r.Ground})
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		_, err = f.operations.Under(one).Restrict(ctx, gdpr.Restriction{Record: ours, Ground: r.Ground})
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		_, err = f.operations.Restrict(ctx, r)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed, "under no agreement")
		refusedInput(t, second(f.support.Restrict(ctx, r)), "Purpose")

		id, err := f.operations.Under(one).Restrict(ctx, r)
		require.NoError(t, err)
		_, err = f.operations.Under(one).Get(ctx, here)
		require.ErrorIs(t, err, gdpr.ErrRestricted)
		_, err = f.operations.Under(one).Get(ctx, f.hosted(one, who))
		require.ErrorIs(t, err, gdpr.ErrRestricted)
		for _, free := range []gdpr.ID{there, f.hosted(two, who)} {
			_, err = f.operations.Under(two).Get(ctx, free)
			require.NoError(t, err)
		}
		none, err := f.operations.Under(two).Restrictions(ctx, who)
		require.NoError(t, err)
		assert.Empty(t, none)
		require.ErrorIs(t, f.operations.Under(two).Unrestrict(ctx, id, gdpr.Lift{Informed: day(t, "2026-03-02")}), gdpr.ErrNotAllowed)
		require.ErrorIs(t, f.rights.Unrestrict(ctx, id, gdpr.Lift{Informed: day(t, "2026-03-02")}), gdpr.ErrNotAllowed)
		require.NoError(t, f.operations.Under(one).Unrestrict(ctx, id, gdpr.Lift{Informed: day(t, "2026-03-02")}))
		_, err = f.operations.Under(one).Get(ctx, here)
		require.NoError(t, err)
		h.verified()
	})
}

// What is added to a record under a restriction is restricted as the rest, and freed with it, also where the restriction had none of it to be on before.
func TestRestrictedPartComesIn(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, desk, order, accounts := t.Context(), h.As(dpo, gdpr.SubjectRights), h.As(web, "order"), h.As(web, "bookkeeping")
		put := func(f gdpr.Fields) gdpr.ID {
			t.Helper()
			id, err := order.Put(ctx, gdpr.Record{Subject: gdpr.Ref("K-7"), Fields: f})
			require.NoError(t, err)
			return id
		}
		for name, r := range map[string]gdpr.Restriction{"record": {}, "person": {Subject: gdpr.Ref("K-7")}, "purpose": {Subject: gdpr.Ref("K-7"), Activity: "bookkeeping"}} {
			id := put(gdpr.Fields{"message": "En"})
			put(gdpr.Fields{"message": "Två", "amount": int64(100)})
			if r.Ground = gdpr.AccuracyContested; r.Subject.IsZero() {
				r.Record = id
			}
			on, err := desk.Restrict(ctx, r)
			require.NoError(t, err, name)
			if name != "purpose" {
				require.ErrorIs(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"amount": int64(200)}}), gdpr.ErrRestricted, name)
			}
			require.NoError(t, desk.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"amount": int64(200)}}), name)
			_, err = accounts.Get(ctx, id)
			require.ErrorIs(t, err, gdpr.ErrRestricted, name)
			x, err := desk.Explain(ctx, id)
			require.NoError(t, err)
			for _, p := range x.Parts {
				assert.Equal(t, name != "purpose" || slices.Contains(p.Purposes, "bookkeeping"), p.Restricted, "%s: %v", name, p.Purposes)
				assert.Equal(t, p.Restricted, len(p.Restrictions) == 1, "%s: %v", name, p.Purposes)
			}
			require.NoError(t, desk.Unrestrict(ctx, on, gdpr.Lift{Informed: day(t, "2026-03-02")}))
			_, err = accounts.Get(ctx, id)
			require.NoError(t, err, name)
		}
		h.verified()
	})
}

// In a record about two persons one is restricted, and the other's share is used on.
func TestRestrictOneOfTwo(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id, err := f.support.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa"}, Also: []gdpr.Share{{Subject: bjorn, Fields: gdpr.Fields{"name": "Björn"}}}})
		require.NoError(t, err)
		refusedInput(t, second(f.rights.Restrict(ctx, gdpr.Restriction{Record: id, Ground: gdpr.AccuracyContested})), "Restriction.Subject")
		_, err = f.rights.Restrict(ctx, gdpr.Restriction{Record: id, Subject: bjorn, Ground: gdpr.AccuracyContested})
		require.NoError(t, err)
		got, err := f.support.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "Åsa", got.Text("name"))
		assert.Len(t, got.Subjects(), 1)
		assert.Empty(t, find(t, f.support, bjorn))
		x, err := f.support.Explain(ctx, id)
		require.NoError(t, err)
		for _, p := range x.Parts {
			assert.Equal(t, p.Subject != got.Subject(), p.Restricted)
			assert.Equal(t, p.Subject != got.Subject(), len(p.Restrictions) == 1)
		}
		h.verified()
	})
}

// An objection on other grounds (Art. 21(1)): the purpose rests while it is weighed, then it ends, or goes on when the grounds were compelling.
func TestObjectionIsWeighed(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		ticket := f.ticket(gdpr.ID{}, gdpr.ID{})
		bill, err := f.accounts.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 7"}})
		require.NoError(t, err)
		object := func() gdpr.ID {
			t.Helper()
			r, err := f.rights.Restrict(ctx, gdpr.Restriction{Subject: asa, Activity: "support-ticket", Ground: gdpr.ObjectionPending})
			require.NoError(t, err)
			_, err = f.support.Get(ctx, ticket)
			require.ErrorIs(t, err, gdpr.ErrRestricted)
			_, err = f.accounts.Get(ctx, bill)
			require.NoError(t, err, "another purpose goes on")
			return r
		}
		dismissed := object()
		require.NoError(t, f.rights.Unrestrict(ctx, dismissed, gdpr.Lift{Informed: day(t, "2026-03-02")}))
		_, err = f.support.Get(ctx, ticket)
		require.NoError(t, err)

		upheld := object()
		f.event(f.rights, gdpr.Event{Kind: gdpr.ObjectionUpheld, Subject: asa, Purpose: "support-ticket"})
		require.NoError(t, f.rights.Unrestrict(ctx, upheld, gdpr.Lift{Informed: day(t, "2026-03-02")}))
		_, err = f.support.Get(ctx, ticket)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		assert.Equal(t, 1, h.sweep().Erased)
		_, err = f.accounts.Get(ctx, bill)
		require.NoError(t, err)
		h.verified()
	})
}

// Whoever stores at the moment in which a person is restricted, or freed, stores what is restricted, or free.
func TestRestrictedMeanwhile(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		first := f.ticket(gdpr.ID{}, gdpr.ID{})
		two, s := h.second().spied()
		store := two.As(support, "support-ticket")
		between := func(do func()) {
			once := sync.Once{}
			s.before = func(b *storage.Batch) {
				if len(b.PutParts)+len(b.RevisePart) > 0 {
					once.Do(do)
				}
			}
		}
		put := func() gdpr.ID {
			id, err := store.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Samtidigt"}})
			require.NoError(t, err)
			return id
		}
		var r gdpr.ID
		restrict := func() {
			var err error
			r, err = f.rights.Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
			require.NoError(t, err)
		}
		lift := func() { require.NoError(t, f.rights.Unrestrict(ctx, r, gdpr.Lift{Informed: day(t, "2026-03-02")})) }
		for range 2 { // the first restriction of a store, and a later one
			between(restrict)
			late := put()
			_, err := f.support.Get(ctx, late)
			require.ErrorIs(t, err, gdpr.ErrRestricted)
			between(lift)
			last := put()
			for _, id := range []gdpr.ID{first, late, last} {
				_, err = f.support.Get(ctx, id)
				require.NoError(t, err)
			}
		}
		between(restrict)
		require.ErrorIs(t, store.Update(ctx, first, gdpr.Change{Fields: gdpr.Fields{"message": "Ny"}}), gdpr.ErrRestricted)
		h.verified()
	})
}

// Many at once: whatever the order, a person under a restriction has nothing that is used.
func TestRestrictWhileOthersStore(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		f.ticket(gdpr.ID{}, gdpr.ID{})
		houses := []*house{h, h.second(), h.second()}
		var wg sync.WaitGroup
		for _, by := range houses {
			wg.Go(func() {
				for i := range 8 {
					_, err := by.As(support, "support-ticket").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": fmt.Sprint(i)}})
					assert.NoError(t, err)
				}
			})
		}
		_, err := f.rights.Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
		for tries := 0; err != nil && tries < 20; tries++ {
			require.ErrorIs(t, err, gdpr.ErrConflict)
			_, err = f.rights.Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
		}
		require.NoError(t, err)
		wg.Wait()
		assert.Len(t, find(t, f.rights, asa), 25)
		assert.Empty(t, find(t, f.support, asa))
		h.verified()
	})
}

// Nothing of what may only be stored is handed to the application to anonymize.
func TestRestrictedIsNotAnonymized(t *testing.T) {
	t.Parallel()
	eachStore(t, "full.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h.grant(dpo, "privacy")
		h.grant(support, "support")
		var handed []string
		h.keep = func(d gdpr.Departing) error { handed = append(handed, d.Fields.Text("message")); return nil }
		for message, who := range map[string]gdpr.Identity{"Åsas": asa, "Björns": bjorn} {
			_, err := h.As(support, "ticket").Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": message}})
			require.NoError(t, err)
		}
		_, err := h.As(dpo, gdpr.SubjectRights).Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
		require.NoError(t, err)
		h.clock.set("2028-03-02")
		h.sweep()
		assert.Zero(t, h.count())
		assert.Equal(t, []string{"Björns"}, handed)
		h.verified()
	})
}

func TestRestrictBadInput(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	f := newFirm(h)
	id := f.ticket(gdpr.ID{}, gdpr.ID{})
	for field, r := range map[string]gdpr.Restriction{
		"Restriction.Ground":   {Subject: asa, Ground: "A17-1-a"},
		"Restriction":          {Ground: gdpr.AccuracyContested},
		"Restriction.Activity": {Subject: asa, Activity: "gissning", Ground: gdpr.ObjectionPending},
		"Restriction.ReviewBy": {Subject: asa, Ground: gdpr.NeededForClaim},
		"Restriction.Note":     {Subject: asa, Ground: gdpr.AccuracyContested, Note: "\x00"},
		"Restriction.Subject":  {Record: id, Subject: bjorn, Ground: gdpr.AccuracyContested},
	} {
		if field == "Restriction.Subject" {
			_, err := f.support.Put(t.Context(), gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
			require.NoError(t, err)
		}
		refusedInput(t, second(f.rights.Restrict(t.Context(), r)), field)
	}
	for field, r := range map[string]gdpr.Restriction{
		"Restriction.Activity": {Record: id, Activity: "support-ticket", Ground: gdpr.ObjectionPending},
		"Restriction.ReviewBy": {Subject: asa, Ground: gdpr.AccuracyContested, ReviewBy: day(t, "2026-09-01")},
	} {
		refusedInput(t, second(f.rights.Restrict(t.Context(), r)), field)
	}
	refusedInput(t, second(f.rights.Restrict(t.Context(), gdpr.Restriction{Subject: asa, Ground: gdpr.NeededForClaim, ReviewBy: day(t, "2027-03-03")})), "Restriction.ReviewBy")
	_, err := f.rights.Restrict(t.Context(), gdpr.Restriction{Subject: gdpr.Email("ingen@kund.example"), Ground: gdpr.AccuracyContested})
	require.ErrorIs(t, err, gdpr.ErrNotFound)
	require.ErrorIs(t, f.rights.Unrestrict(t.Context(), id, gdpr.Lift{Informed: day(t, "2026-03-02")}), gdpr.ErrNotFound)
	r, err := f.rights.Restrict(t.Context(), gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
	require.NoError(t, err)
	h.grant(web, "privacy")
	require.ErrorIs(t, h.As(web, gdpr.SubjectRights).Unrestrict(t.Context(), r, gdpr.Lift{Informed: day(t, "2026-03-02")}), gdpr.ErrNotAllowed, "a person lifts")
}

// second is the error of two results.
func second(_ any, err error) error { return err }

// A restored copy in which a restriction was in force: what an erasure had left for a duty is kept aside again, and stays so when the restriction is lifted.
func TestReplayKeepsAsideWhatIsRestricted(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, "family.yaml", false)
	r := s.run(t)
	id, err := r.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Hej", "amount": 100.0},
		Events: map[retention.Event]civil.Date{"year-closed": day(t, "2025-12-31")}})
	require.NoError(t, err)
	asked, err := r.As(dpo, gdpr.SubjectRights).Restrict(ctx, gdpr.Restriction{Subject: asa, Ground: gdpr.AccuracyContested})
	require.NoError(t, err)
	r.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	r = s.run(t)
	out, err := r.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.NoLongerNeeded)
	require.NoError(t, err)
	require.False(t, out.Whole)
	r.stop()
	s.restored(t, old, dataFile)
	r = s.run(t)
	done, err := r.As(boss, gdpr.Retention).Replay(ctx)
	require.NoError(t, err)
	assert.Positive(t, done.Restricted)
	require.NoError(t, r.As(dpo, gdpr.SubjectRights).Unrestrict(ctx, asked, gdpr.Lift{Informed: day(t, "2026-03-02")}))
	_, err = r.As(web, "bookkeeping").Get(ctx, id)
	require.ErrorIs(t, err, gdpr.ErrRestricted)
}
