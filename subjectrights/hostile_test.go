package subjectrights_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// ticket is one of Anna's support tickets.
func (h *house) ticket(who gdpr.Identity, message string) gdpr.ID {
	h.t.Helper()
	return h.put("support-ticket", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Anna Lindqvist", "message": message}})
}

func (h *house) sweepAll() {
	h.t.Helper()
	_, err := h.Sweep(h.t.Context(), &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(h.t, err)
}

// left reports whether anything of a record is there.
func (h *house) left(record gdpr.ID) bool {
	h.t.Helper()
	x, err := h.As(dpo, gdpr.SubjectRights).Explain(h.t.Context(), record)
	if errors.Is(err, gdpr.ErrErased) {
		return false
	}
	require.NoError(h.t, err)
	return len(x.Parts) > 0
}

// reread is the case as it is stored.
func (h *house) reread(c *subjectrights.Case) *subjectrights.Case {
	h.t.Helper()
	c, err := h.desk.Case(h.t.Context(), dpo, c.ID())
	require.NoError(h.t, err)
	return c
}

// A decision about no record at all is not one about all of them: what was refused stays refused.
func TestHostileDecisionAboutNoRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Erasure)
	err := h.desk.Decide(t.Context(), dpo, c,
		subjectrights.Decision{Right: subjectrights.Erasure, Records: []gdpr.ID{one}, Ground: subjectrights.LegalClaims, Reasons: "Tvist."},
		subjectrights.Decision{Right: subjectrights.Erasure, Records: []gdpr.ID{}, Grant: true, Ground: string(gdpr.NoLongerNeeded)})
	if err != nil {
		return // refused: as it should be
	}
	_, _ = h.desk.Erase(t.Context(), dpo, h.reread(c))
	assert.True(t, h.left(one), "its erasure was refused")
}

// Who holds an old copy of a case cannot carry out what was withdrawn meanwhile.
func TestHostileStaleCaseErases(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	stale := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	require.NoError(t, h.desk.Withdraw(t.Context(), dpo, h.reread(stale), "brev"))
	_, err := h.desk.Erase(t.Context(), dpo, stale)
	require.Error(t, err)
	assert.True(t, h.left(one), "the request was withdrawn before")
}

// Nor does it hand out a copy.
func TestHostileStaleCaseHandsOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	h.ticket(gdpr.Email(annas), "Hej")
	stale := h.approved(gdpr.Email(annas), subjectrights.Access)
	require.NoError(t, h.desk.Withdraw(t.Context(), dpo, h.reread(stale), "brev"))
	_, err := h.desk.Access(t.Context(), dpo, stale)
	require.Error(t, err)
}

// An instruction that somebody has disputed meanwhile is not carried out from an old copy.
func TestHostileStaleOrderErases(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	party, agreement, record := h.hosted("Kund i Norden AB")
	ctx := t.Context()
	stale := h.instruct(subjectrights.Instruction{From: party, Agreement: agreement, Action: subjectrights.InstructErase, Subject: gdpr.Email(annas), Number: "K-7"})
	now, err := h.desk.Order(ctx, dpo, "K-7")
	require.NoError(t, err)
	require.NoError(t, h.desk.Dispute(ctx, dpo, now, "Verkar strida mot lagen."))
	require.Error(t, h.desk.Carry(ctx, dpo, stale, subjectrights.Carried{}))
	x, err := h.As(dpo, "hosted-customer-data").Under(agreement).Explain(ctx, record)
	require.NoError(t, err)
	assert.NotEmpty(t, x.Parts, "it was disputed before")
}

