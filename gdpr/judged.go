package gdpr

import (
	"context"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// judged is what the clocks say of all parts that have the same purposes and facts. It is shared, and never changed.
type judged struct {
	verdict retention.Verdict
	why     audit.Because // if the part goes now
}

// verdicts are the judgements of one walk or act: of a thousand parts most are like another. A judgement is a pure function of what it is kept under, and of
// the register and the agreement's rules.
type verdicts map[verdictKey]*judged

type verdictKey struct {
	family, role, purposes string
	facts, shared          string // the part's own, and those of its schedule
	agreement              ID
	assignment             bool
}

// verdictRows bounds what is kept.
const verdictRows = 10_000

func (vs *verdicts) of(ctx context.Context, e *Engine, p *storage.Part) (*judged, error) {
	key := verdictKey{family: p.Family, role: p.Role, purposes: joined(p.Purposes), facts: string(p.Facts), agreement: p.Agreement,
		assignment: !p.Assignment.IsZero()}
	if p.Schedule != nil {
		key.shared = string(p.Schedule.Facts)
	}
	if j := (*vs)[key]; j != nil {
		return j, nil
	}
	v, err := e.judge(ctx, p)
	if err != nil {
		return nil, err
	}
	if *vs == nil || len(*vs) >= verdictRows {
		*vs = verdicts{}
	}
	j := &judged{v, because(p, e, v, "")}
	if by := e.anonymizer(p, &v); by != nil {
		j.why.Ground = "anonymized: " + by.Assessment
	}
	(*vs)[key] = j
	return j, nil
}
