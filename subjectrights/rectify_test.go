package subjectrights_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

func TestRectify(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, _ := annaEverywhere(h)
	c := h.approved(gdpr.Email(annas), subjectrights.Rectification, subjectrights.Access)
	out, err := h.desk.Rectify(t.Context(), dpo, c, own[0], gdpr.Change{Fields: gdpr.Fields{"email": "anna.ny@kund.example", "name": "Anna Åkerlund"}})
	require.NoError(t, err)
	assert.Equal(t, &subjectrights.Rectified{Case: caseID, Record: own[0], Fields: []string{"email", "name"}}, out)

	page := pageOf(t, h.access(c), "sv")
	assert.Contains(t, page, "anna.ny@kund.example", "the person is still found, by another address now")
	assert.Contains(t, page, "Anna Åkerlund")
	assert.Contains(t, page, annas, "in the other records, which were right")
	assert.Contains(t, h.trail(caseID), "Update by Örjan Dataskydd")
}

func TestRectifyTellsRecipients(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	own := orangeryPerson(h)
	c := h.approved(gdpr.Email("ake.oberg@post.example"), subjectrights.Rectification)
	out, err := h.desk.Rectify(t.Context(), dpo, c, own[0], gdpr.Change{Fields: gdpr.Fields{"name": "Åke Åberg", "notes": "Ny anteckning"}})
	require.NoError(t, err)
	assert.Equal(t, []subjectrights.Recipient{
		{Party: "cloud", Name: "Cloud Inc.", Contact: "privacy@cloud.example", Fields: []string{"name", "notes"}},
		{Party: "print-shop", Name: "Tryckeriet i Umeå AB", Contact: "info@tryckeriet.example", Fields: []string{"name"}},
	}, out.Tell)
}

func TestRectifyRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	own := orangeryPerson(h)
	_, theirs := h.customer("Kund i Norden AB", "hosted-closed", "closed", gdpr.Email("ake.oberg@post.example"), gdpr.Fields{"content": "hos kunden"})
	_, strangers := h.customer("Ådalens Bygg AB", "hosted-closed", "closed", gdpr.Email("annan@post.example"), gdpr.Fields{"content": "om en annan"})
	someoneElses := h.put("festival", gdpr.Record{Subject: gdpr.Email("annan@post.example"), Fields: gdpr.Fields{"name": "Annan"}})
	c := h.approved(gdpr.Email("ake.oberg@post.example"), subjectrights.Rectification)
	ctx, change := t.Context(), gdpr.Change{Fields: gdpr.Fields{"name": "Nytt Namn"}}

	_, err := h.desk.Rectify(ctx, web, c, own[0], change)
	require.ErrorIs(t, err, subjectrights.ErrPersonDecides)
	for _, record := range []gdpr.ID{theirs, strangers} {
		_, err = h.desk.Rectify(ctx, dpo, c, record, gdpr.Change{Fields: gdpr.Fields{"content": "nytt"}})
		require.ErrorIs(t, err, subjectrights.ErrForward)
	}
	var refused *gdpr.InputError
	_, err = h.desk.Rectify(ctx, dpo, c, someoneElses, change)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "Record", refused.Field)

	x, err := h.As(dpo, gdpr.SubjectRights).Explain(ctx, own[0])
	require.NoError(t, err)
	for _, p := range x.Parts {
		if p.Subject == c.Person() {
			continue
		}
		_, err = h.desk.Rectify(ctx, dpo, c, own[0], gdpr.Change{Subject: p.Subject, Fields: change.Fields})
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "Change.Subject", refused.Field)
	}
	_, err = h.desk.Rectify(ctx, dpo, c, own[0], gdpr.Change{Fields: gdpr.Fields{"shoe-size": "38"}})
	require.ErrorAs(t, err, &refused)
	_, err = h.desk.Rectify(ctx, dpo, c, gdpr.ID{1}, change)
	require.ErrorIs(t, err, gdpr.ErrNotFound)
	_, err = h.desk.Rectify(ctx, dpo, h.approved(gdpr.Email("ake.oberg@post.example"), subjectrights.Access), own[0], change)
	require.ErrorIs(t, err, subjectrights.ErrNotAsked)

	page := pageOf(t, h.access(h.approved(gdpr.Email("ake.oberg@post.example"), subjectrights.Access)), "sv")
	assert.NotContains(t, page, "Nytt Namn", "nothing of it was done")
}
