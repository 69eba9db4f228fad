package gdpr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// Evidence says that a person fulfills one of the conditions on which the register allows an activity of direct marketing (EPM-M2).
type Evidence struct {
	Subject Identity
	// Condition is one of the activity's, by its id in the register.
	Condition string
	// Source says in one line what shows it, such as "kundregistret, avtal AV-2001". Kept sealed.
	Source string
	// Day is when it was so; defaults to today. It counts for the condition's period from then.
	Day civil.Date
}

// String returns the condition; the rest may be personal.
func (v Evidence) String() string { return "evidence of " + v.Condition + " " + redacted }

// Format prints String for every verb.
func (v Evidence) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(v.String())) }

// LogValue is String.
func (v Evidence) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalJSON fails.
func (Evidence) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// EvidenceInfo is evidence that was recorded.
type EvidenceInfo struct {
	ID        ID
	Activity  string
	Condition string
	Day       civil.Date
	Until     civil.Date // last day on which it counts, by the register of now; zero when that knows the condition no longer
	Ended     civil.Date // when it was said to be so no longer; zero: it was not

	source veiled[sealedText]
}

// Source says what shows it.
func (v EvidenceInfo) Source() string { return v.source.get().Text }

// Denial says why somebody may not be marketed to.
type Denial string

// The denials, from the strongest.
const (
	DeniedObjection  Denial = "the person has objected"                     // Art. 21(3): for ever
	DeniedRestricted Denial = "the data is restricted"                      // Art. 18(2)
	DeniedNoData     Denial = "nothing is held for the purpose"             // the person is not known, or not for this
	DeniedEnded      Denial = "the purpose has ended"                       // Art. 5(1)(b)
	DeniedNoConsent  Denial = "the basis is consent, and none is in force"  // Art. 6(1)(a)
	DeniedNoEvidence Denial = "no condition has evidence that still counts" // EPM-M2
)

// MarketingAnswer is whether a person may be marketed to.
type MarketingAnswer struct {
	May bool
	Why Denial // when they may not
	// Condition is the one that holds, Evidence what shows it, and Until the last day on which that counts. Keep condition and evidence with each send (EPM-M2).
	Condition string
	Evidence  ID
	Until     civil.Date
}

type evidenceBody struct {
	personalHead
	Activity  string     `json:"activity"`
	Condition string     `json:"condition"`
	Day       civil.Date `json:"day"`
	Ended     civil.Date `json:"ended,omitzero"`
	Sealed    []byte     `json:"sealed"`
}

// evidenceUntil is the last day on which evidence counts; zero for a condition that the register does not know.
func (e *Engine) evidenceUntil(v *evidenceBody) civil.Date {
	act, ok := e.reg.Activity(v.Activity)
	if !ok {
		return civil.Date{}
	}
	c, ok := act.DirectMarketing[v.Condition]
	if !ok {
		return civil.Date{}
	}
	return c.Evidence.After(v.Day)
}

// RecordEvidence keeps what shows that a person fulfills a condition of the session's purpose, which is direct marketing. The person must be known: put the contact first.
// Newer evidence stands beside the older. It ends with the person, or at the end of accountability.case-files after the last day on which it counts. It needs the right to write.
func (s *Session) RecordEvidence(ctx context.Context, v Evidence) (ID, error) {
	id := storage.NewID()
	err := again(ctx, func() error {
		a, err := s.beginMarketing(ctx, "RecordEvidence", mayWrite)
		if err != nil {
			return err
		}
		today := s.e.day(a.now)
		if v.Day.IsZero() {
			v.Day = today
		}
		body := evidenceBody{personalHead: personalHead{1, ofEvidence}, Activity: s.purpose, Condition: v.Condition, Day: v.Day}
		if err := checkDay("Evidence.Day", v.Day); err != nil {
			return err
		}
		until := s.e.evidenceUntil(&body)
		switch {
		case until.IsZero():
			return refuse("Evidence.Condition", "not a condition of the activity")
		case v.Day.After(today):
			return refuse("Evidence.Day", "in the future")
		case until.Before(today):
			return refuse("Evidence.Day", "so long ago that it counts no more")
		}
		if why := badLine(v.Source, 1000); why != "" {
			return refuse("Evidence.Source", "%s", why)
		}
		row, parts, err := a.known(ctx, v.Subject)
		if err != nil {
			return err
		}
		if body.Sealed, err = s.e.sealPersonal(ctx, row.Controller, row.ID, id, sealedText{v.Source}); err != nil {
			return err
		}
		f := storage.File{Kind: filePersonal, ID: id, Parent: row.ID, State: stateActive}
		s.e.over(&f, until)
		b := &storage.Batch{}
		if err := putPersonal(b, f, parts, body); err != nil {
			return err
		}
		return a.commit(ctx, b, audit.Entry{Fields: []string{v.Condition}, Objects: []string{audit.Object(ofEvidence, id), audit.Object("subject", row.ID)}})
	})
	if err != nil {
		return ID{}, fmt.Errorf("record evidence: %w", err)
	}
	return id, nil
}

