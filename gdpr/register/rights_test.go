package register_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gallra/gallra/gdpr/register"
)

// Which right exists under which basis, as a lawyer reads it: Art. 7(3), 15 to 18, 20, 21; DPV 2.3's mapping made exact (REQUIREMENTS 2.1). A star: only beyond what the
// duty or task needs, Art. 17(3)(b).
func TestRightsUnderEachBasis(t *testing.T) {
	t.Parallel()
	for basis, want := range map[register.Basis]string{
		register.Consent:            "15 16 17 18 20 7(3)",
		register.Contract:           "15 16 17 18 20",
		register.LegalObligation:    "15 16 17* 18",
		register.VitalInterest:      "15 16 17 18",
		register.PublicTask:         "15 16 17* 18 21",
		register.LegitimateInterest: "15 16 17 18 21",
	} {
		a := register.Activity{Role: register.Controller, Basis: []register.Basis{"A9-2-a", basis}}
		assert.Equal(t, want, articles(&a), basis)
		for _, r := range a.Rights() {
			assert.Contains(t, r.Source, "Art. ", basis)
			assert.True(t, a.HasRight(r.Article))
		}
		assert.False(t, a.HasRight(register.ArticleMarketing))
		a.DirectMarketing = map[string]register.Condition{}
		assert.True(t, a.HasRight(register.ArticleMarketing), "absolute, whatever the basis")
	}
	assert.Empty(t, articles(&register.Activity{Role: register.Processor}), "its controller answers")
}

func articles(a *register.Activity) string {
	var out []string
	for _, r := range a.Rights() {
		s := r.Article
		if r.Limited {
			s += "*"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}
