package gdpr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// Session is who acts and for which purpose. Every read and write goes through one, so that no act without actor or
// purpose can be written down (Art. 5(1)(b), EPM-5, EPM-10). A session holds no resources.
type Session struct {
	e         *Engine
	actor     Actor
	purpose   string
	agreement ID
	caseID    string
}

// As begins a session for an actor and a purpose: an activity of the register, SubjectRights or Retention.
// A wrong actor or purpose is refused by the first act.
func (e *Engine) As(actor Actor, purpose string) *Session {
	return &Session{e: e, actor: actor, purpose: purpose}
}

// String names the purpose; who acts is for the trail.
func (s *Session) String() string { return "session for " + s.purpose }

// Format prints String for every verb.
func (s *Session) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// Under names the agreement on whose instructions a processor acts (Art. 28(3)(a), 29). Without it a processor's purpose reads and writes nothing.
func (s *Session) Under(agreement ID) *Session {
	c := *s
	c.agreement = agreement
	return &c
}

// Case names the case that the acts of this session belong to, for the trail: one line of text that names no data subject.
func (s *Session) Case(id string) *Session {
	c := *s
	c.caseID = id
	return &c
}

// The abilities that roles of the register give.
const (
	mayRead   = "read"
	mayExport = "export"
	mayWrite  = "write"
	mayErase  = "erase"
	mayHold   = "hold"
	mayGrant  = "grant"
)

// Where the right to act came from, in the trail.
const (
	grantOwner   = "owner"
	grantTrusted = "trusted"
	grantBuiltIn = "built-in"
)

// act is one operation of a session: its instant, what allowed it, and the rows that must not change meanwhile.
type act struct {
	s      *Session
	now    time.Time
	action string
	grant  string
	files  []storage.FileCond
	proved uint64 // number of the last proof it wrote
}

// begin checks actor, purpose and state. Every exported act starts here.
func (s *Session) begin(action string) (*act, error) {
	a, err := s.start(action)
	if err != nil {
		return nil, err
	}
	return a, s.e.ready()
}

// start is begin, also while the store is closed after a restore.
func (s *Session) start(action string) (*act, error) {
	if s == nil || s.e == nil {
		return nil, refuse("Session", "missing: begin one with Engine.As")
	}
	if err := s.actor.check(); err != nil {
		return nil, err
	}
	if s.purpose != SubjectRights && s.purpose != Retention {
		if _, ok := s.e.reg.Activity(s.purpose); !ok {
			return nil, refuse("Purpose", "not an activity of the register, nor SubjectRights or Retention")
		}
	}
	if s.purpose == SubjectRights && !s.agreement.IsZero() {
		return nil, refuse("Agreement", "SubjectRights acts under none: it executes in the controller role only")
	}
	if s.caseID != "" {
		if why := badLine(s.caseID, 100); why != "" {
			return nil, refuse("Case", "%s", why)
		}
	}
	return &act{s: s, now: s.e.instant(), action: action}, nil
}

// may checks that the actor may do this to all the given activities, and notes what allowed it. A refusal is written to the trail.
func (a *act) may(ctx context.Context, ability string, activities ...string) error {
	e, s := a.s.e, a.s
	switch {
	case len(e.reg.Roles) == 0:
		a.grant = grantTrusted
		return nil
	case ability == mayGrant && s.actor.kind == e.owner.kind && s.actor.name == e.owner.name:
		a.grant = grantOwner
		return nil
	}
	for fresh := range 2 {
		grants, err := e.grantsOf(ctx, s.actor, fresh == 1)
		if err != nil {
			return err
		}
		for _, g := range grants {
			if g.covers(e.reg, ability, activities, a.now) {
				a.grant = g.role
				a.files = append(a.files, storage.FileCond{Kind: fileGrant, ID: g.id, Rev: g.rev})
				return nil
			}
		}
	}
	return a.refused(ctx, fmt.Errorf("%w: no grant to %s in force", ErrNotAllowed, ability), nil)
}