// beginMarketing begins an act of direct marketing.
func (s *Session) beginMarketing(ctx context.Context, action, ability string) (*act, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, err
	}
	if act, ok := s.e.reg.Activity(s.purpose); !ok || act.DirectMarketing == nil {
		return nil, refuse("Purpose", "not an activity of direct marketing")
	}
	if !s.agreement.IsZero() {
		return nil, refuse("Agreement", "a controller's purpose acts under no agreement")
	}
	return a, a.may(ctx, ability, s.purpose)
}

// EndEvidence says that what some evidence showed is so no longer, such as talks that came to nothing: it counts no more from now on. It needs the right to write, in the
// purpose of the evidence. To end it again does nothing.
func (s *Session) EndEvidence(ctx context.Context, evidence ID) error {
	err := again(ctx, func() error {
		a, err := s.beginMarketing(ctx, "EndEvidence", mayWrite)
		if err != nil {
			return err
		}
		f, err := s.e.store.File(ctx, filePersonal, evidence)
		if err != nil {
			return err
		}
		var body evidenceBody
		switch ok, err := decodePersonal(&f, ofEvidence, &body); {
		case err != nil:
			return err
		case !ok || body.Activity != s.purpose:
			return ErrNotFound
		case !body.Ended.IsZero():
			return nil
		}
		body.Ended = s.e.day(a.now)
		f.State = stateEnded
		s.e.over(&f, body.Ended)
		b := &storage.Batch{}
		if err := putPersonal(b, f, nil, body); err != nil {
			return err
		}
		return a.commit(ctx, b, audit.Entry{Fields: []string{body.Condition}, Objects: []string{audit.Object(ofEvidence, evidence), audit.Object("subject", f.Parent)}})
	})
	if err != nil {
		return fmt.Errorf("end evidence: %w", err)
	}
	return nil
}

// MarketingEvidence returns the evidence recorded about a person, the oldest first (Art. 15). It needs the right to read everything, for SubjectRights, or to read for an
// activity, in whose purpose it returns that of the activity.
func (s *Session) MarketingEvidence(ctx context.Context, who Identity) ([]EvidenceInfo, error) {
	out, err := aboutPerson(ctx, s, "MarketingEvidence", who, func(row storage.Subject, f *storage.File) (v EvidenceInfo, mine bool, err error) {
		var body evidenceBody
		if mine, err = decodePersonal(f, ofEvidence, &body); err != nil || !mine || !s.concerns(body.Activity) {
			return v, false, err
		}
		var source sealedText
		err = s.e.openPersonal(ctx, row.Controller, row.ID, f.ID, body.Sealed, &source)
		return EvidenceInfo{f.ID, body.Activity, body.Condition, body.Day, s.e.evidenceUntil(&body), body.Ended, veil(&source)}, true, err
	})
	if err != nil {
		return nil, fmt.Errorf("marketing evidence: %w", err)
	}
	slices.SortStableFunc(out, func(x, y EvidenceInfo) int { return x.Day.Compare(y.Day) })
	return out, nil
}