// The freeze lasts as long as the clock rests (REQUIREMENTS 4.9).
func TestHostileFreezeThroughAPause(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-05-01")
	one := h.ticket(gdpr.Email(annas), "Hej") // goes by 2026-05-01
	h.set("2026-03-05")
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	require.NoError(t, h.desk.AskIdentity(t.Context(), dpo, c, "okänd adress"))
	h.set("2026-05-15")
	h.sweepAll()
	assert.True(t, h.left(one), "the clock rests, and so nothing goes")
	require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
	assert.Equal(t, "2026-06-15", h.desk.Due(c).String())
	h.set("2026-06-10")
	h.sweepAll()
	assert.True(t, h.left(one), "and until it is answered")
	h.set("2026-06-17")
	h.sweepAll()
	assert.False(t, h.left(one), "but no longer than the last day")
}

// A case that is opened again freezes again.
func TestHostileFreezeWhenReopened(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-03-25")
	one := h.ticket(gdpr.Email(annas), "Hej") // goes by 2026-03-25
	h.set("2026-03-05")
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	ctx := t.Context()
	require.NoError(t, h.desk.AskIdentity(ctx, dpo, c, "okänd adress"))
	h.set("2026-03-10")
	require.NoError(t, h.desk.GiveUp(ctx, dpo, c, "Inget svar."))
	h.set("2026-03-12")
	require.NoError(t, h.desk.Identify(ctx, dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
	h.set("2026-04-01")
	h.sweepAll()
	assert.True(t, h.left(one), "open again, due "+h.desk.Due(c).String())
}

// Proof of who asks that comes late opens the case again; that is no answer that was missed.
func TestHostileReopenedIsNotOverdue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	ctx := t.Context()
	require.NoError(t, h.desk.AskIdentity(ctx, dpo, c, "okänd adress"))
	h.set("2026-03-20")
	require.NoError(t, h.desk.GiveUp(ctx, dpo, c, "Inget svar."))
	h.set("2026-06-01")
	require.NoError(t, h.desk.Identify(ctx, dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
	late, err := h.desk.MarkMissed(ctx, dpo)
	require.NoError(t, err)
	assert.Empty(t, late, "due "+h.desk.Due(c).String())
}

// Where the copy is refused nothing waits for it: the erasure that was granted is carried out.
func TestHostileErasureAfterRefusedAccess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Access, subjectrights.Erasure)
	no := subjectrights.Decision{Right: subjectrights.Access, Ground: subjectrights.Excessive, Reasons: "Den tionde på en månad."}
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, no, grants(subjectrights.Erasure)[0]))
	_, err := h.desk.Erase(t.Context(), dpo, c)
	require.NoError(t, err, "its own freeze stands in its way")
	assert.False(t, h.left(one))
}

// An erasure that waits for another request's copy leaves that copy whole.
func TestHostileErasureEmptiesAnotherRequestsCopy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("membership", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	takes := h.approved(gdpr.Email(annas), subjectrights.Portability)
	erases := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	_, err := h.desk.Erase(t.Context(), dpo, erases)
	require.ErrorIs(t, err, gdpr.ErrOnHold)
	r, err := h.desk.Portable(t.Context(), dpo, takes)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, report.Portable(&b, r, nil))
	assert.Contains(t, b.String(), "Anna Lindqvist", "the copy comes first")
}

// Consent that is withdrawn in the same letter does not empty what the person takes along.
func TestHostileWithdrawalEmptiesTheCopy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.approved(gdpr.Email(annas), subjectrights.Portability, subjectrights.ConsentWithdrawal)
	if err := h.desk.WithdrawConsent(t.Context(), dpo, c); err != nil {
		require.ErrorIs(t, err, subjectrights.ErrCopyFirst)
	}
	r, err := h.desk.Portable(t.Context(), dpo, c)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, report.Portable(&b, r, nil))
	assert.Contains(t, b.String(), "Anna Lindqvist")
}

