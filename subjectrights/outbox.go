package subjectrights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gallra/gallra/gdpr"
)

// Message is what a transport delivers. It prints as its kind and case.
type Message struct {
	// ID is the same each time the message is sent: whoever gets it twice takes it once.
	ID gdpr.ID
	// Kind is what it says: "received", "forward", "erased", ...; Case the number of the case.
	Kind, Case string
	// To is where it goes, Party whom: "person", a party of the register, or the id of a customer.
	To    Address
	Party string
	// Language is "sv" or "en"; Subject and Text are in it.
	Language, Subject, Text string
	// Attachment is a sealed package; nil for none.
	Attachment *Attachment
}

// Transport delivers messages: packages webhook and maildraft do. Send must deliver a message at least once when it returns no error, and may see it again
// after a crash; receipt is what the other side says about it, one line that names nobody. It must end when ctx does.
type Transport interface {
	Send(ctx context.Context, m Message) (receipt string, err error)
}

// ErrNoTransport says that Options.Transport is missing.
var ErrNoTransport = errors.New("the desk has no transport: set Options.Transport")

// Delivered says what a Deliver has done. Notices that were dropped or delivered by somebody else meanwhile are in none of the counts.
type Delivered struct {
	Sent   int // delivered and noted
	Failed int // to be tried again
	Later  int // not yet to be tried again, or another process is sending it
}

// claimed is how long a message is left to the process that is sending it; sendTime bounds one try, and noteTime what is written about it.
const (
	claimed  = 10 * time.Minute
	sendTime = time.Minute
	noteTime = time.Minute
)

// pauses between tries; the last one goes on.
var pauses = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// Deliver sends the notices that wait: acknowledgements, extensions, refusals, answers, what goes to customers (3.3) and to recipients (Art. 19). Each is
// delivered at least once, also when the process is killed between sending and noting it, and noted once. What fails is tried again later, ever more seldom and
// for ever; a case cannot be closed before. Several processes may run it. It needs the ability to disclose, and to read, for all activities.
func (d *Desk) Deliver(ctx context.Context, actor gdpr.Actor) (Delivered, error) {
	var out Delivered
	if d.transport == nil {
		return out, wrap("deliver", ErrNoTransport)
	}
	s := d.eng.As(actor, gdpr.SubjectRights)
	waiting, err := s.OpenCaseFiles(ctx, kindNotice, gdpr.ID{})
	if err != nil {
		return out, wrap("deliver", err)
	}
	var problems []error
	for i := range waiting {
		if waiting[i].Due.After(d.now()) {
			out.Later++
			continue
		}
		if err := ctx.Err(); err != nil {
			problems = append(problems, err)
			break
		}
		if err := d.deliver(ctx, s, actor, waiting[i].ID, &out); err != nil { // one that cannot be read keeps no other back
			problems = append(problems, fmt.Errorf("notice %s: %w", waiting[i].ID, err))
		}
	}
	return out, wrap("deliver", errors.Join(problems...))
}

// deliver sends one notice: claim, send, note. Somebody else who was first is no error.
func (d *Desk) deliver(ctx context.Context, s *gdpr.Session, actor gdpr.Actor, id gdpr.ID, out *Delivered) error {
	f, err := s.CaseFile(ctx, kindNotice, id)
	if err != nil {
		return gone(err)
	}
	if f.Due.After(d.now()) { // claimed by another process since it was listed
		out.Later++
		return nil
	}
	var n notice
	var l letter
	if json.Unmarshal(f.Public, &n) != nil || n.V != 1 || json.Unmarshal(f.Secret, &l) != nil {
		return errors.New("decode notice: not of format 1")
	}
	s = s.Case(n.Number)
	n.Attempts++
	f.Due = d.now().Add(claimed).UTC()
	if err := d.putNotice(ctx, s, f, n, "ClaimNotice"); err != nil {
		if errors.Is(err, gdpr.ErrConflict) {
			out.Later++
		}
		return gone(err)
	}
	receipt, failed := d.send(ctx, f.ID, n, l)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime) // who is told to stop still notes what went out
	defer cancel()
	if failed != nil {
		out.Failed++
		d.log.WarnContext(ctx, "gallra: a notice was not delivered; it is tried again", "notice", f.ID, "kind", n.Kind,
			"case", n.Number, "attempts", n.Attempts)
		f.Due = d.now().Add(pauses[min(n.Attempts, len(pauses))-1]).UTC()
		return gone(d.putNotice(ctx, s, f, n, "FailNotice"))
	}
	noted, err := d.noteSent(ctx, s, actor, f, n, l.plainReceipt(receipt))
	if noted {
		out.Sent++
	}
	return err
}

