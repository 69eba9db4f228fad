package subjectrights

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// Attachment is a file that goes with a message: a sealed package.
type Attachment struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// Answer is how the person gets the answer.
type Answer struct {
	// Package is what is sent to the verified address: a report sealed for the person (report.Package). Larger ones than the engine stores in one value are handed
	// over by other means.
	Package *Attachment
	// Told is when the answer was given by other means: handed over, read out, by letter. Zero: it is sent.
	Told time.Time
}

// SealedCopy notes that a copy is sealed: digest is the SHA-256 of what will be handed over, rights say of which it is a copy, Access, Portability or both in one package; where
// one was granted they may be left out. With the last of them what is due goes, and what was granted besides can be carried out. It needs the ability to export.
func (d *Desk) SealedCopy(ctx context.Context, actor gdpr.Actor, c *Case, digest []byte, rights ...Right) error {
	return wrap("sealed copy", d.change(ctx, actor, c, ActExecute, "export", func(x *change) error {
		var granted []Right
		for _, r := range copies {
			if len(x.granted(r)) > 0 {
				granted = append(granted, r)
			}
		}
		switch {
		case len(digest) != 32:
			return refuse("Digest", "not a SHA-256")
		case len(granted) == 0:
			return ErrNotGranted
		case len(rights) == 0 && len(granted) > 1:
			return refuse("Rights", "missing: of access, of portability, or of both")
		case len(rights) == 0:
			rights = granted
		}
		for _, r := range rights {
			if !slices.Contains(granted, r) {
				return ErrNotGranted
			}
			x.pub.Copies = append(x.pub.Copies, Copy{r, x.now.UTC(), hex.EncodeToString(digest)})
			if !x.did(r) {
				x.pub.Done = append(x.pub.Done, Done{Right: r, At: x.now.UTC(), By: actor.String()})
			}
		}
		x.act.Thaw = x.copied()
		return nil
	}))
}

// copies are the rights to a copy.
var copies = []Right{Access, Portability}

// copied reports whether every copy that was granted is sealed.
func (o *open) copied() bool {
	return !slices.ContainsFunc(copies, func(r Right) bool { return len(o.granted(r)) > 0 && !o.did(r) })
}

// did reports whether a right was carried out.
func (o *open) did(r Right) bool {
	return slices.ContainsFunc(o.pub.Done, func(done Done) bool { return done.Right == r })
}

// undone is what was granted and not carried out yet.
func (o *open) undone() []Right {
	var out []Right
	for _, r := range o.pub.Rights {
		if len(o.granted(r)) > 0 && !o.finished(r) {
			out = append(out, r)
		}
	}
	return out
}

// finished reports whether all that was granted of a right was carried out: for each record, or at all.
func (o *open) finished(r Right) bool {
	var left []gdpr.ID
	for _, dec := range o.granted(r) {
		left = append(left, dec.Records...)
	}
	for _, done := range o.pub.Done {
		if done.Right == r {
			left = slices.DeleteFunc(left, func(id gdpr.ID) bool { return slices.Contains(done.Records, id) })
		}
	}
	return o.did(r) && len(left) == 0
}

