package main

import (
	"context"
	"fmt"
	"time"
)

// health shows the state of the store, and lists as findings what somebody should look at. It also works on a store that was restored.
func (j *job) health(ctx context.Context) error {
	h, err := j.Health(ctx)
	if err != nil {
		return err
	}
	silent := time.Since(h.LastSweep)

	var findings []string
	find := func(yes bool, format string, args ...any) {
		if yes {
			findings = append(findings, fmt.Sprintf(format, args...))
		}
	}
	late := !h.OldestOverdue.IsZero()
	find(h.Restored, "the store is behind its ledger: it was restored from a copy, and stays closed until it is brought up to date")
	find(h.LastSweep.IsZero(), "it has never been swept to the end")
	find(!h.LastSweep.IsZero() && silent > j.set.silence, "the last sweep that came to its end is %s ago", silent.Round(time.Minute))
	find(late, "something should have been gone by %s: see overdue", h.OldestOverdue.Format(time.RFC3339))
	find(!late && !h.OldestDue.IsZero() && time.Since(h.OldestDue) > j.set.silence, "something has been due since %s, and no run has taken it", h.OldestDue.Format(time.RFC3339))
	find(h.AwaitingPlan > 0, "parts that an import brought in overdue: %d; every run halts until somebody has looked at the plan", h.AwaitingPlan)
	find(h.HoldsToReview > 0, "of %d holds in force %d are due for review: look at them again, or release them", h.Holds, h.HoldsToReview)
	find(h.NoLedger, "there is no ledger: a restored store is not noticed")

	rows := [][]any{
		{"parts", h.Parts},
		{"proofs of erasure", h.Proofs},
		{"register", fmt.Sprintf("version %d", h.RegisterNo)},
		{"last sweep to the end", instant(h.LastSweep)},
		{"oldest due", instant(h.OldestDue)},
		{"oldest overdue", instant(h.OldestOverdue)},
		{"holds in force", h.Holds},
		{"keys", map[bool]string{true: "in a store of their own", false: "with the data: a full copy from before an erasure opens"}[h.KeysApart]},
		{"roles", map[bool]string{true: "none: every named actor may act", false: "as the register says"}[h.Trusted]},
	}
	for _, f := range findings {
		rows = append(rows, []any{"FINDING", f})
	}
	j.line.add("findings", len(findings))
	j.line.add("parts", h.Parts)
	j.line.add("proofs", h.Proofs)
	j.line.add("restored", h.Restored)
	j.line.add("ledger", !h.NoLedger)
	j.line.add("keys_apart", h.KeysApart)
	j.line.add("roles", !h.Trusted)
	j.line.add("register", h.RegisterNo)
	j.line.add("oldest_due", instant(h.OldestDue))
	j.line.add("holds", h.Holds)
	j.line.add("holds_to_review", h.HoldsToReview)
	j.line.add("last_sweep", instant(h.LastSweep))
	j.line.add("last_sweep_hours", hours(h.LastSweep, silent))
	j.line.add("oldest_overdue", instant(h.OldestOverdue))
	j.line.add("awaiting_plan", h.AwaitingPlan)
	return table(j.out, rows)
}

// instant writes one for the line of counts.
func instant(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}

// hours are whole ones; -1 when there was no sweep.
func hours(last time.Time, since time.Duration) int {
	if last.IsZero() {
		return -1
	}
	return int(since.Hours())
}
