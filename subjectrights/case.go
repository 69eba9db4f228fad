package subjectrights

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// Case is a request that was received: when it must be answered, what is ours and what is to be passed on. Nothing in it can be changed,
// least of all when it was received. It prints its id and no personal data.
type Case struct{ p *caseFile }

type caseFile struct {
	id       string
	rights   []Right
	channel  Channel
	received time.Time
	day      civil.Date
	due      civil.Date
	who      gdpr.Identity
	person   gdpr.ID
	own      []Holding
	forward  []Forward
}

// Holding is what we hold about the person as controller, for one activity.
type Holding struct {
	Activity string
	Records  []gdpr.ID
}

// Forward is the part of one customer, whose data we only process: the request is passed on to it, never answered (REQUIREMENTS 3.3). It holds
// nothing of any other customer. Engine.Party has the customer's name and address.
type Forward struct {
	// Controller is the customer.
	Controller gdpr.ID
	// Agreements are those under which the data is held.
	Agreements []gdpr.ID
	// Records are the customer's records that the identifiers lead to.
	Records []gdpr.ID
	// By is when it should have been passed on: the next working day.
	By civil.Date
	// MayName: the terms let us tell the person who the customer is.
	MayName bool
}

// Receive takes a request in: it checks it, dates it and splits it by role. Nothing about the person being held is a case too: the person
// is owed that answer (Art. 15(1)). It needs the ability to read for all activities.
//
// It fails with *gdpr.InputError for a request that is not complete or lies in the future, and *AmbiguousError where it must
// be found out first who asked.
func (d *Desk) Receive(ctx context.Context, actor gdpr.Actor, r Request) (*Case, error) {
	c, err := d.receive(ctx, actor, r)
	if err != nil {
		return nil, fmt.Errorf("receive request: %w", err)
	}
	return c, nil
}

func (d *Desk) receive(ctx context.Context, actor gdpr.Actor, r Request) (*Case, error) {
	if err := r.check(d.now()); err != nil {
		return nil, err
	}
	c := &caseFile{id: r.Case, rights: slices.Clone(r.Rights), channel: r.Channel, received: r.Received.UTC(), who: r.Subject, person: r.Person,
		day: civil.DateOf(r.Received, d.zone)}
	if c.id == "" {
		c.id = c.day.String() + "-" + rand.Text()[:8]
	}
	var by civil.Date
	var err error
	if c.due, by, err = d.dates(c.day); err != nil {
		return nil, err
	}
	found, err := d.find(ctx, d.session(actor, c.id), c.who, c.person)
	if err != nil {
		return nil, err
	}
	c.person = found.person
	c.own = found.holdings(d.reg)
	c.forward = found.forwards(d.reg, by)
	return &Case{c}, nil
}

// ID is the case's number, under which its acts stand in the trail.
func (c Case) ID() string { return c.p.id }

// Rights are the rights that the person uses.
func (c Case) Rights() []Right { return slices.Clone(c.p.rights) }

// Channel is how the request came in.
func (c Case) Channel() Channel { return c.p.channel }

// Received is when it came in, in UTC.
func (c Case) Received() time.Time { return c.p.received }

// Due is the last day to answer: one month from the day of receipt, rolled to a working day (Art. 12(3)). It runs to its end.
func (c Case) Due() civil.Date { return c.p.due }

// Person is the engine's id for the person as our own data subject; zero when we hold nothing as controller.
func (c Case) Person() gdpr.ID { return c.p.person }

// Own is what we hold as controller, in the order of the register.
func (c Case) Own() []Holding {
	own := slices.Clone(c.p.own)
	for i := range own {
		own[i].Records = slices.Clone(own[i].Records)
	}
	return own
}

// Forward is what is to be passed on: one item for each customer, in the order of their ids.
func (c Case) Forward() []Forward {
	forward := slices.Clone(c.p.forward)
	for i := range forward {
		forward[i].Agreements = slices.Clone(forward[i].Agreements)
		forward[i].Records = slices.Clone(forward[i].Records)
	}
	return forward
}

// asks returns what is known of a case, if there is one and it uses the right.
func (c *Case) asks(right Right) (*caseFile, error) {
	switch {
	case c == nil || c.p == nil:
		return nil, refuse("Case", "missing: take the request in with Receive")
	case !slices.Contains(c.p.rights, right):
		return nil, ErrNotAsked
	}
	return c.p, nil
}

// decide is asks for an act that is a decision.
func (c *Case) decide(actor gdpr.Actor, right Right) (*caseFile, error) {
	if !actor.IsPerson() {
		return nil, ErrPersonDecides
	}
	return c.asks(right)
}

// String names the case, its rights and its last day.
func (c Case) String() string {
	if c.p == nil {
		return "no case"
	}
	rights := make([]string, len(c.p.rights))
	for i, r := range c.p.rights {
		rights[i] = string(r)
	}
	return fmt.Sprintf("case %s (%s), answer by %s", c.p.id, strings.Join(rights, ", "), c.p.due)
}

// GoString is String.
func (c Case) GoString() string { return c.String() }

// Format prints String for every verb.
func (c Case) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// LogValue is String.
func (c Case) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON fails: a case is not stored by itself.
func (c Case) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a case leads to a person and is not marshaled by accident: take what is needed of it")
}
