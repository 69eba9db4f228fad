package subjectrights_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// TestEraseInPart is EPM-D3: ticket and contact go, the invoice stays for the law, the customers' data is theirs.
func TestEraseInPart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, _ := annaEverywhere(h)
	c := h.receive(gdpr.Email(annas), subjectrights.Erasure, subjectrights.Access)
	out, err := h.desk.Erase(t.Context(), dpo, c, gdpr.NoLongerNeeded)
	require.NoError(t, err)
	assert.Equal(t, gdpr.NoLongerNeeded, out.Ground)
	assert.ElementsMatch(t, own[:2], out.Records)
	require.Len(t, out.Kept, 1)
	assert.Equal(t, own[2], out.Kept[0].Record)
	assert.Equal(t, "2032-12-31", out.Kept[0].Until.String())
	assert.NotEmpty(t, out.Digest)
	assert.False(t, out.Whole)
	assert.Empty(t, out.Tell, "no recipients in this register")
	assert.Equal(t, c.Forward(), out.Forward)

	r := h.access(c)
	assert.Equal(t, 1, r.Records())
	page := pageOf(t, r, "sv")
	assert.Contains(t, page, "Faktura 2025-1187")
	assert.Contains(t, page, "Måste sparas till och med den 31 december 2032.")
	assert.Contains(t, page, "Uppgifterna får bara lagras.")
	assert.NotContains(t, page, "Kan ni ringa?")
	assert.NotContains(t, page, "IT-ansvarig")

	assert.Len(t, h.receive(gdpr.Email(annas), subjectrights.Access).Forward(), 3, "the customers' data is untouched")
	assert.Contains(t, h.trail(caseID), "Erase by Örjan Dataskydd")
}

func TestEraseWhole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	own := h.put("membership", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	c := h.receive(gdpr.Email(annas), subjectrights.Erasure, subjectrights.Access)
	later := h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	out, err := h.desk.Erase(t.Context(), dpo, c, gdpr.WithdrawnConsent)
	require.NoError(t, err)
	assert.True(t, out.Whole)
	assert.ElementsMatch(t, []gdpr.ID{own, later}, out.Records, "also what came in after the request")
	require.Len(t, out.Tell, 2)
	assert.Equal(t, "cloud", out.Tell[0].Party)
	assert.Contains(t, out.Tell[0].Fields, "name")
	assert.Equal(t, []string{"email", "name"}, out.Tell[1].Fields)

	page := pageOf(t, h.access(c), "sv")
	assert.Contains(t, page, "har inga uppgifter om dig")
	assert.NotContains(t, page, "Anna Lindqvist")
	_, err = h.desk.Erase(t.Context(), dpo, c, gdpr.WithdrawnConsent)
	require.ErrorIs(t, err, gdpr.ErrErased)
	_, err = h.desk.Rectify(t.Context(), dpo, h.receive(gdpr.Email(annas), subjectrights.Rectification), own, gdpr.Change{Fields: gdpr.Fields{"name": "X"}})
	require.ErrorIs(t, err, gdpr.ErrErased)
}

func TestEraseRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	annaEverywhere(h)
	ctx := t.Context()
	c := h.receive(gdpr.Email(annas), subjectrights.Erasure)
	_, err := h.desk.Erase(ctx, web, c, gdpr.NoLongerNeeded)
	require.ErrorIs(t, err, subjectrights.ErrPersonDecides)
	_, err = h.desk.Erase(ctx, gdpr.Person("Utan Roll"), c, gdpr.NoLongerNeeded)
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	for _, ground := range []gdpr.Ground{"", "A17-3-b", gdpr.Instructed} {
		var refused *gdpr.InputError
		_, err = h.desk.Erase(ctx, dpo, c, ground)
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "Ground", refused.Field)
	}
	_, err = h.desk.Erase(ctx, dpo, h.receive(gdpr.Email(annas), subjectrights.Access), gdpr.NoLongerNeeded)
	require.ErrorIs(t, err, subjectrights.ErrNotAsked)

	_, err = h.As(dpo, gdpr.SubjectRights).Hold(ctx, gdpr.Hold{Subject: gdpr.Subject(c.Person()), Ground: "Tvist", ReviewBy: date(t, "2026-06-30")})
	require.NoError(t, err)
	_, err = h.desk.Erase(ctx, dpo, c, gdpr.NoLongerNeeded)
	require.ErrorIs(t, err, gdpr.ErrOnHold)
	assert.Equal(t, 3, h.access(h.receive(gdpr.Email(annas), subjectrights.Access)).Records(), "nothing was erased")
}
