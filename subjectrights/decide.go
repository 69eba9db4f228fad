package subjectrights

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/register"
)

// Decision is what a person has decided about one right, for a set of our own records.
type Decision struct {
	Right Right `json:"right"`
	// Records are those that it is about; nil is all that we hold as controller. For access it is always all.
	Records []gdpr.ID `json:"records,omitempty"`
	// Grant: it is to be carried out.
	Grant bool `json:"grant"`
	// Ground is why. Of a granted erasure a letter of Art. 17(1), of a restriction one of Art. 18(1); of a refusal Excessive, NoSuchRight, or what else is a constant of this package; of an erasure string(gdpr.NoLongerNeeded) and its likes.
	// The others need none.
	Ground string `json:"ground,omitempty"`
	// Purpose is the activity that is objected to, or whose consent is withdrawn; "" is every one where the right exists.
	Purpose string `json:"purpose,omitempty"`
	// Reasons are owed to the person for what is not granted (Art. 12(4)). They are kept sealed.
	Reasons string `json:"-"`

	// By and At are set when it is stored.
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// The grounds to refuse.
const (
	// Excessive: manifestly unfounded or excessive; it is for the controller to prove (Art. 12(5)(b)).
	Excessive = "A12-5-b"
	// NoSuchRight: the right does not exist under the basis, or its conditions are not met.
	NoSuchRight = "conditions-not-met"
	// OthersRights: it would adversely affect others, and leaving them out does not help (Art. 15(4), 20(4)).
	OthersRights = "A15-4"
	// The exceptions to erasure of Art. 17(3).
	FreeExpression = "A17-3-a"
	LegalTask      = "A17-3-b" // a legal obligation or a public task: only what that needs is kept
	PublicHealth   = "A17-3-c"
	Archiving      = "A17-3-d"
	LegalClaims    = "A17-3-e"
	// Compelling: legitimate grounds that override the person's, or legal claims (Art. 21(1)); never against direct marketing.
	Compelling = "A21-1"
)

// refusals says which ground refuses which right.
var refusals = map[string][]Right{
	Excessive:      rights,
	NoSuchRight:    {Rectification, Erasure, Restriction, Portability, Objection, AutomatedDecisions, ConsentWithdrawal},
	OthersRights:   {Access, Portability},
	FreeExpression: {Erasure},
	LegalTask:      {Erasure},
	PublicHealth:   {Erasure},
	Archiving:      {Erasure, Objection},
	LegalClaims:    {Erasure},
	Compelling:     {Objection},
}

// article is the right in the register's words.
var article = map[Right]string{
	Access: register.ArticleAccess, Rectification: register.ArticleRectify, Erasure: register.ArticleErase, Restriction: register.ArticleRestrict,
	Portability: register.ArticlePortability, Objection: register.ArticleObject, AutomatedDecisions: register.ArticleAutomated, ConsentWithdrawal: register.ArticleWithdraw,
}

// Decide stores what was decided, by a person: for each right of the request, every one of our own records once. What is granted is then carried out; what is
// refused is told to the person with its reasons, by a notice that is due inside the first month (Art. 12(4)). The case is Approved, PartlyApproved or Refused after it.
//
// It refuses to grant a right that does not exist under the basis of the records (Art. 17(3)(b), 20(1), 21(1), 7(3)), and to refuse an objection to direct marketing
// or a withdrawal of consent where there is one to withdraw. It needs the ability to decide for all activities.
func (d *Desk) Decide(ctx context.Context, actor gdpr.Actor, c *Case, decisions ...Decision) error {
	granted := 0
	for i := range decisions {
		if decisions[i].Grant {
			granted++
		}
	}
	act := ActPartlyApprove
	switch {
	case granted == 0:
		act = ActRefuse
	case granted == len(decisions):
		act = ActApprove
	}
	return wrap("decide", d.change(ctx, actor, c, act, "decide", func(x *change) error {
		if len(decisions) == 0 {
			return refuse("Decisions", "missing")
		}
		for i := range decisions {
			if err := d.checkDecision(x, &decisions[i]); err != nil {
				return err
			}
		}
		if err := x.covered(decisions); err != nil {
			return err
		}
		x.pub.Decisions, x.sec.Reasons = nil, nil
		var why []string
		for _, dec := range decisions {
			dec.By, dec.At = actor.String(), x.now.UTC()
			dec.Records = slices.Clone(dec.Records)
			x.pub.Decisions = append(x.pub.Decisions, dec)
			x.sec.Reasons = append(x.sec.Reasons, dec.Reasons)
			if !dec.Grant {
				why = append(why, string(dec.Right)+"\t"+dec.Ground+"\t"+strings.ReplaceAll(dec.Reasons, "\t", " "))
			}
		}
		x.act.Thaw = len(x.granted(Access))+len(x.granted(Portability)) == 0
		first, err := d.first(&x.pub, x.today)
		if err != nil {
			return err
		}
		if len(why) > 0 && x.today.After(first) && x.pub.Overdue.IsZero() { // an extension gives no more time to refuse (Art. 12(4))
			x.pub.Overdue, x.act.Missed = first, first
		}
		if len(why) > 0 {
			d.notify(x, noticeRefusal, toPerson, x.answerTo(), map[string]string{"refused": strings.Join(why, "\n")})
		}
		return nil
	}))
}

func (d *Desk) checkDecision(x *change, dec *Decision) error {
	if !slices.Contains(x.pub.Rights, dec.Right) {
		return ErrNotAsked
	}
	if dec.Right == Access && dec.Records != nil {
		return refuse("Decision.Records", "access is to all that we hold: what is about others is left out of the report")
	}
	if dec.Records != nil && len(dec.Records) == 0 {
		return refuse("Decision.Records", "empty: nil is all that we hold")
	}
	for _, id := range dec.Records {
		if x.activityOf(id) == "" {
			if x.forwarded(id) {
				return ErrForward
			}
			return refuse("Decision.Records", "not one of our own records about the person")
		}
	}
	if dec.Purpose != "" {
		if _, ok := d.reg.Activity(dec.Purpose); !ok {
			return refuse("Decision.Purpose", "not an activity of the register")
		}
		if dec.Right != Objection && dec.Right != ConsentWithdrawal {
			return refuse("Decision.Purpose", "is for an objection or a withdrawal of consent")
		}
	}
	if !dec.Grant {
		return d.checkRefusal(x, dec)
	}
	switch dec.Right {
	case Erasure:
		if g := gdpr.Ground(dec.Ground); !g.Valid() || g == gdpr.Instructed {
			return refuse("Decision.Ground", "not a letter of Art. 17(1): A17-1-a to A17-1-f")
		}
		if gdpr.Ground(dec.Ground) == gdpr.Unlawful {
			return nil // under every basis
		}
	case Restriction:
		if !slices.Contains([]string{"A18-1-a", "A18-1-b", "A18-1-c", "A18-1-d"}, dec.Ground) {
			return refuse("Decision.Ground", "not a letter of Art. 18(1): A18-1-a to A18-1-d")
		}
	default:
		if dec.Ground != "" {
			return refuse("Decision.Ground", "is for erasure, for restriction and for what is refused")
		}
	}
	for _, head := range x.activities(dec.Records) {
		if len(d.purposesWith(head, dec)) == 0 {
			return refuse("Decision.Right", "does not exist under the legal basis of "+head)
		}
	}
	return nil
}

func (d *Desk) checkRefusal(x *change, dec *Decision) error {
	if !slices.Contains(refusals[dec.Ground], dec.Right) {
		return refuse("Decision.Ground", "not a ground that refuses this right")
	}
	if strings.TrimSpace(dec.Reasons) == "" {
		return refuse("Decision.Reasons", "missing: they are owed to the person (Art. 12(4))")
	}
	if len(dec.Reasons) > maxText {
		return refuse("Decision.Reasons", "longer than 64 KiB")
	}
	if act, ok := d.reg.Activity(dec.Purpose); ok && dec.Right == Objection && act.DirectMarketing != nil { // also of somebody of whom nothing is held
		return refuse("Decision.Grant", "an objection to direct marketing is absolute (Art. 21(2)-(3))")
	}
	for _, head := range x.activities(dec.Records) {
		for _, id := range d.purposesWith(head, &Decision{Right: dec.Right}) { // all: nobody decides on the others
			act, _ := d.reg.Activity(id)
			switch {
			case dec.Right == Objection && act.DirectMarketing != nil:
				return refuse("Decision.Grant", "an objection to direct marketing is absolute (Art. 21(2)-(3))")
			case dec.Right == ConsentWithdrawal:
				return refuse("Decision.Grant", "consent can be withdrawn at any time (Art. 7(3))")
			}
		}
	}
	return nil
}

// purposesWith are the purposes of a family under which the right of a decision exists.
func (d *Desk) purposesWith(head string, dec *Decision) []string {
	var out []string
	for _, id := range d.reg.Family(head) {
		act, ok := d.reg.Activity(id)
		if !ok || dec.Purpose != "" && dec.Purpose != id {
			continue
		}
		if act.HasRight(article[dec.Right]) || dec.Right == Objection && act.HasRight(register.ArticleMarketing) {
			out = append(out, id)
		}
	}
	return out
}

// covered reports whether each right is decided on for each of our own records, once.
func (x *change) covered(decisions []Decision) error {
	for _, r := range x.pub.Rights {
		left := map[gdpr.ID]bool{}
		for _, h := range x.sec.Own {
			for _, id := range h.Records {
				left[id] = true
			}
		}
		n := 0
		for _, dec := range decisions {
			if dec.Right != r {
				continue
			}
			n++
			if dec.Records == nil {
				if n > 1 {
					return refuse("Decisions", "one about all records, and others about the same right")
				}
				clear(left)
				continue
			}
			for _, id := range dec.Records {
				if !left[id] {
					return refuse("Decisions", "two about the same record")
				}
				delete(left, id)
			}
		}
		if n == 0 || len(left) > 0 {
			return refuse("Decisions", "not all that was asked for is decided on: "+string(r))
		}
	}
	return nil
}

// activityOf is the activity of one of our own records; "" for another.
func (o *open) activityOf(record gdpr.ID) string {
	for _, h := range o.sec.Own {
		if slices.Contains(h.Records, record) {
			return h.Activity
		}
	}
	return ""
}

func (o *open) forwarded(record gdpr.ID) bool {
	return slices.ContainsFunc(o.pub.Forward, func(w Forward) bool { return slices.Contains(w.Records, record) })
}

// activities are those of some of our own records, or of all.
func (o *open) activities(records []gdpr.ID) []string {
	var out []string
	for _, h := range o.sec.Own {
		if records == nil || slices.ContainsFunc(records, func(id gdpr.ID) bool { return slices.Contains(h.Records, id) }) {
			out = append(out, h.Activity)
		}
	}
	return out
}

// granted are the decisions that grant a right.
func (o *open) granted(r Right) []Decision {
	var out []Decision
	for _, dec := range o.pub.Decisions {
		if dec.Right == r && dec.Grant {
			out = append(out, dec)
		}
	}
	return out
}

// ProposeFee asks the person for a fee instead of refusing an excessive request: a person's decision, with reasons (Art. 12(5)(a)). The time to answer goes on.
func (d *Desk) ProposeFee(ctx context.Context, actor gdpr.Actor, c *Case, amount, reasons string) error {
	return wrap("propose fee", d.change(ctx, actor, c, ActProposeFee, "decide", func(x *change) error {
		switch {
		case strings.TrimSpace(amount) == "":
			return refuse("Amount", "missing")
		case strings.TrimSpace(reasons) == "":
			return refuse("Reasons", "missing: it is for the controller to show that the request is excessive")
		}
		d.notify(x, noticeFee, toPerson, x.answerTo(), map[string]string{"amount": amount, "reasons": reasons})
		return nil
	}))
}

// FeePaid lets a case go on for which a fee was asked.
func (d *Desk) FeePaid(ctx context.Context, actor gdpr.Actor, c *Case) error {
	return wrap("fee paid", d.change(ctx, actor, c, ActFeePaid, "read", func(*change) error { return nil }))
}
