package gdpr_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

// keysOf are the versions of a part of which a key is stored.
func (h *house) keysOf(p storage.PartRef, upTo int) []int {
	h.t.Helper()
	keys := storage.Keys(h.store)
	if h.keys != nil {
		keys = h.keys
	}
	var refs []storage.PartKeyRef
	for v := range upTo {
		refs = append(refs, storage.PartKeyRef{PartRef: p, Version: v + 1})
	}
	rows, err := keys.PartKeys(h.t.Context(), refs)
	require.NoError(h.t, err)
	var out []int
	for _, k := range rows {
		out = append(out, k.Version)
	}
	return out
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		before, err := h.store.Record(ctx, id)
		require.NoError(t, err)
		require.Equal(t, []int{1}, h.keysOf(before[0].PartRef, 9))

		// The whole of it moves: value, key, index rows, identifier; the person stays the same.
		h.clock.set("2026-04-01")
		require.NoError(t, f.support.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"email": "Åsa.Ek@kund.example", "phone": "031-390 06 01"}, Version: 1}))
		got, err := f.support.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, 2, got.Version)
		assert.Equal(t, gdpr.Fields{"name": "Åsa Öberg", "email": "Åsa.Ek@kund.example", "phone": "031-390 06 01", "message": "Skrivaren på plan 5 hittar inte papperet."}, got.Fields())
		after, err := h.store.Record(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, before[0].Due, after[0].Due, "rectifying gives no new period")
		assert.Equal(t, []int{2}, h.keysOf(before[0].PartRef, 9), "the old version's key is gone")
		assert.NotEqual(t, before[0].Sealed, after[0].Sealed)
		assert.Empty(t, find(t, f.support, asa), "the old address leads nowhere")
		for _, who := range []gdpr.Identity{gdpr.Email("åsa.ek@KUND.example"), gdpr.Phone("+46313900601")} {
			found := find(t, f.support, who)
			require.Len(t, found, 1)
			assert.Equal(t, got.Subject(), found[0].Subject())
		}
		// The moved identifier decides who a new record is about; the old one begins a new person; the phone was never an identifier.
		same, err := f.support.Put(ctx, gdpr.Record{Subject: gdpr.Email("åsa.ek@kund.example"), Fields: gdpr.Fields{"message": "igen"}})
		require.NoError(t, err)
		other := f.ticket(gdpr.ID{}, gdpr.ID{})
		assert.Equal(t, got.Subject(), out0(t, f.support, same))
		assert.NotEqual(t, got.Subject(), out0(t, f.support, other))
		byPhone, err := f.support.Put(ctx, gdpr.Record{Subject: gdpr.Phone("0313900601"), Fields: gdpr.Fields{"message": "från luren"}})
		require.NoError(t, err)
		assert.NotEqual(t, got.Subject(), out0(t, f.support, byPhone))

		// An address that another part still holds stays an identifier; the last identifier stays as well.
		require.NoError(t, f.support.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"email": nil, "phone": nil}}))
		got, err = f.support.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, []string{"message", "name"}, got.Fields().Names())
		assert.Len(t, find(t, f.support, gdpr.Email("åsa.ek@kund.example")), 2)
		require.NoError(t, f.support.Update(ctx, same, gdpr.Change{Fields: gdpr.Fields{"email": nil}}))
		assert.Len(t, find(t, f.support, gdpr.Email("åsa.ek@kund.example")), 2, "or nobody would find the person again")

		// Somebody else was first.
		require.ErrorIs(t, f.support.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"name": "Å"}, Version: 1}), gdpr.ErrConflict)
		require.ErrorIs(t, f.support.Update(ctx, other, gdpr.Change{Fields: gdpr.Fields{"email": "ÅSA.EK@kund.example"}}), gdpr.ErrConflict, "another person's address")
		entries, raw := h.trail()
		assert.NotContains(t, raw, "kund.example")
		updates := 0
		for _, e := range entries {
			if e.Action == "Update" && e.Outcome == "done" {
				updates++
				assert.NotEmpty(t, e.Fields)
			}
		}
		assert.Equal(t, 3, updates)
		h.verified()
	})
}

// An identifier follows its field also where nothing can be found by that field, and goes with it when others are left.
func TestIdentifiersFollowTheirFields(t *testing.T) {
	t.Parallel()
	eachStore(t, "full.yaml", func(t *testing.T, h *house) { // of its ticket only the e-mail is to be found by
		ctx := t.Context()
		h.grant(support, "support")
		s := h.As(support, "ticket")
		id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Phone("+46 70-174 06 05").And(gdpr.Ref("Ö-7")), Fields: gdpr.Fields{"name": "Åsa Öberg"}})
		require.NoError(t, err)
		require.NoError(t, s.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"phone": "+46 8 46 50 04 00"}}))
		assert.Empty(t, find(t, s, gdpr.Phone("+46701740605")))
		assert.Len(t, find(t, s, gdpr.Phone("+46846500400")), 1)
		require.NoError(t, s.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"phone": "växeln, fråga efter Åsa"}}), "a field that nothing is found by is free")
		assert.Empty(t, find(t, s, gdpr.Phone("+46846500400")))
		assert.Len(t, find(t, s, gdpr.Ref("ö-7")), 1)
		h.verified()
	})
}

