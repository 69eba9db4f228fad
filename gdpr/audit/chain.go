package audit

import (
	"context"
	"fmt"

	"github.com/gallra/gallra/gdpr/storage"
)

// Rows asked for at once. A proof can name thousands of parts.
const (
	entryPage   = 500
	segmentPage = 100
	proofPage   = 50
)

// walk reads the entries of one lane after from up to and including number last, checks that each follows from the one
// before, and hands them to fn. It returns the lane's new tail.
func walk(ctx context.Context, store storage.Trail, mac MAC, from tail, last uint64, fn func(*storage.Entry) error) (tail, error) {
	for from.seq < last {
		limit := entryPage
		if left := last - from.seq; left < entryPage {
			limit = int(left) + 1 // one more shows a doubled last entry
		}
		rows, err := store.Entries(ctx, from.id, from.seq, limit)
		if err != nil {
			return from, err
		}
		if len(rows) == 0 {
			return from, brokenEntry(from.id, from.seq+1, missing)
		}
		for i := range rows {
			e := &rows[i]
			if e.Seq > last && from.seq == last {
				break // of a later segment, or written meanwhile
			}
			if err := from.check(mac, e); err != nil {
				return from, err
			}
			from.seq, from.mac = e.Seq, e.MAC
			if err := fn(e); err != nil {
				return from, err
			}
		}
	}
	return from, nil
}

const missing = "missing"

// check verifies that e is the entry after the tail.
func (t tail) check(mac MAC, e *storage.Entry) error {
	want := t.seq + 1
	switch {
	case e.Lane != t.id:
		return brokenEntry(t.id, want, "stands in another lane")
	case e.Seq > want:
		return brokenEntry(t.id, want, missing)
	case e.Seq < want:
		return brokenEntry(t.id, e.Seq, "stands there twice")
	}
	if err := mac.VerifyMAC(e.MAC, macInput(t.id, e.Seq, t.mac, e.Body)); err != nil {
		return brokenEntry(t.id, want, "body, number, lane or predecessor does not match its mac")
	}
	return nil
}

func brokenEntry(lane storage.ID, seq uint64, what string) error {
	return &BrokenError{Kind: KindEntry, Lane: lane, N: seq, What: what}
}

// eachSegment reads the segments up to and including number last, and hands them to fn.
func eachSegment(ctx context.Context, store storage.Trail, log *sealed, last uint64, fn func(segment) error) error {
	for log.n < last {
		rows, err := store.Segments(ctx, log.n, segmentPage)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return &BrokenError{Kind: KindSegment, N: log.n + 1, What: "missing"}
		}
		for _, row := range rows {
			if row.N > last && log.n == last {
				break // written meanwhile
			}
			seg, err := log.next(row)
			if err != nil {
				return err
			}
			if err := fn(seg); err != nil {
				return err
			}
		}
	}
	return nil
}

// wrap names the operation, once.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
