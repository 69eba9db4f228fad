package subjectrights

import (
	"context"
	"fmt"
	"slices"

	"github.com/gallra/gallra/gdpr"
)

// Outcome is what came of an erasure: what went, what stays and why, and who else must hear of it.
type Outcome struct {
	Case   string
	Ground gdpr.Ground
	// Erasure is our own part: the records erased, the proof, and under Kept what a law or a hold keeps, with the reason that the
	// person is owed (Art. 12(4), 17(3)).
	gdpr.Erasure
	// Tell are the recipients who may have what was erased (Art. 19).
	Tell []Recipient
	// Forward is what customers decide about: untouched, and still to be passed on.
	Forward []Forward
}

// Erase erases what we hold about the person as controller, on a ground of Art. 17(1) that a person has found to hold. What the register's floors
// demand and what is on hold is kept; Outcome.Kept says so. A customer's data is not touched. It needs the ability to erase for all activities.
//
// It fails with ErrPersonDecides for a job, gdpr.ErrOnHold when holds keep everything, gdpr.ErrNotFound when we hold nothing as controller, and
// gdpr.ErrErased when it was erased before. With an error and an Outcome both, it is erased, and only Outcome.Tell is missing.
func (d *Desk) Erase(ctx context.Context, actor gdpr.Actor, c *Case, ground gdpr.Ground) (*Outcome, error) {
	out, err := d.erase(ctx, actor, c, ground)
	if err != nil {
		return out, fmt.Errorf("erase: %w", err)
	}
	return out, nil
}

func (d *Desk) erase(ctx context.Context, actor gdpr.Actor, c *Case, ground gdpr.Ground) (*Outcome, error) {
	file, err := c.decide(actor, Erasure)
	if err != nil {
		return nil, err
	}
	if !ground.Valid() || ground == gdpr.Instructed {
		return nil, refuse("Ground", "not a letter of Art. 17(1)")
	}
	if file.person.IsZero() {
		return nil, gdpr.ErrNotFound
	}
	s := d.session(actor, file.id)
	gone, err := s.Erase(ctx, gdpr.Subject(file.person), ground)
	if err != nil {
		return nil, err
	}
	out := &Outcome{Case: file.id, Ground: ground, Erasure: *gone, Forward: c.Forward()}
	var families []string
	for _, id := range gone.Records {
		family, err := d.activityOf(ctx, s, file, id)
		if err != nil {
			return out, fmt.Errorf("erased, but the recipients to tell are not known: %w", err)
		}
		if !slices.Contains(families, family) {
			families = append(families, family)
		}
	}
	out.Tell = recipients(d.reg, nil, families...)
	return out, nil
}

// activityOf is the activity of an erased record: known since receipt, or from its proof.
func (d *Desk) activityOf(ctx context.Context, s *gdpr.Session, file *caseFile, record gdpr.ID) (string, error) {
	for _, h := range file.own {
		if slices.Contains(h.Records, record) {
			return h.Activity, nil
		}
	}
	x, err := s.Explain(ctx, record)
	if err != nil {
		return "", err
	}
	return x.Activity, nil
}
