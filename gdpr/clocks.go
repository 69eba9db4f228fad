package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// facts are the days of events of a part or schedule; docs/format.md part 7.
type facts struct {
	Collected  civil.Date                     `json:"collected,omitzero"`
	Days       map[retention.Event]civil.Date `json:"days,omitempty"`
	By         civil.Date                     `json:"by,omitzero"`
	Ended      map[string]ended               `json:"ended,omitempty"`
	Restricted []string                       `json:"restricted,omitempty"` // why it may only be stored
}

type ended struct {
	Day    civil.Date `json:"day"`
	AtOnce bool       `json:"at_once,omitempty"`
}

var errFacts = errors.New("facts of a row are not of format 1")

func decodeFacts(b []byte) (facts, error) {
	var f facts
	if len(b) > 0 && json.Unmarshal(b, &f) != nil {
		return facts{}, errFacts
	}
	return f, nil
}

func (f facts) encode() []byte {
	b, err := json.Marshal(f)
	if err != nil {
		return []byte("{}") // dates and ids always encode
	}
	return b
}

func (f *facts) set(ev retention.Event, day civil.Date) {
	days := make(map[retention.Event]civil.Date, len(f.Days)+1)
	for k, v := range f.Days {
		days[k] = v
	}
	days[ev] = day
	f.Days = days
}

// unset takes back that an event has happened.
func (f *facts) unset(ev retention.Event) {
	days := make(map[retention.Event]civil.Date, len(f.Days))
	for k, v := range f.Days {
		if k != ev {
			days[k] = v
		}
	}
	f.Days = days
}

// merged joins the facts of a part with those of its schedule, as the rules want them.
func (e *Engine) merged(p *storage.Part) (retention.Facts, error) {
	own, err := e.cache.factsOf(p.Facts)
	if err != nil {
		return retention.Facts{}, err
	}
	out := retention.Facts{Agreement: !p.Agreement.IsZero(), Assignment: !p.Assignment.IsZero(), InstructedBy: own.By,
		Days: map[retention.Event]civil.Date{retention.Collected: own.Collected}, Ended: map[string]retention.End{}}
	for k, v := range own.Days {
		out.Days[k] = v
	}
	for k, v := range own.Ended {
		out.Ended[k] = retention.End{Day: v.Day, AtOnce: v.AtOnce}
	}
	if p.Schedule == nil {
		return out, nil
	}
	shared, err := e.cache.factsOf(p.Schedule.Facts)
	if err != nil {
		return retention.Facts{}, err
	}
	// An instruction for a whole agreement covers what was collected by its day, not what comes in later.
	covered := !own.Collected.After(shared.Days[retention.ErasureInstructed])
	for k, v := range shared.Days {
		if k == retention.ErasureInstructed && !covered {
			continue
		}
		if have, ok := out.Days[k]; !ok || v.Before(have) {
			out.Days[k] = v
		}
	}
	if covered && !shared.By.IsZero() && (out.InstructedBy.IsZero() || shared.By.Before(out.InstructedBy)) {
		out.InstructedBy = shared.By
	}
	return out, nil
}

// policies are the rules of the given purposes: the register's own, or for a processor those of the agreement.
func (e *Engine) policies(ctx context.Context, purposes []string, agreement ID) ([]retention.Policy, error) {
	out := make([]retention.Policy, 0, len(purposes))
	for _, p := range purposes {
		act, ok := e.reg.Activity(p)
		if !ok {
			// The register no longer knows the purpose: it has no rule and no end, and is listed as such.
			out = append(out, retention.Policy{Purpose: p})
			continue
		}
		pol := retention.Policy{Purpose: p, Erase: act.Erase, Keep: act.Keep, Anonymize: act.Anonymize, Ref: act.Ref.In("en")}
		if act.Processor() {
			g, err := e.agreementOf(ctx, agreement)
			if err != nil {
				return nil, err
			}
			pol.Erase = g.rules
			pol.Ref = e.reg.Terms[act.Terms].Ref.In("en")
		}
		out = append(out, pol)
	}
	return out, nil
}

// judge says what the clocks of a part say now.
func (e *Engine) judge(ctx context.Context, p *storage.Part) (retention.Verdict, error) {
	f, err := e.merged(p)
	if err != nil {
		return retention.Verdict{}, err
	}
	pol, err := e.policies(ctx, p.Purposes, p.Agreement)
	if err != nil {
		return retention.Verdict{}, err
	}
	return retention.Judge(pol, f, e.zone), nil
}

// date sets a part's own due from its clocks.
func (e *Engine) date(ctx context.Context, p *storage.Part) error {
	v, err := e.judge(ctx, p)
	if err != nil {
		return err
	}
	p.Due = v.Wake
	return nil
}

// day is the civil day of an instant in the organization's zone.
func (e *Engine) day(t time.Time) civil.Date { return civil.DateOf(t, e.zone) }

// lead is how long before its ceiling a part is erased: two runs, at least three days (REQUIREMENTS 4.3).
func (e *Engine) lead() time.Duration { return max(72*time.Hour, 2*e.opt.SweepEvery) }

// checkDay refuses days that cannot be meant.
func checkDay(field string, d civil.Date) error {
	if !d.Valid() || d.Year < 1900 || d.Year > 2200 {
		return refuse(field, "not a day between 1900 and 2200")
	}
	return nil
}
