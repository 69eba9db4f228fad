package gdpr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra/gdpr/audit"
)

// Actor is who acts: a person or a named job, never nobody (EPM-5, PRO-TRACE).
type Actor struct{ kind, name, run string }

// Person is a member of staff, by a name that identifies one person. It stands in the trail in clear, which is
// therefore personal data of staff with a period of its own (accountability.audit-log).
func Person(name string) Actor { return Actor{kind: "person", name: name} }

// Job is a program that acts by itself.
func Job(name string) Actor { return Actor{kind: "job", name: name} }

// Run names the run or release of a job, for the trail.
func (a Actor) Run(id string) Actor { a.run = id; return a }

// IsPerson reports whether the actor is a natural person: only a person decides (REQUIREMENTS 0.10).
func (a Actor) IsPerson() bool { return a.kind == "person" }

// String returns "person NAME" or "job NAME".
func (a Actor) String() string { return a.kind + " " + a.name }

func (a Actor) check() error {
	if a.kind == "" {
		return refuse("Actor", "missing: an act needs a person or a named job")
	}
	if why := badLine(a.name, 200); why != "" {
		return refuse("Actor.Name", "%s", why)
	}
	if a.run != "" {
		if why := badLine(a.run, 200); why != "" {
			return refuse("Actor.Run", "%s", why)
		}
	}
	return nil
}

func (a Actor) audit() audit.Actor { return audit.Actor{Kind: a.kind, Name: a.name, Run: a.run} }

// badReason is badLine for a text about an act, which stands in the trail: no address of anybody belongs there.
func badReason(s string) string {
	if strings.Contains(s, "@") {
		return "has an '@': no address of anybody belongs here"
	}
	return badLine(s, 200)
}

// badLine says why s is not one line of text of at most limit bytes; "" if it is.
func badLine(s string, limit int) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "empty"
	case len(s) > limit:
		return "too long"
	case !utf8.ValidString(s):
		return "not valid UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "has a control character"
	}
	return ""
}
