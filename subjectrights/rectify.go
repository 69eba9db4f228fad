package subjectrights

import (
	"context"
	"fmt"
	"slices"

	"github.com/gallra/gallra/gdpr"
)

// Rectified is the outcome of a rectification.
type Rectified struct {
	Case   string
	Record gdpr.ID
	Fields []string // that were changed
	// Tell are the recipients who may have the old values (Art. 19).
	Tell []Recipient
}

// Rectify changes fields of one of the person's own records (Art. 16). The old values open nowhere afterwards, and the trail names only the fields
// (REQUIREMENTS 4.20). Only fields of the person who asks are changed: Change.Subject may be left out. A person decides; it needs the ability to
// decide for all activities. It fails with ErrForward for a customer's record, and as Session.Update does.
func (d *Desk) Rectify(ctx context.Context, actor gdpr.Actor, c *Case, record gdpr.ID, change gdpr.Change) (*Rectified, error) {
	out, err := d.rectify(ctx, actor, c, record, change)
	if err != nil {
		return nil, fmt.Errorf("rectify: %w", err)
	}
	return out, nil
}

func (d *Desk) rectify(ctx context.Context, actor gdpr.Actor, c *Case, record gdpr.ID, change gdpr.Change) (*Rectified, error) {
	file, err := c.decide(actor, Rectification)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(file.forward, func(w Forward) bool { return slices.Contains(w.Records, record) }) {
		return nil, ErrForward
	}
	s := d.session(actor, file.id)
	x, err := s.Explain(ctx, record)
	switch {
	case err != nil:
		return nil, err
	case x.Role.ForOther():
		return nil, ErrForward
	case len(x.Parts) == 0:
		return nil, gdpr.ErrErased
	case !slices.ContainsFunc(x.Parts, func(p gdpr.PartExplanation) bool { return p.Subject == file.person }):
		return nil, refuse("Record", "not about the person who asks")
	case !change.Subject.IsZero() && change.Subject != file.person:
		return nil, refuse("Change.Subject", "not the person who asks")
	}
	change.Subject = file.person
	if err := s.Update(ctx, record, change); err != nil {
		return nil, err
	}
	fields := change.Fields.Names()
	return &Rectified{Case: file.id, Record: record, Fields: fields, Tell: recipients(d.reg, fields, x.Activity)}, nil
}
