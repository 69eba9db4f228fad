package gdpr

import (
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// copiesLive is how long a copy brings back what was erased: until the last copy of its keys is gone, and where keys lie with the data, of the data. It returns
// false when the register does not say.
func (e *Engine) copiesLive() (civil.Period, bool) {
	switch b := e.reg.Backups; {
	case b == nil:
		return civil.Period{}, false
	case e.apart:
		return b.KeysKept, true
	default:
		return b.Kept, true
	}
}

// copiesFit checks that an instruction to erase can be carried out within its limit, copies too: the day until the next sweep and the life of the copies must fit into
// it (EPM-8.1, EPM-4). "" if they do.
func (e *Engine) copiesFit(rules []retention.Rule) string {
	live, known := e.copiesLive()
	if !known {
		return ""
	}
	const day = 24 * time.Hour
	sweep := int((e.opt.SweepEvery + day - 1) / day)
	for _, r := range rules {
		if r.Event != retention.ErasureInstructed || r.EachAgreement || sweep+live.MaxDays() <= r.Period.MinDays() {
			continue
		}
		return fmt.Sprintf("does not fit: %s, but sweeps run every %s and copies live %s after that. Sweep more often, keep copies for a shorter time, or keep keys apart (Options.Keys)",
			r, e.opt.SweepEvery, live)
	}
	return ""
}
