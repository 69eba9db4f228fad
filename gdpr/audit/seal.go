package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// Seal returns the next segment of the log: every entry that no segment lists yet, under a signed checkpoint. It is nil
// when every entry is sealed. The caller stores it in a batch, which fails (storage.KindSegment, Stale) if another
// process sealed meanwhile; then nothing is lost, and the next Seal takes in the rest.
//
// Seal verifies what it takes in and the checkpoint that it goes on from; a trail that is broken is not sealed over, and
// the error is a [*BrokenError]. From then on a dropped tail of a lane is named too (GLE-INT, ELA-AUTHN).
func Seal(ctx context.Context, store storage.Trail, mac MAC, signer Signer, storeID storage.ID, now time.Time) (*storage.Segment, error) {
	seg, err := seal(ctx, store, mac, signer, storeID, now)
	return seg, wrap("seal trail", err)
}

func seal(ctx context.Context, store storage.Trail, mac MAC, signer Signer, storeID storage.ID, now time.Time) (*storage.Segment, error) {
	done, err := readSealed(ctx, store)
	if err != nil {
		return nil, err
	}
	lanes, err := store.Lanes(ctx) // after the segments: what they list is in it
	if err != nil {
		return nil, err
	}
	spans, err := unsealed(done, lanes)
	if err != nil || len(spans) == 0 {
		return nil, err
	}
	log, err := done.log()
	if err != nil {
		return nil, err
	}
	if done.n > 0 {
		sum, err := root(log)
		if err != nil {
			return nil, err
		}
		verifier, err := checkpointVerifier(storeID, signer.PublicKey())
		if err != nil {
			return nil, err
		}
		if err := openCheckpoint(verifier, storeID, done.n, done.note, done.size, sum, done.at); err != nil {
			return nil, err
		}
	}
	for _, s := range spans {
		from, err := tailAt(ctx, store, s.Lane, s.First-1)
		if err != nil {
			return nil, err
		}
		if _, err := walk(ctx, store, mac, from, s.Last, func(e *storage.Entry) error { return appendLeaf(log, e) }); err != nil {
			return nil, err
		}
	}
	sum, err := root(log)
	if err != nil {
		return nil, err
	}
	next := segment{N: done.n + 1, At: now, From: done.size, Size: log.End(), Lanes: spans}
	for _, h := range log.Hashes() {
		next.Frontier = append(next.Frontier, h)
	}
	if next.Checkpoint, err = signCheckpoint(signer, storeID, next.Size, sum, next.At); err != nil {
		return nil, err
	}
	return &storage.Segment{N: next.N, Body: next.append(nil)}, nil
}

// readSealed reads all segments there are.
func readSealed(ctx context.Context, store storage.Trail) (*sealed, error) {
	var done sealed
	last, err := lastSegment(ctx, store)
	if err != nil {
		return nil, err
	}
	return &done, eachSegment(ctx, store, &done, last, func(segment) error { return nil })
}

// lastSegment is the number of the last segment, 0 if there is none.
func lastSegment(ctx context.Context, store storage.Trail) (uint64, error) {
	row, err := store.LastSegment(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	return row.N, err
}

// unsealed lists what the segments do not list yet, in the order of the lanes' ids.
func unsealed(done *sealed, lanes []storage.Lane) ([]span, error) {
	var spans []span
	rest := maps.Clone(done.last)
	for _, l := range lanes {
		last := rest[l.ID]
		delete(rest, l.ID)
		if l.Last < last {
			return nil, brokenEntry(l.ID, l.Last+1, fmt.Sprintf("missing, though sealed (the lane is sealed up to %d)", last))
		}
		if l.Last > last {
			spans = append(spans, span{Lane: l.ID, First: last + 1, Last: l.Last})
		}
	}
	if len(rest) > 0 {
		gone := slices.SortedFunc(maps.Keys(rest), storage.ID.Compare)[0]
		return nil, brokenEntry(gone, 1, "missing, though sealed: the lane is gone")
	}
	slices.SortFunc(spans, func(a, b span) int { return a.Lane.Compare(b.Lane) })
	return spans, nil
}

// tailAt is the tail of a lane after number seq. The mac is as stored: the next entry verifies it.
func tailAt(ctx context.Context, store storage.Trail, lane storage.ID, seq uint64) (tail, error) {
	t := tail{id: lane, seq: seq}
	if seq == 0 {
		return t, nil
	}
	rows, err := store.Entries(ctx, lane, seq-1, 1)
	if err != nil {
		return tail{}, err
	}
	if len(rows) == 0 || rows[0].Seq != seq {
		return tail{}, brokenEntry(lane, seq, "missing, though sealed")
	}
	t.mac = rows[0].MAC
	return t, nil
}
