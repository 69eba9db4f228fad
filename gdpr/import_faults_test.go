package gdpr_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// keyedImport is cut short by TestAllOrNothing at every call of the database: it is of several batches, and the second run goes on.
var keyedImport = operation{name: "PutAll under a key", steps: true, do: func(ctx context.Context, r *running, _ *scene) error {
	out, err := r.As(support, "inquiry").PutAll(ctx, sequence(
		gdpr.Record{Subject: gdpr.Email("cajsa@byn.example"), Fields: gdpr.Fields{"question": "Ett"}, CollectedAt: time.Date(2016, 5, 10, 9, 0, 0, 0, time.UTC)},
		gdpr.Record{Subject: gdpr.Email("ingen adress"), Fields: gdpr.Fields{"question": "Nej"}},
		gdpr.Record{Subject: gdpr.Email("dag@byn.example"), Fields: gdpr.Fields{"question": "Två"}},
		gdpr.Record{Subject: gdpr.Email("cajsa@byn.example"), Fields: gdpr.Fields{"name": "Cajsa"}}), &gdpr.ImportOptions{Key: "brevlådan", Batch: 2})
	if err == nil && (out.Stored != 3 || out.LeftOut != 1 || len(out.Refused) != 1 || out.Overdue != 2) {
		return fmt.Errorf("stored %d, overdue %d, refused %v", out.Stored, out.Overdue, out.Refused)
	}
	return err
}}

func init() { everyOperation = slices.Insert(everyOperation, len(everyOperation)-1, keyedImport) }
