package gdpr

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// Refusal is a record that an import left out.
type Refusal struct {
	N      int    // its number in the sequence, from 1
	Origin string // Record.Origin, if it was given
	Err    error  // field and reason, or what the sequence reported
}

// String names the place, the field and the reason.
func (r Refusal) String() string {
	if r.Origin != "" {
		return r.Origin + ": " + r.Err.Error()
	}
	return fmt.Sprintf("record %d: %v", r.N, r.Err)
}

// Imported is the outcome of PutAll.
type Imported struct {
	Stored  int
	Refused []Refusal
}

const importBatch = 1000

// PutAll stores a sequence of records in large batches, on the path of Put. A record that is refused, or an error in the
// sequence, is noted and left out; the others are stored. Each batch is stored whole with one trail entry. An error of the store ends it: what Imported counts is stored.
func (s *Session) PutAll(ctx context.Context, records iter.Seq2[Record, error]) (Imported, error) {
	var out Imported
	a, l, err := s.beginWrite(ctx, "PutAll")
	if err != nil {
		return out, fmt.Errorf("put all: %w", translate(err))
	}
	batch := make([]numbered, 0, importBatch)
	flush := func() error {
		err := s.e.putBatch(ctx, a, l, batch, &out)
		batch = batch[:0]
		return err
	}
	n := 0
	for r, err := range records {
		n++
		if err != nil {
			out.Refused = append(out.Refused, Refusal{N: n, Origin: r.Origin, Err: err})
			continue
		}
		if batch = append(batch, numbered{n, r}); len(batch) == importBatch {
			if err := flush(); err != nil {
				return out, fmt.Errorf("put all: %w", translate(err))
			}
		}
	}
	if err := flush(); err != nil {
		return out, fmt.Errorf("put all: %w", translate(err))
	}
	slices.SortFunc(out.Refused, func(x, y Refusal) int { return x.N - y.N })
	return out, nil
}

type numbered struct {
	n int
	r Record
}

// putBatch stores one batch; a batch that the store keeps refusing is stored record by record, so that one bad record does not stop the rest.
func (e *Engine) putBatch(ctx context.Context, a *act, l *layout, batch []numbered, out *Imported) error {
	if len(batch) == 0 {
		return nil
	}
	var stored int
	var refused []Refusal
	err := again(ctx, func() error {
		stored, refused = 0, nil
		in := e.newIntake(a, l)
		for i := range batch {
			if err := in.add(ctx, &batch[i].r); err != nil {
				if !isRefusal(err) {
					return err
				}
				refused = append(refused, Refusal{N: batch[i].n, Origin: batch[i].r.Origin, Err: translate(err)})
			}
		}
		if len(in.records) == 0 {
			return nil
		}
		_, err := in.store(ctx)
		stored = len(in.records)
		var late *resolveError
		if errors.As(err, &late) {
			return nil
		}
		return err
	})
	switch {
	case err == nil:
		out.Stored += stored
		out.Refused = append(out.Refused, refused...)
		return nil
	case len(batch) > 1 && (isRefusal(err) || errors.Is(err, ErrConflict)):
		for i := range batch {
			if err := e.putBatch(ctx, a, l, batch[i:i+1], out); err != nil {
				return err
			}
		}
		return nil
	case isRefusal(err) || errors.Is(err, ErrConflict):
		out.Refused = append(out.Refused, Refusal{N: batch[0].n, Origin: batch[0].r.Origin, Err: err})
		return nil
	}
	return err
}

// isRefusal reports whether an error speaks of one record and not of the store.
func isRefusal(err error) bool {
	var in *InputError
	return errors.As(err, &in) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrErased) || errors.Is(err, storage.ErrNotFound) ||
		errors.Is(err, ErrPurposeEnded) || errors.Is(err, ErrNotAllowed)
}

// beginWrite begins an act that stores records: the purpose must be the first activity of a family, and a processor needs its agreement.
func (s *Session) beginWrite(ctx context.Context, action string) (*act, *layout, error) {
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
	if err := a.needAgreement(ctx, l); err != nil {
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
	if s.agreement.IsZero() {
		return a.refused(ctx, fmt.Errorf("%w: a processor acts under an agreement; name it with Session.Under", ErrNotAllowed), nil)
	}
	g, err := s.e.agreementOf(ctx, s.agreement)
	if errors.Is(err, storage.ErrNotFound) {
		return refuse("Agreement", "no such agreement")
	}
	if err != nil {
		return err
	}
	a.files = append(a.files, g.cond())
	switch {
	case !slices.Contains(g.Activities, l.head.ID):
		return a.refused(ctx, fmt.Errorf("%w: the agreement does not cover the activity", ErrNotAllowed), nil)
	case g.state == stateEnded:
		return a.refused(ctx, fmt.Errorf("%w: the agreement has ended: storage, return and erasure only", ErrPurposeEnded), nil)
	}
	return nil
}

// resolveError is a refusal that only shows when the persons of a batch are looked up.
type resolveError struct{ err error }

func (e *resolveError) Error() string { return e.err.Error() }
func (e *resolveError) Unwrap() error { return e.err }

// putEntry is the trail entry of stored records.
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
