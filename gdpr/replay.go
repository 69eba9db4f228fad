package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// Replayed says what a replay did. It names nobody.
type Replayed struct {
	Proofs      int // of the ledger that the store lacked
	Parts       int // that had come back, and are erased again
	Persons     int // likewise
	Controllers int // off-boarded customers, likewise: unreadable again, and the next sweeps remove their rows
	Restricted  int // parts of persons who were erased but for them: kept aside again
	Holds       int // that had ended before what they were on was erased, and are ended again
	// LostFrom is the instant of the last trace in the restored copy. What was done from then to LostTo is lost, except erasures: records, events,
	// objections, withdrawn consents, rectifications, restrictions and holds of that time must be entered again by those who know of them.
	LostFrom, LostTo time.Time
}

// Replay brings a restored store up to date with its ledger and opens it: everything that was proven erased since the copy was made is erased again, each
// time with a proof that names the first one; persons of whom something had to be kept are restricted again; destroyed keys stay destroyed (EPM-4;
// REQUIREMENTS 4.16). It can be stopped anywhere and called again by any process; on a store that is not behind it does nothing. Other processes
// that had the store open must open it anew.
//
// It needs the right to erase, for Retention. A store that was restored and then used without its ledger holds other proofs than the ledger: that is
// [audit.ErrForked], and only a newer copy helps. A ledger that does not verify is an [*audit.BrokenError], and nothing is changed.
func (s *Session) Replay(ctx context.Context) (*Replayed, error) {
	out, err := s.replay(ctx)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", translate(err))
	}
	return out, nil
}

func (s *Session) replay(ctx context.Context) (*Replayed, error) {
	a, err := s.start("Replay")
	if err != nil {
		return nil, err
	}
	e := s.e
	switch {
	case e.closed.Load():
		return nil, ErrClosed
	case s.purpose != Retention:
		return nil, refuse("Purpose", "to replay is an act of Retention")
	}
	if err := alone(ctx); err != nil {
		return nil, err
	}
	if err := a.may(ctx, mayErase, e.heads()...); err != nil {
		return nil, err
	}
	if !e.restored.Load() {
		return &Replayed{}, nil
	}
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return nil, err
	}
	state, err := e.standing(ctx)
	if err != nil {
		return nil, err
	}
	if state != audit.StoreBehind && len(meta[metaReplaying]) == 0 { // somebody else has done it
		return &Replayed{}, e.reopen(ctx, meta)
	}
	r := &replay{a: a, out: &Replayed{LostTo: a.now}}
	if r.out.LostFrom, err = e.lostFrom(ctx, meta); err != nil {
		return nil, err
	}
	if err := e.verifyRest(ctx); err != nil {
		return nil, err
	}
	if err := e.destroyRevived(ctx); err != nil { // before any new tombstone
		return nil, err
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	if err := r.finish(ctx); err != nil {
		return nil, err
	}
	return r.out, e.reopen(ctx, meta)
}

// verifyRest verifies what the store lacks, before anything is changed.
func (e *Engine) verifyRest(ctx context.Context) error {
	last, err := e.lastProofStored(ctx)
	if err != nil {
		return err
	}
	for row, err := range e.ledger.Proofs(ctx, last.N) {
		if err == nil {
			err = audit.VerifyProof(e.ring.MAC(), &last, row)
		}
		if err != nil {
			return err
		}
		last = storage.Proof{N: row.N, Digest: row.Digest}
	}
	return nil
}

// standing says how the store stands to its ledger; a fork is an error.
func (e *Engine) standing(ctx context.Context) (audit.State, error) {
	state, err := audit.Reconcile(ctx, e.store, e.ledger, e.ring.MAC())
	if err == nil && state == audit.Forked {
		err = fmt.Errorf("%w: the store was used without its ledger after it had been restored; restore a copy that was not", audit.ErrForked)
	}
	return state, err
}

// reopen is the end of Open, for a store that is level with its ledger again.
func (e *Engine) reopen(ctx context.Context, meta map[string][]byte) error {
	if err := e.settleIn(ctx, meta, false); err != nil {
		return err
	}
	e.restored.Store(false)
	return nil
}

// metaReplaying stands in the store from the first batch of a replay to its end, and keeps it closed: the instant from which on acts are lost.
const metaReplaying = "replaying"

