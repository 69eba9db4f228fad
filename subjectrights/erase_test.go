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
	ctx := t.Context()
	c := h.approved(gdpr.Email(annas), subjectrights.Erasure, subjectrights.Access)
	_, err := h.desk.Erase(ctx, dpo, c)
	require.ErrorIs(t, err, subjectrights.ErrCopyFirst)
	before := h.access(c)
	assert.Equal(t, 3, before.Records())
	h.copied(c)
	out, err := h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err)
	require.Len(t, out.Erasures, 1)
	e := out.Erasures[0]
	assert.ElementsMatch(t, own[:2], e.Records)
	require.Len(t, e.Kept, 1)
	assert.Equal(t, own[2], e.Kept[0].Record)
	assert.Equal(t, "2032-12-31", e.Kept[0].Until.String())
	assert.NotEmpty(t, e.Digest)
	assert.False(t, e.Whole)
	assert.Empty(t, out.Tell, "no recipients in this register")

	r := h.access(h.approved(gdpr.Email(annas), subjectrights.Access))
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

// TestEraseRecordByRecord: each record is decided on; what is refused stays as it is, with its reasons.
func TestEraseRecordByRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, _ := annaEverywhere(h)
	ctx := t.Context()
	c := h.identified(gdpr.Email(annas), subjectrights.Erasure)
	keep := subjectrights.Decision{Right: subjectrights.Erasure, Records: own[1:], Ground: subjectrights.LegalClaims, Reasons: "Tvist om en faktura."}
	require.NoError(t, h.desk.Decide(ctx, dpo, c, subjectrights.Decision{Right: subjectrights.Erasure, Records: own[:1], Grant: true, Ground: string(gdpr.Unlawful)}, keep))
	assert.Equal(t, subjectrights.PartlyApproved, c.State())
	assert.Equal(t, "Tvist om en faktura.", c.Decisions()[1].Reasons)
	out, err := h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err)
	assert.Equal(t, own[:1], out.Erasures[0].Records)
	assert.Empty(t, out.Erasures[0].Kept)
	x, err := h.As(dpo, gdpr.SubjectRights).Explain(ctx, own[1])
	require.NoError(t, err)
	assert.NotEmpty(t, x.Parts)
}

func TestEraseWhole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	ctx := t.Context()
	own := h.put("membership", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	c := h.identified(gdpr.Email(annas), subjectrights.Erasure)
	withdrawn := subjectrights.Decision{Right: subjectrights.Erasure, Grant: true, Ground: string(gdpr.WithdrawnConsent)}
	require.NoError(t, h.desk.Decide(ctx, dpo, c, withdrawn))
	later := h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	out, err := h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err)
	assert.True(t, out.Erasures[0].Whole)
	assert.ElementsMatch(t, []gdpr.ID{own, later}, out.Erasures[0].Records, "also what came in after the request")
	require.Len(t, out.Tell, 2)
	assert.Equal(t, "cloud", out.Tell[0].Party)
	assert.Contains(t, out.Tell[0].Fields, "name")

	_, err = h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err, "after a crash it is carried out again, and nothing is left to do")
	page := pageOf(t, h.access(h.approved(gdpr.Email(annas), subjectrights.Access)), "sv")
	assert.Contains(t, page, "har inga uppgifter om dig")
	assert.NotContains(t, page, "Anna Lindqvist")
	assert.Contains(t, page, "raderat", "and it says that there was something")
	corrects := h.identified(gdpr.Email(annas), subjectrights.Rectification)
	require.NoError(t, h.desk.Decide(ctx, dpo, corrects, grants(subjectrights.Rectification)...))
	_, err = h.desk.Rectify(ctx, dpo, corrects, own, gdpr.Change{Fields: gdpr.Fields{"name": "X"}})
	require.ErrorIs(t, err, gdpr.ErrErased)
}

func TestEraseRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	annaEverywhere(h)
	ctx := t.Context()
	c := h.identified(gdpr.Email(annas), subjectrights.Erasure)
	for _, ground := range []string{"", "A17-3-b", string(gdpr.Instructed)} {
		var refused *gdpr.InputError
		err := h.desk.Decide(ctx, dpo, c, subjectrights.Decision{Right: subjectrights.Erasure, Grant: true, Ground: ground})
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "Decision.Ground", refused.Field)
	}
	_, err := h.desk.Erase(ctx, dpo, c)
	require.ErrorIs(t, err, subjectrights.ErrState, "nobody has decided")
	require.NoError(t, h.desk.Decide(ctx, dpo, c, grants(subjectrights.Erasure)...))
	_, err = h.desk.Erase(ctx, web, c)
	require.ErrorIs(t, err, subjectrights.ErrPersonDecides)
	_, err = h.desk.Erase(ctx, gdpr.Person("Utan Roll"), c)
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	copies := h.approved(gdpr.Email(annas), subjectrights.Access)
	_, err = h.desk.Erase(ctx, dpo, copies)
	require.ErrorIs(t, err, subjectrights.ErrNotAsked)
	_, err = h.desk.Erase(ctx, dpo, c)
	require.ErrorIs(t, err, gdpr.ErrOnHold, "another request of hers waits for its copy")
	assert.Equal(t, 3, h.access(copies).Records(), "nothing was erased")
}
