package subjectrights

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// kindInstruction is the kind of file that an instruction is.
const kindInstruction = "instruction"

// InstructionAction is what a controller wants done with its data.
type InstructionAction string

// The actions. After the end of its agreement a processor erases and returns, and does nothing else (EPM-8.2).
const (
	InstructErase    InstructionAction = "erase"
	InstructReturn   InstructionAction = "return"
	InstructRectify  InstructionAction = "rectify"
	InstructRestrict InstructionAction = "restrict"
)

// Valid reports whether the action is one of the constants.
func (a InstructionAction) Valid() bool {
	return slices.Contains([]InstructionAction{InstructErase, InstructReturn, InstructRectify, InstructRestrict}, a)
}

// Instruction is what a customer tells us, as its processor, to do with its data (Art. 28(3)(a), REQUIREMENTS 3.3). It prints its action and its number.
type Instruction struct {
	// From is the customer; only the controller of the data gives an instruction about it.
	From gdpr.ID
	// Agreement and Activity are under which and for what the data is held.
	Agreement gdpr.ID
	Activity  string
	Action    InstructionAction
	// Subject is the person it is about; of erase and return without one, all that is held under the agreement.
	Subject gdpr.Identity
	// Received is when it arrived.
	Received time.Time
	// By is the customer's own date, where it is earlier than the limit of the terms (EPM-8.1).
	By civil.Date
	// Number is the application's own, unique, one line that names no data subject. Defaults to a new one.
	Number string
	// Request is the number of the request that it answers, if it does.
	Request string
}

// String names action and number.
func (in Instruction) String() string {
	return strings.TrimSpace("instruction to " + string(in.Action) + " " + in.Number)
}

// Format prints String for every verb.
func (in Instruction) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, in.String()) }

// MarshalJSON fails.
func (Instruction) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// OrderState is where an instruction stands.
type OrderState string

// The states.
const (
	OrderReceived OrderState = "received"
	OrderDisputed OrderState = "disputed" // it seems unlawful: the customer was told at once (Art. 28(3))
	OrderDone     OrderState = "done"     // carried out; the report to the customer waits
	OrderReported OrderState = "reported" // and it has it: closed
	OrderDropped  OrderState = "dropped"  // the customer took it back
)

// Order is an instruction as it is filed.
type Order struct{ p **order }

type order struct {
	file gdpr.CaseFile
	orderFile
}

// orderFile is what an order says without personal data.
type orderFile struct {
	V         int               `json:"v"`
	From      gdpr.ID           `json:"from"`
	Agreement gdpr.ID           `json:"agreement"`
	Activity  string            `json:"activity"`
	Action    InstructionAction `json:"action"`
	Received  time.Time         `json:"received"`
	By        civil.Date        `json:"by,omitzero"`
	Due       civil.Date        `json:"due"`
	Request   string            `json:"request,omitempty"`
	Proof     gdpr.ID           `json:"proof,omitzero"`
	Told      []Told            `json:"told,omitempty"`
}

func (o *Order) get() *order {
	if o == nil || o.p == nil {
		return &order{}
	}
	return *o.p
}

// ID is the order's number.
func (o *Order) ID() string { return o.get().file.Number }

// State is where it stands.
func (o *Order) State() OrderState { return OrderState(o.get().file.State) }

// Action is what is to be done.
func (o *Order) Action() InstructionAction { return o.get().Action }

// Due is the last day: three months from the day of receipt or the customer's own, whichever is earlier. It does not roll.
func (o *Order) Due() civil.Date { return o.get().Due }

// Proof is the proof of what was erased; zero without one.
func (o *Order) Proof() gdpr.ID { return o.get().Proof }

// String names the order and its state.
func (o Order) String() string {
	return fmt.Sprintf("instruction %s to %s, %s", o.ID(), o.Action(), o.State())
}

// Format prints String for every verb.
func (o Order) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, o.String()) }

// MarshalJSON fails.
func (Order) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// instructed is the outer limit of EPM-8.1.
var instructed = civil.Period{Months: 3}

