package gdpr

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

// Explained is a record and why it is there.
type Explained struct {
	Stored *Stored
	Why    *Explanation
}

// FindExplained is Find of one activity's records, or of all with "", each with what Explain says of it: for a report that holds one record at a
// time. It needs what Find needs, and leaves one entry in the trail for each page, as Find does. A record that is erased meanwhile is left out.
func (s *Session) FindExplained(ctx context.Context, who Identity, activity string) iter.Seq2[Explained, error] {
	return func(yield func(Explained, error) bool) {
		family := activity
		if head := s.e.reg.Head(activity); head != "" {
			family = head
		}
		for r, err := range s.find(ctx, "FindExplained", who, family) {
			if err != nil {
				yield(Explained{}, err)
				return
			}
			parts, err := s.e.store.Record(ctx, r.ID)
			if err == nil && len(parts) == 0 {
				continue
			}
			why := &Explanation{Record: r.ID}
			if err == nil {
				err = s.e.explainParts(ctx, why, parts)
			}
			if err != nil {
				yield(Explained{}, fmt.Errorf("FindExplained: %w", translate(err)))
				return
			}
			if !yield(Explained{r, why}, nil) {
				return
			}
		}
	}
}

// inFamily leaves the parts of one family, or all with "".
func inFamily(parts []storage.Part, family string) []storage.Part {
	return slices.DeleteFunc(parts, func(p storage.Part) bool { return family != "" && p.Family != family })
}