// What a hold keeps does not keep the case from being answered: the rest is erased, the person is told what stays.
func TestHostileErasureInPartOnHold(t *testing.T) {
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
func TestHostileErasureAgainAfterACrash(t *testing.T) {
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
func TestHostileErasedCount(t *testing.T) {
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
func TestHostileErasedTwiceIsOnce(t *testing.T) {
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
func TestHostileKeptIsNotToldAsErased(t *testing.T) {
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
func TestHostileErasureOfAnotherPersonInTheReport(t *testing.T) {
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

// An objection to marketing is not refused by naming another purpose.
func TestHostileMarketingObjectionRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Objection)
	err := h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.Objection, Purpose: "survey", Ground: subjectrights.Compelling, Reasons: "Vi vill."})
	require.Error(t, err, "the objection to the festival's marketing is decided on nowhere")
}

// Nor where nothing is held: it holds for ever (Art. 21(3)).
func TestHostileMarketingObjectionOfAStranger(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Objection)
	err := h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.Objection, Purpose: "festival", Ground: subjectrights.Compelling, Reasons: "Vi vill."})
	require.Error(t, err)
}

// Nor is a withdrawal of consent.
func TestHostileWithdrawalRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("festival", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.ConsentWithdrawal)
	err := h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.ConsentWithdrawal, Purpose: "membership", Ground: subjectrights.NoSuchRight, Reasons: "Nej."})
	require.Error(t, err)
}

// An answer after the last day is a deviation, also when no job has looked before.
func TestHostileLateAnswerIsADeviation(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		h := newHouse(t, epm)
		h.set("2026-03-05")
		h.ticket(gdpr.Email(annas), "Hej")
		ctx := t.Context()
		c := h.identified(gdpr.Email(annas), subjectrights.Access)
		if refused {
			h.set("2026-05-20")
			require.NoError(t, h.desk.Decide(ctx, dpo, c, subjectrights.Decision{Right: subjectrights.Access, Ground: subjectrights.Excessive, Reasons: "Orimligt."}))
		} else {
			require.NoError(t, h.desk.Decide(ctx, dpo, c, grants(subjectrights.Access)...))
			h.copied(c)
			h.set("2026-05-20")
			require.NoError(t, h.desk.Answer(ctx, dpo, c, subjectrights.Answer{Told: h.at}))
		}
		n := 0
		for dev, err := range h.As(dpo, gdpr.SubjectRights).Deviations(ctx) {
			require.NoError(t, err)
			if dev.Cause == gdpr.AnsweredLate {
				n++
			}
		}
		assert.Equal(t, 1, n, "refused %t: six weeks late", refused)
	}
}

// To ask something after the last day does not undo that it was missed.
func TestHostilePauseAfterTheLastDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	ctx := t.Context()
	c := h.receive(gdpr.Email(annas), subjectrights.Access)
	h.set("2026-04-20")
	assert.Equal(t, "2026-04-07", h.desk.Due(c).String())
	require.NoError(t, h.desk.AskIdentity(ctx, dpo, c, "okänd adress"))
	h.set("2026-05-20")
	assert.Equal(t, "2026-04-07", h.desk.Due(c).String(), "a day that is over does not move")
	n := 0
	for dev, err := range h.As(dpo, gdpr.SubjectRights).Deviations(ctx) {
		require.NoError(t, err)
		assert.Equal(t, gdpr.AnsweredLate, dev.Cause)
		n++
	}
	assert.Equal(t, 1, n, "it was missed before anybody asked")
}

// That a request was passed on to nobody yet is no refusal that the person was told of.
func TestHostileToldOfARefusalThatIsNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	h.ticket(gdpr.Email(annas), "Hej")
	h.customer("Kund i Norden AB", "hosted-customer-data", "service-agreement", gdpr.Email(annas), gdpr.Fields{"content": "x"})
	h.set("2026-03-05")
	c := h.identified(gdpr.Email(annas), subjectrights.Access)
	require.Error(t, h.desk.ToldRefusal(t.Context(), dpo, c, h.at), "nothing is refused")
}

