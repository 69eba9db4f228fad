package retention_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

func TestRuleTable(t *testing.T) {
	t.Parallel()
	for _, row := range table(t, "rules.csv") {
		r, err := retention.ParseRule(row["rule"])
		if row["meaning"] == "refused" {
			var wrong *retention.RuleError
			require.ErrorAs(t, err, &wrong, row["rule"])
			assert.Equal(t, row["offset"], strconv.Itoa(wrong.Offset), "%s: %s", row["rule"], wrong)
			assert.Equal(t, retention.Rule{}, r)
			continue
		}
		require.NoError(t, err, row["rule"])
		assert.Equal(t, row["meaning"], r.String())
	}
}

func TestRuleIsUnderstood(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]retention.Rule{
		"P1Y after collected without agreement": {
			Period: civil.Period{Years: 1}, Event: retention.Collected, Case: retention.WithoutAgreement,
		},
		"each-agreement after agreement-ended": {EachAgreement: true, Event: retention.AgreementEnded},
		"P7Y3M after year-end of financial-year-closed with agreement": {
			Period: civil.Period{Years: 7, Months: 3}, YearEnd: true, Event: "financial-year-closed", Case: retention.WithAgreement,
		},
	} {
		got, err := retention.ParseRule(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestRuleErrorSaysHowToMend(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"anna.berg@kund.example after collected", "P1Y anna.berg@kund.example collected", "P1Y after anna.berg@kund.example",
		"P1Y after year-end anna.berg@kund.example", "P1Y after collected anna.berg@kund.example",
		"P1Y after collected with anna.berg@kund.example", "P1Y after collected with agreement anna.berg@kund.example",
		"P1Y after " + strings.Repeat("a", 41),
	} {
		_, err := retention.ParseRule(text)
		var wrong *retention.RuleError
		require.ErrorAs(t, err, &wrong, text)
		assert.NotContains(t, err.Error(), "anna", "what stood there is never repeated")
		assert.NotEmpty(t, wrong.What)
		assert.True(t, strings.HasSuffix(wrong.Why, "."), wrong.Why)
		assert.True(t, strings.HasSuffix(wrong.Mend, "."), wrong.Mend)
		assert.Equal(t, wrong.What+". "+wrong.Why+" "+wrong.Mend, err.Error())
	}
	_, err := retention.ParseRule("P1Y after " + strings.Repeat("a", 40))
	assert.NoError(t, err, "forty characters are not too many")
}

func TestApplies(t *testing.T) {
	t.Parallel()
	for c, want := range map[retention.Case][2]bool{
		retention.AnyCase: {true, true}, retention.WithAgreement: {true, false}, retention.WithoutAgreement: {false, true},
	} {
		r := retention.Rule{Case: c}
		assert.Equal(t, want[0], r.Applies(true))
		assert.Equal(t, want[1], r.Applies(false))
	}
}

// rules draws rules as ParseRule could have read them.
func rules(events ...retention.Event) *rapid.Generator[retention.Rule] {
	return rapid.Custom(func(t *rapid.T) retention.Rule {
		r := retention.Rule{
			YearEnd: rapid.Bool().Draw(t, "year-end"),
			Event:   rapid.SampledFrom(events).Draw(t, "event"),
			Case:    rapid.SampledFrom([]retention.Case{retention.AnyCase, retention.WithAgreement, retention.WithoutAgreement}).Draw(t, "case"),
		}
		if r.EachAgreement = rapid.IntRange(0, 9).Draw(t, "each") == 0; !r.EachAgreement {
			r.Period = civil.Period{
				Years: rapid.IntRange(0, 10).Draw(t, "years"), Months: rapid.IntRange(0, 14).Draw(t, "months"),
				Weeks: rapid.IntRange(0, 3).Draw(t, "weeks"), Days: rapid.IntRange(0, 40).Draw(t, "days"),
			}
		}
		return r
	})
}

func TestRuleTextComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rules(retention.Collected, retention.AgreementEnded, "financial-year-closed", "a").Draw(t, "rule")
		back, err := retention.ParseRule(r.String())
		if err != nil || back != r {
			t.Fatal("text does not come back")
		}
	})
}

func FuzzParseRule(f *testing.F) {
	for _, s := range []string{
		"", "P1Y", "P1Y after collected", "P1Y after assignment-ended with agreement", "each-agreement after agreement-ended",
		"P7Y3M after year-end of financial-year-closed without agreement", "P1Y after year-end", "P1Y after with agreement",
		"  P1Y   after  collected ", "P1Y after uppsägning", "1 år efter insamling", "P1Y\tafter\tcollected", "\xff after \xfe",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := retention.ParseRule(s)
		if err != nil {
			var wrong *retention.RuleError
			require.ErrorAs(t, err, &wrong)
			require.GreaterOrEqual(t, wrong.Offset, 0)
			require.LessOrEqual(t, wrong.Offset, utf8.RuneCountInString(s))
			return
		}
		back, err := retention.ParseRule(r.String())
		require.NoError(t, err)
		require.Equal(t, r, back)
		require.Equal(t, r.String(), strings.Join(strings.Fields(r.String()), " "))
	})
}
