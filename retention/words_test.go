package retention_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

func TestWords(t *testing.T) {
	t.Parallel()
	keep := rule(t, "P7Y after year-end of financial-year-closed")
	ticket := retention.Policy{
		Purpose: "support-ticket", Ref: "Policy för integritet, Registrering av ärenden",
		Erase: []retention.Rule{rule(t, "P1Y after assignment-ended with agreement"), rule(t, "P1Y after collected without agreement")},
	}
	invoice := retention.Policy{
		Purpose: "invoice", Ref: "Bokföringslagen (1999:1078) 7 kap. 2 §", Keep: &keep,
		Erase: []retention.Rule{rule(t, "P7Y3M after year-end of financial-year-closed")},
	}
	hosted := retention.Policy{Purpose: "hosted-data", Erase: []retention.Rule{
		rule(t, "P3M after erasure-instructed"), rule(t, "each-agreement after agreement-ended"),
	}}
	statistics := retention.Policy{Purpose: "statistics", Anonymize: true, Erase: []retention.Rule{rule(t, "P1M after purpose-ended")}}
	collected := map[retention.Event]civil.Date{retention.Collected: date(t, "2025-03-05")}
	closed := map[retention.Event]civil.Date{retention.Collected: date(t, "2025-03-05"), "financial-year-closed": date(t, "2025-06-30")}
	instructed := map[retention.Event]civil.Date{retention.ErasureInstructed: date(t, "2026-05-31")}

	for name, c := range map[string]struct {
		policies []retention.Policy
		facts    retention.Facts
		want     []string
	}{
		"a ceiling": {
			[]retention.Policy{ticket}, retention.Facts{Days: collected}, []string{
				"support-ticket: erase P1Y after collected without agreement: collected on 2025-03-05, last day 2026-03-05 " +
					"(Policy för integritet, Registrering av ärenden).",
				"The last reason to have it is support-ticket.",
			},
		},
		"a clock not started": {
			[]retention.Policy{ticket}, retention.Facts{Agreement: true, Days: collected}, []string{
				"support-ticket: erase P1Y after assignment-ended with agreement (Policy för integritet, Registrering av ärenden); " +
					"clock not started: assignment-ended.",
				"No end is known: support-ticket still holds it.",
			},
		},
		"a floor": {
			[]retention.Policy{ticket, invoice},
			retention.Facts{Days: closed, Ended: map[string]retention.End{"invoice": {Day: date(t, "2029-02-01")}}}, []string{
				"support-ticket: erase P1Y after collected without agreement: collected on 2025-03-05, last day 2026-03-05 " +
					"(Policy för integritet, Registrering av ärenden).",
				"invoice: the purpose ended on 2029-02-01; it is not used since.",
				"invoice: erase P7Y3M after year-end of financial-year-closed: financial-year-closed on 2025-06-30, hence from 2025-12-31, " +
					"last day 2033-03-31 (Bokföringslagen (1999:1078) 7 kap. 2 §).",
				"invoice: keep P7Y after year-end of financial-year-closed: financial-year-closed on 2025-06-30, hence from 2025-12-31, " +
					"last day 2032-12-31 (Bokföringslagen (1999:1078) 7 kap. 2 §). Nothing erases it before that day is over.",
				"The last reason is to keep it for invoice.",
			},
		},
		"a floor that waits": {
			[]retention.Policy{invoice}, retention.Facts{Days: collected}, []string{
				"invoice: erase P7Y3M after year-end of financial-year-closed (Bokföringslagen (1999:1078) 7 kap. 2 §); " +
					"clock not started: financial-year-closed.",
				"invoice: keep P7Y after year-end of financial-year-closed (Bokföringslagen (1999:1078) 7 kap. 2 §); " +
					"clock not started: financial-year-closed.",
				"invoice: kept until that clock has started and run out.",
				"No end is known: invoice still holds it.",
			},
		},
		"an instruction": {
			[]retention.Policy{hosted}, retention.Facts{Agreement: true, Days: instructed}, []string{
				"hosted-data: erase P3M after erasure-instructed: erasure-instructed on 2026-05-31, in the next run, last day 2026-08-31.",
				"hosted-data: erase each-agreement after agreement-ended; clock not started: the agreement states no period.",
				"The last reason to have it is hosted-data.",
			},
		},
		"an instruction with a day": {
			[]retention.Policy{hosted}, retention.Facts{Agreement: true, Days: instructed, InstructedBy: date(t, "2026-06-15")}, []string{
				"hosted-data: erase P3M after erasure-instructed: erasure-instructed on 2026-05-31, in the next run, the controller's own last day 2026-06-15.",
				"hosted-data: erase each-agreement after agreement-ended; clock not started: the agreement states no period.",
				"The last reason to have it is hosted-data.",
			},
		},
		"an objection": {
			[]retention.Policy{statistics},
			retention.Facts{Ended: map[string]retention.End{"statistics": {Day: date(t, "2026-03-05"), AtOnce: true}}}, []string{
				"statistics: the purpose ended on 2026-03-05, at once by law; it is not used since.",
				"statistics: anonymize P1M after purpose-ended: purpose-ended on 2026-03-05, last day 2026-04-05.",
				"The last reason to have it is statistics.",
			},
		},
	} {
		assert.Equal(t, c.want, retention.Judge(c.policies, c.facts, stockholm(t)).Words(), name)
	}
}
