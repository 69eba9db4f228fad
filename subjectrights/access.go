package subjectrights

import (
	"context"
	"fmt"
	"slices"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights/report"
)

// Access makes the report of Art. 15: a copy of all that we hold about the person as controller, and all that must be said about it. A
// customer's data is not in it. What is held now is reported, not what was held at receipt; after an erasure the report says
// that nothing is left.
//
// It needs the ability to read for all activities. Each record that is read stands in the trail.
func (d *Desk) Access(ctx context.Context, actor gdpr.Actor, c *Case) (*report.Report, error) {
	r, err := d.access(ctx, actor, c)
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	return r, nil
}

func (d *Desk) access(ctx context.Context, actor gdpr.Actor, c *Case) (*report.Report, error) {
	file, err := c.asks(Access)
	if err != nil {
		return nil, err
	}
	s := d.session(actor, file.id)
	f, err := d.again(ctx, s, file)
	if err != nil {
		return nil, err
	}
	in := report.Input{Register: d.reg, Case: file.id, Received: file.day, Due: file.due, Made: d.now(), Person: f.person}
	for _, r := range f.own {
		x, err := s.Explain(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		mine := func(p gdpr.PartExplanation) bool { return p.Subject == f.person }
		if slices.ContainsFunc(x.Parts, mine) { // else it was erased between the two reads
			in.Records = append(in.Records, report.Record{Stored: r, Why: x})
		}
	}
	for _, w := range file.forward {
		if !w.MayName {
			in.PassedOn.Unnamed = true
			continue
		}
		p, err := d.eng.Party(ctx, w.Controller)
		if err != nil {
			return nil, err
		}
		in.PassedOn.To = append(in.PassedOn.To, p.Name)
	}
	return report.New(in)
}
