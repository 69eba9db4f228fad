package gdpr

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/gallra/gallra/gdpr/storage"
)

// ID names a record, a data subject, a party, an agreement, an assignment or a hold: 16 random bytes,
// in text 8-4-4-4-12 hexadecimal digits. It says nothing about the person.
type ID = storage.ID

// ParseID reads the text form of an id.
func ParseID(text string) (ID, error) { return storage.ParseID(text) }

// The kinds of identifier, as Fideslang categories. A field of the same category can be found by it.
const (
	kindEmail    = "user.contact.email"
	kindPhone    = "user.contact.phone_number"
	kindNational = "user.government_id.national_identification_number"
	kindRef      = "user.unique_id"
)

// Identity is what identifies a data subject: one or several identifiers, or the engine's own id for the person.
// Identifiers are stored only as keyed hashes and in sealed form. It prints as [redacted].
type Identity struct{ p veiled[identity] }

type identity struct {
	id    ID // set by Subject
	ids   []identifier
	clash bool // two persons were joined
}

// identifier is one identifier as it was given.
type identifier struct{ kind, name, value string }

// Email identifies by e-mail address. Case, surrounding space and the form of the domain do not matter.
func Email(address string) Identity { return one(kindEmail, "email", address) }

// Phone identifies by telephone number, international or as written in the organization's country.
func Phone(number string) Identity { return one(kindPhone, "phone", number) }

// NationalNumber identifies by national identification number (in Sweden personnummer or samordningsnummer).
func NationalNumber(number string) Identity { return one(kindNational, "national number", number) }

// Ref identifies by the application's own key for the person.
func Ref(key string) Identity { return one(kindRef, "ref", key) }

// Subject identifies by the engine's id for the person, as [Stored.Subject] returns it.
func Subject(id ID) Identity { return Identity{veil(&identity{id: id})} }

func one(kind, name, value string) Identity {
	return Identity{veil(&identity{ids: []identifier{{kind, name, value}}})}
}

// And joins the identifiers of one person. If they lead to two persons the act that uses them fails with ErrConflict.
func (i Identity) And(other Identity) Identity {
	a, b := i.p.get(), other.p.get()
	joined := &identity{id: a.id, ids: append(append([]identifier(nil), a.ids...), b.ids...), clash: a.clash || b.clash}
	switch {
	case joined.id.IsZero():
		joined.id = b.id
	case !b.id.IsZero() && b.id != joined.id:
		joined.clash = true
	}
	return Identity{veil(joined)}
}

// IsZero reports whether nobody is identified.
func (i Identity) IsZero() bool { return i.p.get().id.IsZero() && len(i.p.get().ids) == 0 }

// Each hands out the identifiers as they were given, with their Fideslang categories, for an application that looks in tables of its own: they are personal data.
func (i Identity) Each(yield func(category, value string) bool) {
	for _, id := range i.p.get().ids {
		if !yield(id.kind, id.value) {
			return
		}
	}
}

// String returns [redacted].
func (Identity) String() string { return redacted }

// GoString returns [redacted].
func (Identity) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Identity) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (Identity) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails.
func (Identity) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// normalized is an identifier in the form that is hashed.
type normalized struct{ kind, value string }

// normalize returns every identifier in normal form, or says which one is not what it claims to be.
func (i Identity) normalize(field, country string) ([]normalized, error) {
	is := i.p.get()
	if is.clash {
		return nil, fmt.Errorf("%w: %s: two different persons", ErrConflict, field)
	}
	out := make([]normalized, 0, len(is.ids))
	for _, id := range is.ids {
		v, why := normalize(id.kind, id.value, country)
		if why != "" {
			return nil, refuse(field+"."+id.name, "%s", why)
		}
		out = append(out, normalized{id.kind, v})
	}
	return out, nil
}

// savedIdentity is an identity as a sealed file keeps it.
type savedIdentity struct {
	Subject     ID          `json:"subject,omitzero"`
	Identifiers [][3]string `json:"identifiers,omitempty"` // kind, name, value
}

func (i Identity) save() *savedIdentity {
	if i.IsZero() {
		return nil
	}
	is := i.p.get()
	out := &savedIdentity{Subject: is.id}
	for _, id := range is.ids {
		out.Identifiers = append(out.Identifiers, [3]string{id.kind, id.name, id.value})
	}
	return out
}

func (s *savedIdentity) identity() Identity {
	if s == nil {
		return Identity{}
	}
	is := &identity{id: s.Subject}
	for _, id := range s.Identifiers {
		is.ids = append(is.ids, identifier{id[0], id[1], id[2]})
	}
	return Identity{veil(is)}
}
