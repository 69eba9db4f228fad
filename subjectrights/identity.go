package subjectrights

import (
	"context"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// Method is how it was established who asks. Known ways come first; what is asked for is no more than the risk needs, and no document is ever kept (Art. 12(6),
// REQUIREMENTS 4.13).
type Method string

// The methods.
const (
	LoggedIn     Method = "logged-in"     // in a service of ours
	KnownAddress Method = "known-address" // an answer came back from an address that we had before
	ElectronicID Method = "electronic-id" // such as BankID
	Questions    Method = "questions"     // about things that only the person knows
	SeenDocument Method = "seen-document" // looked at, not kept
	Known        Method = "known"         // personally
)

// Valid reports whether the method is one of the constants.
func (m Method) Valid() bool {
	switch m {
	case LoggedIn, KnownAddress, ElectronicID, Questions, SeenDocument, Known:
		return true
	}
	return false
}

// Identified says how it was established who asks.
type Identified struct {
	Method Method    `json:"method"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
}

// Identify notes that it is established who asks, and to which address the answer goes; without one it goes nowhere by itself. A case that waited for that, or was
// given up, goes on.
func (d *Desk) Identify(ctx context.Context, actor gdpr.Actor, c *Case, how Method, answerTo Address) error {
	return wrap("identify", d.change(ctx, actor, c, ActIdentify, "read", func(x *change) error {
		if !how.Valid() {
			return refuse("Method", "not one of the methods: logged-in, known-address, electronic-id, questions, seen-document, known")
		}
		if err := answerTo.check("AnswerTo"); err != nil {
			return err
		}
		x.pub.Identity = &Identified{how, x.now.UTC(), actor.String()}
		x.sec.Verified = savedAddress(answerTo)
		switch n := len(x.pub.Pauses); {
		case x.was == NotIdentified && n > 0: // it could not go on until now
			x.pub.Pauses[n-1].To = x.today
		case x.was != AwaitingClarification:
			x.resume()
		}
		return nil
	}))
}

// AskIdentity stops the clock while the person is asked who they are. There must be a reasonable doubt, which reasons say: one line that names nobody. Only what is
// needed is asked for (Art. 12(6)).
func (d *Desk) AskIdentity(ctx context.Context, actor gdpr.Actor, c *Case, reasons string) error {
	return wrap("ask for identity", d.change(ctx, actor, c, ActAskIdentity, "read", func(x *change) error {
		return d.ask(x, noticeIdentity, reasons)
	}))
}

// AskClarification stops the clock while the person is asked what the request is about, where we hold a large amount of data about them (recital 63). It is not there to
// gain time.
func (d *Desk) AskClarification(ctx context.Context, actor gdpr.Actor, c *Case, reasons string) error {
	return wrap("ask for clarification", d.change(ctx, actor, c, ActAskClarification, "read", func(x *change) error {
		return d.ask(x, noticeClarification, reasons)
	}))
}

func (d *Desk) ask(x *change, kind, reasons string) error {
	if reasons == "" {
		return refuse("Reasons", "missing")
	}
	x.act.Why = reasons
	if d.asked(x, kind) > 1 { // a reminder does not stop the clock again: it stands still
		return refuse("Reasons", "asked twice before")
	}
	x.pause()
	d.notify(x, kind, toPerson, x.sec.Reply, nil)
	return nil
}

// asked counts the notices of a kind that were delivered.
func (d *Desk) asked(x *change, kind string) (n int) {
	for _, t := range x.pub.Told {
		if t.Kind == kind {
			n++
		}
	}
	return n
}

// Clarified notes that it is clear what is asked for; the clock goes on. It must be established who asks.
func (d *Desk) Clarified(ctx context.Context, actor gdpr.Actor, c *Case) error {
	return wrap("clarified", d.change(ctx, actor, c, ActClarify, "read", func(x *change) error {
		if x.pub.Identity == nil {
			return ErrNotIdentified
		}
		x.resume()
		return nil
	}))
}

// GiveUp finds that it cannot be established who asks, or what for: a person's decision, with reasons, of which the person is told (Art. 11(2), 12(2), 12(4)).
// If proof comes later, Identify opens the case again.
func (d *Desk) GiveUp(ctx context.Context, actor gdpr.Actor, c *Case, reasons string) error {
	return wrap("give up", d.change(ctx, actor, c, ActGiveUp, "decide", func(x *change) error {
		if reasons == "" {
			return refuse("Reasons", "missing: they are owed to the person (Art. 12(4))")
		}
		x.resume()
		x.act.Thaw = true
		d.notify(x, noticeNotIdentified, toPerson, x.sec.Reply, map[string]string{"reasons": reasons})
		return nil
	}))
}

// Extension is the one extension of the time to answer, to three months from receipt (Art. 12(3)).
type Extension struct {
	Ground ExtensionGround `json:"ground"`
	By     string          `json:"by"`
	At     time.Time       `json:"at"`
	// Told is when the person was told: the extension counts from then.
	Told time.Time `json:"told,omitzero"`
}

// ExtensionGround is why: Art. 12(3) knows two grounds.
type ExtensionGround string

// The grounds.
const (
	Complexity ExtensionGround = "complexity"
	Number     ExtensionGround = "number" // of requests
)

// Extend extends the time to answer to three months from receipt, once, with reasons that are told to the person. It counts when the notice is delivered inside the first
// month (Desk.Deliver); with told not zero the person was told by other means, at that instant. It fails with ErrTooLate when the first month is over.
func (d *Desk) Extend(ctx context.Context, actor gdpr.Actor, c *Case, ground ExtensionGround, reasons string, told time.Time) error {
	return wrap("extend", d.change(ctx, actor, c, ActExtend, "read", func(x *change) error {
		first, err := d.first(&x.pub, x.today)
		switch {
		case err != nil:
			return err
		case ground != Complexity && ground != Number:
			return refuse("Ground", "not complexity or number: Art. 12(3) knows no other")
		case reasons == "":
			return refuse("Reasons", "missing: they are told to the person")
		case x.pub.Extension != nil:
			return refuse("Ground", "extended before: there is one extension")
		case x.today.After(first):
			return ErrTooLate
		case told.After(x.now):
			return refuse("Told", "in the future")
		case !told.IsZero() && told.Before(x.pub.Received):
			return refuse("Told", "before the request was received")
		case told.IsZero() && x.answerTo().Contact == "":
			return refuse("Told", "missing: there is no address to send the notice to")
		}
		x.pub.Extension = &Extension{Ground: ground, By: actor.String(), At: x.now.UTC(), Told: told.UTC()}
		if told.IsZero() {
			x.pub.Extension.Told = time.Time{}
			d.notify(x, noticeExtension, toPerson, x.answerTo(), map[string]string{"reasons": reasons, "until": d.lastExtended(x).String()})
		}
		return nil
	}))
}

// answerTo is where the person gets what is not for everybody: the verified address, else the one that the request came from.
func (x *change) answerTo() savedAddress {
	if x.sec.Verified.Contact != "" {
		return x.sec.Verified
	}
	return x.sec.Reply
}