// Instruct files an instruction of a customer. It is carried out by Carry, in the next run at the latest: as soon as possible, and within three months (EPM-8.1). It needs the
// ability to read all activities. An instruction of anybody but the agreement's controller is refused with gdpr.ErrNotAllowed.
func (d *Desk) Instruct(ctx context.Context, actor gdpr.Actor, in Instruction) (*Order, error) {
	o, err := d.instruct(ctx, actor, in)
	return o, wrap("instruct", err)
}

func (d *Desk) instruct(ctx context.Context, actor gdpr.Actor, in Instruction) (*Order, error) {
	now := d.now()
	switch {
	case !in.Action.Valid():
		return nil, refuse("Instruction.Action", "not one of the actions")
	case in.Received.IsZero():
		return nil, refuse("Instruction.Received", "missing")
	case in.Received.After(now):
		return nil, refuse("Instruction.Received", "in the future")
	case in.Received.Before(applied):
		return nil, refuse("Instruction.Received", "before the GDPR applied, 25 May 2018")
	case in.Subject.IsZero() && (in.Action == InstructRectify || in.Action == InstructRestrict):
		return nil, refuse("Instruction.Subject", "missing: whose data")
	}
	act, ok := d.reg.Activity(in.Activity)
	if !ok || !act.Processor() {
		return nil, refuse("Instruction.Activity", "not an activity of ours as processor")
	}
	g, _, err := d.eng.Agreement(ctx, in.Agreement)
	switch {
	case errors.Is(err, gdpr.ErrNotFound):
		return nil, refuse("Instruction.Agreement", "no such agreement")
	case err != nil:
		return nil, err
	case g.Party != in.From:
		return nil, fmt.Errorf("%w: the data belongs to another controller", gdpr.ErrNotAllowed)
	}
	day := civil.DateOf(in.Received, d.zone)
	due := instructed.After(day)
	switch {
	case in.By.IsZero():
	case in.By.Before(day):
		return nil, refuse("Instruction.By", "before the instruction")
	case in.By.Before(due):
		due = in.By
	}
	o := &order{file: gdpr.CaseFile{Kind: kindInstruction, ID: gdpr.NewID(), Number: in.Number, State: string(OrderReceived), Who: in.Subject, Due: due.End(d.zone).UTC()}}
	o.orderFile = orderFile{V: 1, From: in.From, Agreement: in.Agreement, Activity: in.Activity, Action: in.Action, Received: in.Received.UTC(), By: in.By, Due: due, Request: in.Request}
	if o.file.Number == "" {
		o.file.Number = "I-" + day.String() + "-" + rand.Text()[:8]
	}
	if _, err := d.Order(ctx, actor, o.file.Number); err == nil {
		return nil, gdpr.ErrConflict
	} else if !errors.Is(err, gdpr.ErrNotFound) {
		return nil, err
	}
	return &Order{&o}, d.putOrder(ctx, actor, o, gdpr.CaseAct{Action: "Instruct", May: "read"})
}

// putOrder stores an order, with what else belongs to the act. One that is at its end is closed.
func (d *Desk) putOrder(ctx context.Context, actor gdpr.Actor, o *order, act gdpr.CaseAct) error {
	var err error
	if o.file.Public, err = json.Marshal(&o.orderFile); err != nil {
		return errors.New("encode instruction: not JSON")
	}
	if s := OrderState(o.file.State); s == OrderReported || s == OrderDropped {
		o.file.Closed = true
		o.file.Due = d.reg.Accountability.CaseFiles.After(civil.DateOf(d.now(), d.zone)).End(d.zone).UTC()
		waiting, err := d.session(actor, o.file.Number).OpenCaseFiles(ctx, kindNotice, o.file.ID)
		if err != nil {
			return err
		}
		for i := range waiting { // there is no file left to note them in
			if !slices.ContainsFunc(act.Drop, func(f *gdpr.CaseFile) bool { return f.ID == waiting[i].ID }) {
				act.Drop = append(act.Drop, &waiting[i])
			}
		}
	}
	act.Put = append([]*gdpr.CaseFile{&o.file}, act.Put...)
	return d.session(actor, o.file.Number).PutCase(ctx, act)
}

// Order reads an instruction by its number.
func (d *Desk) Order(ctx context.Context, actor gdpr.Actor, number string) (*Order, error) {
	f, err := d.eng.As(actor, gdpr.SubjectRights).CaseFileOf(ctx, kindInstruction, number)
	if err != nil {
		return nil, wrap("read instruction", err)
	}
	o, err := decodeOrder(f)
	if err != nil {
		return nil, err
	}
	return &Order{&o}, nil
}

