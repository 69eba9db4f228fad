package subjectrights_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// doing is how each act is done to a case: by somebody who may, with input that is right.
func doing(h *house) map[subjectrights.Act]func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
	all := []subjectrights.Right{subjectrights.Access, subjectrights.Erasure}
	no := func(r subjectrights.Right) subjectrights.Decision {
		return subjectrights.Decision{Right: r, Ground: subjectrights.Excessive, Reasons: "Den tionde på en månad."}
	}
	type act = func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error
	return map[subjectrights.Act]act{
		subjectrights.ActAskIdentity: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.AskIdentity(ctx, who, c, "okänd adress")
		},
		subjectrights.ActAskClarification: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.AskClarification(ctx, who, c, "många ärenden")
		},
		subjectrights.ActIdentify: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.Identify(ctx, who, c, subjectrights.LoggedIn, subjectrights.Address{Contact: annas})
		},
		subjectrights.ActClarify: h.desk.Clarified,
		subjectrights.ActGiveUp: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.GiveUp(ctx, who, c, "Inget svar.")
		},
		subjectrights.ActExtend: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.Extend(ctx, who, c, subjectrights.Complexity, "Arkivet är på papper.", h.at)
		},
		subjectrights.ActApprove: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.Decide(ctx, who, c, grants(all...)...)
		},
		subjectrights.ActPartlyApprove: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.Decide(ctx, who, c, grants(all[0])[0], no(all[1]))
		},
		subjectrights.ActRefuse: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.Decide(ctx, who, c, no(all[0]), no(all[1]))
		},
		subjectrights.ActProposeFee: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.ProposeFee(ctx, who, c, "200 kr", "Orimlig.")
		},
		subjectrights.ActFeePaid: h.desk.FeePaid,
		subjectrights.ActExecute: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.SealedCopy(ctx, who, c, make([]byte, 32))
		},
		subjectrights.ActAnswer: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.Answer(ctx, who, c, subjectrights.Answer{Told: h.at})
		},
		subjectrights.ActClose: h.desk.Close,
		subjectrights.ActWithdraw: func(ctx context.Context, who gdpr.Actor, c *subjectrights.Case) error {
			return h.desk.Withdraw(ctx, who, c, "brev 2026-03-06")
		},
	}
}

// ways lead a new case to each state.
var ways = map[subjectrights.State][]subjectrights.Act{
	subjectrights.Received:              {},
	subjectrights.AwaitingIdentity:      {subjectrights.ActAskIdentity},
	subjectrights.AwaitingClarification: {subjectrights.ActIdentify, subjectrights.ActAskClarification},
	subjectrights.NotIdentified:         {subjectrights.ActAskIdentity, subjectrights.ActGiveUp},
	subjectrights.Assessing:             {subjectrights.ActIdentify},
	subjectrights.Approved:              {subjectrights.ActIdentify, subjectrights.ActApprove},
	subjectrights.PartlyApproved:        {subjectrights.ActIdentify, subjectrights.ActPartlyApprove},
	subjectrights.Refused:               {subjectrights.ActIdentify, subjectrights.ActRefuse},
	subjectrights.FeeProposed:           {subjectrights.ActIdentify, subjectrights.ActProposeFee},
	subjectrights.Executing:             {subjectrights.ActIdentify, subjectrights.ActPartlyApprove, subjectrights.ActExecute},
	subjectrights.Answered:              {subjectrights.ActIdentify, subjectrights.ActPartlyApprove, subjectrights.ActExecute, subjectrights.ActAnswer},
	subjectrights.Withdrawn:             {subjectrights.ActWithdraw},
	subjectrights.Closed:                {subjectrights.ActIdentify, subjectrights.ActPartlyApprove, subjectrights.ActExecute, subjectrights.ActAnswer, subjectrights.ActClose},
}

// In every state every act is done: what the table allows leads where it says, and everything else is refused and changes nothing.
func TestEveryActInEveryState(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	annaEverywhere(h)
	ctx, do := t.Context(), doing(h)
	allowed := map[string]subjectrights.Transition{}
	for _, tr := range subjectrights.Transitions() {
		allowed[string(tr.From)+" "+string(tr.Act)] = tr
	}
	seen := 0
	for _, from := range subjectrights.States() {
		way, ok := ways[from]
		require.True(t, ok, from)
		for _, act := range subjectrights.Acts() {
			if act == subjectrights.ActReceive {
				continue
			}
			what := fmt.Sprintf("%s in %s", act, from)
			c := h.receive(gdpr.Ref("ingen-"+what), subjectrights.Access, subjectrights.Erasure)
			for _, step := range way {
				require.NoError(t, do[step](ctx, dpo, c), "%s on the way to %s", step, from)
				h.told(c)
			}
			require.Equal(t, from, c.State(), what)
			tr, may := allowed[string(from)+" "+string(act)]
			if may {
				seen++
				if tr.By == subjectrights.Decider {
					require.ErrorIs(t, do[act](ctx, web, c), subjectrights.ErrPersonDecides, what)
				}
			}
			err := do[act](ctx, dpo, c)
			stored, readErr := h.desk.Case(ctx, dpo, c.ID())
			require.NoError(t, readErr)
			assert.Equal(t, c.State(), stored.State(), what)
			switch {
			case may && act == subjectrights.ActClarify && from == subjectrights.AwaitingClarification, may:
				require.NoError(t, err, what)
				assert.Equal(t, tr.To, c.State(), what)
			default:
				var refused *subjectrights.StateError
				require.ErrorAs(t, err, &refused, what)
				assert.Equal(t, subjectrights.StateError{From: from, Act: act}, *refused)
				assert.Equal(t, from, c.State(), what)
			}
		}
	}
	assert.Equal(t, len(subjectrights.Transitions())-1, seen, "every line of the table but the first was walked")
}

// told notes that a refusal was told, where one waits for that.
func (h *house) told(c *subjectrights.Case) {
	if c.State() == subjectrights.Refused || c.State() == subjectrights.NotIdentified || c.State() == subjectrights.PartlyApproved {
		require.NoError(h.t, h.desk.ToldRefusal(h.t.Context(), dpo, c, h.at))
	}
}

// The table in docs/requests.md is the table of the code.
func TestTableInTheDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/requests.md")
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("| from | act | to | who |\n|---|---|---|---|\n")
	for _, tr := range subjectrights.Transitions() {
		from := string(tr.From)
		if from == "" {
			from = "-"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", from, tr.Act, tr.To, tr.By)
	}
	assert.Contains(t, string(page), b.String(), "docs/requests.md must have:\n"+b.String())
}