// MayMarket answers whether a person may be marketed to now, for the session's purpose. The answer is no, unless one of the activity's conditions has evidence that still counts
// (EPM-M2). An objection wins over all evidence, for ever, also for a person who was erased and came back by another list (EPM-M3, Art. 21(3)); so does a restriction. Where
// the basis is consent, one must be in force besides. Ask before each send: an answer is not kept, and each question is in the trail.
//
// It needs the right to read. Whether a law on electronic marketing wants the person's consent to the channel is for the caller to see to (in Sweden 19 § marknadsföringslagen).
func (s *Session) MayMarket(ctx context.Context, who Identity) (MarketingAnswer, error) {
	var out MarketingAnswer
	err := again(ctx, func() error {
		a, err := s.beginMarketing(ctx, "MayMarket", mayRead)
		if err != nil {
			return err
		}
		ids, err := who.normalize("Subject", s.e.country())
		if err != nil {
			return err
		}
		entry := audit.Entry{}
		row, err := a.oneSubject(ctx, who)
		switch {
		case errors.Is(err, ErrNotFound):
			out = MarketingAnswer{Why: DeniedNoData}
		case err != nil:
			return err
		default:
			entry.Objects = append(entry.Objects, audit.Object("subject", row.ID))
			if out, err = a.mayMarket(ctx, row); err != nil {
				return err
			}
			more, err := s.e.identifiersOf(ctx, row.Controller, row.ID)
			if err != nil {
				return err
			}
			held, err := s.e.identifiersHeld(ctx, row.ID, s.purpose)
			if err != nil {
				return err
			}
			ids = slices.Concat(ids, more, held)
		}
		// Last, so that no objection that was upheld before the question is missed.
		objected, err := a.objected(ctx, ids)
		if err != nil {
			return err
		}
		if objected {
			out = MarketingAnswer{Why: DeniedObjection}
		}
		if entry.Why = string(out.Why); out.May {
			entry.Fields, entry.Objects = []string{out.Condition}, append(entry.Objects, audit.Object(ofEvidence, out.Evidence))
		}
		return a.trace(ctx, entry)
	})
	if err != nil {
		return MarketingAnswer{}, fmt.Errorf("may market: %w", err)
	}
	return out, nil
}

// objected reports whether any identifier is suppressed for the session's purpose now.
func (a *act) objected(ctx context.Context, ids []normalized) (bool, error) {
	var names [][]byte
	for i := range ids {
		more, err := a.s.e.suppressionNames(ids[i].kind, ids[i].value, a.s.purpose)
		if err != nil {
			return false, err
		}
		names = append(names, more...)
	}
	files, err := a.s.e.filesNamed(ctx, fileSuppression, names)
	return slices.ContainsFunc(files, func(f storage.File) bool { return f.Due.IsZero() || f.Due.After(a.now) }), err
}

// mayMarket looks at everything but objections.
func (a *act) mayMarket(ctx context.Context, row storage.Subject) (MarketingAnswer, error) {
	deny := func(why Denial) (MarketingAnswer, error) { return MarketingAnswer{Why: why}, nil }
	e, purpose := a.s.e, a.s.purpose
	parts, err := e.partsOfSubject(ctx, row.ID)
	if err != nil {
		return MarketingAnswer{}, err
	}
	why := DeniedNoData
	for i := range parts {
		p := &parts[i]
		if !slices.Contains(p.Purposes, purpose) {
			continue
		}
		if p.Restricted && isAskedFor(p) {
			return deny(DeniedRestricted)
		}
		switch no, err := a.mayNotUse(ctx, p); {
		case err != nil:
			return MarketingAnswer{}, err
		case no == nil:
			why = ""
		case why == DeniedNoData:
			why = DeniedEnded
		}
	}
	if why != "" {
		return deny(why)
	}
	files, err := e.personalFiles(ctx, []ID{row.ID})
	if err != nil {
		return MarketingAnswer{}, err
	}
	consented, best := false, MarketingAnswer{Why: DeniedNoEvidence}
	for i := range files {
		var consent consentBody
		if ok, err := decodePersonal(&files[i], ofConsent, &consent); err != nil {
			return MarketingAnswer{}, err
		} else if ok {
			consented = consented || consent.inForce(purpose)
		}
		var v evidenceBody
		ok, err := decodePersonal(&files[i], ofEvidence, &v)
		if err != nil {
			return MarketingAnswer{}, err
		}
		if !ok || v.Activity != purpose || !v.Ended.IsZero() {
			continue
		}
		if until := e.evidenceUntil(&v); !until.Before(e.day(a.now)) && !until.IsZero() && until.After(best.Until) {
			best = MarketingAnswer{May: true, Condition: v.Condition, Evidence: files[i].ID, Until: until}
		}
	}
	if act, _ := e.reg.Activity(purpose); act.LawfulBasis() == "A6-1-a" && !consented {
		return deny(DeniedNoConsent)
	}
	return best, nil
}
