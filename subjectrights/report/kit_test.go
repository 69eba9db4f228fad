package report_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/subjectrights/report"
)

var (
	boss = gdpr.Person("Åsa Ägare")
	ake  = gdpr.Email("ake.oberg@post.example")
	noon = time.Date(2026, time.March, 5, 11, 0, 0, 0, time.UTC)
)

// hostile are values that somebody may have put into a record to break what shows it.
var hostile = []string{
	`<script>alert(1)</script>`, `</td></table><img src=x onerror=alert(1)>`, `"><style>*{display:none}</style>`, `{{.Case}} %s &lt;b&gt; &amp;`,
	"\u202eabc \u2066def", "rad ett\nrad två\n\n  indrag", "\tmed tabb", "\rretur", "👩‍👩‍👧 åäö ÅÄÖ ﷽", strings.Repeat("å", 32<<10),
	`=HYPERLINK("https://elak.example")`, "+46 70 174 06 05", "-1+1|cmd", "@SUM(A1)", `a "citerad", text; med alla tecken`,
}

// house is an engine on memory with the orangery's register.
type house struct {
	*gdpr.Engine
	t testing.TB
}

func newHouse(t testing.TB) *house {
	t.Helper()
	reg, err := gdpr.LoadRegister("../testdata/orangery.yaml")
	require.NoError(t, err)
	reg.Backups.Kept = civil.Period{Days: 35}
	kek, err := insecurekeyfile.Open(filepath.Join(t.TempDir(), "dev.kek"))
	require.NoError(t, err)
	keep := gdpr.Anonymizer{Assessment: "Örjan Dataskydd 2025-01-01", Keep: func(context.Context, gdpr.Departing) error { return nil }}
	e, err := gdpr.Open(t.Context(), memory.New(), kek, reg, &gdpr.Options{Owner: boss, Now: func() time.Time { return noon },
		Anonymize: map[string]gdpr.Anonymizer{"survey": keep}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return &house{e, t}
}

func (h *house) put(activity string, r gdpr.Record) {
	h.t.Helper()
	_, err := h.As(boss, activity).Put(h.t.Context(), r)
	require.NoError(h.t, err)
}

// input is what the engine holds about a person, with nothing besides.
func (h *house) input(who gdpr.Identity) report.Input {
	h.t.Helper()
	day := civil.Date{Year: 2026, Month: time.March, Day: 5}
	in := report.Input{Register: h.Register(), Case: "2026-17", Received: day, Due: day.AddDays(31), Made: noon}
	s := h.As(boss, gdpr.SubjectRights)
	for r, err := range s.Find(h.t.Context(), who) {
		require.NoError(h.t, err)
		x, err := s.Explain(h.t.Context(), r.ID)
		require.NoError(h.t, err)
		in.Person = r.Subject()
		in.Records = append(in.Records, report.Record{Stored: r, Why: x})
	}
	return in
}

// family is Åke with a record of every kind of value, one that is shared, and one for another activity.
func family(t testing.TB) report.Input {
	t.Helper()
	h := newHouse(t)
	h.put("membership", gdpr.Record{Subject: ake.And(gdpr.NationalNumber("19121212-1212")), Source: "Anmälan på papper",
		Fields: gdpr.Fields{"name": "Åke Öberg", "joined": time.Date(2025, time.May, 6, 7, 30, 0, 0, time.UTC), "paid": true, "card": []byte("en liten bild"),
			"interests": []string{"Rosor", "=Äpplen & päron"}, "notes": "Betalar för hela familjen.\nVill ha brev."},
		Also: []gdpr.Share{{Subject: gdpr.Ref("familj-2"), Fields: gdpr.Fields{"name": "Elsa Öberg"}}}})
	h.put("festival", gdpr.Record{Subject: ake, Fields: gdpr.Fields{"name": "Åke Öberg"}})
	return h.input(ake)
}

// whole adds everything else that a report may say.
func whole(t testing.TB) report.Input {
	t.Helper()
	in := family(t)
	day := func(month time.Month, d int) civil.Date { return civil.Date{Year: 2026, Month: month, Day: d} }
	added := "Jag har slutat betala, <b>det</b> stämmer inte."
	in.Records[0].Supplement = &added
	in.Sources = []report.Source{
		{Name: "Lönesystemet", Items: items(report.Item{Activity: "membership", Collected: day(time.January, 4), Fields: gdpr.Fields{"notes": "Friskvård <i>500 kr</i>", "okänt": "@kr"}},
			report.Item{Activity: "festival", Fields: gdpr.Fields{"name": "Åke Ö."}})},
		{Name: "Arkivet", Items: failing},
	}
	in.Erased = []report.Erased{{Day: day(time.February, 1), Activity: "festival", Records: 2, Ground: gdpr.WithdrawnConsent},
		{Day: day(time.February, 2), Activity: "membership", Records: 1, Rule: "P1Y after year-end of membership-ended"}}
	in.Reads = []report.Read{{Day: day(time.March, 1), Purpose: "membership", Count: 3}, {Day: day(time.March, 2), Purpose: gdpr.SubjectRights, Count: 1},
		{Day: day(time.March, 3), Purpose: gdpr.Retention, Count: 1}}
	in.Consents = []report.Consent{{Activity: "festival", Given: day(time.January, 2), Version: "2026:1", How: "Webbformuläret"},
		{Activity: "festival", Given: day(time.January, 2), Withdrawn: day(time.January, 9)}}
	in.Suppressions = []report.Suppression{{Activity: "festival", Since: day(time.January, 10)}}
	in.Restrictions = []report.Restriction{{Ground: "A18-1-a", Since: day(time.January, 11), Record: in.Records[0].Stored.ID}, {Ground: "A18-1-d", Since: day(time.January, 12)}}
	in.PassedOn = report.PassedOn{To: []string{"Kanalbolaget AB"}, Unnamed: true}
	return in
}

func items(all ...report.Item) iter.Seq2[report.Item, error] {
	return func(yield func(report.Item, error) bool) {
		for _, i := range all {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// failing is a source that breaks off after one item.
func failing(yield func(report.Item, error) bool) {
	if yield(report.Item{Activity: "membership", Fields: gdpr.Fields{"notes": "Ett kort"}}, nil) {
		yield(report.Item{}, io.ErrUnexpectedEOF)
	}
}

func made(t testing.TB, in report.Input) *report.Report {
	t.Helper()
	r, err := report.New(in)
	require.NoError(t, err)
	return r
}

type form func(io.Writer, *report.Report, string) error

// forms are all that write a report and hold one record at a time.
var forms = map[string]form{"json": report.JSON, "jsonl": report.JSONLines, "csv": report.CSV, "html": report.HTML}

func written(t testing.TB, f form, r *report.Report, lang string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, f(&b, r, lang))
	return b.Bytes()
}