// refused writes the refusal to the trail and returns it.
func (a *act) refused(ctx context.Context, why error, objects []string) error {
	entry := a.entry(audit.Entry{Outcome: "refused", Why: why.Error(), Objects: objects})
	err := a.apply(storage.Apart(ctx), &storage.Batch{}, []audit.Entry{entry})
	if err != nil {
		return errors.Join(why, fmt.Errorf("trail: %w", translate(err)))
	}
	return why
}

// entry completes a trail entry with what the act knows.
func (a *act) entry(e audit.Entry) audit.Entry {
	e.At, e.Actor, e.Action, e.Purpose = a.now, a.s.actor.audit(), a.action, a.s.purpose
	e.Agreement, e.Case = a.s.agreement, a.s.caseID
	if e.Grant == "" {
		e.Grant = a.grant
	}
	if e.Outcome == "" {
		e.Outcome = "done"
	}
	return e
}

// commit applies a batch together with its trail entry: no act without its trace (EPM-6, EPM-9).
// The rows that allowed the act must still be as they were read.
func (a *act) commit(ctx context.Context, b *storage.Batch, entries ...audit.Entry) error {
	for i := range entries {
		entries[i] = a.entry(entries[i])
	}
	for _, c := range a.files {
		if !slices.Contains(b.Files, c) {
			b.Files = append(b.Files, c)
		}
	}
	return a.apply(ctx, b, entries)
}

// apply hands a batch to the store, keys first where they live apart.
func (a *act) apply(ctx context.Context, b *storage.Batch, entries []audit.Entry) error {
	if inTx(ctx) {
		return a.applyJoined(ctx, b, entries)
	}
	e := a.s.e
	lane, err := e.trail.Take(ctx)
	if err != nil {
		return err
	}
	defer lane.Undo()
	if err := addEntries(lane, b, entries); err != nil {
		return err
	}
	destroy, err := e.keysFirst(ctx, b)
	if err != nil {
		return err
	}
	err = e.store.Apply(ctx, b)
	if errors.Is(err, storage.ErrOutcomeUnknown) {
		err = e.settle(ctx, lane, b, err)
	}
	if err != nil {
		var cond *storage.ConditionError
		if errors.As(err, &cond) {
			if cond.Has(storage.KindEntry, storage.Stale) {
				lane.Unknown() // an earlier batch was stored after all
			}
			e.cache.forget(cond)
			e.suppressed.forget()
			e.restricted.forget()
			e.keysBack(ctx, destroy)
		}
		return err
	}
	lane.Done()
	return e.keysAfter(ctx, destroy)
}

// addEntries puts the rows of the trail into a batch.
func addEntries(lane *audit.Lane, b *storage.Batch, entries []audit.Entry) error {
	b.Entries = b.Entries[:0]
	for _, entry := range entries {
		row, err := lane.Add(entry)
		if err != nil {
			return err
		}
		b.Entries = append(b.Entries, row)
	}
	return nil
}

const (
	settleTries = 5
	settleTime  = 15 * time.Second
)

// settle finds out what became of a batch whose outcome is unknown, by applying it again: its number in the trail is taken once, so either it is stored
// now, or the store knows it already and does nothing. Meanwhile the server may be starting anew, so it waits a little between tries.
func (e *Engine) settle(ctx context.Context, lane *audit.Lane, b *storage.Batch, unknown error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	for try := range settleTries {
		if e.store.Apply(ctx, b) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try*try) * 50 * time.Millisecond):
		}
	}
	lane.Unknown()
	return unknown
}

// again runs an act anew while rows change under it. After some tries it gives up with ErrConflict.
func again(ctx context.Context, try func() error) error {
	var err error
	for i := range 8 {
		err = try()
		var cond *storage.ConditionError
		if err == nil || !errors.As(err, &cond) || ctx.Err() != nil {
			break
		}
		// Those who met wait for a different time each, a little longer each time.
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(time.Millisecond << i)): //nolint:gosec // nobody gains by guessing it
		}
	}
	return translate(err)
}