// A dispute that the customer was not told of in time is not sent for ever once the order is at its end, nor does it stop the outbox.
func TestHostileNoticeOfAnOrderAtItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	p := h.posted()
	party, agreement, _ := h.hosted("Kund i Norden AB")
	ctx := t.Context()
	o := h.instruct(subjectrights.Instruction{From: party, Agreement: agreement, Action: subjectrights.InstructErase, Subject: gdpr.Email(annas), Number: "K-7"})
	require.NoError(t, h.desk.Dispute(ctx, dpo, o, "Verkar strida mot lagen."))
	require.NoError(t, h.desk.Settle(ctx, dpo, o, false))
	for range 5 {
		_, err := h.desk.Deliver(ctx, dpo)
		require.NoError(t, err)
		h.at = h.at.Add(time.Hour)
	}
	n := 0
	for _, m := range p.sent {
		if m.Kind == "disputed" {
			n++
		}
	}
	assert.LessOrEqual(t, n, 1, "sent again and again")
	h.at = h.at.AddDate(4, 0, 0)
	h.sweepAll()
	_, err := h.desk.Deliver(ctx, dpo)
	require.NoError(t, err, "a notice of a case that is gone blocks all others")
}

// slow sends once its gate is open.
type slow struct {
	gate func(m subjectrights.Message)
	n    map[gdpr.ID]int
}

func (s *slow) Send(_ context.Context, m subjectrights.Message) (string, error) {
	s.n[m.ID]++
	if s.gate != nil {
		s.gate(m)
	}
	return "", nil
}

// What one process is sending another leaves alone.
func TestHostileTwoOutboxes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	for _, number := range []string{"1", "2"} {
		r := request(h.at, gdpr.Email(annas), subjectrights.Access)
		r.Case, r.Reply = number, subjectrights.Address{Contact: annas}
		_, err := h.desk.Receive(t.Context(), dpo, r)
		require.NoError(t, err)
	}
	sent := map[gdpr.ID]int{}
	desk := func(gate func(subjectrights.Message)) *subjectrights.Desk {
		d, err := subjectrights.New(h.Engine, &subjectrights.Options{Now: func() time.Time { return h.at }, Transport: &slow{gate, sent}})
		require.NoError(t, err)
		return d
	}
	depth := 0
	// The first has listed both and sends the first; meanwhile the second lists what is left and sends it, and while it does the first comes to it.
	var first, second *subjectrights.Desk
	resume, done := make(chan struct{}), make(chan error, 1)
	second = desk(func(subjectrights.Message) { close(resume); <-time.After(300 * time.Millisecond) })
	first = desk(func(subjectrights.Message) {
		if depth++; depth == 1 {
			go func() { _, err := second.Deliver(t.Context(), dpo); done <- err }()
			<-resume
		}
	})
	_, err := first.Deliver(t.Context(), dpo)
	require.NoError(t, err)
	require.NoError(t, <-done)
	for _, n := range sent {
		assert.Equal(t, 1, n, "sent by both")
	}
}

// A restriction that was granted for a record that is gone by now does not keep the case from its end.
func TestHostileRestrictWhatIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-03-10")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	two := h.ticket(gdpr.Email(annas), "Hej igen")
	c := h.identified(gdpr.Email(annas), subjectrights.Restriction)
	d := grants(subjectrights.Restriction)[0]
	d.Records = []gdpr.ID{one, two}
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, d))
	h.set("2026-03-20")
	h.sweepAll()
	require.False(t, h.left(one))
	_, err := h.desk.Restrict(t.Context(), dpo, c, date(t, "2026-12-31"))
	require.NoError(t, err)
	require.NoError(t, h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{Told: h.at}))
}