func decodeOrder(f *gdpr.CaseFile) (*order, error) {
	o := &order{file: *f}
	if json.Unmarshal(f.Public, &o.orderFile) != nil || o.V != 1 {
		return nil, errors.New("decode instruction: not of format 1")
	}
	return o, nil
}

// Orders lists the open instructions, what is due first comes first.
func (d *Desk) Orders(ctx context.Context, actor gdpr.Actor) ([]Line, error) {
	files, err := d.eng.As(actor, gdpr.SubjectRights).OpenCaseFiles(ctx, kindInstruction, gdpr.ID{})
	if err != nil {
		return nil, wrap("list instructions", err)
	}
	now := d.now()
	out := make([]Line, len(files))
	for i, f := range files {
		out[i] = Line{f.Number, State(f.State), f.Due, OrderState(f.State) == OrderReceived && !now.Before(f.Due)}
	}
	return out, nil
}

// Carried is how an instruction is carried out.
type Carried struct {
	// Package and Recipients are for a return: where the sealed package goes, and the keys of age that open it.
	Package    io.Writer
	Recipients []string
	// Record and Change are for a rectification.
	Record gdpr.ID
	Change gdpr.Change
	// Ground is for a restriction, a letter of Art. 18(1).
	Ground gdpr.RestrictionGround
	// ReviewBy is for a restriction by 18(1)(b) or (c).
	ReviewBy civil.Date
}

// Carry carries an instruction out, in the customer's role and in no other, and reports it back with the proof (REQUIREMENTS 3.3). After a crash it is carried out again: nothing is
// erased twice. The actor needs the abilities that the act takes in the activity; it may be a job.
func (d *Desk) Carry(ctx context.Context, actor gdpr.Actor, o *Order, how Carried) error {
	return wrap("carry out instruction", d.carry(ctx, actor, o, how))
}

func (d *Desk) carry(ctx context.Context, actor gdpr.Actor, o *Order, how Carried) error {
	is := *o.get()
	if OrderState(is.file.State) != OrderReceived {
		return fmt.Errorf("%w: the instruction is %s", ErrState, is.file.State)
	}
	if err := d.current(ctx, actor, &is.file); err != nil {
		return err
	}
	s := d.eng.As(actor, is.Activity).Under(is.Agreement).Case(is.file.Number)
	done := ""
	switch is.Action {
	case InstructErase:
		if is.file.Who.IsZero() {
			ev := gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: is.Agreement, Day: civil.DateOf(is.Received, d.zone), By: is.By}
			if err := s.RecordEvent(ctx, ev); err != nil {
				return err
			}
			done = "all under the agreement goes with the next sweep"
			break
		}
		gone, err := s.Erase(ctx, is.file.Who, gdpr.Instructed)
		if errors.Is(err, gdpr.ErrNotFound) { // nothing is held, or it has gone
			gone, err = &gdpr.Erasure{}, nil
		}
		if err != nil {
			return err
		}
		is.Proof = gone.Proof
		done = fmt.Sprintf("erased: %d, kept: %d", gone.Parts, len(gone.Kept))
	case InstructReturn:
		if how.Package == nil {
			return refuse("Carried.Package", "missing: where the package goes")
		}
		out, err := s.Return(ctx, how.Package, how.Recipients...)
		if err != nil {
			return err
		}
		done = fmt.Sprintf("returned: %d, SHA-256 %s; to be confirmed", out.Parts, out.Digest)
	case InstructRectify:
		if err := s.Update(ctx, how.Record, how.Change); err != nil {
			return err
		}
		done = "rectified: " + strings.Join(how.Change.Fields.Names(), ", ")
	case InstructRestrict:
		there, err := s.Restrictions(ctx, is.file.Who)
		if err != nil {
			return err
		}
		r := gdpr.Restriction{Subject: is.file.Who, Ground: how.Ground, ReviewBy: how.ReviewBy}
		if !slices.ContainsFunc(there, func(have gdpr.RestrictionInfo) bool {
			return have.Lifted.IsZero() && have.Record.IsZero() && have.Ground == r.Ground && have.Agreement == is.Agreement
		}) {
			if _, err := s.Restrict(ctx, r); err != nil {
				return err
			}
		}
		done = "restricted"
	}
	is.file.State = string(OrderDone)
	proof := "-"
	if !is.Proof.IsZero() {
		proof = is.Proof.String()
	}
	note, err := d.toController(ctx, &is, noticeReport, map[string]string{"action": string(is.Action), "done": done, "proof": proof})
	if err != nil {
		return err
	}
	return d.move(ctx, actor, o, &is, "Carry", "read", note...)
}

