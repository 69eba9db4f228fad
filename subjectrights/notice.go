package subjectrights

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// kindNotice is the kind of file that a message waits in until it is delivered.
const kindNotice = "notice"

// What a notice says.
const (
	noticeReceived      = "received"       // to the person: we have it, and answer by then (EPM-D4)
	noticeIdentity      = "identity"       // to the person: who are you?
	noticeClarification = "clarification"  // to the person: what is it about?
	noticeNotIdentified = "not-identified" // to the person: we could not find out
	noticeExtension     = "extension"      // to the person: it takes longer
	noticeRefusal       = "refusal"        // to the person: why something is not done (Art. 12(4))
	noticeFee           = "fee"            // to the person: Art. 12(5)
	noticeAnswer        = "answer"         // to the person
	noticeForward       = "forward"        // to a customer: a request about its data (3.3)
	noticeReport        = "report"         // to a customer: its instruction was carried out
	noticeDisputed      = "disputed"       // to a customer: its instruction seems unlawful (Art. 28(3))
	noticeRectified     = "rectified"      // to a recipient (Art. 19)
	noticeErased        = "erased"
	noticeRestricted    = "restricted"
)

var kinds = []string{noticeReceived, noticeIdentity, noticeClarification, noticeNotIdentified, noticeExtension, noticeRefusal, noticeFee, noticeAnswer, noticeForward,
	noticeRectified, noticeErased, noticeRestricted}

// toPerson is whom a notice goes to when it is no party.
const toPerson = "person"

// Told is a notice that was delivered, once, whatever the transport did.
type Told struct {
	ID       gdpr.ID   `json:"id"` // the idempotency key of its message
	Kind     string    `json:"kind"`
	To       string    `json:"to"` // "person", a party of the register, or the id of a customer
	At       time.Time `json:"at"`
	Receipt  string    `json:"-"` // sealed with the case: it is what somebody else says; an instruction keeps none
	Attempts int       `json:"attempts"`
}

// notice is what a notice's file says without personal data.
type notice struct {
	V        int    `json:"v"`
	Kind     string `json:"kind"`
	To       string `json:"to"`
	Attempts int    `json:"attempts"`
	Number   string `json:"number"`          // of its case
	Order    bool   `json:"order,omitempty"` // the case is an instruction
}

// letter is what is sealed of it.
type letter struct {
	Address    savedAddress      `json:"address"`
	Language   string            `json:"language"`
	Data       map[string]string `json:"data,omitempty"`
	Attachment *Attachment       `json:"attachment,omitempty"`
}

// notify adds a notice to an act: it waits in the outbox as soon as the act is stored. Without an address nothing is sent: whoever acts tells the person by other means.
func (d *Desk) notify(x *change, kind, to string, address savedAddress, data map[string]string) {
	d.post(x, kind, to, letter{Address: address, Data: data})
}

// post is notify for a letter with an attachment.
func (d *Desk) post(x *change, kind, to string, l letter) {
	if l.Address.Contact == "" {
		return
	}
	l.Language = d.language("")
	if to == toPerson {
		l.Language = x.pub.Language
	}
	pub, err := json.Marshal(notice{V: 1, Kind: kind, To: to, Number: x.file.Number, Order: x.ofOrder})
	if err != nil {
		return // strings and a number are always JSON
	}
	sec, err := json.Marshal(l)
	if err != nil {
		return
	}
	x.notices = append(x.notices, &gdpr.CaseFile{Kind: kindNotice, ID: gdpr.NewID(), Case: x.file.ID, State: "waiting", Due: x.now.UTC(), Public: pub, Secret: sec})
}

// tell adds a notice to each recipient of data that was rectified, erased or restricted (Art. 19).
func (d *Desk) tell(x *change, kind string, to []Recipient) {
	for _, r := range to {
		d.notify(x, kind, r.Party, savedAddress{Name: r.Name, Contact: r.Contact}, map[string]string{"fields": strings.Join(r.Fields, ", ")})
	}
}

// passOn adds the notice to a customer whose data a request is about: it names the records, and nothing of any other customer.
func (d *Desk) passOn(ctx context.Context, x *change, w Forward) error {
	p, err := d.eng.Party(ctx, w.Controller)
	if err != nil {
		return err
	}
	ids := make([]string, len(w.Records))
	for i, id := range w.Records {
		ids[i] = id.String()
	}
	d.notify(x, noticeForward, w.Controller.String(), savedAddress{Name: p.Name, Contact: p.Contact}, map[string]string{
		"received": x.pub.Day.String(), "rights": rightCodes(x.pub.Rights), "records": strings.Join(ids, "\n"),
	})
	return nil
}

func rightCodes(rights []Right) string {
	out := make([]string, len(rights))
	for i, r := range rights {
		out[i] = string(r)
	}
	return strings.Join(out, " ")
}

// acknowledge tells the person that the request has come, by when it is answered, and to whom else it was passed on.
func (d *Desk) acknowledge(x *change, due civil.Date) {
	data := map[string]string{}
	if !due.Before(x.today) {
		data["due"] = due.String()
	}
	if len(x.pub.Forward) > 0 {
		data["passed on"] = "yes"
	}
	d.notify(x, noticeReceived, toPerson, x.sec.Reply, data)
}

// lastExtended is the last day that an extension leads to.
func (d *Desk) lastExtended(x *change) civil.Date {
	last, err := d.last(&x.pub, extended, x.today)
	if err != nil {
		return civil.Date{}
	}
	return last
}
