package gdpr_test

import (
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// marker is what must be found nowhere but in the caller's own hands.
const marker = "HEMLIGÖÄÅ4711"

// yard is a firm with everything that bad input can point at.
type yard struct {
	*firm
	spy                                         *spy
	hosting, other, ended, plain, assignment    gdpr.ID // agreements, and an assignment under other
	ticketOf, hostedOf                          gdpr.ID
	known, erased                               gdpr.ID // persons
	hostedAt, hostedEnded, hostedPlain, nowhere *gdpr.Session
}

func newYard(h *house) *yard {
	h.t.Helper()
	ctx := h.t.Context()
	h, s := h.spied()
	y := &yard{firm: newFirm(h), spy: s}
	_, y.hosting = h.customer("Tallbackens vårdcentral")
	_, y.other = h.customer("Kvarnbyns mejeri")
	_, y.ended = h.customer("Grynnan fisk")
	_, y.plain = h.supplier()
	y.assignment = y.firm.assignment(y.other)
	y.hostedAt, y.nowhere = y.operations.Under(y.hosting), y.operations
	y.hostedEnded, y.hostedPlain = y.operations.Under(y.ended), y.operations.Under(y.plain)
	y.ticketOf, y.hostedOf = y.firm.ticket(gdpr.ID{}, gdpr.ID{}), y.firm.hosted(y.hosting, gdpr.Ref("Pat-Ö7"))
	y.known = find(h.t, y.support, asa)[0].Subject()
	for _, who := range []gdpr.Identity{bjorn, gdpr.Phone("070-1740606"), gdpr.Ref("bortglömd")} {
		_, err := y.support.Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": "Hej"}})
		require.NoError(h.t, err)
	}
	y.erased = find(h.t, y.support, gdpr.Ref("bortglömd"))[0].Subject()
	_, err := y.rights.Erase(ctx, gdpr.Ref("bortglömd"), gdpr.Objected)
	require.NoError(h.t, err)
	y.event(y.admin, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.ended})
	return y
}

// text is a record with one text.
func text(s string) gdpr.Record {
	return gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": s}}
}

func with(change func(*gdpr.Record)) gdpr.Record {
	r := text(marker)
	change(&r)
	return r
}

func about(who gdpr.Identity) gdpr.Record { return with(func(r *gdpr.Record) { r.Subject = who }) }

func field(v any) gdpr.Record { return with(func(r *gdpr.Record) { r.Fields["attachments"] = v }) }

func event(ev retention.Event, d civil.Date) gdpr.Record {
	return with(func(r *gdpr.Record) { r.Events = map[retention.Event]civil.Date{ev: d} })
}

