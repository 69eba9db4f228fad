package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

var (
	asa   = gdpr.Email("åsa.öberg@kund.example")
	bjorn = gdpr.Email("björn.ek@kund.example")
)

// bicycle is one order about two persons. Åsa's falls into four parts, by the purposes that use the fields:
// name (all three), e-mail and serial (order, warranty), amount (order, bookkeeping), phone and message (order alone);
// Björn's into one: e-mail and serial.
func (h *house) bicycle() gdpr.ID {
	h.t.Helper()
	id, err := h.As(web, "order").Put(h.t.Context(), gdpr.Record{
		Subject: asa,
		Fields: gdpr.Fields{"name": "Åsa Öberg", "phone": "070-174 06 05", "message": "Ring när hjulet är färdigt.\nHälsningar Åsa",
			"serial": "ÅKV-0001", "amount": int64(8990)},
		Also:   []gdpr.Share{{Subject: bjorn, Fields: gdpr.Fields{"serial": "ÅKV-0002"}}},
		Events: map[retention.Event]civil.Date{"delivered": day(h.t, "2026-03-10"), "year-closed": day(h.t, "2026-12-31")},
		Labels: map[string]string{"state": "öppen"},
		Source: "kassan i Årsta",
	})
	require.NoError(h.t, err)
	return id
}

// seen is what a session sees of a record: the fields of Åsa and those of Björn.
func seen(t *testing.T, s *gdpr.Session, id gdpr.ID) (gdpr.Fields, gdpr.Fields) {
	t.Helper()
	r, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	var her, his gdpr.Fields
	for _, who := range r.Subjects() {
		if f := r.FieldsOf(who); f.Text("email") == "björn.ek@kund.example" {
			his = f
		} else {
			her = f
		}
	}
	return her, his
}