// Nor does a rectification.
func TestHostileRectifyWhatIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2025-03-10")
	one := h.ticket(gdpr.Email(annas), "Hej")
	h.set("2026-03-05")
	c := h.approved(gdpr.Email(annas), subjectrights.Rectification)
	h.set("2026-03-20")
	h.sweepAll()
	require.False(t, h.left(one))
	_, err := h.desk.Rectify(t.Context(), dpo, c, one, gdpr.Change{Fields: gdpr.Fields{"name": "Anna Öst"}})
	require.ErrorIs(t, err, gdpr.ErrErased)
	require.NoError(t, h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{Told: h.at}), "there is no way to end this case")
}

// What somebody writes as reasons reaches the person as it was written.
func TestHostileReasonsWithATable(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	p := h.posted()
	c := h.identified(gdpr.Email(annas), subjectrights.Access)
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, subjectrights.Decision{Right: subjectrights.Access, Ground: subjectrights.Excessive,
		Reasons: "Begärt:\nJanuari\tfem\tgånger"}))
	_, err := h.desk.Deliver(t.Context(), dpo)
	require.NoError(t, err)
	require.NotEmpty(t, p.sent)
	text := p.sent[len(p.sent)-1].Text
	assert.Contains(t, text, "Januari")
	assert.Contains(t, text, "fem")
}

// A power of attorney that is over, or ends on no day, is none.
func TestHostileRepresentativeWhosePowerIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	for _, until := range []string{"2020-01-01", "igår"} {
		r := request(h.at, gdpr.Email(annas), subjectrights.Access)
		r.Representative = &subjectrights.Representative{Kind: "attorney", Name: "Åke Ombud", Evidence: "fullmakt", Until: until}
		_, err := h.desk.Receive(t.Context(), dpo, r)
		require.Error(t, err, until)
	}
}

// After an instruction was carried out by a process that died, or by another, it is carried out once.
func TestHostileRestrictedTwiceOnInstruction(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-01-30")
	party, agreement, _ := h.hosted("Kund i Norden AB")
	ctx := t.Context()
	s := h.As(dpo, "hosted-customer-data").Under(agreement)
	_, err := s.Case("K-7").Restrict(ctx, gdpr.Restriction{Subject: gdpr.Email(annas), Ground: gdpr.AccuracyContested}) // and the process died
	require.NoError(t, err)
	o := h.instruct(subjectrights.Instruction{From: party, Agreement: agreement, Action: subjectrights.InstructRestrict, Subject: gdpr.Email(annas), Number: "K-7"})
	require.NoError(t, h.desk.Carry(ctx, dpo, o, subjectrights.Carried{Ground: gdpr.AccuracyContested}))
	is, err := s.Restrictions(ctx, gdpr.Email(annas))
	require.NoError(t, err)
	assert.Len(t, is, 1)
}

// What a transport hears from the other side stands sealed, or not at all.
func TestHostileReceipt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	h.ticket(gdpr.Email(annas), "Hej")
	var err error
	h.desk, err = subjectrights.New(h.Engine, &subjectrights.Options{Now: func() time.Time { return h.at }, Transport: telling{}})
	require.NoError(t, err)
	r := request(h.at, gdpr.Email(annas), subjectrights.Access)
	r.Reply = subjectrights.Address{Contact: annas}
	_, err = h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	_, err = h.desk.Deliver(t.Context(), dpo)
	require.NoError(t, err)
	files, err := h.As(dpo, gdpr.SubjectRights).OpenCaseFiles(t.Context(), "request", gdpr.ID{})
	require.NoError(t, err)
	require.Len(t, files, 1)
	assert.NotContains(t, string(files[0].Public), "Lindqvist")
}

type telling struct{}

func (telling) Send(context.Context, subjectrights.Message) (string, error) {
	return "OK: Anna Lindqvist, 070-1740605, 19121212-1212", nil
}