// Answer answers the person: all that was granted is carried out, what was refused is told. It goes to the verified address only. With it the case is Answered,
// and nothing is frozen any more. It needs the ability to export.
func (d *Desk) Answer(ctx context.Context, actor gdpr.Actor, c *Case, a Answer) error {
	return wrap("answer", d.change(ctx, actor, c, ActAnswer, "export", func(x *change) error {
		if x.pub.Identity == nil {
			return ErrNotIdentified
		}
		if left := x.undone(); len(left) > 0 {
			return fmt.Errorf("%w: %v", ErrUnfinished, left)
		}
		switch {
		case a.Told.After(x.now):
			return refuse("Answer.Told", "in the future")
		case !a.Told.IsZero() && a.Told.Before(x.pub.Received):
			return refuse("Answer.Told", "before the request was received")
		case a.Told.IsZero() && x.sec.Verified.Contact == "":
			return refuse("Answer.Told", "missing: there is no verified address to send the answer to")
		case a.Package != nil && (a.Package.Name == "" || len(a.Package.Data) == 0):
			return refuse("Answer.Package", "empty")
		case a.Package != nil && !a.Told.IsZero():
			return refuse("Answer.Package", "is for an answer that is sent")
		case a.Package != nil && !sealed(a.Package.Data):
			return refuse("Answer.Package", "not sealed: what leaves the house is, by default")
		}
		x.act.Thaw = true
		if !a.Told.IsZero() {
			x.answered = civil.DateOf(a.Told, d.zone)
			x.pub.Told = append(x.pub.Told, Told{ID: gdpr.NewID(), Kind: noticeAnswer, To: toPerson, At: a.Told.UTC()})
			return nil
		}
		var done []Right
		for _, r := range x.pub.Rights {
			if x.did(r) {
				done = append(done, r)
			}
		}
		d.post(x, noticeAnswer, toPerson, letter{Address: x.sec.Verified, Data: map[string]string{"done": rightCodes(done), "kept": x.keptLines(), "nothing": x.nothing()}, Attachment: a.Package})
		return nil
	}))
}

// nothing is "yes" where nothing was held as controller.
func (o *open) nothing() string {
	if len(o.sec.Own) == 0 {
		return "yes"
	}
	return ""
}