func TestRecordOfTwoPersonsAndThreePurposes(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		order, warranty, books := h.As(web, "order"), h.As(web, "warranty"), h.As(web, "bookkeeping")
		id := h.bicycle()
		require.Equal(t, 5, h.count())

		for name, c := range map[string]struct {
			s        *gdpr.Session
			her, his []string
		}{
			"order":       {order, []string{"amount", "email", "message", "name", "phone", "serial"}, []string{"email", "serial"}},
			"warranty":    {warranty, []string{"email", "name", "serial"}, []string{"email", "serial"}},
			"bookkeeping": {books, []string{"amount", "name"}, nil},
			"the person":  {h.As(dpo, gdpr.SubjectRights), []string{"amount", "email", "message", "name", "phone", "serial"}, []string{"email", "serial"}},
		} {
			her, his := seen(t, c.s, id)
			assert.Equal(t, c.her, her.Names(), name)
			if c.his == nil {
				assert.Nil(t, his, name)
			} else {
				assert.Equal(t, c.his, his.Names(), name)
			}
		}
		r, err := order.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "kassan i Årsta", r.Source())
		assert.Equal(t, map[string]string{"state": "öppen"}, r.Labels)
		assert.Equal(t, int64(8990), r.Fields()["amount"])

		// By either person, each with what is his; Records lists it once for each.
		for _, who := range []gdpr.Identity{asa, bjorn} {
			found := find(t, order, who)
			require.Len(t, found, 1)
			assert.Equal(t, id, found[0].ID)
			assert.Len(t, found[0].Subjects(), 1)
			assert.Equal(t, r.VersionOf(found[0].Subject()), found[0].Version)
		}
		assert.Len(t, records(t, order, gdpr.Query{Labels: map[string]string{"state": "öppen"}}), 2)
		assert.Empty(t, records(t, order, gdpr.Query{Labels: map[string]string{"state": "klar"}}))

		// Rectified, for one of the two.
		bj := find(t, order, bjorn)[0]
		require.NoError(t, order.Update(ctx, id, gdpr.Change{Subject: bj.Subject(), Fields: gdpr.Fields{"serial": "ÅKV-0003", "phone": "031-3900600"}, Version: bj.Version}))
		err = order.Update(ctx, id, gdpr.Change{Subject: bj.Subject(), Fields: gdpr.Fields{"serial": "x"}, Version: bj.Version})
		require.ErrorIs(t, err, gdpr.ErrConflict, "the version was raised")
		her, his := seen(t, order, id)
		assert.Equal(t, "ÅKV-0001", her.Text("serial"))
		assert.Equal(t, gdpr.Fields{"email": "björn.ek@kund.example", "serial": "ÅKV-0003", "phone": "031-3900600"}, his)
		require.Equal(t, 6, h.count(), "the phone began a part of its own")
		require.ErrorIs(t, warranty.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"phone": "08-46500400"}}), gdpr.ErrNotAllowed)

		// One purpose ends: its use at once, its parts by the sweep; what others share stays.
		h.clock.set("2026-04-01")
		require.NoError(t, order.RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: id}))
		_, err = order.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		require.Empty(t, find(t, order, asa))
		require.ErrorIs(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"serial": "x"}}), gdpr.ErrPurposeEnded)
		her, _ = seen(t, warranty, id)
		assert.Equal(t, []string{"email", "name", "serial"}, her.Names())
		plan, err := h.Plan(ctx)
		require.NoError(t, err)
		require.Equal(t, 2, plan.Erase)
		res := h.sweep()
		assert.Equal(t, 2, res.Erased, "phone and message of both")
		assert.Zero(t, res.Persons)
		require.Equal(t, 4, h.count())
		her, his = seen(t, h.As(dpo, gdpr.SubjectRights), id)
		assert.Equal(t, []string{"amount", "email", "name", "serial"}, her.Names())
		assert.Equal(t, []string{"email", "serial"}, his.Names())
		x, err := warranty.Explain(ctx, id)
		require.NoError(t, err)
		assert.Len(t, x.Parts, 4)

		// One person goes; the other's parts stay.
		gone, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, bjorn, gdpr.NoLongerNeeded)
		require.NoError(t, err)
		assert.True(t, gone.Whole)
		assert.Equal(t, 1, gone.Parts)
		assert.Equal(t, []gdpr.ID{id}, gone.Records)
		her, his = seen(t, warranty, id)
		assert.Equal(t, "Åsa Öberg", her.Text("name"))
		assert.Nil(t, his)
		require.Empty(t, find(t, warranty, bjorn))
		_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Subject(bj.Subject()), gdpr.NoLongerNeeded)
		require.ErrorIs(t, err, gdpr.ErrErased)
		refusedInput(t, warranty.Update(ctx, id, gdpr.Change{Subject: bj.Subject(), Fields: gdpr.Fields{"serial": "x"}}), "Subject")

		// The warranty's own clock, then the floor's.
		h.clock.set("2029-03-07")
		assert.Zero(t, h.sweep().Erased)
		h.clock.set("2029-03-08")
		assert.Equal(t, 1, h.sweep().Erased, "e-mail and serial, two days before the last")
		assert.Empty(t, find(t, books, asa), "no purpose may use the e-mail any more, so it leads nowhere")
		her, _ = seen(t, books, id)
		assert.Equal(t, []string{"amount", "name"}, her.Names())
		h.clock.set("2034-03-28")
		assert.Zero(t, h.sweep().Erased)
		h.clock.set("2034-03-29")
		res = h.sweep()
		assert.Equal(t, 2, res.Erased)
		assert.Equal(t, 1, res.Persons)
		assert.Zero(t, h.count())
		_, err = books.Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrErased)
		x, err = books.Explain(ctx, id)
		require.NoError(t, err)
		erased := 0
		for _, p := range x.Proofs {
			erased += p.Parts
		}
		assert.Equal(t, 6, erased, "every part has its proof")
		h.verified()
	})
}

// records collects what a session lists.
func records(t *testing.T, s *gdpr.Session, q gdpr.Query) []*gdpr.Stored {
	t.Helper()
	var out []*gdpr.Stored
	for r, err := range s.Records(t.Context(), q) {
		require.NoError(t, err)
		out = append(out, r)
	}
	return out
}

