package gdpr

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// metaLastSweep is the instant at which a sweep last came to its end.
const metaLastSweep = "last-sweep"

// noteEvery is how seldom an engine notes that a sweep found nothing to do: such a sweep asks no more of the store than it must.
const noteEvery = time.Hour

// watch is what an engine remembers of its own sweeps.
type watch struct {
	mu     sync.Mutex
	noted  time.Time          // when it last noted the end of a sweep
	warned map[warningKey]int // percent of each limit
}

// quiet reports whether a sweep has come to its end and found nothing, less than an hour after another end was noted: nothing of it is noted.
func (e *Engine) quiet(res retention.Result, err error) bool {
	if err != nil || res.Leased || res.More || res.Batches > 0 || res.Persons > 0 || res.Dated > 0 {
		return false
	}
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	return !e.watch.noted.IsZero() && e.instant().Sub(e.watch.noted) < noteEvery
}

// noteSweep notes that a sweep has just come to its end.
func (e *Engine) noteSweep(ctx context.Context) error {
	now := e.instant()
	b := &storage.Batch{PutMeta: map[string][]byte{metaLastSweep: []byte(now.Format(time.RFC3339Nano))}}
	if err := e.store.Apply(ctx, b); err != nil {
		return fmt.Errorf("swept to the end, but that is not noted: %w", err)
	}
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	e.watch.noted = now
	return nil
}

// lastSweep reads it; zero for never.
func lastSweep(meta map[string][]byte) (time.Time, error) {
	if len(meta[metaLastSweep]) == 0 {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, string(meta[metaLastSweep]))
	if err != nil {
		return time.Time{}, errors.New("decode " + metaLastSweep + ": not an instant")
	}
	return at, nil
}