func TestBadRecords(t *testing.T) {
	t.Parallel()
	type bad struct {
		name  string
		s     func(y *yard) *gdpr.Session
		r     func(y *yard) gdpr.Record
		field string // of an InputError
		is    error  // else the condition
	}
	type sessionOf = func(y *yard) *gdpr.Session
	support0 := func(y *yard) *gdpr.Session { return y.support }
	invoice := func(y *yard) *gdpr.Session { return y.accounts }
	hosted := func(y *yard) *gdpr.Session { return y.hostedAt }
	as := func(a gdpr.Actor, purpose string) sessionOf {
		return func(y *yard) *gdpr.Session { return y.As(a, purpose) }
	}
	is := func(r gdpr.Record) func(*yard) gdpr.Record { return func(*yard) gdpr.Record { return r } }
	content := is(gdpr.Record{Subject: gdpr.Ref(marker), Fields: gdpr.Fields{"content": marker}})
	late := time.Date(9999, time.December, 31, 23, 30, 0, 0, time.FixedZone("", -2*3600))

	cases := []bad{
		// Who and what for.
		{"nobody", as(gdpr.Actor{}, "support-ticket"), is(text(marker)), "Actor", nil},
		{"empty person", as(gdpr.Person(""), "support-ticket"), is(text(marker)), "Actor.Name", nil},
		{"blank job", as(gdpr.Job(" \t"), "support-ticket"), is(text(marker)), "Actor.Name", nil},
		{"actor of two lines", as(gdpr.Person("Åsa\n"+marker), "support-ticket"), is(text(marker)), "Actor.Name", nil},
		{"actor too long", as(gdpr.Person(strings.Repeat("ö", 101)), "support-ticket"), is(text(marker)), "Actor.Name", nil},
		{"actor not UTF-8", as(gdpr.Person(marker+"\xff"), "support-ticket"), is(text(marker)), "Actor.Name", nil},
		{"run with NUL", as(web.Run(marker+"\x00"), "support-ticket"), is(text(marker)), "Actor.Run", nil},
		{"case of two lines", func(y *yard) *gdpr.Session { return y.support.Case(marker + "\n") }, is(text(marker)), "Case", nil},
		{"unknown activity", as(support, marker), is(text(marker)), "Purpose", nil},
		{"no purpose", as(support, ""), is(text(marker)), "Purpose", nil},
		{"SubjectRights", as(dpo, gdpr.SubjectRights), is(text(marker)), "Purpose", nil},
		{"Retention", as(boss, gdpr.Retention), is(text(marker)), "Purpose", nil},
		{"actor without grant", as(web, "support-ticket"), is(text(marker)), "", gdpr.ErrNotAllowed},
		{"grant for another purpose", as(support, "sales-contact"), is(text(marker)), "", gdpr.ErrNotAllowed},
		{"job of a person's name", as(gdpr.Job("Märta Support"), "support-ticket"), is(text(marker)), "", gdpr.ErrNotAllowed},

		// Whom.
		{"no person", support0, is(about(gdpr.Identity{})), "Subject", nil},
		{"empty e-mail", support0, is(about(gdpr.Email(" "))), "Subject.email", nil},
		{"not an e-mail", support0, is(about(gdpr.Email(marker))), "Subject.email", nil},
		{"e-mail with space", support0, is(about(gdpr.Email(marker + " x@kund.example"))), "Subject.email", nil},
		{"e-mail with a bad domain", support0, is(about(gdpr.Email(marker + "@kund_.example"))), "Subject.email", nil},
		{"e-mail with NUL", support0, is(about(gdpr.Email(marker + "\x00@kund.example"))), "Subject.email", nil},
		{"e-mail not UTF-8", support0, is(about(gdpr.Email(marker + "\xff@kund.example"))), "Subject.email", nil},
		{"e-mail too long", support0, is(about(gdpr.Email(strings.Repeat("å", 160) + "@kund.example"))), "Subject.email", nil},
		{"not a phone", support0, is(about(gdpr.Phone(marker))), "Subject.phone", nil},
		{"phone of nothing", support0, is(about(gdpr.Phone("(0)"))), "Subject.phone", nil},
		{"phone of a plus", support0, is(about(gdpr.Phone("+"))), "Subject.phone", nil},
		{"phone without area code", support0, is(about(gdpr.Phone("1740605"))), "Subject.phone", nil},
		{"number with a wrong digit", support0, is(about(gdpr.NationalNumber("19900118-9810"))), "Subject.national number", nil},
		{"number without century", support0, is(about(gdpr.NationalNumber("900118-9811"))), "Subject.national number", nil},
		{"empty ref", support0, is(about(gdpr.Ref(""))), "Subject.ref", nil},
		{"unknown person", support0, is(about(gdpr.Subject(gdpr.ID{1}))), "Subject", nil},
		{"another controller's person", hosted, func(y *yard) gdpr.Record {
			return gdpr.Record{Subject: gdpr.Subject(y.known), Fields: gdpr.Fields{"content": marker}}
		}, "Subject", nil},
		{"erased person", support0, func(y *yard) gdpr.Record { return about(gdpr.Subject(y.erased)) }, "", gdpr.ErrErased},
		{"identifiers of two persons", support0, is(about(asa.And(bjorn))), "", gdpr.ErrConflict},
		{"a person and another's identifier", support0, func(y *yard) gdpr.Record { return about(gdpr.Subject(y.known).And(bjorn)) }, "", gdpr.ErrConflict},
		{"two persons", support0, func(y *yard) gdpr.Record { return about(gdpr.Subject(y.known).And(asa).And(gdpr.Subject(gdpr.ID{1}))) }, "", gdpr.ErrConflict},
		{"one person twice", support0, is(with(func(r *gdpr.Record) { r.Also = []gdpr.Share{{Subject: asa, Fields: gdpr.Fields{"message": marker}}} })), "Also[1].Subject", nil},
		{"a new person twice", support0, is(gdpr.Record{Subject: gdpr.Ref(marker), Fields: gdpr.Fields{"message": marker}, Also: []gdpr.Share{
			{Subject: asa, Fields: gdpr.Fields{"message": marker}}, {Subject: gdpr.Ref(" " + strings.ToLower(marker)), Fields: gdpr.Fields{"message": marker}}}}),
			"Also[2].Subject", nil},
		{"a second person without identity", support0, is(with(func(r *gdpr.Record) { r.Also = []gdpr.Share{{Fields: gdpr.Fields{"message": marker}}} })), "Also[1].Subject", nil},
		{"a second person's field", support0, is(with(func(r *gdpr.Record) {
			r.Also = []gdpr.Share{{Subject: bjorn, Fields: gdpr.Fields{"phone": marker}}}
		})), "Also[1].Fields.phone", nil},

		// What.
		{"no fields", support0, is(gdpr.Record{Subject: gdpr.Ref(marker)}), "Fields", nil},
		{"unknown field", support0, is(with(func(r *gdpr.Record) { r.Fields[marker] = marker })), "Fields", nil},
		{"a struct", support0, is(field(struct{ s string }{marker})), "Fields.attachments", nil},
		{"a map", support0, is(field(map[string]string{marker: marker})), "Fields.attachments", nil},
		{"fields in a field", support0, is(field(gdpr.Fields{marker: marker})), "Fields.attachments", nil},
		{"nothing", support0, is(field(nil)), "Fields.attachments", nil},
		{"a float32", support0, is(field(float32(1))), "Fields.attachments", nil},
		{"not a number", support0, is(field(math.NaN())), "Fields.attachments", nil},
		{"infinite", support0, is(field(math.Inf(-1))), "Fields.attachments", nil},
		{"a list in a list", support0, is(field([]any{[]any{}})), "Fields.attachments[1]", nil},
		{"a list that holds itself", support0, func(*yard) gdpr.Record { l := []any{marker, nil}; l[1] = l; return field(l) }, "Fields.attachments[2]", nil},
		{"not UTF-8", support0, is(text(marker + "\xc3\x28")), "Fields.message", nil},
		{"not UTF-8 in a list", support0, is(field([]string{"å", marker + "\xff"})), "Fields.attachments[2]", nil},
		{"NUL", support0, is(text(marker + "\x00")), "Fields.message", nil},
		{"a byte too long", support0, is(text(marker + strings.Repeat("å", (1<<20-len(marker))/2) + "!")), "Fields.message", nil},
		{"a list too long", support0, is(field([]string{strings.Repeat("x", 1<<19), strings.Repeat("y", 1<<19+1)})), "Fields.attachments", nil},
		{"bytes too long", support0, is(field(make([]byte, 1<<20+1))), "Fields.attachments", nil},
		{"year 0", support0, is(field(time.Date(0, time.May, 1, 0, 0, 0, 0, time.UTC))), "Fields.attachments", nil},
		{"year 10000, in UTC", support0, is(field(late)), "Fields.attachments", nil},
		{"not an e-mail to find by", support0, is(with(func(r *gdpr.Record) { r.Fields["email"] = marker })), "Fields.email", nil},
		{"a number to find by", hosted, is(gdpr.Record{Subject: gdpr.Ref(marker), Fields: gdpr.Fields{"email": int64(4711)}}), "Fields.email", nil},

		// When and whence.
		{"collected in the future", support0, is(with(func(r *gdpr.Record) { r.CollectedAt = time.Date(2026, 3, 2, 12, 0, 1, 0, time.UTC) })), "CollectedAt", nil},
		{"collected in year 9999", support0, is(with(func(r *gdpr.Record) { r.CollectedAt = late })), "CollectedAt", nil},
		{"collected in year 0", support0, is(with(func(r *gdpr.Record) { r.CollectedAt = time.Date(0, 5, 1, 0, 0, 0, 0, time.UTC) })), "CollectedAt", nil},
		{"unknown event", support0, is(event(marker, civil.Date{Year: 2026, Month: 1, Day: 1})), "Events", nil},
		{"a built-in event", support0, is(event(gdpr.AssignmentEnded, civil.Date{Year: 2026, Month: 1, Day: 1})), "Events", nil},
		{"no day", invoice, is(gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": marker}, Events: map[retention.Event]civil.Date{"financial-year-closed": {}}}), "Events.financial-year-closed", nil},
		{"a day in year 9999", invoice, is(gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": marker},
			Events: map[retention.Event]civil.Date{"financial-year-closed": {Year: 9999, Month: 1, Day: 1}}}), "Events.financial-year-closed", nil},
		{"30 February", invoice, is(gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": marker},
			Events: map[retention.Event]civil.Date{"financial-year-closed": {Year: 2026, Month: 2, Day: 30}}}), "Events.financial-year-closed", nil},
		{"an undeclared label", support0, is(with(func(r *gdpr.Record) { r.Labels = map[string]string{marker: marker} })), "Labels", nil},
		{"a source of two lines", support0, is(with(func(r *gdpr.Record) { r.Source = marker + "\nx" })), "Source", nil},
		{"a source too long", support0, is(with(func(r *gdpr.Record) { r.Source = strings.Repeat(marker, 100) })), "Source", nil},

		// Under which agreement.
		{"processor without agreement", func(y *yard) *gdpr.Session { return y.nowhere }, content, "", gdpr.ErrNotAllowed},
		{"an unknown agreement", func(y *yard) *gdpr.Session { return y.operations.Under(gdpr.ID{1}) }, content, "Agreement", nil},
		{"an agreement that does not cover it", func(y *yard) *gdpr.Session { return y.hostedPlain }, content, "", gdpr.ErrNotAllowed},
		{"an agreement that has ended", func(y *yard) *gdpr.Session { return y.hostedEnded }, content, "", gdpr.ErrPurposeEnded},
		{"another party's agreement", hosted, func(y *yard) gdpr.Record {
			return gdpr.Record{Subject: gdpr.Ref(marker), Fields: gdpr.Fields{"content": marker}, Agreement: y.other}
		}, "Agreement", nil},
		{"another party's assignment", hosted, func(y *yard) gdpr.Record {
			return gdpr.Record{Subject: gdpr.Ref(marker), Fields: gdpr.Fields{"content": marker}, Assignment: y.assignment}
		}, "Assignment", nil},
		{"controller under an agreement", func(y *yard) *gdpr.Session { return y.support.Under(y.plain) }, is(text(marker)), "Agreement", nil},
		{"an unknown agreement in the record", support0, is(with(func(r *gdpr.Record) { r.Agreement = gdpr.ID{1} })), "Agreement", nil},
		{"an unknown assignment", support0, is(with(func(r *gdpr.Record) { r.Assignment = gdpr.ID{1} })), "Assignment", nil},
		{"an assignment of another agreement", support0, func(y *yard) gdpr.Record {
			return with(func(r *gdpr.Record) { r.Agreement, r.Assignment = y.plain, y.assignment })
		}, "Assignment", nil},
	}
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		y := newYard(h)
		proofs, count := y.verified().Proofs, y.count()
		barred := 0
		for _, c := range cases {
			y.spy.reset()
			id, err := c.s(y).Put(t.Context(), c.r(y))
			require.Error(t, err, c.name)
			assert.True(t, id.IsZero(), c.name)
			if c.is != nil {
				require.ErrorIs(t, err, c.is, c.name)
			} else {
				var in *gdpr.InputError
				require.ErrorAs(t, err, &in, c.name)
				assert.Equal(t, c.field, in.Field, c.name)
				assert.NotEmpty(t, in.Reason, c.name)
			}
			if errors.Is(err, gdpr.ErrNotAllowed) || errors.Is(err, gdpr.ErrPurposeEnded) {
				barred++
			}
			silent(t, err.Error(), c.name)
			assert.Zero(t, y.spy.written, "%s: something was written", c.name)
		}

		// In an import the bad ones among ours are left out, each with the same words; the good ones between them are stored.
		var want []string
		good := 0
		imported, err := y.support.PutAll(t.Context(), func(yield func(gdpr.Record, error) bool) {
			for _, c := range cases {
				if c.s(y) != y.support {
					continue
				}
				_, alone := y.support.Put(t.Context(), c.r(y))
				want = append(want, strings.TrimPrefix(alone.Error(), "put: "))
				bad := c.r(y)
				bad.Origin = c.name
				good++
				if !yield(bad, nil) || !yield(text("Tack, det går bra."), nil) {
					return
				}
			}
		})
		require.NoError(t, err)
		assert.Equal(t, good, imported.Stored)
		require.Len(t, imported.Refused, len(want))
		for i, r := range imported.Refused {
			assert.Equal(t, 2*i+1, r.N)
			assert.Equal(t, want[i], r.Err.Error(), r.Origin)
			assert.Equal(t, r.Origin+": "+want[i], r.String())
		}
		count += good
		assert.Equal(t, count, y.count())
		assert.Equal(t, proofs, y.verified().Proofs)
		assert.Len(t, find(t, y.support, asa), 1+good)
		_, raw := y.trail()
		silent(t, raw, "trail")
		silent(t, y.log.String(), "log")
		assert.Equal(t, 6, barred)
		assert.Equal(t, barred, y.refusals("Put"), "who may not is in the trail")
	})
}

