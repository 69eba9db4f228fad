package gdpr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// SweepOptions bound and watch a sweep. Nil is safe.
type SweepOptions struct {
	// Actor sweeps instead of Job("sweep"); it needs a grant to erase everything.
	Actor Actor
	// Plan is a plan to run exactly: when what is due has changed since, the sweep stops with ErrPlanChanged and erases nothing.
	// It also lets the sweep erase more than MaxShare, and what imports brought in overdue.
	Plan *Plan
	// MaxShare of the parts that Health last counted may go in one sweep without a plan; more halts it before anything is erased
	// (EPM-LOSS). Defaults to 0.05, and 100 parts at least; 1 is no bound. Whatever it is, a sweep without a plan halts while something
	// waits for one that an import brought in overdue.
	MaxShare float64
	// Batch is the number of parts in one batch. Defaults to 1,000.
	Batch int
	// MaxParts and MaxTime bound the run; each row that is cleared counts as a part. Default to no bound.
	MaxParts int
	MaxTime  time.Duration
	// Progress hears of every batch: counts only.
	Progress func(retention.Result)
}

// ErrHalted says that more is due than a sweep may erase without a plan.
var ErrHalted = retention.ErrHalted

// ErrPlanChanged says that what is due is not what the plan showed.
var ErrPlanChanged = errors.New("what is due has changed since the plan")

const leaseTime = 10 * time.Minute

// Sweep erases what has come due: parts whose last reason has ended, with their keys, and persons of whom nothing is left.
// At last it removes the rows that an off-boarding has left. Another process sweeping and nothing being due are both success. It can be stopped anywhere
// and run by any process.
func (e *Engine) Sweep(ctx context.Context, opt *SweepOptions) (retention.Result, error) {
	if opt == nil {
		opt = &SweepOptions{}
	}
	began := time.Now()
	res, err := e.sweep(ctx, opt)
	if err == nil && !res.Leased {
		err = e.dropSuppressions(ctx)
	}
	quiet := e.quiet(res, err)
	if err == nil && !quiet && !res.Leased && !res.More {
		err = e.dropEnded(ctx)
	}
	if err == nil && !quiet && !res.Leased && !res.More {
		err = e.noteSweep(ctx)
	}
	e.observe(ctx, res, err, began, quiet)
	if res.Late > 0 {
		e.log.WarnContext(ctx, "gallra: parts were erased after their last day; the deviations say why", "parts", res.Late)
	}
	if err != nil {
		return res, fmt.Errorf("sweep: %w", translate(err))
	}
	e.log.InfoContext(ctx, "gallra: sweep done", "erased", res.Erased, "persons", res.Persons, "kept", res.Dated+res.Left,
		"cleared", res.Cleared, "leased_elsewhere", res.Leased)
	return res, nil
}

