package gdpr_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// What somebody had decided to erase, and a hold kept, is handed to no anonymizer when the hold ends.
func TestAnonymizeRestricted(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "full.yaml", false)
	ctx := t.Context()
	h.grant(support, "support")
	h.grant(dpo, "privacy")
	n := 0
	h.keep = func(gdpr.Departing) error { n++; return nil }
	h.open()
	s := h.As(support, "ticket")
	id, err := s.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Skrivaren"}})
	require.NoError(t, err)
	hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2026-06-01")})
	require.NoError(t, err)
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.Unlawful)
	require.ErrorIs(t, err, gdpr.ErrOnHold)
	require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, hold))
	h.sweep()
	assert.Zero(t, h.count())
	assert.Zero(t, n, "somebody had decided to erase it; it may only be stored")
}

// A part that cannot be anonymized keeps no other from being swept, whatever the bound of a run.
func TestAnonymizerStarves(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "full.yaml", false)
	ctx := t.Context()
	h.grant(support, "support")
	first := ""
	h.keep = func(d gdpr.Departing) error {
		if first == "" {
			first = d.Key
		}
		if d.Key == first {
			return errors.New("trasig")
		}
		return nil
	}
	h.open()
	s := h.As(support, "ticket")
	for _, who := range []gdpr.Identity{asa, bjorn} {
		_, err := s.Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": "Skrivaren"}})
		require.NoError(t, err)
	}
	h.clock.set("2029-03-01")
	for range 6 {
		_, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, MaxParts: 1})
		require.NoError(t, err)
	}
	assert.Equal(t, 1, h.count())
}

// An objection to the very purpose, or an erasure, is one to keeping anything of it.
func TestAnonymizeObjected(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"objection", "erased, then released"} {
		t.Run(how, func(t *testing.T) {
			h := sqliteHouse(t, "full.yaml", false)
			ctx := t.Context()
			h.grant(support, "support")
			h.grant(dpo, "privacy")
			n := 0
			h.keep = func(gdpr.Departing) error { n++; return nil }
			h.open()
			s := h.As(support, "ticket")
			id, err := s.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Skrivaren"}})
			require.NoError(t, err)
			h.clock.set("2027-06-01")
			h.sweep()
			require.Equal(t, 1, h.count())
			if how == "objection" {
				require.NoError(t, h.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: id, Purpose: "ticket-statistics"}))
			} else {
				hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2027-09-01")})
				require.NoError(t, err)
				parts, err := h.store.Record(ctx, id)
				require.NoError(t, err)
				_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Subject(parts[0].Subject), gdpr.Unlawful)
				require.ErrorIs(t, err, gdpr.ErrOnHold)
				h.clock.set("2027-06-02")
				require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, hold))
			}
			h.sweep()
			assert.Zero(t, h.count())
			assert.Zero(t, n)
		})
	}
}