// A law keeps two of Åsa's parts: the rest goes, and they are restricted to it.
func TestErasurePartByPart(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		id := h.bicycle()
		h.clock.set("2026-05-05")
		rights := h.As(dpo, gdpr.SubjectRights)
		out, err := rights.Erase(ctx, asa, gdpr.WithdrawnConsent)
		require.NoError(t, err)
		assert.Equal(t, 2, out.Parts)
		assert.False(t, out.Whole)
		require.Len(t, out.Kept, 2)
		for _, k := range out.Kept {
			assert.Equal(t, "2033-12-31", k.Until.String())
			assert.Contains(t, k.Why, "bookkeeping")
			assert.Contains(t, k.Purposes, "bookkeeping")
		}
		her, his := seen(t, rights, id)
		assert.Equal(t, []string{"amount", "name"}, her.Names())
		assert.Equal(t, []string{"email", "serial"}, his.Names(), "the other person's stays")
		_, err = h.As(web, "bookkeeping").Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrRestricted)
		again, err := rights.Erase(ctx, gdpr.Subject(out0(t, rights, id)), gdpr.WithdrawnConsent)
		require.NoError(t, err, "a second request finds the same")
		assert.Zero(t, again.Parts)
		assert.Len(t, again.Kept, 2)

		h.clock.set("2033-12-31")
		assert.Equal(t, 1, h.sweep().Erased, "Björn's; not a day before the floor's end")
		her, _ = seen(t, rights, id)
		assert.Equal(t, []string{"amount", "name"}, her.Names())
		h.clock.set("2034-01-01")
		res := h.sweep()
		assert.Equal(t, 2, res.Erased, "and then by itself")
		assert.Equal(t, 1, res.Persons)
		assert.Zero(t, h.count())
		h.verified()
	})
}

// out0 is the first person of a record.
func out0(t *testing.T, s *gdpr.Session, id gdpr.ID) gdpr.ID {
	t.Helper()
	r, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	return r.Subject()
}

func TestHolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		hold func(record, agreement gdpr.ID) gdpr.Hold
		want int // parts that it keeps, of Åsa's two (e-mail; message and phone) and Björn's two
		on   string
	}{
		{"record", func(record, _ gdpr.ID) gdpr.Hold { return gdpr.Hold{Record: record} }, 4, "record"},
		{"fields", func(record, _ gdpr.ID) gdpr.Hold { return gdpr.Hold{Record: record, Fields: []string{"message"}} }, 2, "record"},
		{"subject", func(_, _ gdpr.ID) gdpr.Hold { return gdpr.Hold{Subject: asa} }, 2, "subject"},
		{"agreement", func(_, agreement gdpr.ID) gdpr.Hold { return gdpr.Hold{Agreement: agreement} }, 4, "agreement"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, "family.yaml", func(t *testing.T, h *house) {
				ctx := t.Context()
				admin, order := h.As(dpo, gdpr.Retention), h.As(web, "order")
				_, agreement := h.supplier()
				id, err := order.Put(ctx, gdpr.Record{Subject: asa, Agreement: agreement,
					Fields: gdpr.Fields{"message": "Det gnisslar när jag cyklar.", "phone": "070-1740605"},
					Also:   []gdpr.Share{{Subject: bjorn, Fields: gdpr.Fields{"message": "Här också."}}}})
				require.NoError(t, err)
				require.NoError(t, order.RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: id, Purpose: "warranty"}))
				require.Equal(t, 4, h.count())

				hold := c.hold(id, agreement)
				hold.Ground, hold.ReviewBy, hold.Note = "rättstvist T 12-26", day(t, "2027-03-01"), "rör Åsa Öberg"
				held, err := admin.Hold(ctx, hold)
				require.NoError(t, err)
				x, err := order.Explain(ctx, id)
				require.NoError(t, err)
				on := 0
				for _, p := range x.Parts {
					for _, info := range p.Holds {
						assert.Equal(t, held, info.ID)
						assert.Equal(t, c.on, info.On)
						on++
					}
				}
				assert.Equal(t, c.want, on)
				assert.Contains(t, x.String(), "On hold: rättstvist T 12-26, to be reviewed by 2027-03-01.")
				h.clock.set("2027-02-28")
				assert.Equal(t, 4-c.want, h.sweep().Erased)
				require.Equal(t, c.want, h.count())
				before := h.verified().Entries
				res := h.sweep()
				assert.Zero(t, res.Dated+res.Erased+res.Left, "dated to its review, and read by no sweep before")
				assert.Equal(t, before, h.verified().Entries)
				h.clock.set("2027-03-01")
				res = h.sweep()
				assert.Zero(t, res.Erased)
				assert.Equal(t, c.want, res.Dated, "on the day of its review it is looked at again")

				h.clock.set("2027-03-05")
				require.NoError(t, admin.Release(ctx, held))
				require.NoError(t, admin.Release(ctx, held), "a second release does nothing")
				assert.Equal(t, c.want, h.sweep().Erased, "released, it goes at once")
				assert.Zero(t, h.count())
				if c.on != "agreement" {
					hold.ReviewBy = day(t, "2028-03-01")
					_, err = admin.Hold(ctx, hold)
					require.ErrorIs(t, err, gdpr.ErrNotFound, "a hold that comes too late finds nothing")
				}
				h.verified()
			})
		})
	}
}