// One sealed copy is not two.
func TestHostileOneCopyForTwoRights(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	h.set("2026-02-02")
	h.put("membership", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"name": "Anna Lindqvist"}})
	h.set("2026-03-05")
	c := h.approved(gdpr.Email(annas), subjectrights.Access, subjectrights.Portability)
	h.access(c)
	require.Error(t, h.desk.SealedCopy(t.Context(), dpo, c, make([]byte, 32)), "of which?")
	require.NoError(t, h.desk.SealedCopy(t.Context(), dpo, c, make([]byte, 32), subjectrights.Access))
	err := h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{Told: h.at})
	require.ErrorIs(t, err, subjectrights.ErrUnfinished, "what is taken along was never made")
}

// The answer to an erasure says what is kept, not only that it was carried out (EPM-D3, REQUIREMENTS 4.6).
func TestHostileAnswerSaysWhatIsKept(t *testing.T) {
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
	for _, m := range p.sent {
		if m.Kind == "answer" {
			assert.Contains(t, m.Text, "2032", "the invoice is kept until then")
		}
	}
}

// A record about several persons is found by the identifier of one: that is who asks.
func TestHostileFamilyRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	orangeryPerson(h)
	_, err := h.desk.Receive(t.Context(), dpo, request(h.at, gdpr.Ref("familj-2"), subjectrights.Access))
	require.NoError(t, err)
}

// The extension: on the last day yes, the day after no; its notice inside the month or it does not count; once.
func TestHostileExtension(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	open := func(h *house) *subjectrights.Case {
		h.set("2028-02-29") // a leap day
		h.ticket(gdpr.Email(annas), "Hej")
		return h.identified(gdpr.Email(annas), subjectrights.Access)
	}
	h := newHouse(t, epm)
	c := open(h)
	h.at = time.Date(2028, time.March, 29, 21, 59, 59, 0, time.UTC) // the last second of the day in Sweden's summer
	require.NoError(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", h.at))
	assert.Equal(t, "2028-05-29", h.desk.Due(c).String())
	require.Error(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", h.at))

	h = newHouse(t, epm)
	c = open(h)
	h.at = time.Date(2028, time.March, 29, 22, 0, 0, 0, time.UTC)
	require.ErrorIs(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", h.at), subjectrights.ErrTooLate)

	h = newHouse(t, epm)
	c = open(h)
	h.posted()
	h.set("2028-03-29")
	require.NoError(t, h.desk.Extend(ctx, dpo, c, subjectrights.Number, "Många.", time.Time{}))
	h.set("2028-03-30")
	_, err := h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	c = h.reread(c)
	assert.Equal(t, "2028-03-29", h.desk.Due(c).String(), "told too late")
	late, err := h.desk.MarkMissed(ctx, dpo)
	require.NoError(t, err)
	assert.Len(t, late, 1)
}

// Somebody of whom we hold very much can ask as anybody can.
func TestHostileManyRecords(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("half a minute")
	}
	h := newHouse(t, epm)
	h.set("2026-03-05")
	many := func(yield func(gdpr.Record, error) bool) {
		for range 28_000 {
			if !yield(gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"message": "Hej"}}, nil) {
				return
			}
		}
	}
	_, err := h.As(dpo, "support-ticket").PutAll(t.Context(), many, nil)
	require.NoError(t, err)
	_, err = h.desk.Receive(t.Context(), dpo, request(h.at, gdpr.Email(annas), subjectrights.Erasure))
	require.NoError(t, err)
}

