package main

import (
	"context"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// onHold counts holds.
type onHold struct {
	inForce  int
	toReview int // the day has come by which somebody was to look at them again
}

// holds counts them straight from the store, for the engine does not list them yet. A sweep dates what a hold keeps to the hold's review, so
// that no plan shows it before; and a hold that nobody reviews keeps on keeping.
func (h *house) holds(ctx context.Context) (all onHold, err error) {
	q := storage.FileQuery{Kind: "hold", State: "active", Limit: 1000}
	for {
		found, err := h.data.Files(ctx, q)
		if err != nil {
			return onHold{}, err
		}
		for _, hold := range found {
			all.inForce++
			if hold.Due.Before(time.Now()) {
				all.toReview++
			}
		}
		if len(found) < q.Limit {
			return all, nil
		}
		q.After = found[len(found)-1].ID
	}
}
