package gdpr_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// When and why, of one person, from whatever process, the oldest first, and not by whom (C-579/21).
func TestReads(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		one := f.ticket(gdpr.ID{}, gdpr.ID{})
		f.ticket(gdpr.ID{}, gdpr.ID{})
		other, err := f.support.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		bill, err := f.accounts.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": "Faktura 7"}})
		require.NoError(t, err)
		var want []gdpr.Read
		saw := func(purpose, caseID string, records int) {
			want = append(want, gdpr.Read{At: h.clock.at, Purpose: purpose, Case: caseID, Records: records})
		}
		two := h.second().As(support, "support-ticket")
		for i := range 6 {
			h.clock.set(fmt.Sprintf("2026-03-%02d", 10+i))
			s := f.support
			if i%2 == 1 {
				s = two
			}
			_, err := s.Case(fmt.Sprint("K-", i)).Get(ctx, one)
			require.NoError(t, err)
			saw("support-ticket", fmt.Sprint("K-", i), 1)
			_, err = s.Get(ctx, other)
			require.NoError(t, err)
		}
		h.clock.set("2026-03-20")
		assert.Len(t, find(t, two, asa), 2)
		saw("support-ticket", "", 2)
		h.clock.set("2026-03-21")
		_, err = f.accounts.Get(ctx, bill)
		require.NoError(t, err)
		saw("invoice", "", 1)
		_, err = f.accounts.Get(ctx, one)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed, "a refusal is no reading")
		h.clock.set("2026-03-22")
		require.NoError(t, f.support.Update(ctx, one, gdpr.Change{Fields: gdpr.Fields{"name": "Åsa"}}))
		assert.Len(t, find(t, f.rights, asa), 3)
		saw(gdpr.SubjectRights, "", 3)

		got := listed(t, f.rights.Reads(ctx, asa))
		require.Len(t, got, len(want))
		for i := range got {
			assert.True(t, want[i].At.Equal(got[i].At), "%d: %s", i, got[i].At)
			got[i].At = want[i].At
		}
		assert.Equal(t, want, got)
		for r, err := range f.rights.Reads(ctx, asa) { // whoever stops has asked all the same
			require.NoError(t, err)
			assert.Equal(t, "K-0", r.Case)
			break
		}
		asked := 0
		entries, _ := h.trail()
		for _, e := range entries {
			if e.Action == "Reads" {
				asked++
			}
		}
		assert.Equal(t, 2, asked)
		require.ErrorIs(t, broken(h.As(support, gdpr.SubjectRights).Reads(ctx, asa)), gdpr.ErrNotAllowed)
		require.ErrorIs(t, broken(f.rights.Reads(ctx, gdpr.Email("ingen@kund.example"))), gdpr.ErrNotFound)
		refusedInput(t, broken(f.support.Reads(ctx, asa)), "Purpose")
		h.verified()
	})
}
