package subjectrights

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
)

// Right is a right of the data subject, in the notation of the Data Privacy Vocabulary.
type Right string

// The rights.
const (
	Access             Right = "A15"
	Rectification      Right = "A16"
	Erasure            Right = "A17"
	Restriction        Right = "A18"
	Portability        Right = "A20"
	Objection          Right = "A21"
	AutomatedDecisions Right = "A22"
	ConsentWithdrawal  Right = "A7-3"
)

var rights = []Right{Access, Rectification, Erasure, Restriction, Portability, Objection, AutomatedDecisions, ConsentWithdrawal}

// Valid reports whether the right is one of the constants.
func (r Right) Valid() bool { return slices.Contains(rights, r) }

// Channel is how a request came in. The clock runs from receipt in any of them (EPM-D4, EPM-T5).
type Channel string

// The channels.
const (
	Email    Channel = "email"
	Letter   Channel = "letter"
	Form     Channel = "form" // on a website, or in a service that the person is logged in to
	Phone    Channel = "phone"
	InPerson Channel = "in-person"
)

// Valid reports whether the channel is one of the constants.
func (c Channel) Valid() bool {
	return slices.Contains([]Channel{Email, Letter, Form, Phone, InPerson}, c)
}

// Request is what a person asks for, as it came in. Its identifiers print as [redacted].
type Request struct {
	// Rights are the rights that the person uses: one or several.
	Rights []Right
	// Channel is how it came in.
	Channel Channel
	// Received is when it arrived, whoever read it later. It may not lie in the future and never changes.
	Received time.Time
	// Subject is who asks.
	Subject gdpr.Identity
	// Person says which one it is, where the identifiers lead to several persons in our own records: see AmbiguousError.
	Person gdpr.ID
	// Case is the application's own number for it, one line that names no data subject: it stands in the trail. Defaults to a new one.
	Case string
	// Language is that of notices and answers, "sv" or "en"; defaults to "sv" in Sweden and to "en" elsewhere.
	Language string
	// Reply is where notices go until it is known who asks: an address as the channel has it. Without one no notice is sent to the person.
	Reply Address
	// Representative acts for the person, if anybody does (REQUIREMENTS 4.14).
	Representative *Representative
	// Child: the person is under age. Such a request comes first, and consent given as a child can always be withdrawn (Art. 17(1)(f)).
	Child bool
	// Text is what was asked for in the person's own words, sealed.
	Text string
}

// Address is where a message goes. It prints as [redacted].
type Address struct {
	Name    string
	Contact string // an e-mail address, a postal address, a URL: what the transport delivers to
}

// Representative is who acts for the person: a parent, a guardian, somebody with a power of attorney. It prints as [redacted].
type Representative struct {
	Kind     string // "parent", "guardian", "attorney", ...
	Name     string
	Evidence string // what shows it, never the document itself
	Until    string // last day, 2006-01-02, if it ends
}

// applied is the first day of the GDPR: no request under it is older (Art. 99(2)).
var applied = time.Date(2018, time.May, 25, 0, 0, 0, 0, time.UTC)

func (r *Request) check(now time.Time) error {
	if len(r.Rights) == 0 {
		return refuse("Rights", "missing: what is asked for")
	}
	for i, right := range r.Rights {
		switch {
		case !right.Valid():
			return refuse("Rights", "not one of the rights")
		case slices.Contains(r.Rights[:i], right):
			return refuse("Rights", "the same right twice")
		}
	}
	switch {
	case !r.Channel.Valid():
		return refuse("Channel", "not one of the channels")
	case r.Received.IsZero():
		return refuse("Received", "missing: the time to answer is counted from it")
	case r.Received.After(now):
		return refuse("Received", "in the future")
	case r.Received.Before(applied):
		return refuse("Received", "before the GDPR applied, 25 May 2018")
	case r.Subject.IsZero():
		return refuse("Subject", "missing: who asks")
	case strings.Contains(r.Case, "@"):
		return refuse("Case", "looks like an e-mail address: it stands in the trail, and names no data subject")
	case r.Language != "" && r.Language != "sv" && r.Language != "en":
		return refuse("Language", "not sv or en")
	case len(r.Text) > maxText:
		return refuse("Text", "longer than 64 KiB")
	}
	if err := r.Reply.check("Reply"); err != nil {
		return err
	}
	return r.Representative.check(civil.DateOf(r.Received, time.UTC).AddDays(-1)) // in no zone is it earlier
}

const maxText = 64 << 10

// check refuses an address that no transport could deliver to: a notice to it would wait for ever.
func (a Address) check(field string) error {
	for part, text := range map[string]string{"Name": a.Name, "Contact": a.Contact} {
		switch {
		case len(text) > 1000:
			return refuse(field+"."+part, "longer than 1,000 bytes")
		case !utf8.ValidString(text):
			return refuse(field+"."+part, "not valid UTF-8")
		case strings.ContainsFunc(text, unicode.IsControl):
			return refuse(field+"."+part, "has a control character")
		}
	}
	if a.Name != "" && a.Contact == "" {
		return refuse(field+".Contact", "missing")
	}
	return nil
}

func (r *Representative) check(received civil.Date) error {
	switch {
	case r == nil:
		return nil
	case r.Kind == "":
		return refuse("Representative.Kind", "missing")
	case r.Name == "":
		return refuse("Representative.Name", "missing")
	case r.Evidence == "":
		return refuse("Representative.Evidence", "missing: what shows that they may act")
	}
	if r.Until == "" {
		return nil
	}
	switch until, err := civil.ParseDate(r.Until); {
	case err != nil:
		return refuse("Representative.Until", "not a day, 2006-01-02")
	case until.Before(received):
		return refuse("Representative.Until", "over before the request came")
	}
	return nil
}