func (e *Engine) sweep(ctx context.Context, opt *SweepOptions) (retention.Result, error) {
	if err := alone(ctx); err != nil {
		return retention.Result{}, err
	}
	actor := opt.Actor
	builtIn := actor == (Actor{})
	if builtIn {
		actor = Job("sweep")
	}
	a, err := e.As(actor, Retention).begin("Sweep")
	if err != nil {
		return retention.Result{}, err
	}
	if builtIn {
		a.grant = grantBuiltIn
	} else if err := a.may(ctx, mayErase, e.heads()...); err != nil {
		return retention.Result{}, err
	}
	if err := e.finishKeys(ctx); err != nil {
		return retention.Result{}, err
	}
	last, err := e.compare(ctx)
	if err != nil {
		return retention.Result{}, err
	}
	w := &sweepWork{a: a, owner: uuid.NewString(), walk: e.newWalk(a.now), loud: map[scheduleKey]bool{}}
	w.walk.thaw = e.lapse
	s := retention.Sweeper{Work: w, Batch: opt.Batch, MaxItems: opt.MaxParts, MaxTime: opt.MaxTime, Progress: opt.Progress}
	if w.waiting, err = e.overdueNow(ctx); err != nil {
		return retention.Result{}, err
	}
	meta, err := e.store.Meta(ctx) // after that row: who adopts another register revises it
	if err != nil {
		return retention.Result{}, err
	}
	if err := e.inForce(meta); err != nil {
		return retention.Result{}, err
	}
	w.mark = sweptUpTo(meta)
	if opt.Plan != nil {
		var now *Plan
		if now, w.waiting, err = e.plan(ctx, a.now); err != nil {
			return retention.Result{}, err
		}
		if now.Digest != opt.Plan.Digest {
			return retention.Result{}, ErrPlanChanged
		}
		if err := e.approved(ctx, now, actor); err != nil {
			return retention.Result{}, err
		}
		w.planned = true
		s.MaxErase = max(1, now.Erase) // what comes due after the plan waits for the next
	}
	var anew retention.Result
	if from := undated(meta, e.reg.Version); from != nil {
		if anew, err = w.dateAnew(ctx, *from, opt); err != nil || anew.Leased || anew.More {
			return anew, err
		}
	}
	if opt.Plan == nil {
		if err := w.waiting.halts(); err != nil {
			return anew, err
		}
	}
	if idle, err := w.idle(ctx, last, cmp.Or(opt.Batch, 1000)); err != nil || idle {
		return anew, errors.Join(err, e.scrubLater(ctx))
	}
	if opt.Plan == nil {
		if s.MaxErase, err = e.most(ctx, opt.MaxShare); err != nil {
			return anew, err
		}
	}
	if opt.Plan == nil && s.MaxErase > 0 {
		if over, err := w.exceeds(ctx, s.MaxErase); err != nil || over {
			return anew, errors.Join(err, halted(over))
		}
	}
	res, err := s.Run(ctx)
	res.Persons += w.resumed
	res.Dated += anew.Dated
	var cond *storage.ConditionError
	if errors.Is(err, storage.ErrLeased) || errors.As(err, &cond) && cond.Has(storage.KindLease, storage.Stale) {
		res.Leased, err = true, nil // it took too long, and another process goes on
	}
	if err != nil || res.Leased {
		return res, err
	}
	if !res.More {
		if err := a.planned(ctx, w.waiting); err != nil {
			return res, err
		}
	}
	if err := e.finishKnown(ctx); err != nil {
		return res, err
	}
	if res.Erased == 0 && res.Persons == 0 && res.Cleared == 0 {
		return res, e.scrubLater(ctx)
	}
	return res, e.scrub(ctx)
}

// scrubLater scrubs when nothing was erased just now: a reader, or a crash, may have kept an earlier erasure from being finished, and may do so still.
func (e *Engine) scrubLater(ctx context.Context) error {
	if err := e.scrub(ctx); !errors.Is(err, storage.ErrBusy) {
		return err
	}
	return nil
}

// idle looks, without taking the lease, whether nothing is due and no earlier sweep left something undone. It keeps the first page of what is due.
func (w *sweepWork) idle(ctx context.Context, last storage.Proof, page int) (bool, error) {
	found, ran, err := w.walk.next(ctx, page)
	if err != nil {
		return false, err
	}
	if len(found) > 0 || ran != nil {
		w.first = &sweepPage{found, ran}
	}
	if w.first != nil || w.waiting.parts > 0 {
		return false, nil
	}
	return w.mark >= last.N, nil
}

// exceeds reports whether more is due than that many parts. It stops counting there. If the first page is not all, the walk begins again after it.
func (w *sweepWork) exceeds(ctx context.Context, most int) (bool, error) {
	if w.first == nil {
		return false, nil
	}
	n, walk := going(w.first.candidates), w.walk
	for n <= most {
		found, ran, err := walk.next(ctx, 1000)
		if err != nil || len(found) == 0 && ran == nil {
			return false, err
		}
		w.afresh()
		n += going(found)
	}
	return true, nil
}

// afresh begins the walk again.
func (w *sweepWork) afresh() {
	judged := w.walk.judged
	w.first, w.walk = nil, w.a.s.e.newWalk(w.walk.now)
	w.walk.thaw = w.a.s.e.lapse
	w.walk.judged = judged
}

