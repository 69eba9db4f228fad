package gdpr

import (
	"context"
	"fmt"
	"strings"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// Explanation says why a record is still there, or why it is not (REQUIREMENTS 4.6, ELA-DOC; Art. 13(2)(a), 15(1)(d)).
type Explanation struct {
	Record   ID
	Activity string
	Role     Role
	Parts    []PartExplanation
	// Proofs are the proofs that name the record, once nothing of it is left.
	Proofs []ErasureProof
}

// PartExplanation explains one part: fields that die together.
type PartExplanation struct {
	Part       int
	Subject    ID
	Purposes   []string
	Restricted bool
	// Restrictions are those of Art. 18 that are in force on it. Restricted without any is what the engine keeps aside for a duty or a hold.
	Restrictions []RestrictionInfo
	// Until is the last day on which it may be kept; zero while a clock has not started.
	Until civil.Date
	Holds []HoldInfo
	// Words say it in sentences: purpose, rule, start, date, law.
	Words []string
	// Verdict is what the words are made of.
	Verdict retention.Verdict
}

// ErasureProof is what a proof says of a record.
type ErasureProof struct {
	ID     ID
	On     civil.Date
	Rule   string
	Ground string
	Parts  int
}

// String is the explanation in words; it names no person.
func (x *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "record %s", x.Record)
	if x.Activity != "" {
		fmt.Fprintf(&b, ", %s, held as %s", x.Activity, x.Role)
	}
	b.WriteString("\n")
	for _, p := range x.Parts {
		for _, w := range p.Words {
			fmt.Fprintf(&b, "  %s\n", w)
		}
		for _, h := range p.Holds {
			fmt.Fprintf(&b, "  On hold: %s, to be reviewed by %s.\n", h.Ground, h.ReviewBy)
		}
		if p.Restricted && len(p.Restrictions) == 0 {
			b.WriteString("  Restricted: may only be stored.\n")
		}
		for _, r := range p.Restrictions {
			fmt.Fprintf(&b, "  Restricted since %s (%s): may only be stored.\n", r.Since, r.Ground)
		}
	}
	for _, p := range x.Proofs {
		why := p.Rule
		if why == "" {
			why = p.Ground
		}
		fmt.Fprintf(&b, "  Erased on %s (%s), proof %s.\n", p.On, why, p.ID)
	}
	return b.String()
}

// Explain tells of each part of a record why it is there and until when, or that it was erased and by which proof. It opens no personal data.
// It needs the ability to read the record's activity.
func (s *Session) Explain(ctx context.Context, record ID) (*Explanation, error) {
	var out *Explanation
	err := again(ctx, func() error {
		a, err := s.begin("Explain")
		if err != nil {
			return err
		}
		parts, err := s.e.present(ctx, record)
		if err != nil {
			return err
		}
		out = &Explanation{Record: record}
		if len(parts) == 0 {
			err = s.e.explainErased(ctx, out)
		} else {
			err = s.e.explainParts(ctx, out, parts)
		}
		if err != nil {
			return err
		}
		if err := a.may(ctx, mayRead, out.Activity); err != nil {
			return err
		}
		if s.purpose != SubjectRights && !s.agreement.IsZero() && len(parts) > 0 && parts[0].Agreement != s.agreement {
			return a.refused(ctx, fmt.Errorf("%w: the data is under another agreement", ErrNotAllowed), []string{audit.Object("record", record)})
		}
		return a.trace(ctx, audit.Entry{Objects: []string{audit.Object("record", record)}})
	})
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	return out, nil
}

func (e *Engine) explainParts(ctx context.Context, out *Explanation, parts []storage.Part) error {
	out.Activity, out.Role = parts[0].Family, Role(parts[0].Role)
	targets := []ID{out.Record}
	for _, p := range parts {
		targets = append(targets, p.Subject, p.Agreement)
	}
	holds, err := e.holdsOn(ctx, targets...)
	if err != nil {
		return err
	}
	restrictions, err := e.restrictionsIn(ctx, parts)
	if err != nil {
		return err
	}
	for i := range parts {
		p := &parts[i]
		v, err := e.judge(ctx, p)
		if err != nil {
			return err
		}
		x := PartExplanation{Part: p.PartRef.Part, Subject: p.Subject, Purposes: p.Purposes, Restricted: p.Restricted, Words: v.Words(), Verdict: v}
		if !v.Limit.IsZero() {
			x.Until = e.day(v.Limit).AddDays(-1)
		}
		for j := range restrictions {
			if r := &restrictions[j]; r.subject == p.Subject && r.body.covers(p) {
				x.Restrictions = append(x.Restrictions, r.body.info(r.id))
			}
		}
		for _, h := range holds {
			if h.Target == p.Subject || h.Target == p.Agreement || h.Target == p.Record && p.Held > 0 {
				x.Holds = append(x.Holds, h)
			}
		}
		out.Parts = append(out.Parts, x)
	}
	return nil
}

func (e *Engine) explainErased(ctx context.Context, out *Explanation) error {
	rows, err := e.store.ProofOf(ctx, out.Record)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return ErrNotFound
	}
	for _, row := range rows {
		proof, err := audit.DecodeProof(row.Body)
		if err != nil {
			return err
		}
		x := ErasureProof{ID: proof.ID, On: e.day(proof.At)}
		for _, p := range proof.Parts {
			if p.Record == out.Record {
				x.Parts++
				why := proof.Because[p.Because]
				x.Rule, x.Ground, out.Activity, out.Role = why.Rule, why.Ground, why.Family, Role(why.Role)
			}
		}
		out.Proofs = append(out.Proofs, x)
	}
	return nil
}
