package gdpr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// Anonymizer keeps what is not personal of data whose activity says anonymize instead of erase. The library cannot tell whether that is so: somebody has
// assessed it (EPM-13; recital 26). The data itself is erased as any other.
type Anonymizer struct {
	// Assessment says in one line who has assessed, and when, that what Keep keeps singles nobody out, and cannot be linked to anybody. It stands in the proofs.
	Assessment string
	// Keep is called once for each part at its end, before it is erased, and keeps elsewhere what is anonymous of it. When a sweep is stopped between the two, or the
	// part is on hold by then, it is called again for the same part, with the same key. An error leaves the part to the next sweep.
	Keep func(ctx context.Context, d Departing) error
}

// Departing is a part that is about to be erased. It holds personal data, which ends with the call.
type Departing struct {
	Activity  string
	Collected civil.Date
	// Key is the same for the same part, and leads nowhere: not to record, person or proof.
	Key    string
	Fields Fields
}

// String returns the activity.
func (d Departing) String() string { return "departing from " + d.Activity }

// Format prints String for every verb.
func (d Departing) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(d.String())) }

// MarshalJSON fails.
func (Departing) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// checkAnonymizers wants one for each activity that says anonymize, and no other: to erase instead would be another promise, to keep would break this one.
func (e *Engine) checkAnonymizers() error {
	for id, act := range e.reg.Activities {
		by, ok := e.opt.Anonymize[id]
		field := "Options.Anonymize." + id
		switch {
		case !act.Anonymize && !ok:
		case !act.Anonymize:
			return refuse(field, "its activity says erase")
		case !ok:
			return refuse(field, "missing: the activity says anonymize, and nothing is registered that does (EPM-13)")
		case by.Keep == nil:
			return refuse(field+".Keep", "missing")
		default:
			if why := badReason(by.Assessment); why != "" {
				return refuse(field+".Assessment", "%s", why)
			}
		}
	}
	for id := range e.opt.Anonymize {
		if _, ok := e.reg.Activity(id); !ok {
			return refuse("Options.Anonymize", "names what is not an activity of the register")
		}
	}
	return nil
}

// anonymizer is who keeps something of a part that goes for this reason; nil for nobody. What may only be stored, by somebody's right, is handed to nobody.
func (e *Engine) anonymizer(p *storage.Part, v *retention.Verdict) *Anonymizer {
	if p.Restricted && isAskedFor(p) {
		return nil
	}
	at := slices.IndexFunc(v.Standings, func(s retention.Standing) bool {
		return s.Purpose == v.Decides && s.Anonymize && (s.Ended == nil || !s.Ended.AtOnce) // an objection or an erasure is to this use as well
	})
	if at < 0 {
		return nil
	}
	by, ok := e.opt.Anonymize[v.Decides]
	if !ok {
		return nil
	}
	return &by
}

// anonymize hands what goes to those who keep something of it, and returns the candidates without those where that failed.
func (w *sweepWork) anonymize(ctx context.Context, all []candidate) ([]candidate, error) {
	e := w.a.s.e
	if len(e.opt.Anonymize) == 0 {
		return all, nil
	}
	kept := all[:0:0]
	for i := range all {
		c := &all[i]
		by := e.anonymizer(&c.part, &c.judged.verdict)
		if !c.item.Go || by == nil {
			kept = append(kept, *c)
			continue
		}
		d, err := e.departing(ctx, &c.part, c.judged.verdict.Decides)
		switch {
		case errors.Is(err, crypto.ErrDestroyed): // nothing is left to keep
		case err != nil:
			return nil, err
		default:
			err = by.Keep(ctx, d)
		}
		if err != nil && !errors.Is(err, crypto.ErrDestroyed) {
			e.log.ErrorContext(ctx, "gallra: could not anonymize; the data stays for the next sweep", "activity", c.judged.verdict.Decides, "error", fmt.Sprintf("%T", err))
			continue
		}
		kept = append(kept, *c)
	}
	return kept, nil
}

// departing opens a part, and those of its fields that a purpose uses.
func (e *Engine) departing(ctx context.Context, p *storage.Part, purpose string) (Departing, error) {
	parts, err := e.store.Record(ctx, p.Record)
	if err != nil {
		return Departing{}, err
	}
	at := slices.IndexFunc(parts, func(q storage.Part) bool { return q.PartRef == p.PartRef })
	if at < 0 {
		return Departing{}, crypto.ErrDestroyed
	}
	if err := e.withKeys(ctx, parts[at:at+1]); err != nil {
		return Departing{}, err
	}
	c, err := e.openPart(ctx, &parts[at])
	if err != nil {
		return Departing{}, err
	}
	facts, err := decodeFacts(p.Facts)
	if err != nil {
		return Departing{}, err
	}
	key, err := e.ring.Token(p.Controller, "anonymized", fmt.Sprintf("%s %d", p.Record, p.PartRef.Part))
	if err != nil {
		return Departing{}, err
	}
	out := Departing{Activity: purpose, Collected: facts.Collected, Key: fmt.Sprintf("%x", key), Fields: Fields{}}
	l := e.layouts[p.Family]
	for name, v := range c.fields {
		if l != nil && slices.Contains(strings.Split(l.group[name], ","), purpose) {
			out.Fields[name] = v
		}
	}
	return out, nil
}
