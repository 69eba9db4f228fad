package gdpr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// What a person adds to a record is read with it, stays through later changes and ends with it; it is in no log (Art. 16, second sentence).
func TestStatement(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, desk, order := t.Context(), h.As(dpo, gdpr.SubjectRights), h.As(web, "order")
		id := h.bicycle() // three parts
		all := "Åsa: cykeln var såld vidare i april <script>"
		require.NoError(t, desk.Update(ctx, id, gdpr.Change{Statement: all}))
		for _, purpose := range []string{"order", "warranty", "bookkeeping", gdpr.SubjectRights} {
			got, err := h.As(web, purpose).Get(ctx, id)
			require.NoError(t, err, purpose)
			assert.Equal(t, all, got.Statement(), purpose)
			assert.Equal(t, all, got.StatementOf(got.Subject()))
			assert.Empty(t, got.StatementOf(h.Self()))
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				assert.NotContains(t, fmt.Sprintf(verb, got), "såld")
			}
		}
		require.NoError(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "Ny", "name": "Åsa Öberg-Ek"}}))
		got, err := order.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, all, got.Statement(), "it stays")
		assert.Equal(t, "Ny", got.Text("message"))

		// With fields it stands with these, instead of what stood there.
		serial := "Åsa: numret står under sadeln"
		require.NoError(t, desk.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"serial": "ÅKV-0002"}, Statement: serial}))
		got, err = h.As(web, "bookkeeping").Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, all, got.Statement(), "a purpose that does not use the field reads what stood there")
		got, err = desk.Get(ctx, id)
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{all, serial}, strings.Split(got.Statement(), "\n"))
		// In a part that begins with it.
		other, err := order.Put(ctx, gdpr.Record{Subject: bjorn, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(t, err)
		require.NoError(t, desk.Update(ctx, other, gdpr.Change{Fields: gdpr.Fields{"serial": "ÅKV-0003"}, Statement: serial}))
		got, err = h.As(web, "warranty").Get(ctx, other)
		require.NoError(t, err)
		assert.Equal(t, serial, got.Statement())

		h.clock.set("2027-03-03")
		h.sweep() // the order's year is over, warranty and bookkeeping go on
		got, err = h.As(web, "bookkeeping").Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, all, got.Statement())

		refusedInput(t, desk.Update(ctx, id, gdpr.Change{}), "Fields")
		refusedInput(t, desk.Update(ctx, id, gdpr.Change{Statement: "\x00"}), "Statement")
		refusedInput(t, desk.Update(ctx, id, gdpr.Change{Statement: strings.Repeat("å", 1<<23)}), "Statement")
		entries, raw := h.trail()
		noted := 0
		for _, e := range entries {
			if e.Why == "supplementary statement" {
				noted++
			}
		}
		assert.Equal(t, 3, noted)
		assert.NotContains(t, raw, "såld")
		assert.NotContains(t, raw, "sadeln")
		h.verified()
	})
}

// A statement about data under a restriction is taken by right alone.
func TestStatementWhileRestricted(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		_, err := f.rights.Restrict(ctx, gdpr.Restriction{Record: id, Ground: gdpr.AccuracyContested})
		require.NoError(t, err)
		require.ErrorIs(t, f.support.Update(ctx, id, gdpr.Change{Statement: "nej"}), gdpr.ErrRestricted)
		require.NoError(t, f.rights.Update(ctx, id, gdpr.Change{Statement: "Åsa: det var inte jag"}))
		got, err := f.rights.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "Åsa: det var inte jag", got.Statement())
		require.NoError(t, f.rights.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"name": "Åsa"}}))
		got, err = f.rights.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "Åsa: det var inte jag", got.Statement(), "it stays")
		require.NoError(t, f.rights.Update(ctx, id, gdpr.Change{Statement: "Åsa: jo"}))
		got, err = f.rights.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "Åsa: jo", got.Statement())
		h.verified()
	})
}

// What was said of a person before a record was stored ends no purpose of it, whichever part comes in when.
func TestEndedBeforeTheRecord(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx, order := t.Context(), h.As(web, "order")
		old, err := order.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "En", "amount": int64(100)}})
		require.NoError(t, err)
		require.NoError(t, h.As(web, "bookkeeping").RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Subject: asa}))
		h.clock.set("2026-03-03")
		id, err := order.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "En till"}})
		require.NoError(t, err)
		require.NoError(t, order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"amount": int64(200)}}))
		_, err = h.As(web, "bookkeeping").Get(ctx, id)
		require.NoError(t, err)
		_, err = h.As(web, "bookkeeping").Get(ctx, old)
		require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
		h.verified()
	})
}
