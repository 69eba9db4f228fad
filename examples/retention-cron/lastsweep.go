package main

import (
	"context"
	"errors"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// doneSetting is where the store keeps when it was last swept to the end. The engine writes down what a sweep has erased, and not that one
// found nothing to erase; but an alarm that waits for silence has to know both. So the program keeps this one setting of its own beside the
// engine's.
const doneSetting = "retention-cron.done"

// noteSweep notes that a sweep has just come to its end.
func (h *house) noteSweep(ctx context.Context) error {
	now := time.Now().UTC().Format(time.RFC3339)
	return h.data.Apply(ctx, &storage.Batch{PutMeta: map[string][]byte{doneSetting: []byte(now)}})
}

// lastSweep is when this program last swept the store to the end; zero if it never did.
func (h *house) lastSweep(ctx context.Context) (time.Time, error) {
	meta, err := h.data.Meta(ctx)
	if err != nil || len(meta[doneSetting]) == 0 {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, string(meta[doneSetting]))
	if err != nil {
		return time.Time{}, errors.New("the store's setting " + doneSetting + " is not an instant")
	}
	return at, nil
}

// instant writes one for the line of counts.
func instant(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}