// The application's own key leads to a person as long as anything is held, though no activity declares a field for it.
func TestRefOutlivesAnOlderRecord(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		put := func() gdpr.ID {
			id, err := f.support.Put(ctx, gdpr.Record{Subject: gdpr.Ref("Ö-7"), Fields: gdpr.Fields{"message": "Hej"}})
			require.NoError(t, err)
			return id
		}
		put()
		h.clock.set("2026-09-01")
		second := put()
		who := out0(t, f.support, second)
		h.clock.set("2027-03-01")
		require.Equal(t, 1, h.sweep().Erased)
		assert.Len(t, find(t, f.support, gdpr.Ref("ö-7")), 1)
		assert.Equal(t, who, out0(t, f.support, put()))
		h.clock.set("2028-03-01")
		res := h.sweep()
		assert.Equal(t, 2, res.Erased)
		assert.Equal(t, 1, res.Persons)
		h.verified()
	})
}

// What allowed an act was renewed in another process meanwhile: it is tried again, also where its keys lie in a store of their own.
func TestUpdateAfterALostTry(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		id, err := h.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "ett"}})
		require.NoError(t, err)
		racing, s := h.spied()
		// A hold is placed between the reading of the first try and its writing, and taken off again.
		placed := false
		s.before = func(b *storage.Batch) {
			if len(b.RevisePart)+len(b.PutParts) == 0 || placed {
				return
			}
			placed = true
			hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2026-09-01")})
			assert.NoError(t, err)
			assert.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, hold))
		}
		require.NoError(t, racing.As(web, "order").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "två"}}))
		require.True(t, placed)
		placed = false
		s.before, placed = func(b *storage.Batch) {
			if len(b.PutParts) > 0 && !placed {
				placed = true
				assert.NoError(t, h.As(web, "order").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"amount": int64(1)}}))
			}
		}, false
		require.NoError(t, racing.As(web, "order").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"amount": int64(2)}}), "both begin the same part")
		require.True(t, placed)
		got, err := h.As(web, "order").Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, gdpr.Fields{"email": "åsa.öberg@kund.example", "message": "två", "amount": int64(2)}, got.Fields())
		parts, err := h.store.Record(ctx, id)
		require.NoError(t, err)
		require.Len(t, parts, 3)
		live := map[string]storage.Part{}
		for _, p := range parts {
			live[strings.Join(p.Purposes, " ")] = p
			assert.Contains(t, h.keysOf(p.PartRef, 9), p.Version)
		}
		// A lost try may leave the key of a version that was never stored. Of those that were, only the last has one.
		assert.NotContains(t, h.keysOf(live["order"].PartRef, 9), 1)
		assert.Len(t, h.keysOf(live["order warranty"].PartRef, 9), 1)
		h.verified()
	})
}

// A writer that was killed after its new key and before its row leaves the key behind: the next writer must not stumble over it.
func TestUpdateAfterAKilledOne(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h, s := h.spied()
		order := h.As(web, "order")
		id, err := order.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "ett"}})
		require.NoError(t, err)
		for _, fields := range []gdpr.Fields{{"message": "två"}, {"amount": int64(2)}} { // a part that is there, and one that begins
			s.fail = func(*storage.Batch) error { return errKilled }
			require.ErrorIs(t, order.Update(ctx, id, gdpr.Change{Fields: fields}), errKilled)
			s.fail = nil
			require.NoError(t, order.Update(ctx, id, gdpr.Change{Fields: fields}))
		}
		got, err := order.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, gdpr.Fields{"email": "åsa.öberg@kund.example", "message": "två", "amount": int64(2)}, got.Fields())
		h.verified()
	})
}

// Many writers, two engines: every change is whole, or is refused because somebody was first.
func TestConcurrentUpdates(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		two := h.second()
		id := h.bicycle()
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := map[string]bool{"ÅKV-0001": true}
		for i := range 8 {
			wg.Go(func() {
				e := []*house{h, two}[i%2]
				for n := range 4 {
					serial := fmt.Sprintf("ÅKV-%d-%d", i, n)
					err := e.As(web, "order").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"serial": serial, "message": serial}})
					mu.Lock()
					if err == nil {
						done[serial] = true
					} else if !errors.Is(err, gdpr.ErrConflict) && !errors.Is(err, storage.ErrBusy) {
						assert.NoError(t, err)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		got, err := two.As(web, "order").Get(ctx, id)
		require.NoError(t, err)
		assert.True(t, done[got.Text("serial")])
		assert.Equal(t, got.Text("serial"), got.Text("message"), "both parts by the same writer")
		assert.Greater(t, len(done), 1)
		h.verified()
	})
}

