package gdpr

import (
	"context"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// caseFamily is what a proof has for a family when it is of cases.
const caseFamily = "case-file"

// casesAgain adds to what Replay erases the files of cases whose keys are destroyed: a restored copy has them still, and would list them for ever.
func (r *replay) casesAgain(ctx context.Context, j *rejudged, p *audit.Proof) error {
	if len(p.Because) == 0 || p.Because[0].Family != caseFamily {
		return nil
	}
	e, b := r.a.s.e, j.batch
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return err
	}
	var open []string
	for key := range meta {
		if kind, is := strings.CutPrefix(key, metaCaseKind); is {
			open = append(open, openKind(kind))
		}
	}
	slices.Sort(open)
	for ids := range slices.Chunk(p.Subjects, lookupChunk) {
		for _, id := range ids {
			for _, kind := range append(open, fileClosedCase) {
				b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: kind, ID: id})
			}
		}
		if err := e.caseTraces(ctx, b, ids, open...); err != nil {
			return err
		}
	}
	return nil
}