// lostFrom is that instant: as a replay before this one found it, or that of the last trace.
func (e *Engine) lostFrom(ctx context.Context, meta map[string][]byte) (time.Time, error) {
	if text := meta[metaReplaying]; len(text) > 0 {
		return time.Parse(time.RFC3339Nano, string(text))
	}
	return e.lastTrace(ctx)
}

// lastTrace is the instant of the newest entry of the trail.
func (e *Engine) lastTrace(ctx context.Context) (last time.Time, err error) {
	lanes, err := e.store.Lanes(ctx)
	if err != nil {
		return last, err
	}
	for _, lane := range lanes {
		if lane.Last == 0 {
			continue
		}
		rows, err := e.store.Entries(ctx, lane.ID, lane.Last-1, 1)
		if err != nil {
			return last, err
		}
		for _, row := range rows {
			if row.At.After(last) {
				last = row.At
			}
		}
	}
	return last, nil
}

// replay is a replay under way.
type replay struct {
	a   *act
	out *Replayed
}

const (
	replayProofs = 2000 // at most, in one batch
	replayParts  = 4000 // about
)

// run takes over the proofs that the store lacks, in their order, each together with what it erased. A batch that another replay was ahead of begins anew.
func (r *replay) run(ctx context.Context) error {
	e := r.a.s.e
	for tries := 0; ; {
		state, err := e.standing(ctx)
		if err != nil || state != audit.StoreBehind {
			return err
		}
		last, err := e.lastProofStored(ctx)
		if err != nil {
			return err
		}
		err = r.from(ctx, last)
		var cond *storage.ConditionError
		switch {
		case errors.As(err, &cond) && tries < carryTries:
			tries++
		case err != nil:
			return err
		}
	}
}

// from takes over the ledger's proofs after the store's last, batch by batch.
func (r *replay) from(ctx context.Context, last storage.Proof) error {
	e := r.a.s.e
	var rows []storage.Proof
	var proofs []audit.Proof
	parts := 0
	carry := func() error {
		err := r.carry(ctx, rows, proofs)
		rows, proofs, parts = rows[:0], proofs[:0], 0
		return err
	}
	for row, err := range e.ledger.Proofs(ctx, last.N) {
		if err != nil {
			return err
		}
		proof, err := audit.OpenProof(e.ring.MAC(), &last, row)
		if err != nil {
			return err
		}
		last = storage.Proof{N: row.N, Digest: row.Digest}
		row.Confirmed = !e.apart
		rows, proofs, parts = append(rows, row), append(proofs, proof), parts+len(proof.Parts)
		if len(rows) == replayProofs || parts >= replayParts || proof.Kind == audit.ErasedController {
			if err := carry(); err != nil {
				return err
			}
		}
	}
	if len(rows) > 0 {
		return carry()
	}
	return nil
}

// carry stores some proofs and erases what of theirs is there, in one batch. What is not there, or only with a hold that must have ended since, the store
// says; the batch is then made again.
func (r *replay) carry(ctx context.Context, rows []storage.Proof, proofs []audit.Proof) error {
	absent, err := r.unknown(ctx, proofs)
	if err != nil {
		return err
	}
	for tries := 0; ; tries++ {
		j, err := r.judge(ctx, proofs, absent)
		if err != nil {
			return err
		}
		j.batch.Proofs = rows
		j.batch.PutMeta = map[string][]byte{metaReplaying: []byte(r.out.LostFrom.Format(time.RFC3339Nano))}
		if err := j.note(r.a); err != nil {
			return err
		}
		act := *r.a
		act.action = audit.TakeOver
		err = act.commit(ctx, j.batch, audit.Entry{Why: fmt.Sprintf("proofs %d to %d of the ledger", rows[0].N, rows[len(rows)-1].N), Count: len(rows),
			Proof: audit.ProofDigest(rows[len(rows)-1])})
		var cond *storage.ConditionError
		switch {
		case err == nil:
			r.done(rows, j)
			return nil
		case !errors.As(err, &cond) || cond.Has(storage.KindProof, storage.Stale) || tries == proofTries:
			return err
		}
		n := len(absent)
		ended, err := r.without(ctx, cond, absent)
		if err != nil {
			return err
		}
		if len(absent) == n && !ended && !cond.Has(storage.KindSubject, storage.Exists) && !cond.Has(storage.KindPart, storage.Changed) {
			return cond
		}
	}
}

