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

// secret is what must be found nowhere but in the caller's own hands.
const secret = "HEMLIGÖÄÅ4711"

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
	r := text(secret)
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
	content := is(gdpr.Record{Subject: gdpr.Ref(secret), Fields: gdpr.Fields{"content": secret}})
	late := time.Date(9999, time.December, 31, 23, 30, 0, 0, time.FixedZone("", -2*3600))

	cases := []bad{
		// Who and what for.
		{"nobody", as(gdpr.Actor{}, "support-ticket"), is(text(secret)), "Actor", nil},
		{"empty person", as(gdpr.Person(""), "support-ticket"), is(text(secret)), "Actor.Name", nil},
		{"blank job", as(gdpr.Job(" \t"), "support-ticket"), is(text(secret)), "Actor.Name", nil},
		{"actor of two lines", as(gdpr.Person("Åsa\n"+secret), "support-ticket"), is(text(secret)), "Actor.Name", nil},
		{"actor too long", as(gdpr.Person(strings.Repeat("ö", 101)), "support-ticket"), is(text(secret)), "Actor.Name", nil},
		{"actor not UTF-8", as(gdpr.Person(secret+"\xff"), "support-ticket"), is(text(secret)), "Actor.Name", nil},
		{"run with NUL", as(web.Run(secret+"\x00"), "support-ticket"), is(text(secret)), "Actor.Run", nil},
		{"case of two lines", func(y *yard) *gdpr.Session { return y.support.Case(secret + "\n") }, is(text(secret)), "Case", nil},
		{"unknown activity", as(support, secret), is(text(secret)), "Purpose", nil},
		{"no purpose", as(support, ""), is(text(secret)), "Purpose", nil},
		{"SubjectRights", as(dpo, gdpr.SubjectRights), is(text(secret)), "Purpose", nil},
		{"Retention", as(boss, gdpr.Retention), is(text(secret)), "Purpose", nil},
		{"actor without grant", as(web, "support-ticket"), is(text(secret)), "", gdpr.ErrNotAllowed},
		{"grant for another purpose", as(support, "sales-contact"), is(text(secret)), "", gdpr.ErrNotAllowed},
		{"job of a person's name", as(gdpr.Job("Märta Support"), "support-ticket"), is(text(secret)), "", gdpr.ErrNotAllowed},

		// Whom.
		{"no person", support0, is(about(gdpr.Identity{})), "Subject", nil},
		{"empty e-mail", support0, is(about(gdpr.Email(" "))), "Subject.email", nil},
		{"not an e-mail", support0, is(about(gdpr.Email(secret))), "Subject.email", nil},
		{"e-mail with space", support0, is(about(gdpr.Email(secret + " x@kund.example"))), "Subject.email", nil},
		{"e-mail with a bad domain", support0, is(about(gdpr.Email(secret + "@kund_.example"))), "Subject.email", nil},
		{"e-mail with NUL", support0, is(about(gdpr.Email(secret + "\x00@kund.example"))), "Subject.email", nil},
		{"e-mail not UTF-8", support0, is(about(gdpr.Email(secret + "\xff@kund.example"))), "Subject.email", nil},
		{"e-mail too long", support0, is(about(gdpr.Email(strings.Repeat("å", 160) + "@kund.example"))), "Subject.email", nil},
		{"not a phone", support0, is(about(gdpr.Phone(secret))), "Subject.phone", nil},
		{"phone of nothing", support0, is(about(gdpr.Phone("(0)"))), "Subject.phone", nil},
		{"phone of a plus", support0, is(about(gdpr.Phone("+"))), "Subject.phone", nil},
		{"phone without area code", support0, is(about(gdpr.Phone("1740605"))), "Subject.phone", nil},
		{"number with a wrong digit", support0, is(about(gdpr.NationalNumber("19900118-9810"))), "Subject.national number", nil},
		{"number without century", support0, is(about(gdpr.NationalNumber("900118-9811"))), "Subject.national number", nil},
		{"empty ref", support0, is(about(gdpr.Ref(""))), "Subject.ref", nil},
		{"unknown person", support0, is(about(gdpr.Subject(gdpr.ID{1}))), "Subject", nil},
		{"another controller's person", hosted, func(y *yard) gdpr.Record {
			return gdpr.Record{Subject: gdpr.Subject(y.known), Fields: gdpr.Fields{"content": secret}}
		}, "Subject", nil},
		{"erased person", support0, func(y *yard) gdpr.Record { return about(gdpr.Subject(y.erased)) }, "", gdpr.ErrErased},
		{"identifiers of two persons", support0, is(about(asa.And(bjorn))), "", gdpr.ErrConflict},
		{"a person and another's identifier", support0, func(y *yard) gdpr.Record { return about(gdpr.Subject(y.known).And(bjorn)) }, "", gdpr.ErrConflict},
		{"two persons", support0, func(y *yard) gdpr.Record { return about(gdpr.Subject(y.known).And(asa).And(gdpr.Subject(gdpr.ID{1}))) }, "", gdpr.ErrConflict},
		{"one person twice", support0, is(with(func(r *gdpr.Record) { r.Also = []gdpr.Share{{Subject: asa, Fields: gdpr.Fields{"message": secret}}} })), "Also[1].Subject", nil},
		{"a new person twice", support0, is(gdpr.Record{Subject: gdpr.Ref(secret), Fields: gdpr.Fields{"message": secret}, Also: []gdpr.Share{
			{Subject: asa, Fields: gdpr.Fields{"message": secret}}, {Subject: gdpr.Ref(" " + strings.ToLower(secret)), Fields: gdpr.Fields{"message": secret}}}}),
			"Also[2].Subject", nil},
		{"a second person without identity", support0, is(with(func(r *gdpr.Record) { r.Also = []gdpr.Share{{Fields: gdpr.Fields{"message": secret}}} })), "Also[1].Subject", nil},
		{"a second person's field", support0, is(with(func(r *gdpr.Record) {
			r.Also = []gdpr.Share{{Subject: bjorn, Fields: gdpr.Fields{"phone": secret}}}
		})), "Also[1].Fields.phone", nil},

		// What.
		{"no fields", support0, is(gdpr.Record{Subject: gdpr.Ref(secret)}), "Fields", nil},
		{"unknown field", support0, is(with(func(r *gdpr.Record) { r.Fields[secret] = secret })), "Fields", nil},
		{"a struct", support0, is(field(struct{ s string }{secret})), "Fields.attachments", nil},
		{"a map", support0, is(field(map[string]string{secret: secret})), "Fields.attachments", nil},
		{"fields in a field", support0, is(field(gdpr.Fields{secret: secret})), "Fields.attachments", nil},
		{"nothing", support0, is(field(nil)), "Fields.attachments", nil},
		{"a float32", support0, is(field(float32(1))), "Fields.attachments", nil},
		{"not a number", support0, is(field(math.NaN())), "Fields.attachments", nil},
		{"infinite", support0, is(field(math.Inf(-1))), "Fields.attachments", nil},
		{"a list in a list", support0, is(field([]any{[]any{}})), "Fields.attachments[1]", nil},
		{"a list that holds itself", support0, func(*yard) gdpr.Record { l := []any{secret, nil}; l[1] = l; return field(l) }, "Fields.attachments[2]", nil},
		{"not UTF-8", support0, is(text(secret + "\xc3\x28")), "Fields.message", nil},
		{"not UTF-8 in a list", support0, is(field([]string{"å", secret + "\xff"})), "Fields.attachments[2]", nil},
		{"NUL", support0, is(text(secret + "\x00")), "Fields.message", nil},
		{"a byte too long", support0, is(text(secret + strings.Repeat("å", (1<<20-len(secret))/2) + "!")), "Fields.message", nil},
		{"a list too long", support0, is(field([]string{strings.Repeat("x", 1<<19), strings.Repeat("y", 1<<19+1)})), "Fields.attachments", nil},
		{"bytes too long", support0, is(field(make([]byte, 1<<20+1))), "Fields.attachments", nil},
		{"year 0", support0, is(field(time.Date(0, time.May, 1, 0, 0, 0, 0, time.UTC))), "Fields.attachments", nil},
		{"year 10000, in UTC", support0, is(field(late)), "Fields.attachments", nil},
		{"not an e-mail to find by", support0, is(with(func(r *gdpr.Record) { r.Fields["email"] = secret })), "Fields.email", nil},
		{"a number to find by", hosted, is(gdpr.Record{Subject: gdpr.Ref(secret), Fields: gdpr.Fields{"email": int64(4711)}}), "Fields.email", nil},

		// When and whence.
		{"collected in the future", support0, is(with(func(r *gdpr.Record) { r.CollectedAt = time.Date(2026, 3, 2, 12, 0, 1, 0, time.UTC) })), "CollectedAt", nil},
		{"collected in year 9999", support0, is(with(func(r *gdpr.Record) { r.CollectedAt = late })), "CollectedAt", nil},
		{"collected in year 0", support0, is(with(func(r *gdpr.Record) { r.CollectedAt = time.Date(0, 5, 1, 0, 0, 0, 0, time.UTC) })), "CollectedAt", nil},
		{"unknown event", support0, is(event(secret, civil.Date{Year: 2026, Month: 1, Day: 1})), "Events", nil},
		{"a built-in event", support0, is(event(gdpr.AssignmentEnded, civil.Date{Year: 2026, Month: 1, Day: 1})), "Events", nil},
		{"no day", invoice, is(gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": secret}, Events: map[retention.Event]civil.Date{"financial-year-closed": {}}}), "Events.financial-year-closed", nil},
		{"a day in year 9999", invoice, is(gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": secret},
			Events: map[retention.Event]civil.Date{"financial-year-closed": {Year: 9999, Month: 1, Day: 1}}}), "Events.financial-year-closed", nil},
		{"30 February", invoice, is(gdpr.Record{Subject: asa, Fields: gdpr.Fields{"document": secret},
			Events: map[retention.Event]civil.Date{"financial-year-closed": {Year: 2026, Month: 2, Day: 30}}}), "Events.financial-year-closed", nil},
		{"an undeclared label", support0, is(with(func(r *gdpr.Record) { r.Labels = map[string]string{secret: secret} })), "Labels", nil},
		{"a source of two lines", support0, is(with(func(r *gdpr.Record) { r.Source = secret + "\nx" })), "Source", nil},
		{"a source too long", support0, is(with(func(r *gdpr.Record) { r.Source = strings.Repeat(secret, 100) })), "Source", nil},

		// Under which agreement.
		{"processor without agreement", func(y *yard) *gdpr.Session { return y.nowhere }, content, "", gdpr.ErrNotAllowed},
		{"an unknown agreement", func(y *yard) *gdpr.Session { return y.operations.Under(gdpr.ID{1}) }, content, "Agreement", nil},
		{"an agreement that does not cover it", func(y *yard) *gdpr.Session { return y.hostedPlain }, content, "", gdpr.ErrNotAllowed},
		{"an agreement that has ended", func(y *yard) *gdpr.Session { return y.hostedEnded }, content, "", gdpr.ErrPurposeEnded},
		{"another party's agreement", hosted, func(y *yard) gdpr.Record {
			return gdpr.Record{Subject: gdpr.Ref(secret), Fields: gdpr.Fields{"content": secret}, Agreement: y.other}
		}, "Agreement", nil},
		{"another party's assignment", hosted, func(y *yard) gdpr.Record {
			return gdpr.Record{Subject: gdpr.Ref(secret), Fields: gdpr.Fields{"content": secret}, Assignment: y.assignment}
		}, "Assignment", nil},
		{"controller under an agreement", func(y *yard) *gdpr.Session { return y.support.Under(y.plain) }, is(text(secret)), "Agreement", nil},
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
		}, nil)
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
	for _, form := range []string{secret, "HEMLIG", strings.ToLower(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
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

// A family of purposes: records begin with the first of them, and each purpose sees its own.
func TestPurposesOfAFamily(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h, s := h.spied()
		id := h.bicycle()
		_, agreement := h.supplier()
		s.reset()
		for name, c := range map[string]struct {
			purpose string
			r       gdpr.Record
			field   string
		}{
			"a further purpose":     {"warranty", gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": secret}}, "Purpose"},
			"a label's value":       {"order", gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": secret}, Labels: map[string]string{"state": secret}}, "Labels.state"},
			"an unknown label":      {"order", gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": secret}, Labels: map[string]string{secret: "klar"}}, "Labels"},
			"a label of a relative": {"supplier-contact", gdpr.Record{Subject: asa, Fields: gdpr.Fields{"note": secret}, Labels: map[string]string{"state": "klar"}}, "Labels"},
			"a field of a relative": {"supplier-contact", gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": secret}}, "Fields"},
			"too many persons":      {"order", gdpr.Record{Subject: asa, Fields: gdpr.Fields{"serial": secret}, Also: make([]gdpr.Share, 1000)}, "Also"},
		} {
			_, err := h.As(web, c.purpose).Put(ctx, c.r)
			refusedInput(t, err, c.field)
			silent(t, err.Error(), name)
		}
		_, err := h.As(web, "supplier-contact").Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed, "a purpose that is not of this record")
		require.ErrorIs(t, h.As(web, "supplier-contact").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"note": secret}}), gdpr.ErrNotAllowed)
		require.ErrorIs(t, h.As(web, "bookkeeping").Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": secret}}), gdpr.ErrNotAllowed)
		assert.Equal(t, 1, h.refusals("Get"))
		assert.Equal(t, 2, h.refusals("Update"))
		assert.Empty(t, find(t, h.As(web, "supplier-contact"), asa))
		_, err = h.As(web, gdpr.Retention).Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed, "Retention opens nothing")
		require.ErrorIs(t, first(h.As(web, gdpr.Retention).Find(ctx, asa)), gdpr.ErrNotAllowed)
		assert.Zero(t, s.written)

		// An agreement that had ended before the record was collected cannot be named for it.
		require.NoError(t, h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement, Day: day(t, "2026-03-01")}))
		refusedInput(t, h.As(web, "order").RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementNamed, Record: id, Agreement: agreement}), "Event")
		_, raw := h.trail()
		silent(t, raw, "trail")
		h.verified()
	})
}
