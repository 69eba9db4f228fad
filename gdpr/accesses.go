package gdpr

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// Read says that data about a person was read: when, and for which purpose. Who read it is data about staff, and is not told (CJEU C-579/21; Art. 15(1)).
type Read struct {
	At      time.Time
	Purpose string // an activity, or SubjectRights
	Case    string
	// Records is how many of the person's records were among what was read.
	Records int
}

// reading are the acts that show data to somebody.
var reading = []string{"Find", "FindExplained", "Get", "MayMarket", "Records", "Return"}

// Reads returns when and why what there is about a person was read, the oldest first: of the records that are there now, as far back as the trail goes; a reading of a
// record about several persons counts for each of them. It walks the whole trail once, whatever
// its length in the same memory. It needs the right to read everything, for SubjectRights; that somebody asked is in the trail before the first is returned.
func (s *Session) Reads(ctx context.Context, who Identity) iter.Seq2[Read, error] {
	return func(yield func(Read, error) bool) {
		if stopped, err := s.reads(ctx, who, yield); err != nil && !stopped {
			yield(Read{}, fmt.Errorf("reads: %w", translate(err)))
		}
	}
}

func (s *Session) reads(ctx context.Context, who Identity, yield func(Read, error) bool) (stopped bool, err error) {
	theirs := map[string]bool{}
	var ends []storage.Lane
	err = again(ctx, func() error {
		a, err := s.beginRead(ctx, "Reads")
		if err != nil {
			return err
		}
		if s.purpose != SubjectRights {
			return refuse("Purpose", "when and why somebody's data was read is a matter of SubjectRights")
		}
		row, err := a.oneSubject(ctx, who)
		if err != nil {
			return err
		}
		clear(theirs)
		theirs[audit.Object("subject", row.ID)] = true
		parts, err := s.e.partsOfSubject(ctx, row.ID)
		if err != nil {
			return err
		}
		for i := range parts {
			theirs[audit.Object("record", parts[i].Record)] = true
		}
		if ends, err = s.e.store.Lanes(ctx); err != nil {
			return err
		}
		return a.trace(ctx, audit.Entry{Objects: []string{audit.Object("subject", row.ID)}})
	})
	if err != nil {
		return false, err
	}
	walk := trailWalk{e: s.e}
	for _, end := range ends {
		walk.lanes = append(walk.lanes, laneWalk{id: end.ID, last: end.Last})
	}
	for {
		entry, err := walk.next(ctx)
		if err != nil || entry == nil {
			return false, err
		}
		if entry.Outcome != audit.Done || !slices.Contains(reading, entry.Action) {
			continue
		}
		r := Read{At: entry.At, Purpose: entry.Purpose, Case: entry.Case}
		named := false
		for _, o := range entry.Objects {
			if theirs[o] {
				named = true
				if o[0] == 'r' {
					r.Records++
				}
			}
		}
		if named && !yield(r, nil) {
			return true, nil
		}
	}
}

// trailWalk goes through the lanes of the trail side by side, the oldest entry first.
type trailWalk struct {
	e     *Engine
	lanes []laneWalk
}

// laneWalk is a place in a lane.
type laneWalk struct {
	id         ID
	last, seen uint64
	page       []storage.Entry
}

// lanePage is how many entries of a lane are read at once.
const lanePage = 256

// next is the oldest entry that was not returned yet; nil at the end.
func (w *trailWalk) next(ctx context.Context) (*audit.Entry, error) {
	first := -1
	for i := 0; i < len(w.lanes); i++ {
		l := &w.lanes[i]
		if len(l.page) == 0 && l.seen < l.last {
			var err error
			if l.page, err = w.e.store.Entries(ctx, l.id, l.seen, int(min(lanePage, l.last-l.seen))); err != nil {
				return nil, err
			}
			l.seen += uint64(len(l.page))
			if len(l.page) == 0 {
				l.seen = l.last
			}
		}
		if len(l.page) > 0 && (first < 0 || cmp.Or(l.page[0].At.Compare(w.lanes[first].page[0].At), l.id.Compare(w.lanes[first].id)) < 0) {
			first = i
		}
	}
	if first < 0 {
		return nil, nil
	}
	l := &w.lanes[first]
	entry, err := audit.DecodeEntry(l.page[0].Body)
	l.page = l.page[1:]
	return &entry, err
}