// gone is nil when somebody else has dealt with a notice meanwhile.
func gone(err error) error {
	if errors.Is(err, gdpr.ErrConflict) || errors.Is(err, gdpr.ErrNotFound) {
		return nil
	}
	return err
}

func (d *Desk) putNotice(ctx context.Context, s *gdpr.Session, f *gdpr.CaseFile, n notice, action string) error {
	var err error
	if f.Public, err = json.Marshal(n); err != nil {
		return errors.New("encode notice: not JSON")
	}
	return s.PutCase(ctx, gdpr.CaseAct{Action: action, May: "disclose", Put: []*gdpr.CaseFile{f}})
}

// send hands a message to the transport. A transport that panics has failed.
func (d *Desk) send(ctx context.Context, id gdpr.ID, n notice, l letter) (receipt string, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the transport panicked")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	m := Message{ID: id, Kind: n.Kind, Case: n.Number, To: Address(l.Address), Party: n.To, Language: l.Language, Attachment: l.Attachment}
	m.Subject, m.Text = d.text(n, l)
	return d.transport.Send(ctx, m)
}

// noteSent takes a notice out of the outbox and notes it in its case, in one batch; while others change the case it tries again.
func (d *Desk) noteSent(ctx context.Context, s *gdpr.Session, actor gdpr.Actor, f *gdpr.CaseFile, n notice, receipt string) (bool, error) {
	for range 20 {
		kind := kindRequest
		if n.Order {
			kind = kindInstruction
		}
		file, err := s.CaseFile(ctx, kind, f.Case)
		if errors.Is(err, gdpr.ErrNotFound) {
			return false, nil // the case was withdrawn, and its notices with it
		}
		if err != nil {
			return false, err
		}
		told := Told{ID: f.ID, Kind: n.Kind, To: n.To, At: d.now().UTC(), Receipt: receipt, Attempts: n.Attempts}
		if err = d.noteTold(ctx, actor, file, f, n, told); errors.Is(err, errClosed) {
			return false, nil
		}
		if !errors.Is(err, gdpr.ErrConflict) {
			return err == nil, err
		}
		if _, err := s.CaseFile(ctx, kindNotice, f.ID); errors.Is(err, gdpr.ErrNotFound) {
			return false, nil // noted by another process, which was as quick
		} else if err != nil {
			return false, err
		}
	}
	return false, gdpr.ErrConflict
}

var errClosed = errors.New("closed")

// noteTold notes a delivery in the case of a notice, which it takes out of the outbox.
func (d *Desk) noteTold(ctx context.Context, actor gdpr.Actor, file, f *gdpr.CaseFile, n notice, told Told) error {
	if file.Closed {
		return errClosed
	}
	if n.Order {
		return d.noteReported(ctx, actor, file, f, told)
	}
	c, err := decodeCase(file)
	if err != nil {
		return err
	}
	x := d.begin(c.open(), actor)
	x.act = gdpr.CaseAct{Action: "Deliver", May: "disclose", Drop: []*gdpr.CaseFile{f}}
	x.noted(told, d)
	return d.put(ctx, x)
}

// noted notes a delivery, and what follows from it.
func (x *change) noted(t Told, d *Desk) {
	x.pub.Told = append(x.pub.Told, t)
	if t.Receipt != "" {
		if x.sec.Receipts == nil {
			x.sec.Receipts = map[string]string{}
		}
		x.sec.Receipts[t.ID.String()] = t.Receipt
	}
	switch t.Kind {
	case noticeExtension:
		first, err := d.first(&x.pub, x.today)
		if e := x.pub.Extension; e != nil && e.Told.IsZero() && err == nil && !x.today.After(first) { // later it came too late
			e.Told = t.At
		}
	case noticeForward:
		i := slices.IndexFunc(x.pub.Forward, func(w Forward) bool { return w.Controller.String() == t.To })
		if i >= 0 {
			x.pub.Forward[i].PassedOn = t.At
		}
	}
}

// plainReceipt keeps of a receipt what can stand in a file without personal data: one short line, without addresses and without whom the letter was for.
func (l *letter) plainReceipt(s string) string {
	s = s[:min(len(s), 4<<10)]
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	low := strings.ToLower(s)
	if strings.ContainsAny(s, "@\uff20\ufe6b") || strings.Contains(low, "%40") {
		return ""
	}
	for _, personal := range append(strings.Fields(l.Address.Name), l.Address.Contact) {
		if len(personal) > 2 && strings.Contains(low, strings.ToLower(personal)) {
			return ""
		}
	}
	r := []rune(strings.TrimSpace(s))
	return strings.TrimSpace(string(r[:min(len(r), 100)]))
}
