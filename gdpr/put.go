package gdpr

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// Put stores a record for the session's purpose and returns its id. What is wrong with it is refused before anything is
// written, with the field and the reason (Art. 5(1)(c), 25; EPM-R1, EPM-T1).
func (s *Session) Put(ctx context.Context, r Record) (ID, error) {
	var id ID
	err := again(ctx, func() error {
		a, l, err := s.beginWrite(ctx, "Put")
		if err != nil {
			return err
		}
		in := s.e.newIntake(a, l)
		if err := in.add(ctx, &r); err != nil {
			return err
		}
		if id, err = in.store(ctx); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return ID{}, fmt.Errorf("put: %w", err)
	}
	return id, nil
}

// beginWrite begins an act that stores records, for which a processor needs its agreement.
func (s *Session) beginWrite(ctx context.Context, action string) (*act, *layout, error) {
	a, l, err := s.beginStore(ctx, action)
	if err != nil {
		return nil, nil, err
	}
	if err := a.needAgreement(ctx, l); err != nil {
		return nil, nil, err
	}
	return a, l, nil
}

// beginStore begins an act that stores records: the purpose must be the first activity of a family.
func (s *Session) beginStore(ctx context.Context, action string) (*act, *layout, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, nil, err
	}
	l, ok := s.e.layouts[s.purpose]
	if !ok {
		return nil, nil, refuse("Purpose", "records are stored under the first activity of their family, not a further purpose, SubjectRights or Retention")
	}
	if err := a.may(ctx, mayWrite, s.purpose); err != nil {
		return nil, nil, err
	}
	return a, l, nil
}

// needAgreement checks a processor's session: it names an agreement that is in force and covers the activity (EPM-R1, EPM-8.2).
func (a *act) needAgreement(ctx context.Context, l *layout) error {
	s := a.s
	if !l.head.Processor() {
		if !s.agreement.IsZero() {
			return refuse("Agreement", "a controller's purpose acts under no agreement: name it in the record")
		}
		return nil
	}
	g, err := a.covering(ctx, l)
	if err != nil {
		return err
	}
	if g.state == stateEnded {
		return a.refused(ctx, fmt.Errorf("%w: the agreement has ended: storage, return and erasure only", ErrPurposeEnded), nil)
	}
	return nil
}

// covering is the agreement of a processor's session, which must cover the activity; it may have ended.
func (a *act) covering(ctx context.Context, l *layout) (*agreement, error) {
	s := a.s
	if s.agreement.IsZero() {
		return nil, a.refused(ctx, fmt.Errorf("%w: a processor acts under an agreement; name it with Session.Under", ErrNotAllowed), nil)
	}
	g, err := s.e.agreementOf(ctx, s.agreement)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, refuse("Agreement", "no such agreement")
	}
	if err != nil {
		return nil, err
	}
	a.files = append(a.files, g.cond())
	if !slices.Contains(g.Activities, l.head.ID) {
		return nil, a.refused(ctx, fmt.Errorf("%w: the agreement does not cover the activity", ErrNotAllowed), nil)
	}
	return g, nil
}

// entry is the trail entry of stored records.
func (in *intake) entry() audit.Entry {
	e := audit.Entry{Count: len(in.records)}
	names := map[string]bool{}
	for _, r := range in.records {
		e.Objects = append(e.Objects, audit.Object("record", r.id))
		for _, p := range r.persons {
			for name := range p.fields {
				names[name] = true
			}
		}
	}
	for name := range names {
		e.Fields = append(e.Fields, name)
	}
	slices.Sort(e.Fields)
	return e
}
