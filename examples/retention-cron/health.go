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
	last, err := j.lastSweep(ctx)
	if err != nil {
		return err
	}
	on, err := j.holds(ctx)
	if err != nil {
		return err
	}
	silent := time.Since(last)

	var findings []string
	find := func(yes bool, format string, args ...any) {
		if yes {
			findings = append(findings, fmt.Sprintf(format, args...))
		}
	}
	find(h.Restored, "the store is behind its ledger: it was restored from a copy, and stays closed until the newest copy is back")
	find(last.IsZero(), "it has never been swept to the end by this program")
	find(!last.IsZero() && silent > j.set.silence, "the last sweep that came to its end is %s ago", silent.Round(time.Minute))
	find(!h.OldestDue.IsZero() && time.Since(h.OldestDue) > j.set.silence, "something has been due since %s: see overdue", h.OldestDue.Format(time.DateOnly))
	find(on.toReview > 0, "of %d holds in force %d are due for review: look at them again, or release them", on.inForce, on.toReview)
	find(h.NoLedger, "there is no ledger: a restored store is not noticed")

	rows := [][]any{
		{"parts", h.Parts},
		{"proofs of erasure", h.Proofs},
		{"register", fmt.Sprintf("version %d", h.RegisterNo)},
		{"last sweep to the end", instant(last)},
		{"oldest due", instant(h.OldestDue)},
		{"holds in force", on.inForce},
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
	j.line.add("holds", on.inForce)
	j.line.add("holds_to_review", on.toReview)
	j.line.add("last_sweep", instant(last))
	j.line.add("last_sweep_hours", hours(last, silent))
	return table(j.out, rows)
}

// hours are whole ones; -1 when there was no sweep.
func hours(last time.Time, since time.Duration) int {
	if last.IsZero() {
		return -1
	}
	return int(since.Hours())
}
