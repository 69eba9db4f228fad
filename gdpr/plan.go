package gdpr

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/gallra/gallra/retention"
)

// Plan is a dry run of the sweep: what would go, by activity, rule and reason, without touching anything. After a new version of the register was adopted, and
// until a sweep has dated everything anew, it looks at every part.
type Plan struct {
	At      time.Time
	Before  time.Time // ceilings up to here are due: At and the lead
	Lines   []retention.Line
	Erase   int    // parts that would be erased
	Stay    int    // parts that woke and stay: held, kept by a floor, another clock runs longer
	Stored  int64  // parts in the store when Health last counted them
	Overdue int    // parts that imports brought in overdue since a plan was last run
	Digest  string // over exactly the parts that would go, with their revisions
	Halting bool   // a sweep without this plan would halt
}

// Plan shows what a sweep would do now. Handed to Sweep it is run exactly, or not at all.
func (e *Engine) Plan(ctx context.Context) (*Plan, error) {
	if err := e.ready(); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	p, _, err := e.plan(ctx, e.instant())
	if err != nil {
		return nil, fmt.Errorf("plan: %w", translate(err))
	}
	return p, nil
}

func (e *Engine) plan(ctx context.Context, now time.Time) (*Plan, overdue, error) {
	waiting, err := e.overdue(ctx) // before the parts: what comes after it was read fails its revision
	if err != nil {
		return nil, overdue{}, err
	}
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return nil, overdue{}, err
	}
	if err := e.inForce(meta); err != nil {
		return nil, overdue{}, err
	}
	w := e.newWalk(now)
	if from := undated(meta, e.reg.Version); from != nil {
		w.asleep = &asleep{at: *from}
	}
	out := &Plan{At: now, Before: w.before, Overdue: waiting.parts}
	tally := retention.Tally{}
	// The digest is a sum of hashes, so that neither the order of the walk nor its size matters.
	var sum [sha256.Size]byte
	for {
		found, ran, err := w.next(ctx, 1000)
		if err != nil {
			return nil, overdue{}, err
		}
		if len(found) == 0 && ran == nil {
			break
		}
		for i := range found {
			c := &found[i]
			tally.Add(c.item)
			if !c.item.Go {
				out.Stay++
				continue
			}
			out.Erase++
			var row [16 + 4 + 8]byte
			copy(row[:], c.part.Record[:])
			binary.BigEndian.PutUint32(row[16:], uint32(c.part.PartRef.Part))
			binary.BigEndian.PutUint64(row[20:], uint64(c.part.Rev))
			add(&sum, sha256.Sum256(row[:]))
		}
	}
	out.Lines = tally.Lines()
	if waiting.parts > 0 {
		add(&sum, sha256.Sum256(fmt.Appendf(nil, "%s %d", fileOverdue, waiting.file.Rev)))
	}
	out.Digest = hex.EncodeToString(sum[:])
	if out.Stored, err = e.lastCount(ctx); err != nil {
		return nil, overdue{}, err
	}
	most, err := e.most(ctx, 0)
	out.Halting = out.Erase > most || waiting.parts > 0
	return out, waiting, err
}

// add adds two 256-bit numbers.
func add(sum *[sha256.Size]byte, h [sha256.Size]byte) {
	carry := 0
	for i := len(sum) - 1; i >= 0; i-- {
		n := int(sum[i]) + int(h[i]) + carry
		sum[i], carry = byte(n), n>>8
	}
}
