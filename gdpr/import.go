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

// ImportOptions say how an import runs. Nil is safe.
type ImportOptions struct {
	// Key makes the import resumable: one line of text, at most 200 bytes, that names no person and is used for one sequence only, such as
	// "tickets of 2016". It counts within the purpose and agreement of the session; empty is none. See [Session.PutAll].
	Key string
	// Progress hears of every batch that was dealt with: counts only, no Refused.
	Progress func(Imported)
	// Batch is the number of records in one batch, at most 10,000. Defaults to 1,000.
	Batch int
}

const (
	importBatch     = 1_000
	importBatchMost = 10_000
)

// Imported is the outcome of PutAll. Under a Key it counts the whole import, what earlier runs did included.
type Imported struct {
	Read    int       // records and errors that the sequence gave
	Stored  int       // records
	LeftOut int       // records that were refused, and errors in the sequence
	Refused []Refusal // the first 10,000 that were left out, in their order
	// Overdue is how many parts were due when they came in, the lead of the sweep included. They are stored, and planned like everything
	// else: until somebody has run a plan that shows them, a sweep without one halts (EPM-LOSS, REQUIREMENTS 4.18).
	Overdue int
}

// importNames bounds Imported.Refused.
const importNames = 10_000

// Refusal is a record that an import left out.
type Refusal struct {
	N      int    // its number in the sequence, from 1
	Origin string // Record.Origin, if it was given
	Err    error  // field and reason, or what the sequence reported

	told bool // by the sequence: its text may quote a value
}

// String names the place, the field and the reason.
func (r Refusal) String() string { return r.place() + ": " + r.Err.Error() }

func (r Refusal) place() string {
	if r.Origin != "" {
		return r.Origin
	}
	return fmt.Sprintf("record %d", r.N)
}

// PutAll stores a sequence of records in large batches, on the path of Put. A record that is refused, or an error in the
// sequence, is noted and left out; the others are stored. Each batch is stored whole with one trail entry; while one is stored
// the next is sealed. An error of the store ends it: what Imported counts is stored. A context that carries a transaction is refused.
//
// Old data comes in with its own days: Record.CollectedAt, Record.Events, and agreements and assignments that have ended. A processor may
// also bring in, after the agreement has ended, what it held before (EPM-8.2: storage); each record then says when it was collected, and the
// first that does not ends the import with ErrPurposeEnded. What is overdue is not erased silently: see Imported.Overdue.
//
// Under ImportOptions.Key each batch is stored with the place that it reaches in the sequence. Whatever broke the import off (a crash, a
// canceled context, an error, also one that leaves the outcome of a commit unknown), the same call with the same sequence goes on after the
// last batch that is stored and stores nothing twice; once finished it stores nothing and counts the same (GLE-CONT). It reads the sequence
// from its start, and refuses (Key) one that begins otherwise, is shorter, or goes on after the end of a finished one. Of two calls under one
// Key at the same time one fails with ErrConflict. An error in the sequence is a line left out, and lines left out are not tried again: mend
// them in a sequence of its own, under another Key. A source that fails as a whole, and may work later, should cancel ctx.
func (s *Session) PutAll(ctx context.Context, records iter.Seq2[Record, error], opt *ImportOptions) (Imported, error) {
	if opt == nil {
		opt = &ImportOptions{}
	}
	im := &importer{s: s, opt: *opt}
	err := alone(ctx)
	if err == nil {
		err = im.begin(ctx, records != nil)
	}
	if err == nil {
		err = im.run(ctx, records)
	}
	if err != nil {
		return im.out, fmt.Errorf("put all: %w", translate(err))
	}
	return im.out, nil
}

// importer is one PutAll: at most one batch is on its way to the store while the next is made.
type importer struct {
	s      *Session
	opt    ImportOptions
	a      *act
	l      *layout
	ended  bool        // the agreement of a processor's session
	row    *importFile // nil without a Key
	out    Imported    // of what has landed
	flying *flight
}

// numbered is a record of the sequence, or an error in it.
type numbered struct {
	n   int
	r   Record
	err error
	sum importSum // of the sequence up to here; only under a Key
}

// flight is a batch that is sealed and on its way.
type flight struct {
	items   []numbered
	refused []Refusal
	in      *intake
	done    chan error
}

// stop is an error that ends an import, whatever it wraps.
type stop struct{ error }

func (s stop) Unwrap() error { return s.error }

