package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights/report"
)

// schema is the committed one, with every object closed: a key that it does not know is a mistake of ours, and none of a reader's.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(report.Schema))
	require.NoError(t, err)
	var closed func(v any)
	closed = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
				v["additionalProperties"] = false
			}
			for _, x := range v {
				closed(x)
			}
		case []any:
			for _, x := range v {
				closed(x)
			}
		}
	}
	closed(doc)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("report.schema.json", doc))
	s, err := c.Compile("report.schema.json")
	require.NoError(t, err)
	return s
}

func TestJSONIsAsTheSchemaSays(t *testing.T) {
	t.Parallel()
	s := schema(t)
	h := newHouse(t)
	for name, in := range map[string]report.Input{"nothing held": h.input(ake), "some": family(t), "all": whole(t)} {
		for _, lang := range []string{report.Swedish, report.English} {
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(written(t, report.JSON, made(t, in), lang)))
			require.NoError(t, err)
			require.NoError(t, s.Validate(doc), "%s, %s", name, lang)
		}
	}
	// The schema is no sieve: what is missing, of another type or not known shows.
	for _, spoil := range [][2]string{{`"holds_data": true`, `"holds_data": "yes"`}, {`"case":`, `"cast":`}, {`"type": "yes-no"`, `"type": "maybe"`}, {`2026-03-05`, `5/3 2026`}, {`"kept":`, `"stays":`}} {
		text := string(written(t, report.JSON, made(t, whole(t)), "sv"))
		require.Contains(t, text, spoil[0])
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.ReplaceAll(text, spoil[0], spoil[1])))
		require.NoError(t, err)
		require.Error(t, s.Validate(doc), spoil[1])
	}
}

// TestFormsHoldTheSame: every value of the JSON is in the JSON lines and in the table, once.
func TestFormsHoldTheSame(t *testing.T) {
	t.Parallel()
	r := made(t, whole(t))
	type value struct {
		Name, Type string
		Value      any
	}
	type record struct {
		ID         string
		Fields     []value
		Supplement *value
	}
	var doc struct {
		Activities []struct{ Records []record }
		Sources    []struct{ Items []record }
		Reads      []any
		Rights     []any
	}
	require.NoError(t, json.Unmarshal(written(t, report.JSON, r, "en"), &doc))
	var want []string
	add := func(all []record) {
		for _, rec := range all {
			for _, f := range rec.Fields {
				want = append(want, fmt.Sprint(rec.ID, f.Name, f.Value))
			}
			if rec.Supplement != nil {
				want = append(want, fmt.Sprint(rec.ID, "supplement", rec.Supplement.Value))
			}
		}
	}
	for _, a := range doc.Activities {
		add(a.Records)
	}
	for _, s := range doc.Sources {
		add(s.Items)
	}
	require.Len(t, want, 15)

	var lines []string
	kinds := map[string]int{}
	for line := range bytes.Lines(written(t, report.JSONLines, r, "en")) {
		var l struct {
			Kind    string
			Records int
			Rights  []any
			Reads   []any
			record
		}
		require.NoError(t, json.Unmarshal(line, &l))
		kinds[l.Kind]++
		for _, f := range l.Fields {
			lines = append(lines, fmt.Sprint(l.ID, f.Name, f.Value))
		}
		if l.Supplement != nil {
			lines = append(lines, fmt.Sprint(l.ID, "supplement", l.Supplement.Value))
		}
		if l.Kind == "end" {
			assert.Equal(t, 2, l.Records)
			assert.Len(t, l.Rights, len(doc.Rights))
			assert.Len(t, l.Reads, 3)
		}
	}
	assert.ElementsMatch(t, want, lines)
	assert.Equal(t, map[string]int{"report": 1, "activity": 2, "record": 2, "source": 2, "item": 3, "end": 1}, kinds)

	rows := table(t, written(t, report.CSV, r, "en"))
	lists := map[string][]any{}
	var cells []string
	for _, row := range rows[1:] {
		v := row[11]
		if row[10] == "text" {
			v = strings.TrimPrefix(v, "'")
		}
		if row[7] != "" {
			lists[row[3]+row[6]] = append(lists[row[3]+row[6]], map[string]any{"type": row[10], "value": v})
			continue
		}
		cells = append(cells, row[3]+row[6]+v)
	}
	for key, l := range lists {
		cells = append(cells, key+fmt.Sprint(l))
	}
	assert.ElementsMatch(t, want, cells)
}

func table(t *testing.T, text []byte) [][]string {
	t.Helper()
	text, marked := bytes.CutPrefix(text, []byte("\xef\xbb\xbf"))
	require.True(t, marked, "else Excel breaks å, ä and ö")
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return rows
}