// Events are only ever added; a correction is a new one, and counts from then on.
func TestEventsAreAppendOnly(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id := f.invoice()
		for i, d := range []string{"2026-12-31", "2025-12-31", "2027-06-30"} {
			h.clock.set("2026-03-1" + fmt.Sprint(i))
			by := f.accounts
			if i == 1 { // to an earlier day: the floor would end sooner, and that is a decision
				err := by.RecordEvent(ctx, gdpr.Event{Kind: "financial-year-closed", Record: id, Day: day(t, d)})
				require.ErrorIs(t, err, gdpr.ErrNotAllowed)
				by = f.rights
			}
			ev := gdpr.Event{Kind: "financial-year-closed", Record: id, Day: day(t, d), Note: "Rättat av " + secret}
			if i == 2 { // to a later year: it lives longer
				refusedInput(t, by.RecordEvent(ctx, ev), "Event.Approver")
				ev.Approver = dpo
			}
			f.event(by, ev)
			x, err := f.accounts.Explain(ctx, id)
			require.NoError(t, err)
			assert.Equal(t, []string{"2034-03-31", "2033-03-31", "2035-03-31"}[i], x.Parts[0].Until.String())
		}
		rows, err := h.store.EventsOf(ctx, id)
		require.NoError(t, err)
		require.Len(t, rows, 3)
		for i, row := range rows {
			assert.Contains(t, string(row.Body), []string{"2026-12-31", "2025-12-31", "2027-06-30"}[i])
			silent(t, string(row.Body), "the note is sealed")
		}
		h.verified()
	})
}

// TestIdentifierOfSeveralRecords: an address that one record drops identifies the person for as long as another has it, though no record has an index
// row of its own for the address by which the person was named.
func TestIdentifierOfSeveralRecords(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		one, two := f.ticket(gdpr.ID{}, gdpr.ID{}), f.ticket(gdpr.ID{}, gdpr.ID{})
		rows, err := h.store.IndexOf(ctx, out0(t, f.support, one))
		require.NoError(t, err)
		require.Len(t, rows, 1, "the identifier alone")

		moved := gdpr.Change{Fields: gdpr.Fields{"email": "åsa.ek@kund.example"}}
		require.NoError(t, f.support.Update(ctx, one, moved))
		assert.Len(t, find(t, f.support, asa), 2, "the second record still has it")
		assert.Len(t, find(t, f.support, gdpr.Email("åsa.ek@kund.example")), 2)
		require.NoError(t, f.support.Update(ctx, two, moved))
		assert.Empty(t, find(t, f.support, asa))
		assert.Len(t, find(t, f.support, gdpr.Email("åsa.ek@kund.example")), 2)
	})
}

// TestIdentifierTakenMeanwhile: while one record gives an address up, others come in under it. Each is found by it, or the address has begun another person.
func TestIdentifierTakenMeanwhile(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		for i := range 10 {
			was := gdpr.Email(fmt.Sprintf("förr%d@kund.example", i))
			record := gdpr.Record{Subject: was, Fields: gdpr.Fields{"name": "Åke Ö", "message": "hej"}}
			id, err := f.support.Put(ctx, record)
			require.NoError(t, err)
			var wg sync.WaitGroup
			put := make([]gdpr.ID, 4)
			for j := range put {
				wg.Go(func() {
					var err error
					put[j], err = f.support.Put(ctx, record)
					assert.NoError(t, err)
				})
			}
			wg.Go(func() {
				err := f.support.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"email": fmt.Sprintf("nu%d@kund.example", i)}})
				assert.True(t, err == nil || errors.Is(err, gdpr.ErrConflict), err)
			})
			wg.Wait()
			found := map[gdpr.ID]bool{}
			for _, r := range find(t, f.support, was) {
				found[r.ID] = true
			}
			for _, id := range put {
				assert.True(t, found[id], "every record that has the address is found by it")
			}
		}
	})
}

// TestRememberedIdentifier: that an engine remembers whom an address led to refuses nobody who has it now.
func TestRememberedIdentifier(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		was, phone := gdpr.Email("förr@kund.example"), gdpr.Phone("031-390 06 01")
		record := gdpr.Record{Subject: was, Fields: gdpr.Fields{"name": "Åke Ö", "message": "hej"}}
		for range 2 {
			_, err := f.support.Put(ctx, record)
			require.NoError(t, err)
		}
		var first gdpr.ID
		for _, r := range find(t, f.support, was) {
			first = r.Subject()
			require.NoError(t, f.support.Update(ctx, r.ID, gdpr.Change{Fields: gdpr.Fields{"email": "nu@kund.example"}}))
		}
		other, err := f.support.Put(ctx, gdpr.Record{Subject: phone, Fields: gdpr.Fields{"message": "hej"}})
		require.NoError(t, err)
		both, err := f.support.Put(ctx, gdpr.Record{Subject: was.And(phone), Fields: gdpr.Fields{"message": "hej"}})
		require.NoError(t, err, "the address leads to nobody now")
		assert.Equal(t, out0(t, f.support, other), out0(t, f.support, both))
		_, err = f.support.Put(ctx, gdpr.Record{Subject: was, Fields: gdpr.Fields{"message": "hej"},
			Also: []gdpr.Share{{Subject: gdpr.Email("nu@kund.example"), Fields: gdpr.Fields{"message": "hej"}}}})
		require.NoError(t, err)
		assert.NotEqual(t, first, out0(t, f.support, both))
	})
}
