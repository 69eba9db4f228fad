package subjectrights

import (
	"fmt"
	"strings"
)

// words are what notices say in one language.
type words struct {
	subject                    map[string]string // by kind; %s is the number of the case
	body                       map[string]string
	right                      map[Right]string
	ground                     map[string]string
	sign                       string // %s: name, contact
	remedy                     string // Art. 12(4); %s: the authority
	passed                     string
	attached                   string
	late                       string // of a request whose last day is over when it is taken in
	nothing                    string // nothing is held as controller
	done                       string // before the list of what was done
	kept, keptUntil, keptWhile string // what an erasure leaves: purpose, day
}

// text composes the subject line and the text of a notice. What it says is what the case knew when the notice was made.
func (d *Desk) text(n notice, l letter) (subject, text string) {
	w := wordsOf[l.Language]
	if w == nil {
		w = wordsOf["en"]
	}
	data := func(key string) string { return l.Data[key] }
	subject = fmt.Sprintf(w.subject[n.Kind], n.Number)
	body := w.body[n.Kind]
	switch n.Kind {
	case noticeReceived:
		if body = w.late; data("due") != "" {
			body = fmt.Sprintf(w.body[n.Kind], data("due"))
		}
		if data("passed on") != "" {
			body += "\n\n" + w.passed
		}
	case noticeExtension:
		body = fmt.Sprintf(body, data("until"), data("reasons"))
	case noticeFee:
		body = fmt.Sprintf(body, data("amount"), data("reasons")) + "\n\n" + fmt.Sprintf(w.remedy, d.reg.Organization.Authority)
	case noticeNotIdentified:
		body = fmt.Sprintf(body, data("reasons")) + "\n\n" + fmt.Sprintf(w.remedy, d.reg.Organization.Authority)
	case noticeRefusal:
		body += w.refused(data("refused")) + "\n\n" + fmt.Sprintf(w.remedy, d.reg.Organization.Authority)
	case noticeAnswer:
		if l.Attachment != nil {
			body += " " + w.attached
		}
		if data("nothing") != "" {
			body += " " + w.nothing
		}
		if done := w.list(data("done")); done != "" {
			body += "\n\n" + w.done + "\n" + done
		}
		if data("kept") != "" {
			body += "\n\n" + w.kept + d.keptText(w, l.Language, data("kept")) + "\n\n" + fmt.Sprintf(w.remedy, d.reg.Organization.Authority)
		}
	case noticeForward:
		body = fmt.Sprintf(body, data("received")) + "\n\n" + w.list(data("rights")) + "\n\n" + data("records")
	case noticeReport:
		body = fmt.Sprintf(body, data("action"), data("done"), data("proof"))
	case noticeDisputed:
		body = fmt.Sprintf(body, data("action"), data("reasons"))
	case noticeRectified, noticeErased, noticeRestricted:
		body = fmt.Sprintf(body, data("fields"))
	}
	o := d.reg.Organization
	return subject, body + "\n\n" + fmt.Sprintf(w.sign, o.Name, o.Contact) + "\n"
}

// keptText is a line for each purpose for which something is kept.
func (d *Desk) keptText(w *words, lang, rows string) string {
	var b strings.Builder
	for _, row := range strings.Split(rows, "\n") {
		id, until, _ := strings.Cut(row, "\t")
		title := id
		if act, ok := d.reg.Activity(id); ok {
			title = act.Purpose.In(lang)
		}
		if until == "" {
			fmt.Fprintf(&b, "\n- "+w.keptWhile, title)
		} else {
			fmt.Fprintf(&b, "\n- "+w.keptUntil, title, until)
		}
	}
	return b.String()
}

// list is one line for each right.
func (w *words) list(codes string) string {
	var lines []string
	for _, r := range strings.Fields(codes) {
		lines = append(lines, "- "+w.right[Right(r)])
	}
	return strings.Join(lines, "\n")
}

// refused says what is refused, on which ground and why.
func (w *words) refused(rows string) string {
	var b strings.Builder
	for _, row := range strings.Split(rows, "\n") {
		part := strings.SplitN(row, "\t", 3)
		if len(part) == 3 {
			fmt.Fprintf(&b, "\n\n- %s (%s): %s", w.right[Right(part[0])], w.ground[part[1]], part[2])
		} else {
			b.WriteString("\n  " + row) // a further line of the reasons before
		}
	}
	return b.String()
}

var wordsOf = map[string]*words{"en": &english, "sv": &swedish}