// begin checks the options and the right to import, and finds what earlier runs have done.
func (im *importer) begin(ctx context.Context, something bool) error {
	if err := im.renew(ctx); err != nil {
		return err
	}
	switch {
	case !something:
		return refuse("records", "missing")
	case im.opt.Batch == 0:
		im.opt.Batch = importBatch
	case im.opt.Batch < 0 || im.opt.Batch > importBatchMost:
		return refuse("Batch", "not between 1 and %d", importBatchMost)
	}
	if im.opt.Key == "" {
		return nil
	}
	var err error
	im.row, err = im.a.importFile(ctx, im.opt.Key)
	return err
}

// renew begins the act of the next batch: a grant that has ended meanwhile ends the import, and the batch has an instant of its own.
func (im *importer) renew(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, l, err := im.s.beginStore(ctx, "PutAll")
	if err != nil {
		return err
	}
	im.ended = false
	if l.head.Processor() {
		im.ended, err = a.history(ctx, l)
	} else {
		err = a.needAgreement(ctx, l)
	}
	if err == nil {
		im.a, im.l = a, l
	}
	return err
}

// history checks a processor's session as needAgreement does, but for the end of the agreement: what was collected before may still be stored.
func (a *act) history(ctx context.Context, l *layout) (ended bool, err error) {
	g, err := a.covering(ctx, l)
	if err != nil || g.state != stateEnded {
		return false, err
	}
	_, err = a.s.e.controller(ctx, g.Party) // an off-boarded one is gone for good
	return true, err
}

func (im *importer) run(ctx context.Context, records iter.Seq2[Record, error]) error {
	at := numbered{}
	var batch []numbered
	for r, err := range records {
		at = numbered{n: at.n + 1, r: r, err: err, sum: at.sum}
		if im.row != nil {
			at.sum = at.sum.with(&r, err != nil)
			done, err := im.skip(ctx, &at)
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		if batch = append(batch, at); len(batch) < im.opt.Batch {
			continue
		}
		if err := im.send(ctx, batch); err != nil {
			return errors.Join(err, im.land(ctx))
		}
		batch = make([]numbered, 0, im.opt.Batch)
	}
	if err := im.send(ctx, batch); err != nil {
		return errors.Join(err, im.land(ctx))
	}
	if err := im.land(ctx); err != nil || im.row == nil {
		return err
	}
	return im.finish(ctx, &at)
}

// send seals a batch while the one before it is being stored, and then starts to store it.
func (im *importer) send(ctx context.Context, items []numbered) error {
	if len(items) == 0 {
		return nil
	}
	if err := im.renew(ctx); err != nil {
		return err
	}
	f := &flight{items: items, done: make(chan error, 1)}
	b, err := im.fill(ctx, f)
	before := im.flying
	if landed := im.land(ctx); landed != nil {
		return landed
	}
	if s := (stop{}); errors.As(err, &s) {
		return err
	}
	if err != nil || before != nil && before.in == nil {
		// It was made on what the batch before promised, or a record in it cannot be told apart: store it by itself.
		return im.alone(ctx, items)
	}
	if b == nil {
		im.landed(f)
		return nil
	}
	if err := im.stamp(ctx, b, f); err != nil {
		return err
	}
	im.flying = f
	a, entry := im.a, im.entry(f)
	go func() { f.done <- a.commit(ctx, b, entry) }()
	return nil
}

// fill makes the batch of a flight; none when every record was refused.
func (im *importer) fill(ctx context.Context, f *flight) (*storage.Batch, error) {
	f.in, f.refused = im.s.e.newIntake(im.a, im.l), nil
	if im.flying != nil {
		f.in.ahead = im.flying.in
		defer func() { f.in.ahead = nil }() // or each batch would keep the one before, with all that it holds
	}
	for i := range f.items {
		it := &f.items[i]
		if it.err != nil {
			f.refused = append(f.refused, Refusal{N: it.n, Origin: it.r.Origin, Err: it.err, told: true})
			continue
		}
		if im.ended && it.r.CollectedAt.IsZero() {
			return nil, stop{im.a.refused(ctx, fmt.Errorf("%w: the agreement has ended: what it covered may still be brought in, each record with its CollectedAt",
				ErrPurposeEnded), nil)}
		}
		if err := f.in.add(ctx, &it.r); err != nil {
			if !isRefusal(err) {
				return nil, err
			}
			f.refused = append(f.refused, Refusal{N: it.n, Origin: it.r.Origin, Err: translate(err)})
		}
	}
	if len(f.in.records) == 0 {
		return nil, nil
	}
	return f.in.batch(ctx)
}

// stamp adds to a batch that is ready what it says of the import: how far it has come, and what was overdue.
func (im *importer) stamp(ctx context.Context, b *storage.Batch, f *flight) error {
	if im.row != nil {
		next := im.out
		next.Refused = slices.Clip(next.Refused)
		next.add(f)
		file, err := im.row.next(stateActive, &next, &f.items[len(f.items)-1])
		if err != nil {
			return err
		}
		b.PutFiles = append(b.PutFiles, file)
	}
	if f.in.overdue == 0 {
		return nil
	}
	was, err := im.s.e.overdue(ctx)
	if err != nil {
		return err
	}
	file, err := was.next(was.parts + f.in.overdue)
	b.PutFiles = append(b.PutFiles, file)
	return err
}

// entry is the trail entry of a batch.
func (im *importer) entry(f *flight) audit.Entry {
	e := f.in.entry()
	if im.row != nil {
		e.Objects = append(e.Objects, audit.Object(fileImport, im.row.file.ID))
	}
	return e
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
		im.stored(f)
		return nil
	}
	f.in = nil
	var cond *storage.ConditionError
	if isRefusal(translate(err)) || errors.As(err, &cond) {
		return im.alone(ctx, f.items)
	}
	return err
}