// unknown are the persons who came after the copy: where keys lie with the data, they have none in it. Nothing is there to erase of them.
func (r *replay) unknown(ctx context.Context, proofs []audit.Proof) (map[any]bool, error) {
	out := map[any]bool{}
	if r.a.s.e.apart {
		return out, nil
	}
	var ids []ID
	add := func(id ID) {
		if !out[id] {
			out[id] = true
			ids = append(ids, id)
		}
	}
	for i := range proofs {
		for _, id := range proofs[i].Subjects {
			add(id)
		}
		for _, p := range proofs[i].Parts {
			add(p.Subject)
		}
	}
	for chunk := range slices.Chunk(ids, lookupChunk) {
		keys, err := r.a.s.e.keys.SubjectKeys(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			delete(out, k.ID)
		}
	}
	return out, nil
}

// done counts a batch that is stored.
func (r *replay) done(rows []storage.Proof, j *rejudged) {
	e := r.a.s.e
	last := rows[len(rows)-1]
	e.chain.see(last)
	r.out.Proofs += len(rows)
	r.out.Parts += len(j.batch.EraseParts)
	r.out.Persons += len(j.batch.EraseSubjects)
	r.out.Restricted += len(j.batch.RetimeParts)
	for _, s := range j.batch.EraseSubjects {
		e.cache.gone(s.ID)
	}
	if j.controller != (ID{}) {
		e.ring.Forget(j.controller)
		r.out.Controllers++
	}
}

// without notes what a batch did not find, and ends the holds that stood in its way: what they were on was erased after they had ended.
func (r *replay) without(ctx context.Context, cond *storage.ConditionError, absent map[any]bool) (ended bool, err error) {
	for _, f := range cond.Failures {
		switch {
		case f.Reason == storage.Held:
			n, err := r.endHolds(ctx, f)
			if err != nil {
				return ended, err
			}
			ended = ended || n
		case f.Kind == storage.KindPart && f.Reason == storage.Missing:
			absent[recordPart{f.ID, f.Part}] = true
		case f.Kind == storage.KindSubject && f.Reason == storage.Missing:
			absent[f.ID] = true
		}
	}
	return ended, nil
}

// recordPart is a part, whoever it is about.
type recordPart struct {
	record ID
	part   int
}

func (r *replay) endHolds(ctx context.Context, f storage.Failure) (ended bool, err error) {
	e := r.a.s.e
	holds, err := e.holdsOn(ctx, f.ID)
	if err != nil {
		return false, err
	}
	for _, h := range holds {
		var body holdBody
		if json.Unmarshal(h.file.Body, &body) != nil {
			return ended, errors.New("decode hold: not of format 1")
		}
		on := func(p storage.PartRef) bool { return p.Record == f.ID && p.Part == f.Part }
		if f.Kind == storage.KindPart && !slices.ContainsFunc(body.Parts, on) {
			continue
		}
		if err := r.a.endHold(ctx, h.file, body, "had ended before what it was on was erased"); err != nil {
			return ended, err
		}
		r.out.Holds++
		ended = true
	}
	return ended, nil
}

// finish does what is left once all proofs are there, and lets the store be opened.
func (r *replay) finish(ctx context.Context) error {
	e := r.a.s.e
	if err := e.finishErasures(ctx); err != nil {
		return err
	}
	if err := e.finishReplay(ctx); err != nil {
		return err
	}
	w := &sweepWork{a: r.a, owner: storage.NewID().String(), walk: e.newWalk(r.a.now)}
	switch mine, err := w.Claim(ctx); { // which looks at the persons of the proofs that are new here
	case err != nil:
		return err
	case mine:
		if err := w.Release(ctx); err != nil {
			return err
		}
	}
	if err := e.scrub(ctx); err != nil {
		return err
	}
	e.log.WarnContext(ctx, "gallra: the store was restored and is brought up to date with its ledger; what else was done since the copy is lost",
		"proofs", r.out.Proofs, "parts", r.out.Parts, "persons", r.out.Persons, "lost_from", r.out.LostFrom, "lost_to", r.out.LostTo)
	generation := storage.NewID()
	return r.a.commit(ctx, &storage.Batch{PutMeta: map[string][]byte{metaGeneration: generation[:], metaReplaying: {}}}, audit.Entry{Why: "opened after a restore"})
}
