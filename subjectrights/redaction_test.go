package subjectrights_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// TestNothingPrints: whatever a program does with our types by accident, no personal data comes out.
func TestNothingPrints(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, _ := annaEverywhere(h)
	rights := []subjectrights.Right{subjectrights.Access, subjectrights.Rectification, subjectrights.Erasure}
	r := request(h.at, gdpr.Email(annas), rights...)
	address := subjectrights.Address{Name: "Anna Lindqvist", Contact: annas}
	r.Reply, r.Text, r.Representative = address, "Hej, Anna här", &subjectrights.Representative{Kind: "parent", Name: "Anna", Evidence: "Annas fullmakt"}
	c, err := h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	require.NoError(t, h.desk.Identify(t.Context(), dpo, c, subjectrights.LoggedIn, address))
	require.NoError(t, h.desk.Decide(t.Context(), dpo, c, grants(rights...)...))
	answer := h.access(c)
	rectified, err := h.desk.Rectify(t.Context(), dpo, c, own[0], gdpr.Change{Fields: gdpr.Fields{"name": "Anna Åkerlund"}})
	require.NoError(t, err)
	stored, err := h.As(dpo, gdpr.SubjectRights).Get(t.Context(), own[0])
	require.NoError(t, err)
	in := report.Input{Case: caseID, Person: c.Person(), Records: []report.Record{{Stored: stored}}}
	h.copied(c)
	outcome, err := h.desk.Erase(t.Context(), dpo, c)
	require.NoError(t, err)

	for name, v := range map[string]any{
		"Request": r, "*Request": &r, "Case": c, "case by value": *c, "Report": answer, "report by value": *answer, "Input": in, "*Input": &in,
		"Record": in.Records[0], "Rectified": rectified, "Outcome": outcome, "Own": c.Own(), "Forward": c.Forward(),
		"Address": address, "Representative": r.Representative, "Decision": subjectrights.Decision{Reasons: "Anna"}, "Message": subjectrights.Message{To: address, Text: "Hej Anna"},
		"Told": c.Told(), "Done": c.Done(), "Identified": c.Identified(),
		"in a struct":          struct{ V any }{answer},
		"in an unexported one": struct{ r *report.Report }{answer},
		"a value, unexported":  struct{ r report.Report }{*answer},
		"a case, unexported":   struct{ c subjectrights.Case }{*c},
		"an input, unexported": struct{ in report.Input }{in},
		"in a list":            []any{answer, c, r},
		"in a map":             map[string]any{"x": answer, "y": *c},
	} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		_, _ = fmt.Fprint(&out, panicked(v))
		for _, personal := range []string{"Anna", "anna.", "indqvist", "1740605", "ringa", "Faktura", "616e6e61", "416e6e61"} {
			assert.NotContains(t, out.String(), personal, name)
		}
	}
	assert.Equal(t, "[redacted]", answer.String())
	assert.Contains(t, c.String(), caseID)
	assert.True(t, strings.HasSuffix(c.String(), "executing"))
}

func panicked(v any) (message string) {
	defer func() { message = fmt.Sprint(recover()) }()
	panic(v)
}