// Nothing of one customer reaches another, or the person: over random stores of three customers and both roles.
func TestHostileThreeCustomers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 17))
		h := newHouse(t, epm)
		p := h.posted()
		h.set("2026-02-02")
		names := []string{"Kund i Norden AB", "Ådalens Bygg AB", "Västanå Trä AB"}
		of := map[string]string{} // by party
		records := map[string][]string{}
		for _, name := range names {
			if rnd.IntN(3) == 0 {
				continue
			}
			party, record := h.customer(name, "hosted-customer-data", "service-agreement", gdpr.Email(annas), gdpr.Fields{"content": "Hemligt hos " + name})
			of[party.String()] = name
			records[party.String()] = append(records[party.String()], record.String())
		}
		own := rnd.IntN(3)
		for range own {
			h.ticket(gdpr.Email(annas), "Vårt eget")
		}
		h.ticket(gdpr.Email("annan@kund.example"), "En annans")
		h.set("2026-03-05")
		r := request(h.at, gdpr.Email(annas), subjectrights.Access, subjectrights.Erasure)
		r.Case, r.Reply = "2026-18", subjectrights.Address{Contact: annas}
		c, err := h.desk.Receive(t.Context(), dpo, r)
		require.NoError(t, err)
		require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas}))
		require.NoError(t, h.desk.Decide(t.Context(), dpo, c, grants(subjectrights.Access, subjectrights.Erasure)...))
		rep := h.access(c)
		assert.Equal(t, own, rep.Records())
		text := asJSON(t, rep, "sv")
		h.copied(c)
		_, err = h.desk.Erase(t.Context(), dpo, c)
		require.NoError(t, err)
		require.NoError(t, h.desk.Answer(t.Context(), dpo, c, subjectrights.Answer{}))
		_, err = h.desk.Deliver(t.Context(), dpo)
		require.NoError(t, err)
		forwards := 0
		for _, m := range p.sent {
			if m.Kind == "forward" {
				forwards++
			}
			for party, name := range of {
				if m.Party == party {
					assert.NotContains(t, m.Text, "Anna")
					assert.NotContains(t, m.Text, "annas")
					continue
				}
				assert.NotContains(t, m.Text+m.Subject, name)
				for _, id := range records[party] {
					assert.NotContains(t, m.Text, id)
				}
			}
		}
		assert.Equal(t, len(of), forwards)
		for party, name := range of {
			for _, secret := range append(records[party], party, name, "Hemligt", "En annans") {
				assert.NotContains(t, text, secret)
			}
		}
		assert.Len(t, h.receive(gdpr.Email(annas), subjectrights.Access).Forward(), len(of), "the customers' data is untouched")
	}
}

// A customer without an address can be told by other means, and the case come to its end.
func TestHostileCustomerWithoutAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-02-02")
	ctx, admin := t.Context(), h.As(boss, gdpr.Retention)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Kund i Norden AB", Country: "SE"})
	if err != nil {
		return // refused: as good
	}
	agreement, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-1", From: date(t, "2024-01-01"), Activities: []string{"hosted-customer-data"},
		Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
	require.NoError(t, err)
	_, err = h.As(dpo, "hosted-customer-data").Under(agreement).Put(ctx, gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"content": "x"}})
	require.NoError(t, err)
	h.set("2026-03-05")
	h.posted()
	c := h.approved(gdpr.Email(annas), subjectrights.Erasure)
	_, err = h.desk.Erase(ctx, dpo, c)
	require.NoError(t, err)
	require.NoError(t, h.desk.Answer(ctx, dpo, c, subjectrights.Answer{Told: h.at}))
	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	require.NoError(t, h.desk.Close(ctx, dpo, h.reread(c)), "nothing says that it was passed on, and nothing can")
}

// More than a thousand records: the report has all that there is, also of an activity that came after the request.
func TestHostileStreamedReportHasAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	h.set("2026-03-05")
	many := func(yield func(gdpr.Record, error) bool) {
		for range 1001 {
			if !yield(gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"message": "Hej"}}, nil) {
				return
			}
		}
	}
	_, err := h.As(dpo, "support-ticket").PutAll(t.Context(), many, nil)
	require.NoError(t, err)
	c := h.approved(gdpr.Email(annas), subjectrights.Access)
	h.put("sales-contact", gdpr.Record{Subject: gdpr.Email(annas), Fields: gdpr.Fields{"employer": "Kund i Norden AB"}})
	assert.True(t, strings.Contains(asJSON(t, h.access(c), "sv"), "Kund i Norden AB"))
}