// going counts the candidates that go.
func going(found []candidate) int {
	n := 0
	for i := range found {
		if found[i].item.Go {
			n++
		}
	}
	return n
}

func halted(over bool) error {
	if over {
		return ErrHalted
	}
	return nil
}

// most is how many parts a sweep may erase without a plan, and without the approval that a plan would need; 0 is any number.
func (e *Engine) most(ctx context.Context, share float64) (int, error) {
	if share >= 1 {
		return e.opt.ApproveAbove, nil
	}
	most, err := e.share(ctx, share)
	if above := e.opt.ApproveAbove; above > 0 {
		most = min(most, above)
	}
	return most, err
}

// share is how many parts a sweep may erase without a plan.
func (e *Engine) share(ctx context.Context, share float64) (int, error) {
	if share == 0 {
		share = 0.05
	}
	n, err := e.lastCount(ctx)
	return max(100, int(float64(n)*share)), err
}

// sweepWork is what the Sweeper needs of the engine.
type sweepWork struct {
	a     *act
	owner string
	walk  *walk
	first *sweepPage // of the walk, read before the lease was taken
	lease *storage.LeaseCond
	until time.Time            // of the lease
	loud  map[scheduleKey]bool // schedules of which a part was left out: they stay due

	late    int     // of the batch that was built last: parts that go after their last day
	waiting overdue // for a plan; no more may come while the sweep runs
	planned bool

	may         map[string]bool // mayLose, by family and purposes
	mark, swept uint64          // the last proof whose persons were looked at: as stored, and by now
	resumed     int             // persons that a sweep before had left

	leaving []storage.File // parties of which rows are to be cleared
	cleared bool           // there are none any more
}

// more says why a sweep goes no further once an import has brought in more that is overdue.
func (w *sweepWork) more(ctx context.Context) error {
	if w.planned {
		return ErrPlanChanged
	}
	now, err := w.a.s.e.overdue(ctx)
	switch {
	case err != nil:
		return err
	case now.parts == 0: // somebody has run a plan meanwhile
		return ErrConflict
	}
	return now.halts()
}

type sweepPage struct {
	candidates []candidate
	ran        *storage.Schedule
}

const leaseSweep = "sweep"

func (w *sweepWork) Claim(ctx context.Context) (bool, error) {
	err := w.claim(ctx)
	if errors.Is(err, storage.ErrLeased) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := w.resume(ctx); err != nil {
		return false, errors.Join(err, w.Release(context.WithoutCancel(ctx)))
	}
	return true, nil
}

// claim takes the lease, or keeps it for longer.
func (w *sweepWork) claim(ctx context.Context) error {
	now := w.a.s.e.instant()
	fence, err := w.a.s.e.store.Acquire(ctx, leaseSweep, w.owner, now, now.Add(leaseTime))
	if err != nil {
		return err
	}
	w.lease, w.until = &storage.LeaseCond{Name: leaseSweep, Fence: fence}, now.Add(leaseTime)
	return nil
}

// keepLease takes it for longer when half of its time is over.
func (w *sweepWork) keepLease(ctx context.Context) error {
	if w.a.s.e.instant().After(w.until.Add(-leaseTime / 2)) {
		return w.claim(ctx)
	}
	return nil
}

func (w *sweepWork) Release(ctx context.Context) error {
	if !w.cleared && w.swept > 0 {
		w.swept-- // so that the next sweep is not idle: nobody has seen that every party is gone that was off-boarded
	}
	if w.swept > w.mark {
		err := w.a.s.e.store.Apply(ctx, &storage.Batch{Lease: w.lease, PutMeta: w.progress()})
		var cond *storage.ConditionError
		if err != nil && !errors.As(err, &cond) {
			return err
		}
	}
	return w.a.s.e.store.Release(ctx, w.lease.Name, w.lease.Fence)
}

func (w *sweepWork) Next(ctx context.Context, n int) (retention.Page, error) {
	if err := w.keepLease(ctx); err != nil {
		return retention.Page{}, err
	}
	for {
		found, ran, err := w.page(ctx, n)
		if err != nil {
			return retention.Page{}, err
		}
		if len(found) == 0 && ran != nil {
			if err := w.quiet(ctx, ran); err != nil {
				return retention.Page{}, err
			}
			continue
		}
		p := retention.Page{Handle: sweepPage{found, ran}, Items: make([]retention.Item, len(found))}
		for i := range found {
			p.Items[i] = found[i].item
		}
		return p, nil
	}
}