// keptLines are what the answer to an erasure says is kept: for what, and until when, a line each.
func (o *open) keptLines() string {
	var lines []string
	for _, k := range o.sec.Kept {
		if line := k.Activity + "\t" + k.Until; !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// sealed reports whether data is an age file.
func sealed(data []byte) bool {
	const head = "age-encryption.org/v1\n"
	return len(data) > len(head) && string(data[:len(head)]) == head
}

// ToldRefusal notes that the person was told of a refusal, or that they were not identified, by other means than a notice.
func (d *Desk) ToldRefusal(ctx context.Context, actor gdpr.Actor, c *Case, at time.Time) error {
	if c.open() == nil {
		return refuse("Case", "missing")
	}
	return wrap("told of refusal", d.note(ctx, actor, c, "ToldRefusal", "decide", func(x *change) error {
		switch {
		case at.IsZero() || at.After(x.now) || at.Before(x.pub.Received):
			return refuse("At", "not between receipt and now")
		}
		kind := noticeRefusal
		if x.file.State == string(NotIdentified) {
			kind = noticeNotIdentified
		}
		if !slices.Contains(x.waitsFor(), kind) {
			return refuse("Case", "nothing was refused, or it is told")
		}
		x.pub.Told = append(x.pub.Told, Told{ID: gdpr.NewID(), Kind: kind, To: toPerson, At: at.UTC()})
		waiting, err := d.waiting(ctx, x)
		if err != nil {
			return err
		}
		for i := range waiting { // it need not be sent any more
			var n notice
			if json.Unmarshal(waiting[i].Public, &n) == nil && n.Kind == kind {
				x.act.Drop = append(x.act.Drop, &waiting[i])
			}
		}
		return nil
	}))
}

// ToldOtherwise notes that something was told by other means than a notice: by letter, by phone, at a meeting. kind and to are those of the message (Message.Kind, Message.Party), such as
// "forward" and the id of a customer; what waits of it is not sent any more.
func (d *Desk) ToldOtherwise(ctx context.Context, actor gdpr.Actor, c *Case, kind, to string, at time.Time) error {
	if c.open() == nil {
		return refuse("Case", "missing")
	}
	return wrap("told otherwise", d.note(ctx, actor, c, "ToldOtherwise", "disclose", func(x *change) error {
		switch {
		case at.IsZero() || at.After(x.now) || at.Before(x.pub.Received):
			return refuse("At", "not between receipt and now")
		case !slices.Contains(kinds, kind):
			return refuse("Kind", "not one of the kinds of notices")
		case kind == noticeForward && !slices.ContainsFunc(x.pub.Forward, func(w Forward) bool { return w.Controller.String() == to }):
			return refuse("To", "not a customer whose data the request is about")
		case to == "":
			return refuse("To", "missing")
		}
		waiting, err := d.waiting(ctx, x)
		if err != nil {
			return err
		}
		for i := range waiting {
			var n notice
			if json.Unmarshal(waiting[i].Public, &n) == nil && n.Kind == kind && n.To == to {
				x.act.Drop = append(x.act.Drop, &waiting[i])
			}
		}
		x.noted(Told{ID: gdpr.NewID(), Kind: kind, To: to, At: at.UTC()}, d)
		return nil
	}))
}

// note changes a case without moving it.
func (d *Desk) note(ctx context.Context, actor gdpr.Actor, c *Case, action, may string, do func(x *change) error) error {
	o, err := c.open().clone()
	if err != nil {
		return err
	}
	x := d.begin(o, actor)
	x.act = gdpr.CaseAct{Action: action, May: may}
	if err := do(x); err != nil {
		return err
	}
	if err := d.put(ctx, x); err != nil {
		return err
	}
	*c = Case{&x.open}
	return nil
}

// waitsFor are the notices that must be told before a case can be closed.
func (o *open) waitsFor() []string {
	told := func(kind string) bool {
		return slices.ContainsFunc(o.pub.Told, func(t Told) bool { return t.Kind == kind })
	}
	var out []string
	refused := slices.ContainsFunc(o.pub.Decisions, func(dec Decision) bool { return !dec.Grant })
	if refused && !told(noticeRefusal) {
		out = append(out, noticeRefusal)
	}
	if o.file.State == string(NotIdentified) && !told(noticeNotIdentified) {
		out = append(out, noticeNotIdentified)
	}
	if o.file.State == string(Answered) && !told(noticeAnswer) {
		out = append(out, noticeAnswer)
	}
	for _, w := range o.pub.Forward {
		if w.PassedOn.IsZero() {
			out = append(out, noticeForward)
			break
		}
	}
	return out
}

// Close ends a case: every notice is delivered, every customer has its part. The file goes when the register's period for case files is over. ErrUnfinished says
// that something is left.
func (d *Desk) Close(ctx context.Context, actor gdpr.Actor, c *Case) error {
	return wrap("close", d.change(ctx, actor, c, ActClose, "read", func(x *change) error {
		if left := x.waitsFor(); len(left) > 0 {
			return fmt.Errorf("%w: %v", ErrUnfinished, left)
		}
		waiting, err := d.waiting(ctx, x)
		if err != nil {
			return err
		}
		if len(waiting) > 0 {
			return fmt.Errorf("%w: notices wait", ErrUnfinished)
		}
		x.act.Thaw = true
		return nil
	}))
}

// waiting are the notices of a case that are not delivered.
func (d *Desk) waiting(ctx context.Context, x *change) ([]gdpr.CaseFile, error) {
	return d.session(x.actor, x.file.Number).OpenCaseFiles(ctx, kindNotice, x.file.ID)
}

// Withdraw ends a case since the person has withdrawn the request, in writing; evidence says where that is, in one line that names nobody: it stands in the trail. What it waited for is not sent any more. The file goes when the
// period for case files is over.
func (d *Desk) Withdraw(ctx context.Context, actor gdpr.Actor, c *Case, evidence string) error {
	return wrap("withdraw", d.change(ctx, actor, c, ActWithdraw, "read", func(x *change) error {
		if evidence == "" {
			return refuse("Evidence", "missing: a request is withdrawn in writing")
		}
		x.act.Why, x.act.Thaw = evidence, true
		waiting, err := d.waiting(ctx, x)
		if err != nil {
			return err
		}
		for i := range waiting {
			x.act.Drop = append(x.act.Drop, &waiting[i])
		}
		x.resume()
		return nil
	}))
}
