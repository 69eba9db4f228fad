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
	r := request(h.at, gdpr.Email(annas), subjectrights.Access, subjectrights.Rectification, subjectrights.Erasure)
	c, err := h.desk.Receive(t.Context(), dpo, r)
	require.NoError(t, err)
	answer := h.access(c)
	rectified, err := h.desk.Rectify(t.Context(), dpo, c, own[0], gdpr.Change{Fields: gdpr.Fields{"name": "Anna Åkerlund"}})
	require.NoError(t, err)
	stored, err := h.As(dpo, gdpr.SubjectRights).Get(t.Context(), own[0])
	require.NoError(t, err)
	in := report.Input{Case: caseID, Person: c.Person(), Records: []report.Record{{Stored: stored}}}
	outcome, err := h.desk.Erase(t.Context(), dpo, c, gdpr.NoLongerNeeded)
	require.NoError(t, err)

	for name, v := range map[string]any{
		"Request": r, "*Request": &r, "Case": c, "case by value": *c, "Report": answer, "report by value": *answer, "Input": in, "*Input": &in,
		"Record": in.Records[0], "Rectified": rectified, "Outcome": outcome, "Own": c.Own(), "Forward": c.Forward(),
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
	assert.True(t, strings.HasSuffix(c.String(), "answer by 2026-04-07"))
}

func panicked(v any) (message string) {
	defer func() { message = fmt.Sprint(recover()) }()
	panic(v)
}