// page is the walk's next page: the one that was read before, or a new one.
func (w *sweepWork) page(ctx context.Context, n int) ([]candidate, *storage.Schedule, error) {
	if p := w.first; p != nil && len(p.candidates) <= n {
		w.first = nil
		return p.candidates, p.ran, nil
	} else if p != nil {
		w.afresh()
	}
	return w.walk.next(ctx, n)
}

// quiet notes that all parts of a schedule were looked at. If the schedule changed meanwhile the next sweep looks again.
func (w *sweepWork) quiet(ctx context.Context, sc *storage.Schedule) error {
	if w.loud[scheduleKey{sc.Owner, sc.Family}] {
		return nil
	}
	done := *sc
	done.Rev++
	done.Due = time.Time{}
	err := w.a.s.e.store.Apply(ctx, &storage.Batch{Lease: w.lease, PutSchedules: []storage.Schedule{done}})
	var cond *storage.ConditionError
	if errors.As(err, &cond) && !cond.Has(storage.KindLease, storage.Stale) {
		return nil
	}
	return err
}

// Carry erases and re-dates one page. Rows that fail their conditions are dropped, and the batch, its proof and its entry are built again.
func (w *sweepWork) Carry(ctx context.Context, p retention.Page) (retention.Step, error) {
	page, _ := p.Handle.(sweepPage)
	step := retention.Step{}
	rest, err := w.anonymize(ctx, page.candidates)
	if err != nil {
		return step, err
	}
	step.Left = len(page.candidates) - len(rest)
	w.leave(page.candidates, rest)
	var erased []*storage.Part
	for tries := 0; len(rest) > 0; tries++ {
		b, proof, dated, err := w.build(ctx, rest)
		if err != nil {
			return step, err
		}
		err = w.apply(ctx, b, proof, dated)
		var cond *storage.ConditionError
		if errors.As(err, &cond) {
			w.walk.judged = nil // perhaps an agreement changed
			if cond.Has(storage.KindLease, storage.Stale) || tries == carryTries {
				return step, err
			}
			if failedOn(err, fileOverdue) {
				return step, w.more(ctx)
			}
			if err := w.mayStill(ctx, cond); err != nil {
				return step, err
			}
			kept := drop(rest, cond)
			w.leave(rest, kept)
			step.Left += len(rest) - len(kept)
			rest = kept
			continue
		}
		if err != nil {
			return step, err
		}
		step.Erased, step.Dated, step.Late = len(b.EraseParts), dated, w.late
		erased = make([]*storage.Part, 0, step.Erased)
		for i := range rest {
			if rest[i].item.Go {
				erased = append(erased, &rest[i].part)
			}
		}
		break
	}
	persons, err := w.persons(ctx, erased)
	step.Persons = persons
	if err != nil {
		return step, err
	}
	w.swept = max(w.swept, w.a.proved)
	if page.ran != nil {
		return step, w.quiet(ctx, page.ran)
	}
	return step, nil
}

// mayStill asks for the sweeper's right anew when a row that allowed the sweep may have changed.
func (w *sweepWork) mayStill(ctx context.Context, cond *storage.ConditionError) error {
	if !cond.Has(storage.KindFile, storage.Changed) || len(w.a.files) == 0 {
		return nil
	}
	w.a.files = nil
	return w.a.may(ctx, mayErase, w.a.s.e.heads()...)
}

func (w *sweepWork) apply(ctx context.Context, b *storage.Batch, proof audit.Proof, dated int) error {
	entry := audit.Entry{Count: len(b.EraseParts)}
	if entry.Count == 0 {
		if dated == 0 {
			return nil
		}
		entry.Why = "dated anew"
		entry.Count = dated
		return w.a.commit(ctx, b, entry)
	}
	_, err := w.a.erase(ctx, b, proof, entry)
	return err
}
