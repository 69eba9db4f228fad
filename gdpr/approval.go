package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

const fileApproval = "plan approval"

type approvalBody struct {
	V     int       `json:"v"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Erase int       `json:"erase"`
}

// ErrNotApproved says that a plan erases more than Options.ApproveAbove, and that nobody but whoever runs it has approved it.
var ErrNotApproved = errors.New("the plan is not approved: a second person must approve it, because it erases more than the set number")

// ApprovePlan notes that a person has looked at a plan and agrees. The plan is known by its digest: when what is due has changed by a single part or revision, it
// is another plan. Sweep asks for it where the plan erases more than Options.ApproveAbove, and takes no approval of the one who sweeps.
//
// It needs the right to erase everything, for Retention, and a natural person. Approving again is no error.
func (s *Session) ApprovePlan(ctx context.Context, plan *Plan) error {
	err := again(ctx, func() error {
		a, err := s.begin("ApprovePlan")
		if err != nil {
			return err
		}
		switch {
		case s.purpose != Retention:
			return refuse("Purpose", "to approve a plan is an act of Retention")
		case plan == nil || len(plan.Digest) != 64:
			return refuse("Plan", "missing, or without its digest")
		case !s.actor.IsPerson():
			return a.refused(ctx, fmt.Errorf("%w: only a person approves", ErrNotAllowed), nil)
		}
		if err := a.may(ctx, mayErase, s.e.heads()...); err != nil {
			return err
		}
		there, err := s.e.approval(ctx, plan, s.actor)
		if err != nil || there {
			return err
		}
		body, err := json.Marshal(approvalBody{1, s.actor.String(), a.now, plan.Erase})
		if err != nil {
			return errors.New("encode approval: not JSON")
		}
		b := &storage.Batch{PutFiles: []storage.File{{Kind: fileApproval, ID: storage.NewID(), Rev: 1, State: stateActive, Name: []byte(plan.Digest), Body: body}}}
		return a.commit(ctx, b, audit.Entry{Why: "plan " + plan.Digest, Count: plan.Erase})
	})
	if err != nil {
		return fmt.Errorf("approve plan: %w", err)
	}
	return nil
}

// approval reports whether an actor has approved a plan.
func (e *Engine) approval(ctx context.Context, plan *Plan, by Actor) (bool, error) {
	found := false
	err := e.approvals(ctx, plan, func(who string) { found = found || who == by.String() })
	return found, err
}

// approved fails unless a plan is small, or somebody other than the sweeping actor has approved it.
func (e *Engine) approved(ctx context.Context, plan *Plan, sweeper Actor) error {
	if e.opt.ApproveAbove == 0 || plan.Erase <= e.opt.ApproveAbove {
		return nil
	}
	var others []Actor
	if err := e.approvals(ctx, plan, func(who string) {
		if name, ok := strings.CutPrefix(who, "person "); ok && who != sweeper.String() {
			others = append(others, Person(name))
		}
	}); err != nil {
		return err
	}
	for _, who := range others { // who has lost the right since has not approved
		may, err := e.mayErase(ctx, who)
		if err != nil || may {
			return err
		}
	}
	return ErrNotApproved
}

// mayErase reports whether an actor may erase everything, now.
func (e *Engine) mayErase(ctx context.Context, who Actor) (bool, error) {
	if len(e.reg.Roles) == 0 {
		return true, nil
	}
	grants, err := e.grantsOf(ctx, who, true)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(grants, func(g grant) bool { return g.covers(e.reg, mayErase, e.heads(), e.instant()) }), nil
}

func (e *Engine) approvals(ctx context.Context, plan *Plan, each func(who string)) error {
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileApproval, Names: [][]byte{[]byte(plan.Digest)}, State: stateActive, Limit: 1000})
	if err != nil {
		return err
	}
	for _, f := range files {
		var body approvalBody
		if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
			return errors.New("decode approval: not of format 1")
		}
		each(body.By)
	}
	return nil
}