// silent says that a text names no marked value, plain or encoded.
func silent(t *testing.T, s, where string) {
	t.Helper()
	for _, form := range []string{marker, "HEMLIG", strings.ToLower(marker), base64.StdEncoding.EncodeToString([]byte(marker))} {
		assert.NotContains(t, s, form, where)
	}
}

// What is just inside the bounds is stored, and comes back as it was.
func TestGoodValues(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		when := time.Date(2026, time.February, 3, 4, 5, 6, 789, time.FixedZone("CET", 3600))
		for name, v := range map[string]any{
			"1 MiB of lines":    strings.Repeat("å\n", 1<<20/3) + "!",
			"controls":          "\t\r\n\x01\x7f\u2028\"\\ 😀 Å",
			"decomposed":        "A\u030angström",
			"nothing":           "",
			"number":            int64(math.MinInt64),
			"fraction":          0.1,
			"whole fraction":    3.0,
			"large fraction":    1e300,
			"negative zero":     math.Copysign(0, -1),
			"yes":               true,
			"bytes":             []byte{0, 255, 'x'},
			"time":              when.UTC(),
			"first year":        time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC),
			"last year":         time.Date(9999, time.December, 31, 23, 59, 59, 999_999_999, time.UTC),
			"list of each kind": []any{"å", int64(1), 2.5, false, when.UTC(), []byte("ö")},
			"empty list":        []any{},
		} {
			id, err := f.support.Put(t.Context(), gdpr.Record{Subject: asa, Fields: gdpr.Fields{"attachments": v}})
			require.NoError(t, err, name)
			got, err := f.support.Get(t.Context(), id)
			require.NoError(t, err, name)
			assert.Equal(t, v, got.Fields()["attachments"], name)
		}
	})
}

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
			{"unknown event", ev(gdpr.Event{Kind: marker, Record: y.ticketOf}), "Event.Kind", nil},
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
			{"note not UTF-8", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Note: marker + "\xff"}), "Event.Note", nil},
			{"note too long", ev(gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: y.plain, Note: strings.Repeat("x", 1<<20+1)}), "Event.Note", nil},
			{"unknown purpose's end", ev(gdpr.Event{Kind: gdpr.PurposeEnded, Record: y.ticketOf, Purpose: marker}), "Event.Purpose", nil},
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
			{"hold on an unknown field", hold(gdpr.Hold{Record: y.ticketOf, Fields: []string{marker}, Ground: "tvist", ReviewBy: reviewed}), "Hold.Fields", nil},
			{"hold on fields of a person", hold(gdpr.Hold{Subject: asa, Fields: []string{"message"}, Ground: "tvist", ReviewBy: reviewed}), "Hold.Fields", nil},
			{"hold note with NUL", hold(gdpr.Hold{Record: y.ticketOf, Ground: "tvist", ReviewBy: reviewed, Note: marker + "\x00"}), "Hold.Note", nil},
			{"hold on nobody", hold(gdpr.Hold{Subject: gdpr.Email("ingen@kund.example"), Ground: "tvist", ReviewBy: reviewed}), "", gdpr.ErrNotFound},
			{"hold on an unknown record", hold(gdpr.Hold{Record: gdpr.ID{1}, Ground: "tvist", ReviewBy: reviewed}), "", gdpr.ErrNotFound},
			{"hold on an unknown agreement", hold(gdpr.Hold{Agreement: gdpr.ID{1}, Ground: "tvist", ReviewBy: reviewed}), "Hold.Agreement", nil},
			{"release of nothing", func(y *yard) error { return y.As(dpo, gdpr.Retention).Release(y.t.Context(), gdpr.ID{1}) }, "", gdpr.ErrNotFound},

			{"grant to nobody", grant(gdpr.Grant{Role: "support"}), "Actor", nil},
			{"grant of an unknown role", grant(gdpr.Grant{Actor: web, Role: marker}), "Grant.Role", nil},
			{"grant that has ended", grant(gdpr.Grant{Actor: web, Role: "support", Until: y.clock.at}), "Grant.Until", nil},
			{"grant that ends before it begins", grant(gdpr.Grant{Actor: web, Role: "support", From: y.clock.at.Add(2 * time.Hour), Until: y.clock.at.Add(time.Hour)}), "Grant.Until", nil},
			{"grant until year 9999", grant(gdpr.Grant{Actor: web, Role: "support", Until: late9999}), "Grant.Until", nil},
			{"grant without supervisor", grant(gdpr.Grant{Actor: web, Role: "service-visit"}), "Grant.Supervisor", nil},
			{"grant with a reason of two lines", grant(gdpr.Grant{Actor: web, Role: "support", Reason: marker + "\nx"}), "Grant.Reason", nil},
			{"revocation of nothing", func(y *yard) error { return y.admin.Revoke(y.t.Context(), gdpr.ID{1}) }, "", gdpr.ErrNotFound},

			{"party without name", party(gdpr.Party{Contact: marker, Country: "SE"}), "Party.Name", nil},
			{"party without contact", party(gdpr.Party{Name: marker, Country: "SE"}), "Party.Contact", nil},
			{"party of nowhere", party(gdpr.Party{Name: marker, Contact: marker, Country: "XX"}), "Party.Country", nil},

			{"agreement of nobody", agreement(func(g *gdpr.Agreement, _ *yard) { g.Party = gdpr.ID{1} }), "Agreement.Party", nil},
			{"agreement without reference", agreement(func(g *gdpr.Agreement, _ *yard) { g.Ref = "" }), "Agreement.Ref", nil},
			{"agreement from year 0", agreement(func(g *gdpr.Agreement, _ *yard) { g.From = civil.Date{Month: 1, Day: 1} }), "Agreement.From", nil},
			{"agreement without terms", agreement(func(g *gdpr.Agreement, _ *yard) { g.Terms = "" }), "Agreement.Terms", nil},
			{"agreement with unknown terms", agreement(func(g *gdpr.Agreement, _ *yard) { g.Terms = marker }), "Agreement.Terms", nil},
			{"agreement for nothing", agreement(func(g *gdpr.Agreement, _ *yard) { g.Activities = nil }), "Agreement.Activities", nil},
			{"agreement for our own activity", agreement(func(g *gdpr.Agreement, _ *yard) { g.Activities = []string{"support-ticket"} }), "Agreement.Activities[1]", nil},
			{"agreement that leaves the end open", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = nil }), "Agreement.Erase", nil},
			{"agreement that leaves the choice open", agreement(func(g *gdpr.Agreement, _ *yard) { g.AtEnd = "" }), "Agreement.AtEnd", nil},
			{"agreement with a third choice", agreement(func(g *gdpr.Agreement, _ *yard) { g.AtEnd = marker }), "Agreement.AtEnd", nil},
			{"agreement that is no rule", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = []string{marker} }), "Agreement.Erase[1]", nil},
			{"agreement that loosens", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = append(g.Erase, "P4M after erasure-instructed") }), "Agreement.Erase[2]", nil},
			{"agreement with another clock", agreement(func(g *gdpr.Agreement, _ *yard) { g.Erase = append(g.Erase, "P1M after collected") }), "Agreement.Erase[2]", nil},
			{"assignment under nothing", func(y *yard) error { return put(y.admin.OpenAssignment(y.t.Context(), gdpr.ID{1}, "Drift")) }, "Agreement", nil},
			{"assignment without title", func(y *yard) error { return put(y.admin.OpenAssignment(y.t.Context(), y.plain, " ")) }, "Title", nil},

			{"change of nothing", update(gdpr.Change{}), "Fields", nil},
			{"change of an unknown field", update(gdpr.Change{Fields: gdpr.Fields{marker: marker}}), "Fields", nil},
			{"taking an unknown field away", update(gdpr.Change{Fields: gdpr.Fields{marker: nil}}), "Fields", nil},
			{"change to a wrong type", update(gdpr.Change{Fields: gdpr.Fields{"message": uint(1)}}), "Fields.message", nil},
			{"change to no e-mail", update(gdpr.Change{Fields: gdpr.Fields{"email": marker}}), "Fields.email", nil},
			{"change to another's e-mail", update(gdpr.Change{Fields: gdpr.Fields{"email": "Björn.Ek@kund.example"}}), "", gdpr.ErrConflict},
			{"change of somebody else", update(gdpr.Change{Subject: gdpr.ID{1}, Fields: gdpr.Fields{"message": marker}}), "Subject", nil},
			{"change of an old version", update(gdpr.Change{Fields: gdpr.Fields{"message": marker}, Version: 7}), "", gdpr.ErrConflict},
			{"change of an unknown record", func(y *yard) error {
				return y.support.Update(y.t.Context(), gdpr.ID{1}, gdpr.Change{Fields: gdpr.Fields{"message": marker}})
			}, "", gdpr.ErrNotFound},

			{"erasure without ground", erase(rights, someone(asa), marker), "Ground", nil},
			{"erasure of nobody", erase(rights, someone(gdpr.Email("ingen@kund.example")), gdpr.Objected), "", gdpr.ErrNotFound},
			{"erasure of no identity", erase(rights, someone(gdpr.Identity{}), gdpr.Objected), "Subject", nil},
			{"erasure of a bad identity", erase(rights, someone(gdpr.Email(marker)), gdpr.Objected), "Subject.email", nil},
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
			{"looking for no e-mail", func(y *yard) error { return first(y.support.Find(y.t.Context(), gdpr.Email(marker))) }, "Subject.email", nil},
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