func TestHostileValuesStayText(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, v := range hostile {
		h.put("membership", gdpr.Record{Subject: ake, Fields: gdpr.Fields{"notes": v}})
	}
	r := made(t, h.input(ake))
	for _, lang := range []string{"sv", "en"} {
		var cells []string
		for _, row := range table(t, written(t, report.CSV, r, lang))[1:] {
			for _, cell := range row {
				if cell != "" {
					assert.NotContains(t, "=+-@\t\r\n", cell[:1], "a spreadsheet would run it")
				}
			}
			cells = append(cells, row[11])
		}
		page := string(written(t, report.HTML, r, lang))
		assert.NotContains(t, page, "<script")
		assert.NotContains(t, page, "<img")
		for _, v := range hostile {
			// encoding/csv reads \r\n as \n; there is none among these
			if strings.ContainsAny(v[:1], "=+-@\t\r\n") {
				v = "'" + v
			}
			assert.Contains(t, cells, v)
		}
	}
}

// TestEverythingIsSaid: what the caller knows besides the records is on the page and in the JSON, in both languages.
func TestEverythingIsSaid(t *testing.T) {
	t.Parallel()
	r := made(t, whole(t))
	for lang, want := range map[string][]string{
		"sv": {"Det här har du lagt till", "Lönesystemet", "Arkivet", "kunde inte läsas till slut", "Friskvård", "Ett kort", "registrerad den 4 januari 2026", "okänd dag",
			"Du tog tillbaka ditt samtycke (artikel 17.1 b).", "Tiden var ute:", "För att svara på en begäran från dig", "För att radera uppgifter i tid", "Webbformuläret", "2026:1",
			"9 januari 2026", "Det du har sagt nej till", "10 januari 2026", "Du säger att de är fel", "11 januari 2026", "Allt som vi har om dig", "Kanalbolaget AB", "Gå direkt till svaret"},
		"en": {"What you have added", "Lönesystemet", "could not be read to its end", "You withdrew your consent (Article 17(1)(b)).", "Its time was up:", "To answer a request of yours",
			"To erase data in time", "What you have said no to", "10 January 2026", "You say that it is wrong", "You have objected", "Skip to the answer"},
	} {
		page := string(written(t, report.HTML, r, lang))
		for _, text := range want {
			assert.Contains(t, page, text)
		}
		assert.NotContains(t, page, "unexpected EOF", "why a source failed is not for the person")
	}
	require.ErrorContains(t, r.Incomplete(), "Arkivet")
	require.NoError(t, made(t, family(t)).Incomplete())
}

// TestErasedAndNothingHeld: the report after an erasure says so, and shows nothing.
func TestErasedAndNothingHeld(t *testing.T) {
	t.Parallel()
	in := newHouse(t).input(ake)
	in.Erased = whole(t).Erased
	for _, f := range []form{report.HTML, report.JSON} {
		text := string(written(t, f, made(t, in), "sv"))
		assert.Contains(t, text, "Du tog tillbaka ditt samtycke")
		assert.NotContains(t, text, "Åke")
	}
}

// TestNothingIsSaidOnlyOfNothing: where another source holds something, or could not be read, the report does not say that nothing is held.
func TestNothingIsSaidOnlyOfNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sources []report.Source
		nothing bool
	}{
		"no source":             {nil, true},
		"a source with nothing": {[]report.Source{{Name: "Arkivet", Items: items()}}, true},
		"a source with an item": {whole(t).Sources[:1], false},
		"a source that fails": {[]report.Source{{Name: "Arkivet", Items: func(yield func(report.Item, error) bool) {
			yield(report.Item{}, io.ErrUnexpectedEOF)
		}}}, false},
	} {
		in := newHouse(t).input(ake)
		in.Sources = c.sources
		page := string(written(t, report.HTML, made(t, in), "sv"))
		assert.Equal(t, c.nothing, strings.Contains(page, "Vi har letat och har inga uppgifter om dig"), name)
	}
}

func TestInputIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*report.Input){
		"erased without a reason":       func(in *report.Input) { in.Erased[0].Ground = "" },
		"erased for two":                func(in *report.Input) { in.Erased[0].Rule = "P1Y after collected" },
		"erased by no rule":             func(in *report.Input) { in.Erased[1].Rule = "some day" },
		"erased on no ground":           func(in *report.Input) { in.Erased[0].Ground = "A99" },
		"read never":                    func(in *report.Input) { in.Reads[0].Count = 0 },
		"read on no day":                func(in *report.Input) { in.Reads[0].Day.Day = 32 },
		"withdrawn before given":        func(in *report.Input) { in.Consents[1].Withdrawn = in.Consents[1].Given.AddDays(-1) },
		"objected on no day":            func(in *report.Input) { in.Suppressions[0].Since.Month = 0 },
		"restricted on no ground":       func(in *report.Input) { in.Restrictions[0].Ground = "A18-1-e" },
		"a source without a name":       func(in *report.Input) { in.Sources[0].Name = " " },
		"a source without items":        func(in *report.Input) { in.Sources[0].Items = nil },
		"a customer's data in a source": func(in *report.Input) { in.Sources[0].Items = items(report.Item{Activity: "hosted-open"}) },
		"an unknown activity":           func(in *report.Input) { in.Sources[0].Items = items(report.Item{Activity: "?"}) },
		"records twice":                 func(in *report.Input) { in.Stream = stream(in.Records) },
	} {
		in := whole(t)
		spoil(&in)
		_, err := report.New(in)
		var refused *gdpr.InputError
		require.ErrorAs(t, err, &refused, name)
		assert.NotContains(t, err.Error(), "Åke")
	}
}
