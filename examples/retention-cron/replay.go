package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// replay erases again what a restored copy has brought back, and opens the store. On one that is not behind its ledger it does nothing.
func (j *job) replay(ctx context.Context) error {
	out, err := j.As(j.set.as, gdpr.Retention).Replay(ctx)
	if err != nil {
		return err
	}
	j.line.add("proofs", out.Proofs)
	j.line.add("parts", out.Parts)
	j.line.add("persons", out.Persons)
	j.line.add("controllers", out.Controllers)
	j.line.add("restricted", out.Restricted)
	j.line.add("holds", out.Holds)
	if out.LostTo.IsZero() {
		_, err := fmt.Fprintln(j.out, "The store is not behind its ledger: nothing to do.")
		return err
	}
	_, err = fmt.Fprintf(j.out, "What was done between %s and %s is lost, except erasures: whoever knows of it enters it again.\n",
		out.LostFrom.Format(time.RFC3339), out.LostTo.Format(time.RFC3339))
	return err
}
