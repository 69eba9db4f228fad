package subjectrights

import (
	"context"
	"encoding/json"
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

// kindRequest is the kind of file that a request is.
const kindRequest = "request"

// Case is a request as it stood when it was read, or changed by the desk through this value. When it was received never changes. It prints its
// number and no personal data.
type Case struct{ p **open } // two pointers deep, where no verb of fmt looks

// open returns what is read; nil for no case.
func (c *Case) open() *open {
	if c == nil || c.p == nil {
		return nil
	}
	return *c.p
}

// open is a case with its two halves decoded.
type open struct {
	file gdpr.CaseFile
	pub  public
	sec  secret
}

// public is what a case says without personal data.
type public struct {
	V         int         `json:"v"`
	Rights    []Right     `json:"rights"`
	Channel   Channel     `json:"channel"`
	Received  time.Time   `json:"received"`
	Day       civil.Date  `json:"day"`
	Language  string      `json:"language"`
	Child     bool        `json:"child,omitempty"`
	Person    gdpr.ID     `json:"person,omitzero"`
	SealBy    civil.Date  `json:"seal_by,omitzero"`
	Pauses    []pause     `json:"pauses,omitempty"`
	Extension *Extension  `json:"extension,omitempty"`
	Identity  *Identified `json:"identity,omitempty"`
	Decisions []Decision  `json:"decisions,omitempty"`
	Done      []Done      `json:"done,omitempty"`
	Copies    []Copy      `json:"copies,omitempty"`
	Told      []Told      `json:"told,omitempty"`
	Forward   []Forward   `json:"forward,omitempty"`
	Linked    []gdpr.ID   `json:"linked,omitempty"`
	Overdue   civil.Date  `json:"overdue,omitzero"` // the last day that was missed, once somebody has seen it
}

// secret is what is sealed of a case.
type secret struct {
	Own            []Holding            `json:"own,omitempty"`
	Reply          savedAddress         `json:"reply,omitzero"`
	Verified       savedAddress         `json:"verified,omitzero"`
	Representative *savedRepresentative `json:"representative,omitempty"`
	Text           string               `json:"text,omitempty"`
	Reasons        []string             `json:"reasons,omitempty"`  // of the decisions, in their order
	Receipts       map[string]string    `json:"receipts,omitempty"` // of what was told, by its id
	Kept           []keptNote           `json:"kept,omitempty"`     // what an erasure could not take
}

// keptNote is what of an activity an erasure could not take, until when; "" while nobody knows.
type keptNote struct {
	Activity string `json:"activity"`
	Until    string `json:"until,omitempty"`
}

// pause is time that does not count; To is zero while it lasts.
type pause struct {
	From civil.Date `json:"from"`
	To   civil.Date `json:"to,omitzero"`
}

// Holding is what we hold about the person as controller, for one activity.
type Holding struct {
	Activity string    `json:"activity"`
	Records  []gdpr.ID `json:"records"`
}

// Forward is the part of one customer, whose data we only process: the request is passed on to it, never answered (REQUIREMENTS 3.3). It holds
// nothing of any other customer. Engine.Party has the customer's name and address.
type Forward struct {
	// Controller is the customer.
	Controller gdpr.ID `json:"controller"`
	// Agreements are those under which the data is held.
	Agreements []gdpr.ID `json:"agreements"`
	// Records are the customer's records that the identifiers lead to.
	Records []gdpr.ID `json:"records"`
	// By is when it should have been passed on: the next working day.
	By civil.Date `json:"by"`
	// MayName: the terms let us tell the person who the customer is.
	MayName bool `json:"may_name,omitempty"`
	// PassedOn is when the customer had it.
	PassedOn time.Time `json:"passed_on,omitzero"`
}

// Done is something that was carried out.
type Done struct {
	Right   Right     `json:"right"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Records []gdpr.ID `json:"records,omitempty"`
	Proof   gdpr.ID   `json:"proof,omitzero"`
	// Kept are those of Records of which something could not be erased yet.
	Kept []gdpr.ID `json:"kept,omitempty"`
	// Activities are what an erased record was held for, with Ground, for later answers.
	Activities []string    `json:"activities,omitempty"`
	Ground     gdpr.Ground `json:"ground,omitempty"`
}

// Copy is the copy of the data that was sealed for the person: nothing may go before.
type Copy struct {
	Right  Right     `json:"right"`
	At     time.Time `json:"at"`
	Digest string    `json:"digest"` // SHA-256 of what was handed over, in hexadecimal digits
}

// decodeCase opens a stored case.
func decodeCase(f *gdpr.CaseFile) (*Case, error) {
	o := &open{file: *f}
	if json.Unmarshal(f.Public, &o.pub) != nil || o.pub.V != 1 {
		return nil, errors.New("decode case: not of format 1")
	}
	if len(f.Secret) > 0 && json.Unmarshal(f.Secret, &o.sec) != nil {
		return nil, errors.New("decode case: not of format 1")
	}
	return &Case{&o}, nil
}

// encode writes the halves into the file.
func (o *open) encode() error {
	var err error
	if o.file.Public, err = json.Marshal(&o.pub); err != nil {
		return errors.New("encode case: not JSON")
	}
	if o.file.Secret, err = json.Marshal(&o.sec); err != nil {
		return errors.New("encode case: not JSON")
	}
	return nil
}

// clone is a copy to be changed.
func (o *open) clone() (*open, error) {
	if err := o.encode(); err != nil {
		return nil, err
	}
	c, err := decodeCase(&o.file)
	if err != nil {
		return nil, err
	}
	return c.open(), nil
}

// Case reads a case by its number. It needs the ability to read all activities, and stands in the trail.
func (d *Desk) Case(ctx context.Context, actor gdpr.Actor, number string) (*Case, error) {
	f, err := d.eng.As(actor, gdpr.SubjectRights).CaseFileOf(ctx, kindRequest, number)
	if err != nil {
		return nil, fmt.Errorf("read case: %w", err)
	}
	return decodeCase(f)
}

// ID is the case's number, under which its acts stand in the trail.
func (c *Case) ID() string { return c.open().file.Number }

// State is where it stands.
func (c *Case) State() State { return State(c.open().file.State) }

// Rights are the rights that the person uses.
func (c *Case) Rights() []Right { return slices.Clone(c.open().pub.Rights) }

// Channel is how the request came in.
func (c *Case) Channel() Channel { return c.open().pub.Channel }

// Received is when it came in, in UTC.
func (c *Case) Received() time.Time { return c.open().pub.Received }

// Person is the engine's id for the person as our own data subject; zero when we hold nothing as controller.
func (c *Case) Person() gdpr.ID { return c.open().pub.Person }

// Child reports whether the person is under age: such a request comes first.
func (c *Case) Child() bool { return c.open().pub.Child }

// SealBy is the last day on which all that was asked for a copy of is there by its own rules; the zero Date when no rule ends before the answer is due. Nothing
// goes before the copy is sealed, but what is kept longer for it is kept over its time (REQUIREMENTS 4.9).
func (c *Case) SealBy() civil.Date { return c.open().pub.SealBy }

// Identified says how it was established who asks; nil: it was not.
func (c *Case) Identified() *Identified {
	if c.open().pub.Identity == nil {
		return nil
	}
	is := *c.open().pub.Identity
	return &is
}

// Own is what we held as controller at receipt, in the order of the register.
func (c *Case) Own() []Holding {
	own := slices.Clone(c.open().sec.Own)
	for i := range own {
		own[i].Records = slices.Clone(own[i].Records)
	}
	return own
}

// Forward is what is to be passed on: one item for each customer, in the order of their ids.
func (c *Case) Forward() []Forward {
	forward := slices.Clone(c.open().pub.Forward)
	for i := range forward {
		forward[i].Agreements = slices.Clone(forward[i].Agreements)
		forward[i].Records = slices.Clone(forward[i].Records)
	}
	return forward
}

// Decisions are what was decided, with the reasons.
func (c *Case) Decisions() []Decision {
	out := slices.Clone(c.open().pub.Decisions)
	for i := range out {
		out[i].Records = slices.Clone(out[i].Records)
		out[i].Reasons = c.open().sec.Reasons[i]
	}
	return out
}

// Done is what was carried out so far.
func (c *Case) Done() []Done { return slices.Clone(c.open().pub.Done) }

// Copies are the copies that were sealed, the last one last.
func (c *Case) Copies() []Copy { return slices.Clone(c.open().pub.Copies) }

// Told are the notices that were delivered.
func (c *Case) Told() []Told {
	out := slices.Clone(c.open().pub.Told)
	for i := range out {
		out[i].Receipt = c.open().sec.Receipts[out[i].ID.String()]
	}
	return out
}

// Linked are other requests of the same person that were open at receipt: each keeps its own clock (REQUIREMENTS 4.12).
func (c *Case) Linked() []gdpr.ID { return slices.Clone(c.open().pub.Linked) }

// asks reports whether a right is used.
func (c *Case) asks(r Right) bool { return slices.Contains(c.open().pub.Rights, r) }

// String names the case, its rights and its state.
func (c Case) String() string {
	if c.open() == nil {
		return "no case"
	}
	rights := make([]string, len(c.open().pub.Rights))
	for i, r := range c.open().pub.Rights {
		rights[i] = string(r)
	}
	return fmt.Sprintf("case %s (%s), %s", c.open().file.Number, strings.Join(rights, ", "), c.open().file.State)
}

// GoString is String.
func (c Case) GoString() string { return c.String() }

// Format prints String for every verb.
func (c Case) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// LogValue is String.
func (c Case) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON fails: a case is stored by the desk alone.
func (c Case) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a case leads to a person and is not marshaled by accident: take what is needed of it")
}
