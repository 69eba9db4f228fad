package subjectrights_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// What a hold keeps does not keep the case from being answered: the rest is erased, the person is told what stays.
func TestErasureInPartOnHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	goes, stays := h.ticket(gdpr.Email(annas), "Hej"), h.ticket(gdpr.Email(annas), "Hej igen")
	_, err := h.As(dpo, gdpr.SubjectRights).Hold(t.Context(), gdpr.Hold{Record: stays, Ground: "Tvist 17/2026", ReviewBy: date(t, "2026-12-31")})
	require.NoError(t, err)
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Erasure)
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c,
		subjectrights.Decision{Right: subjectrights.Erasure, Records: []gdpr.ID{goes}, Grant: true, Ground: string(gdpr.Unlawful)},
		subjectrights.Decision{Right: subjectrights.Erasure, Records: []gdpr.ID{stays}, Grant: true, Ground: string(gdpr.NoLongerNeeded)}))
	out, err := h.desk.Erase(t.Context(), dpo, c)
	assert.False(t, h.left(goes))
	assert.NoError(t, err)
	assert.NotNil(t, out, "something was erased: say so")
	assert.NotEmpty(t, h.reread(c).Done(), "the case says what was erased")
	require.NoError(t, h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{Told: h.at}))
}

// After a crash between the erasure and the note in the case it can be carried out again, also where a hold keeps the rest.
func TestErasureAgainAfterACrash(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	h.ticket(gdpr.Email(annas), "Hej")
	stays := h.ticket(gdpr.Email(annas), "Hej igen")
	_, err := h.As(dpo, gdpr.SubjectRights).Hold(t.Context(), gdpr.Hold{Record: stays, Ground: "Tvist 17/2026", ReviewBy: date(t, "2026-12-31")})
	require.NoError(t, err)
	h.set("2026-03-05")
	c := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	_, err = h.As(dpo, gdpr.SubjectRights).Case(c.ID()).Erase(t.Context(), gdpr.Subject(c.Person()), gdpr.NoLongerNeeded) // and the process died
	require.NoError(t, err)
	_, err = h.desk.Erase(t.Context(), dpo, c)
	require.NoError(t, err)
	assert.NotEmpty(t, c.Done())
}

// erasedIn is what a report says of earlier erasures: records by activity.
func erasedIn(t *testing.T, text string) (n float64) {
	t.Helper()
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &doc))
	for k, v := range doc {
		if !strings.Contains(k, "erased") {
			continue
		}
		for _, line := range v.([]any) {
			for name, is := range line.(map[string]any) {
				if name == "records" {
					n += is.(float64)
				}
			}
		}
	}
	return n
}

// The next report says how many records were erased, not how many were looked at.
func TestErasedCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	who := gdpr.Email(annas)
	h.put("membership", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	stays := h.put("membership", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	_, err := h.As(dpo, gdpr.SubjectRights).Hold(t.Context(), gdpr.Hold{Record: stays, Ground: "Tvist 17/2026", ReviewBy: date(t, "2026-12-31")})
	require.NoError(t, err)
	h.set("2026-03-05")
	_, err = h.desk.Erase(t.Context(), dpo, h.approved(who, subjectrights.Erasure))
	require.NoError(t, err)
	assert.InDelta(t, 1, erasedIn(t, asJSON(t, h.access(h.approved(who, subjectrights.Access)), "sv")), 0)
}

// Carried out twice, as after a crash, it is one erasure: said once, told once.
func TestErasedTwiceIsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	who := gdpr.Email(annas)
	h.put("membership", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	p := h.posted()
	c := h.approved(who, subjectrights.Erasure)
	for range 2 {
		_, err := h.desk.Erase(t.Context(), dpo, c)
		require.NoError(t, err)
	}
	_, err := h.desk.Deliver(t.Context(), dpo)
	require.NoError(t, err)
	told := map[string]int{}
	for _, m := range p.sent {
		if m.Kind == "erased" {
			told[m.Party]++
		}
	}
	assert.Equal(t, map[string]int{"cloud": 1, "print-shop": 1}, told)
	assert.InDelta(t, 1, erasedIn(t, asJSON(t, h.access(h.approved(who, subjectrights.Access)), "sv")), 0)
}

// A recipient is not told to erase what we keep ourselves (Art. 19).
func TestKeptIsNotToldAsErased(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	who := gdpr.Email(annas)
	h.put("festival", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	stays := h.put("membership", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	_, err := h.As(dpo, gdpr.SubjectRights).Hold(t.Context(), gdpr.Hold{Record: stays, Ground: "Tvist 17/2026", ReviewBy: date(t, "2026-12-31")})
	require.NoError(t, err)
	h.set("2026-03-05")
	out, err := h.desk.Erase(t.Context(), dpo, h.approved(who, subjectrights.Erasure))
	require.NoError(t, err)
	assert.Empty(t, out.Tell, "only members' data goes to recipients, and that is kept")
}

// Two persons with one address: what was erased about the one is nobody else's business.
func TestErasureOfAnotherPersonInTheReport(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	shared := "familjen@post.example"
	elsas := h.put("membership", gdpr.Record{Subject: gdpr.Ref("elsa"), Fields: gdpr.Fields{"name": "Elsa Öberg", "email": shared}})
	h.put("festival", gdpr.Record{Subject: gdpr.Ref("olle"), Fields: gdpr.Fields{"name": "Olle Öberg", "email": shared}})
	h.set("2026-03-05")
	ctx := t.Context()
	open := func(who gdpr.ID, right subjectrights.Right, number string) *subjectrights.Case {
		r := request(h.at, gdpr.Email(shared), right)
		r.Person, r.Case = who, number
		c, err := h.desk.Receive(ctx, dpo, r)
		require.NoError(t, err)
		require.NoError(t, h.desk.Identify(ctx, dpo, c, subjectrights.Known, subjectrights.Address{}))
		require.NoError(t, h.desk.Decide(ctx, dpo, c, grants(right)...))
		return c
	}
	x, err := h.As(dpo, gdpr.SubjectRights).Explain(ctx, elsas)
	require.NoError(t, err)
	elsa := x.Parts[0].Subject
	var several *subjectrights.AmbiguousError
	_, err = h.desk.Receive(ctx, dpo, request(h.at, gdpr.Email(shared), subjectrights.Access))
	require.ErrorAs(t, err, &several)
	olle := several.Persons[0]
	if olle == elsa {
		olle = several.Persons[1]
	}
	keeps := open(olle, subjectrights.Access, "3")
	erases := open(elsa, subjectrights.Erasure, "2")
	_, err = h.desk.Erase(ctx, dpo, erases)
	require.NoError(t, err)
	assert.Zero(t, erasedIn(t, asJSON(t, h.access(keeps), "sv")), "Olle learns that Elsa was a member, and had herself erased")
	assert.Empty(t, erases.Linked(), "nor is his request one of hers")
}

// The answer to an erasure says what is kept, not only that it was carried out (EPM-D3, REQUIREMENTS 4.6).
func TestAnswerSaysWhatIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	annaEverywhere(h)
	p := h.posted()
	ctx := t.Context()
	c := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	out, err := h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err)
	require.Len(t, out.Erasures[0].Kept, 1)
	require.NoError(t, h.desk.Answer(ctx, dpo, c, subjectrights.Answer{}))
	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	answers := 0
	for _, m := range p.sent {
		if m.Kind == "answer" {
			answers++
			assert.Contains(t, m.Text, "2032", "the invoice is kept until then")
		}
	}
	assert.Equal(t, 1, answers)
}