// move stores an order as it is now.
func (d *Desk) move(ctx context.Context, actor gdpr.Actor, o *Order, is *order, action, may string, notes ...*gdpr.CaseFile) error {
	if err := d.putOrder(ctx, actor, is, gdpr.CaseAct{Action: action, May: may, Put: notes}); err != nil {
		return err
	}
	*o = Order{&is}
	return nil
}

// toController is a notice to the customer of an order; none where it has no address.
func (d *Desk) toController(ctx context.Context, is *order, kind string, data map[string]string) ([]*gdpr.CaseFile, error) {
	p, err := d.eng.Party(ctx, is.From)
	if err != nil {
		return nil, err
	}
	x := &change{open: &open{file: is.file}, now: d.now()}
	x.ofOrder = true
	d.notify(x, kind, is.From.String(), savedAddress{Name: p.Name, Contact: p.Contact}, data)
	return x.notices, nil
}

// Dispute holds an instruction back that seems unlawful, and tells the customer at once, with the reasons (Art. 28(3)). A person decides that.
func (d *Desk) Dispute(ctx context.Context, actor gdpr.Actor, o *Order, reasons string) error {
	is := *o.get()
	switch {
	case !actor.IsPerson():
		return wrap("dispute", ErrPersonDecides)
	case OrderState(is.file.State) != OrderReceived:
		return wrap("dispute", fmt.Errorf("%w: the instruction is %s", ErrState, is.file.State))
	case strings.TrimSpace(reasons) == "":
		return wrap("dispute", refuse("Reasons", "missing"))
	}
	is.file.State = string(OrderDisputed)
	note, err := d.toController(ctx, &is, noticeDisputed, map[string]string{"action": string(is.Action), "reasons": reasons})
	if err != nil {
		return wrap("dispute", err)
	}
	return wrap("dispute", d.move(ctx, actor, o, &is, "Dispute", "decide", note...))
}

// Settle ends a dispute: the customer stands by its instruction, which is then to be carried out, or takes it back. A person decides that.
func (d *Desk) Settle(ctx context.Context, actor gdpr.Actor, o *Order, stands bool) error {
	is := *o.get()
	switch {
	case !actor.IsPerson():
		return wrap("settle", ErrPersonDecides)
	case OrderState(is.file.State) != OrderDisputed:
		return wrap("settle", fmt.Errorf("%w: the instruction is %s", ErrState, is.file.State))
	}
	is.file.State = string(OrderReceived)
	if !stands {
		is.file.State = string(OrderDropped)
	}
	return wrap("settle", d.move(ctx, actor, o, &is, "Settle", "decide"))
}

// noteReported notes that a customer has a notice about its instruction; with the report, and all before it, the order is closed.
func (d *Desk) noteReported(ctx context.Context, actor gdpr.Actor, file *gdpr.CaseFile, f *gdpr.CaseFile, t Told) error {
	o, err := decodeOrder(file)
	if err != nil {
		return err
	}
	o.Told = append(o.Told, t)
	waiting, err := d.session(actor, o.file.Number).OpenCaseFiles(ctx, kindNotice, o.file.ID)
	if err != nil {
		return err
	}
	others := slices.ContainsFunc(waiting, func(w gdpr.CaseFile) bool { return w.ID != f.ID })
	if !others && slices.ContainsFunc(o.Told, func(t Told) bool { return t.Kind == noticeReport }) {
		o.file.State = string(OrderReported)
	}
	return d.putOrder(ctx, actor, o, gdpr.CaseAct{Action: "Deliver", May: "disclose", Drop: []*gdpr.CaseFile{f}})
}
