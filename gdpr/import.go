package gdpr

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

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
// sequence, is noted and left out; the others are stored. Each batch is stored whole with one trail entry; while one is stored
// the next is sealed. An error of the store ends it: what Imported counts is stored.
func (s *Session) PutAll(ctx context.Context, records iter.Seq2[Record, error]) (Imported, error) {
	im := &importer{}
	err := func() error {
		var err error
		if im.a, im.l, err = s.beginWrite(ctx, "PutAll"); err != nil {
			return err
		}
		im.s = s
		return im.run(ctx, records)
	}()
	slices.SortFunc(im.out.Refused, func(x, y Refusal) int { return x.N - y.N })
	if err != nil {
		return im.out, fmt.Errorf("put all: %w", translate(err))
	}
	return im.out, nil
}

// importer is one PutAll: at most one batch is on its way to the store while the next is made.
type importer struct {
	s      *Session
	a      *act
	l      *layout
	out    Imported
	flying *flight
}

// flight is a batch that is sealed and on its way.
type flight struct {
	records []numbered
	refused []Refusal
	in      *intake
	done    chan error
}

type numbered struct {
	n int
	r Record
}

func (im *importer) run(ctx context.Context, records iter.Seq2[Record, error]) error {
	batch := make([]numbered, 0, importBatch)
	n := 0
	for r, err := range records {
		n++
		if err != nil {
			im.out.Refused = append(im.out.Refused, Refusal{N: n, Origin: r.Origin, Err: err})
			continue
		}
		if batch = append(batch, numbered{n, r}); len(batch) < importBatch {
			continue
		}
		if err := im.send(ctx, batch); err != nil {
			return errors.Join(err, im.land(ctx))
		}
		batch = make([]numbered, 0, importBatch)
	}
	if err := im.send(ctx, batch); err != nil {
		return errors.Join(err, im.land(ctx))
	}
	return im.land(ctx)
}

// send seals a batch while the one before it is being stored, and then starts to store it.
func (im *importer) send(ctx context.Context, records []numbered) error {
	if len(records) == 0 {
		return nil
	}
	if err := im.renew(ctx); err != nil {
		return err
	}
	f := &flight{records: records, done: make(chan error, 1)}
	var b *storage.Batch
	err := im.a.s.e.fill(ctx, im, f, &b)
	before := im.flying
	if landed := im.land(ctx); landed != nil {
		return landed
	}
	if err != nil || before != nil && before.in == nil {
		// It was made on what the batch before promised, or a record in it cannot be told apart: store it by itself.
		return im.alone(ctx, records)
	}
	if b == nil {
		im.out.Refused = append(im.out.Refused, f.refused...)
		return nil
	}
	im.flying = f
	a := im.a
	go func() { f.done <- a.commit(ctx, b, f.in.entry()) }()
	return nil
}

// renew begins the act of the next batch: a grant that has ended meanwhile ends the import, and the batch has an instant of its own.
func (im *importer) renew(ctx context.Context) error {
	a, _, err := im.s.beginWrite(ctx, "PutAll")
	if err == nil {
		im.a = a
	}
	return err
}

// fill makes the batch of a flight; none when every record was refused.
func (e *Engine) fill(ctx context.Context, im *importer, f *flight, b **storage.Batch) error {
	f.in = e.newIntake(im.a, im.l)
	if im.flying != nil {
		f.in.ahead = im.flying.in
	}
	for i := range f.records {
		if err := f.in.add(ctx, &f.records[i].r); err != nil {
			if !isRefusal(err) {
				return err
			}
			f.refused = append(f.refused, Refusal{N: f.records[i].n, Origin: f.records[i].r.Origin, Err: translate(err)})
		}
	}
	if len(f.in.records) == 0 {
		return nil
	}
	var err error
	*b, err = f.in.batch(ctx)
	return err
}

// land waits for the batch on its way. One that was refused as a whole is stored again by itself.
func (im *importer) land(ctx context.Context) error {
	f := im.flying
	if f == nil {
		return nil
	}
	im.flying = nil
	err := <-f.done
	if err == nil {
		im.out.Stored += len(f.in.records)
		im.out.Refused = append(im.out.Refused, f.refused...)
		return nil
	}
	f.in = nil
	var cond *storage.ConditionError
	if isRefusal(translate(err)) || errors.As(err, &cond) {
		return im.alone(ctx, f.records)
	}
	return err
}

// alone stores records with nothing else on its way: together while that works, else one by one, so that one bad record does not stop the rest.
func (im *importer) alone(ctx context.Context, records []numbered) error {
	f := &flight{records: records}
	var stop error // what allowed the import does so no longer
	err := again(ctx, func() error {
		f.refused = nil
		a, l, err := im.a.s.beginWrite(ctx, im.a.action)
		if stop = err; err != nil {
			return err
		}
		im.a, im.l = a, l
		var b *storage.Batch
		if err := im.a.s.e.fill(ctx, im, f, &b); err != nil || b == nil {
			return err
		}
		return im.a.commit(ctx, b, f.in.entry())
	})
	switch {
	case err == nil:
		im.out.Stored += len(f.in.records)
		im.out.Refused = append(im.out.Refused, f.refused...)
		return nil
	case stop != nil, !isRefusal(err) && !errors.Is(err, ErrConflict):
		return err
	case len(records) == 1:
		im.out.Refused = append(im.out.Refused, Refusal{N: records[0].n, Origin: records[0].r.Origin, Err: err})
		return nil
	}
	for i := range records {
		if err := im.alone(ctx, records[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// isRefusal reports whether an error speaks of one record and not of the store.
func isRefusal(err error) bool {
	var in *InputError
	return errors.As(err, &in) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrErased) || errors.Is(err, storage.ErrNotFound) ||
		errors.Is(err, ErrPurposeEnded) || errors.Is(err, ErrNotAllowed)
}
