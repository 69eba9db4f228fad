package subjectrights_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// What the person takes along is what serves consent or contract, and nothing else (Art. 20), by its schema.
func TestPortability(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	orangeryPerson(h)
	c := h.identified(gdpr.Email("ake.oberg@post.example"), subjectrights.Portability, subjectrights.Access)
	var all []gdpr.ID
	for _, held := range c.Own() {
		act, _ := h.Register().Activity(held.Activity)
		if act.HasRight("20") {
			all = append(all, held.Records...)
		}
	}
	require.NotEmpty(t, all)
	decisions := append(grants(subjectrights.Access), subjectrights.Decision{Right: subjectrights.Portability, Records: all, Grant: true})
	for _, held := range c.Own() {
		act, _ := h.Register().Activity(held.Activity)
		if !act.HasRight("20") {
			err := h.desk.Decide(t.Context(), dpo, c, append(decisions, subjectrights.Decision{Right: subjectrights.Portability, Records: held.Records, Grant: true})...)
			var refused *gdpr.InputError
			require.ErrorAs(t, err, &refused, held.Activity)
			assert.Equal(t, "Decision.Right", refused.Field)
			decisions = append(decisions, subjectrights.Decision{Right: subjectrights.Portability, Records: held.Records, Ground: subjectrights.NoSuchRight,
				Reasons: "Uppgifterna vilar varken på samtycke eller avtal."})
		}
	}
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, decisions...))
	r, err := h.desk.Portable(t.Context(), dpo, c)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, report.Portable(&b, r, nil))
	var doc any
	require.NoError(t, json.Unmarshal([]byte(b.String()), &doc), b.String())
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(report.PortableSchema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("portable.json", schema))
	compiled, err := compiler.Compile("portable.json")
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(doc))
	assert.Contains(t, b.String(), "Åke Öberg")
	assert.NotContains(t, b.String(), "Elsa", "others stay out")

	var less strings.Builder
	derived := map[string][]string{}
	for _, id := range h.Register().ActivityIDs() {
		derived[id] = []string{"name"}
	}
	require.NoError(t, report.Portable(&less, r, derived))
	assert.NotContains(t, less.String(), "\"name\":\"name\"", "what is derived stays out")
}

// An objection to marketing is absolute, ends the use at once and for ever; others can be refused on compelling grounds.
func TestObjection(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, _ := annaEverywhere(h)
	ctx := t.Context()
	c := h.identified(gdpr.Email(annas), subjectrights.Objection)
	var refused *gdpr.InputError
	no := subjectrights.Decision{Right: subjectrights.Objection, Ground: subjectrights.Compelling, Reasons: "Vi behöver dem."}
	require.ErrorAs(t, h.desk.Decide(ctx, dpo, c, no), &refused)
	assert.Equal(t, "Decision.Grant", refused.Field)
	no.Records = []gdpr.ID{own[0], own[2]}
	no.Ground = subjectrights.NoSuchRight
	yes := subjectrights.Decision{Right: subjectrights.Objection, Records: own[1:2], Grant: true, Purpose: "sales-contact"}
	require.NoError(t, h.desk.Decide(ctx, dpo, c, yes, no))
	require.NoError(t, h.desk.Object(ctx, dpo, c))
	_, err := h.As(dpo, "sales-contact").Get(ctx, own[1])
	require.ErrorIs(t, err, gdpr.ErrPurposeEnded)
	_, err = h.As(dpo, "sales-contact").Put(ctx, gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna"}})
	require.ErrorIs(t, err, gdpr.ErrSuppressed, "also when a list brings her back")
	_, err = h.As(dpo, "support-ticket").Get(ctx, own[0])
	require.NoError(t, err)
	page := pageOf(t, h.access(h.approved(gdpr.Email(annas), subjectrights.Access)), "sv")
	assert.Contains(t, page, "Det du har sagt nej till", "the report says so")
}

// Restricted data may only be stored, at every read and write, until it is lifted; the report says so.
func TestRestrict(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, _ := annaEverywhere(h)
	ctx := t.Context()
	c := h.approved(gdpr.Email(annas), subjectrights.Restriction)
	ids, err := h.desk.Restrict(ctx, dpo, c, civil.Date{})
	require.NoError(t, err)
	require.Len(t, ids, 1)
	_, err = h.As(dpo, "support-ticket").Get(ctx, own[0])
	require.ErrorIs(t, err, gdpr.ErrRestricted)
	again, err := h.desk.Restrict(ctx, dpo, c, civil.Date{})
	require.NoError(t, err, "after a crash")
	assert.Equal(t, ids, again)
	s := h.As(dpo, gdpr.SubjectRights)
	require.Error(t, s.Unrestrict(ctx, ids[0], gdpr.Lift{}), "not before the person was told (Art. 18(3))")
	require.NoError(t, s.Unrestrict(ctx, ids[0], gdpr.Lift{Informed: date(t, "2026-03-05")}))
	_, err = h.As(dpo, "support-ticket").Get(ctx, own[0])
	require.NoError(t, err)
}