// stored counts a batch that is in the store, with the row that says so.
func (im *importer) stored(f *flight) {
	if im.row != nil {
		im.row.file.Rev++
	}
	im.landed(f)
}

// landed counts a batch that was dealt with.
func (im *importer) landed(f *flight) {
	im.out.add(f)
	if im.opt.Progress != nil {
		counts := im.out
		counts.Refused = nil
		im.opt.Progress(counts)
	}
}

func (i *Imported) add(f *flight) {
	i.Read += len(f.items)
	i.Stored += len(f.in.records)
	i.Overdue += f.in.overdue
	i.LeftOut += len(f.refused)
	i.name(f.refused...)
}

// name takes up refusals while there is room.
func (i *Imported) name(refused ...Refusal) {
	room := max(0, importNames-len(i.Refused))
	i.Refused = append(i.Refused, refused[:min(room, len(refused))]...)
}

// alone stores a batch with nothing else on its way: together while that works, else in halves, so that one bad record does not stop the rest.
func (im *importer) alone(ctx context.Context, items []numbered) error {
	f := &flight{items: items}
	var ends error // what allowed the import does so no longer
	var b *storage.Batch
	try := func() error {
		if ends = im.renew(ctx); ends != nil {
			return ends
		}
		var err error
		if b, err = im.fill(ctx, f); err != nil || b == nil {
			return err
		}
		if err = im.stamp(ctx, b, f); err != nil {
			return err
		}
		if err = im.a.commit(ctx, b, im.entry(f)); failedOn(err, fileImport) {
			return errTwice
		}
		return err
	}
	err := again(ctx, try)
	for range overdueTries {
		if !failedOn(err, fileOverdue) { // else another import was first to say what it brought in, which is no fault of these records
			break
		}
		err = again(ctx, try)
	}
	switch {
	case err == nil && b == nil:
		im.landed(f)
		return nil
	case err == nil:
		im.stored(f)
		return nil
	case ends != nil, !isRefusal(err) && !errors.Is(err, ErrConflict), errors.As(err, &stop{}), failedOn(err, fileOverdue):
		return err
	case len(items) == 1:
		f.in.records, f.in.overdue = nil, 0
		f.refused = []Refusal{{N: items[0].n, Origin: items[0].r.Origin, Err: err}}
		im.landed(f)
		return nil
	}
	half := len(items) / 2
	if err := im.alone(ctx, items[:half]); err != nil {
		return err
	}
	return im.alone(ctx, items[half:])
}

// overdueTries bounds how often a batch gives way to other imports.
const overdueTries = 100

// failedOn reports whether a batch was refused because of a file of that kind.
func failedOn(err error, kind string) bool {
	var cond *storage.ConditionError
	return errors.As(err, &cond) && slices.ContainsFunc(cond.Failures, func(f storage.Failure) bool { return f.Kind == storage.KindFile && f.Name == kind })
}

// isRefusal reports whether an error speaks of one record and not of the store.
func isRefusal(err error) bool {
	var in *InputError
	var s stop
	return !errors.As(err, &s) && (errors.As(err, &in) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrErased) || errors.Is(err, storage.ErrNotFound) ||
		errors.Is(err, ErrPurposeEnded) || errors.Is(err, ErrNotAllowed))
}
