package gdpr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

func TestBadActs(t *testing.T) {
	t.Parallel()
	someDay := civil.Date{Year: 2026, Month: 3, Day: 1}
	reviewed := civil.Date{Year: 2026, Month: 9, Day: 1}
	type act struct {
		name  string
		do    func(y *yard) error
		field string
		is    error
	}
	put := func(_ gdpr.ID, err error) error { return err }
	ev := func(ev gdpr.Event) func(y *yard) error {
		return func(y *yard) error { return y.admin.RecordEvent(y.t.Context(), ev) }
	}
	hold := func(h gdpr.Hold) func(y *yard) error {
		return func(y *yard) error { return put(y.As(dpo, gdpr.Retention).Hold(y.t.Context(), h)) }
	}
	grant := func(g gdpr.Grant) func(y *yard) error {
		return func(y *yard) error { return put(y.admin.Grant(y.t.Context(), g)) }
	}
	party := func(p gdpr.Party) func(y *yard) error {
		return func(y *yard) error { return put(y.admin.PutParty(y.t.Context(), p)) }
	}
	agreement := func(change func(g *gdpr.Agreement, y *yard)) func(y *yard) error {
		return func(y *yard) error {
			g := gdpr.Agreement{Party: y.party(), Ref: "AV-2009", Activities: []string{"hosted-customer-data"}, Terms: "service-agreement",
				Erase: []string{"P30D after agreement-ended"}, AtEnd: "return"}
			change(&g, y)
			return put(y.admin.PutAgreement(y.t.Context(), g))
		}
	}
	update := func(c gdpr.Change) func(y *yard) error {
		return func(y *yard) error { return y.support.Update(y.t.Context(), y.ticketOf, c) }
	}
	erase := func(s func(y *yard) *gdpr.Session, who func(y *yard) gdpr.Identity, g gdpr.Ground) func(y *yard) error {
		return func(y *yard) error { _, err := s(y).Erase(y.t.Context(), who(y), g); return err }
	}
	rights := func(y *yard) *gdpr.Session { return y.rights }
	someone := func(who gdpr.Identity) func(*yard) gdpr.Identity { return func(*yard) gdpr.Identity { return who } }
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		y := newYard(h)
		for _, c := range []act{
			{"event of nothing", ev(gdpr.Event{Kind: gdpr.PurposeEnded, Purpose: "support-ticket"}), "Event", nil},
			{"event of two things", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Record: y.ticketOf}), "Event", nil},
			{"unknown event", ev(gdpr.Event{Kind: secret, Record: y.ticketOf}), "Event.Kind", nil},
			{"collected again", ev(gdpr.Event{Kind: retention.Collected, Record: y.ticketOf, Day: someDay}), "Event.Kind", nil},
			{"event ahead", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Day: civil.Date{Year: 2026, Month: 3, Day: 3}}), "Event.Day", nil},
			{"event before the agreement", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Day: civil.Date{Year: 2023, Month: 12, Day: 31}}), "Event.Day", nil},
			{"event in year 0", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Day: civil.Date{Month: 1, Day: 1}}), "Event.Day", nil},
			{"own event in year 9999", ev(gdpr.Event{Kind: "financial-year-closed", Record: y.ticketOf, Day: civil.Date{Year: 9999, Month: 1, Day: 1}}), "Event.Day", nil},
			{"an unknown agreement's end", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: gdpr.ID{1}}), "Event.Agreement", nil},
			{"an unknown assignment's end", ev(gdpr.Event{Kind: gdpr.AssignmentEnded, Assignment: gdpr.ID{1}}), "Event.Assignment", nil},
			{"an assignment's end of a record", ev(gdpr.Event{Kind: gdpr.AssignmentEnded, Record: y.ticketOf}), "Event.Assignment", nil},
			{"an agreement's end of a record", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Record: y.ticketOf}), "Event.Agreement", nil},
			{"instruction for an assignment", ev(gdpr.Event{Kind: gdpr.ErasureInstructed, Assignment: y.assignment}), "Event.Assignment", nil},
			{"instruction without terms", ev(gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: y.plain}), "Event.Agreement", nil},
			{"instruction for our own record", ev(gdpr.Event{Kind: gdpr.ErasureInstructed, Record: y.ticketOf}), "Event.Kind", nil},
			{"by without instruction", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, By: reviewed}), "Event.By", nil},
			{"by before the instruction", ev(gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: y.hosting, By: someDay}), "Event.By", nil},
			{"note not UTF-8", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Note: secret + "\xff"}), "Event.Note", nil},
			{"note too long", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Note: strings.Repeat("x", 1<<20+1)}), "Event.Note", nil},
			{"unknown purpose's end", ev(gdpr.Event{Kind: gdpr.PurposeEnded, Record: y.ticketOf, Purpose: secret}), "Event.Purpose", nil},
			{"another purpose's end", func(y *yard) error {
				return y.support.RecordEvent(y.t.Context(), gdpr.Event{Kind: gdpr.PurposeEnded, Record: y.ticketOf, Purpose: "invoice"})
			}, "Event", nil},
			{"naming an unknown agreement", func(y *yard) error {
				return y.support.RecordEvent(y.t.Context(), gdpr.Event{Kind: gdpr.AgreementNamed, Record: y.ticketOf, Agreement: gdpr.ID{1}})
			}, "Agreement", nil},
			{"naming none", ev(gdpr.Event{Kind: gdpr.AgreementNamed, Record: y.ticketOf}), "Event", nil},
			{"a processor's record without agreement", func(y *yard) error {
				return y.operations.RecordEvent(y.t.Context(), gdpr.Event{Kind: gdpr.ErasureInstructed, Record: y.hostedOf})
			}, "", gdpr.ErrNotAllowed},
			{"a processor's record under another", func(y *yard) error {
				return y.operations.Under(y.other).RecordEvent(y.t.Context(), gdpr.Event{Kind: gdpr.ErasureInstructed, Record: y.hostedOf})
			}, "", gdpr.ErrNotAllowed},
			{"an unknown record's event", func(y *yard) error {
				return y.support.RecordEvent(y.t.Context(), gdpr.Event{Kind: gdpr.PurposeEnded, Record: gdpr.ID{1}})
			}, "", gdpr.ErrNotFound},

			{"hold on nothing", hold(gdpr.Hold{Ground: "tvist", ReviewBy: reviewed}), "Hold", nil},
			{"hold on two things", hold(gdpr.Hold{Record: y.ticketOf, Subject: asa, Ground: "tvist", ReviewBy: reviewed}), "Hold", nil},
			{"hold without ground", hold(gdpr.Hold{Record: y.ticketOf, ReviewBy: reviewed}), "Hold.Ground", nil},
			{"endless hold", hold(gdpr.Hold{Record: y.ticketOf, Ground: "tvist"}), "Hold.ReviewBy", nil},
			{"hold for more than a year", hold(gdpr.Hold{Record: y.ticketOf, Ground: "tvist", ReviewBy: civil.Date{Year: 2027, Month: 3, Day: 3}}), "Hold.ReviewBy", nil},
			{"hold to be reviewed today", hold(gdpr.Hold{Record: y.ticketOf, Ground: "tvist", ReviewBy: civil.Date{Year: 2026, Month: 3, Day: 2}}), "Hold.ReviewBy", nil},
			{"hold on 30 February", hold(gdpr.Hold{Record: y.ticketOf, Ground: "tvist", ReviewBy: civil.Date{Year: 2027, Month: 2, Day: 30}}), "Hold.ReviewBy", nil},
			{"hold on an unknown field", hold(gdpr.Hold{Record: y.ticketOf, Fields: []string{secret}, Ground: "tvist", ReviewBy: reviewed}), "Hold.Fields", nil},
			{"hold on fields of a person", hold(gdpr.Hold{Subject: asa, Fields: []string{"message"}, Ground: "tvist", ReviewBy: reviewed}), "Hold.Fields", nil},
			{"hold note with NUL", hold(gdpr.Hold{Record: y.ticketOf, Ground: "tvist", ReviewBy: reviewed, Note: secret + "\x00"}), "Hold.Note", nil},
			{"hold on nobody", hold(gdpr.Hold{Subject: gdpr.Email("ingen@kund.example"), Ground: "tvist", ReviewBy: reviewed}), "", gdpr.ErrNotFound},
			{"hold on an unknown record", hold(gdpr.Hold{Record: gdpr.ID{1}, Ground: "tvist", ReviewBy: reviewed}), "", gdpr.ErrNotFound},
			{"hold on an unknown agreement", hold(gdpr.Hold{Agreement: gdpr.ID{1}, Ground: "tvist", ReviewBy: reviewed}), "Hold.Agreement", nil},
			{"release of nothing", func(y *yard) error { return y.As(dpo, gdpr.Retention).Release(y.t.Context(), gdpr.ID{1}) }, "", gdpr.ErrNotFound},

			{"grant to nobody", grant(gdpr.Grant{Role: "support"}), "Actor", nil},
			{"grant of an unknown role", grant(gdpr.Grant{Actor: web, Role: secret}), "Grant.Role", nil},
			{"grant that has ended", grant(gdpr.Grant{Actor: web, Role: "support", Until: y.clock.at}), "Grant.Until", nil},
			{"grant that ends before it begins", grant(gdpr.Grant{Actor: web, Role: "support", From: y.clock.at.Add(2 * time.Hour), Until: y.clock.at.Add(time.Hour)}), "Grant.Until", nil},
			{"grant until year 9999", grant(gdpr.Grant{Actor: web, Role: "support", Until: late9999}), "Grant.Until", nil},
			{"grant without supervisor", grant(gdpr.Grant{Actor: web, Role: "service-visit"}), "Grant.Supervisor", nil},
			{"grant with a reason of two lines", grant(gdpr.Grant{Actor: web, Role: "support", Reason: secret + "\nx"}), "Grant.Reason", nil},
			{"revocation of nothing", func(y *yard) error { return y.admin.Revoke(y.t.Context(), gdpr.ID{1}) }, "", gdpr.ErrNotFound},

			{"party without name", party(gdpr.Party{Contact: secret, Country: "SE"}), "Party.Name", nil},
			{"party without contact", party(gdpr.Party{Name: secret, Country: "SE"}), "Party.Contact", nil},
			{"party of nowhere", party(gdpr.Party{Name: secret, Contact: secret, Country: "XX"}), "Party.Country", nil},

			{"agreement of nobody", agreement(func(g *gdpr.Agreement, _ *yard) { g.Party = gdpr.ID{1} }), "Agreement.Party", nil},
			{"agreement without reference", agreement(func(g *gdpr.Agreement, _ *yard) { g.Ref = "" }), "Agreement.Ref", nil},
			{"agreement from year 0", agreement(func(g *gdpr.Agreement, _ *yard) { g.From = civil.Date{Month: 1, Day: 1} }), "Agreement.From", nil},
			{"agreement without terms", agreement(func(g *gdpr.Agreement, _ *yard) { g.Terms = "" }), "Agreement.Terms", nil},
			{"agreement with unknown terms", agreement(func(g *gdpr.Agreement, _ *yard) { g.Terms = secret }), "Agreement.Terms", nil},
			{"agreement for nothing", agreement(func(g *gdpr.Agreement, _ *yard) { g.Activities = nil }), "Agreement.Activities", nil},
			{"agreement for our own activity", agreement(func(g *gdpr.Agreement, _ *yard) { g.Activities = []string{"support-ticket"} }), "Agreement.Activities[1]", nil},
			{"agreement that leaves the end open", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = nil }), "Agreement.Erase", nil},
			{"agreement that leaves the choice open", agreement(func(g *gdpr.Agreement, _ *yard) { g.AtEnd = "" }), "Agreement.AtEnd", nil},
			{"agreement with a third choice", agreement(func(g *gdpr.Agreement, _ *yard) { g.AtEnd = secret }), "Agreement.AtEnd", nil},
			{"agreement that is no rule", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = []string{secret} }), "Agreement.Erase[1]", nil},
			{"agreement that loosens", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = append(g.Erase, "P4M after erasure-instructed") }), "Agreement.Erase[2]", nil},
			{"agreement with another clock", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = append(g.Erase, "P1M after collected") }), "Agreement.Erase[2]", nil},
			{"assignment under nothing", func(y *yard) error { return put(y.admin.OpenAssignment(y.t.Context(), gdpr.ID{1}, "Drift")) }, "Agreement", nil},
			{"assignment without title", func(y *yard) error { return put(y.admin.OpenAssignment(y.t.Context(), y.plain, " ")) }, "Title", nil},

			{"change of nothing", update(gdpr.Change{}), "Fields", nil},
			{"change of an unknown field", update(gdpr.Change{Fields: gdpr.Fields{secret: secret}}), "Fields", nil},
			{"taking an unknown field away", update(gdpr.Change{Fields: gdpr.Fields{secret: nil}}), "Fields", nil},
			{"change to a wrong type", update(gdpr.Change{Fields: gdpr.Fields{"message": uint(1)}}), "Fields.message", nil},
			{"change to no e-mail", update(gdpr.Change{Fields: gdpr.Fields{"email": secret}}), "Fields.email", nil},
			{"change to another's e-mail", update(gdpr.Change{Fields: gdpr.Fields{"email": "Björn.Ek@kund.example"}}), "", gdpr.ErrConflict},
			{"change of somebody else", update(gdpr.Change{Subject: gdpr.ID{1}, Fields: gdpr.Fields{"message": secret}}), "Subject", nil},
			{"change of an old version", update(gdpr.Change{Fields: gdpr.Fields{"message": secret}, Version: 7}), "", gdpr.ErrConflict},
			{"change of an unknown record", func(y *yard) error {
				return y.support.Update(y.t.Context(), gdpr.ID{1}, gdpr.Change{Fields: gdpr.Fields{"message": secret}})
			}, "", gdpr.ErrNotFound},

			{"erasure without ground", erase(rights, someone(asa), secret), "Ground", nil},
			{"erasure of nobody", erase(rights, someone(gdpr.Email("ingen@kund.example")), gdpr.Objected), "", gdpr.ErrNotFound},
			{"erasure of no identity", erase(rights, someone(gdpr.Identity{}), gdpr.Objected), "Subject", nil},
			{"erasure of a bad identity", erase(rights, someone(gdpr.Email(secret)), gdpr.Objected), "Subject.email", nil},
			{"erasure of two persons", erase(rights, someone(asa.And(bjorn)), gdpr.Objected), "", gdpr.ErrConflict},
			{"erasure of the erased", erase(rights, func(y *yard) gdpr.Identity { return gdpr.Subject(y.erased) }, gdpr.Objected), "", gdpr.ErrErased},
			{"erasure in our own purpose", erase(func(y *yard) *gdpr.Session { return y.support }, someone(asa), gdpr.Objected), "Purpose", nil},
			{"erasure for Retention", erase(func(y *yard) *gdpr.Session { return y.admin }, someone(asa), gdpr.Objected), "Purpose", nil},
			{"a customer's person by right", erase(func(y *yard) *gdpr.Session { return y.rights.Under(y.hosting) }, someone(gdpr.Ref("Pat-Ö7")), gdpr.Objected), "Agreement", nil},
			{"a customer's person by id", erase(rights, func(y *yard) gdpr.Identity { return gdpr.Subject(y.customerPerson()) }, gdpr.Objected), "", gdpr.ErrNotAllowed},
			{"a customer's person under another agreement", erase(func(y *yard) *gdpr.Session { return y.operations.Under(y.other) },
				func(y *yard) gdpr.Identity { return gdpr.Subject(y.customerPerson()) }, gdpr.Instructed), "", gdpr.ErrNotAllowed},
			{"instruction without agreement", erase(func(y *yard) *gdpr.Session { return y.operations }, someone(gdpr.Ref("Pat-Ö7")), gdpr.Instructed), "", gdpr.ErrNotAllowed},

			{"off-boarding ourselves", func(y *yard) error { _, err := y.rights.Offboard(y.t.Context(), y.Self()); return err }, "Party", nil},
			{"off-boarding nobody", func(y *yard) error { _, err := y.rights.Offboard(y.t.Context(), gdpr.ID{1}); return err }, "", gdpr.ErrNotFound},
			{"off-boarding with an agreement in force", func(y *yard) error { _, err := y.rights.Offboard(y.t.Context(), y.party()); return err }, "Party", nil},
			{"the record of nothing", func(y *yard) error { _, err := y.support.Get(y.t.Context(), gdpr.ID{}); return err }, "", gdpr.ErrNotFound},
			{"explanation of nothing", func(y *yard) error { _, err := y.support.Explain(y.t.Context(), gdpr.ID{1}); return err }, "", gdpr.ErrNotFound},
			{"looking for no e-mail", func(y *yard) error { return first(y.support.Find(y.t.Context(), gdpr.Email(secret))) }, "Subject.email", nil},
			{"looking for nobody", func(y *yard) error { return first(y.support.Find(y.t.Context(), gdpr.Identity{})) }, "Subject", nil},
			{"listing by right", func(y *yard) error { return first(y.rights.Records(y.t.Context(), gdpr.Query{})) }, "Purpose", nil},
		} {
			y.spy.reset()
			err := c.do(y)
			require.Error(t, err, c.name)
			if c.is != nil {
				require.ErrorIs(t, err, c.is, c.name)
			} else {
				var in *gdpr.InputError
				require.ErrorAs(t, err, &in, c.name)
				assert.Equal(t, c.field, in.Field, c.name)
				assert.NotEmpty(t, in.Reason, c.name)
			}
			silent(t, err.Error(), c.name)
			assert.Zero(t, y.spy.written, "%s: something was written", c.name)
		}
		_, raw := y.trail()
		silent(t, raw, "trail")
		silent(t, y.log.String(), "log")
		y.verified()
	})
}

var late9999 = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// first is the first error of a stream.
func first(seq func(func(*gdpr.Stored, error) bool)) (err error) {
	for _, e := range seq {
		if e != nil {
			err = e
		}
	}
	return err
}

// party is the customer of the hosting agreement.
func (y *yard) party() gdpr.ID {
	y.t.Helper()
	g, _, err := y.Agreement(y.t.Context(), y.hosting)
	require.NoError(y.t, err)
	return g.Party
}

// customerPerson is somebody in the customer's data.
func (y *yard) customerPerson() gdpr.ID {
	y.t.Helper()
	parts, err := y.store.Record(y.t.Context(), y.hostedOf)
	require.NoError(y.t, err)
	return parts[0].Subject
}