// Not even a request goes before a hold; but what the person may ask for is noted, and done when the hold ends.
func TestErasureOnHold(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		admin := h.As(dpo, gdpr.Retention)
		first := f.ticket(gdpr.ID{}, gdpr.ID{})
		held, err := admin.Hold(ctx, gdpr.Hold{Record: first, Ground: "rättstvist T 12-26", ReviewBy: day(t, "2026-09-01")})
		require.NoError(t, err)
		second := f.ticket(gdpr.ID{}, gdpr.ID{})

		out, err := f.rights.Erase(ctx, asa, gdpr.Objected)
		require.NoError(t, err)
		assert.Equal(t, []gdpr.ID{second}, out.Records)
		assert.Equal(t, 1, out.OnHold)
		require.Len(t, out.Kept, 1)
		assert.Equal(t, "on hold: rättstvist T 12-26", out.Kept[0].Why)
		_, err = f.support.Get(ctx, first)
		require.ErrorIs(t, err, gdpr.ErrRestricted)
		out, err = f.rights.Erase(ctx, asa, gdpr.Objected)
		require.ErrorIs(t, err, gdpr.ErrOnHold)
		assert.Zero(t, out.Parts)

		assert.Zero(t, h.sweep().Erased)
		require.NoError(t, admin.Release(ctx, held))
		res := h.sweep()
		assert.Equal(t, 1, res.Erased)
		assert.Equal(t, 1, res.Persons)
		h.verified()
	})
}

// supplier makes a party with an agreement that only dates our own records.
func (h *house) supplier() (party, agreement gdpr.ID) {
	h.t.Helper()
	admin := h.As(boss, gdpr.Retention)
	party, err := admin.PutParty(h.t.Context(), gdpr.Party{Name: "Leverantören i Örebro AB", Contact: "info@leverantor.example", Country: "SE"})
	require.NoError(h.t, err)
	agreement, err = admin.PutAgreement(h.t.Context(), gdpr.Agreement{Party: party, Ref: "LA-7", From: day(h.t, "2024-01-01")})
	require.NoError(h.t, err)
	return party, agreement
}

// refusedInput says that input was refused at a field.
func refusedInput(t *testing.T, err error, field string) {
	t.Helper()
	var in *gdpr.InputError
	require.ErrorAs(t, err, &in)
	require.Equal(t, field, in.Field)
	require.NotEmpty(t, in.Reason)
}
