package gdpr

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
)

// Holds lists the holds in force, the one that is reviewed first first: those whose day of review has come stand at the head (REQUIREMENTS 4.8, 3.1).
// Somebody must look at these again, and release them or place them anew. It needs the ability to read everything, whatever the session's
// purpose, for a hold may be on a person; the trail names the holds.
func (s *Session) Holds(ctx context.Context) iter.Seq2[HoldInfo, error] {
	return list(ctx, s, "Holds", true, func(hand func([]HoldInfo, []string) (bool, error)) error {
		holds, err := s.e.holdsByReview(ctx)
		if err != nil {
			return err
		}
		for rows := range slices.Chunk(holds, page) {
			objects := make([]string, len(rows))
			for i := range rows {
				objects[i] = audit.Object(fileHold, rows[i].ID)
			}
			if more, err := hand(rows, objects); err != nil || !more {
				return err
			}
		}
		return nil
	})
}

// holdsByReview are the holds in force by the day of their review. Holds are few.
func (e *Engine) holdsByReview(ctx context.Context) ([]HoldInfo, error) {
	holds, err := e.holds(ctx, nil)
	slices.SortFunc(holds, func(x, y HoldInfo) int { return cmp.Or(x.ReviewBy.Compare(y.ReviewBy), x.ID.Compare(y.ID)) })
	return holds, err
}
