package register

import (
	"maps"
	"slices"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// Format is the version of the language that this package reads.
const Format = 1

// Register is the record of processing activities of one organization (GDPR
// Art. 30) and all that follows from it. Load and Parse read it from files; a
// register built in Go is ready for use after Check. Do not change it after
// that: many goroutines may read it.
type Register struct {
	// Format is 1, the constant of that name.
	Format int
	// Version counts from 1 and goes up with every change of content.
	Version int
	// From is the day from which this version is in force.
	From civil.Date
	// Author and Owner are functions rather than names. Owner defaults to
	// Author.
	Author, Owner Text
	// Change says what was changed and why. Needed from version 2 on.
	Change Text

	Organization   Organization
	Accountability Accountability
	// Backups is nil where nothing is declared; proofs of erasure then say
	// "copies: unknown".
	Backups *Backups
	// Security describes the technical and organizational measures, Art.
	// 30(1)(g) and 30(2)(d). Empty gives a warning.
	Security Text

	// Subjects are the categories of data subjects beyond Fideslang's own
	// (Art. 30(1)(c)).
	Subjects map[string]Text
	// Elsewhere says where data about a category is kept that is refused here
	// (EPM-R3). After Load it has only categories that no loaded file takes.
	Elsewhere map[string]Text
	// Events are the start events beyond the built-in ones.
	Events map[retention.Event]Text
	// Parties are recipients, processors and joint controllers, never
	// customers.
	Parties map[string]Party
	// Terms are what an agreement with a customer names.
	Terms map[string]Terms
	// Activities are the purposes, by id. See ActivityIDs for their order.
	Activities map[string]*Activity
	// Roles say who may do what. None at all means that the program is trusted
	// and every named actor may act; with any, nobody else may.
	Roles map[string]AccessRole
	// Reviews say who looks at what and how often. Those of the register, of
	// access rights and of clocks not started default to P1Y.
	Reviews map[string]Cadence

	order  []string // of the activities in the files
	source *source  // nil if built in Go
	passed string   // its digest when Check last found nothing wrong
}

// Organization is who the register belongs to (Art. 30(1)(a), 30(2)(a)).
type Organization struct {
	Name, Contact        string
	Country              Country
	Number, Address, DPO string // optional
	// Zone is the IANA zone in which days begin and end. Defaults to
	// Europe/Stockholm for SE; elsewhere it is needed.
	Zone string
	// Authority is the supervisory authority. Defaults to IMY for SE;
	// elsewhere it is needed.
	Authority string
}

// Accountability says how long the organization keeps what shows that it
// complies (Art. 5(2)). Neither has a built-in value.
type Accountability struct {
	AuditLog, CaseFiles civil.Period
}

// Backups says how long copies live.
type Backups struct {
	// Kept is how long copies of data live.
	Kept civil.Period
	// KeysKept is how long copies of keys live. It is shorter, so that a
	// destroyed key stays destroyed.
	KeysKept civil.Period
}

// Party is a recipient, a processor or a joint controller (Art. 26, 28,
// 30(1)(d)).
type Party struct {
	Name, Contact        string
	Country              Country
	Number, Address, DPO string // optional
	Role                 Role
	// Ref names the contract or arrangement. Needed of joint controllers,
	// processors and sub-processors.
	Ref Text
	// Transfer is the ground of chapter V. Needed outside the EEA only.
	Transfer Transfer
}

// Terms are what stands in the agreements with customers whose data the
// organization processes (Art. 28(3)).
type Terms struct {
	// Ref is clause and edition.
	Ref Text
	// Erase has one rule for retention.ErasureInstructed and one for
	// retention.AgreementEnded.
	Erase []retention.Rule
	// AtEnd is the choice of Art. 28(3)(g).
	AtEnd AtEnd
	// BreachNotice is within how many hours the customer is told of a breach
	// (Art. 33(2)). Defaults to 24; at most 72.
	BreachNotice civil.Hours
	// NameController: a person may be told whose data it is.
	NameController bool
}

// AccessRole is what somebody may do who holds a grant of that role (EPM-5).
type AccessRole struct {
	May []Permission
	// All, or For by activity ids, says for which activities the permissions
	// on data hold. After Check, For has every id if All is set.
	All bool
	For []string
	// AtMost is how long one grant may last. Zero: no limit (EPM-11).
	AtMost civil.Period
	// Supervised: somebody else watches while it is used (EPM-11).
	Supervised bool
}

// Cadence is how often something is due, and by which role. An empty By is the
// register's owner.
type Cadence struct {
	Every civil.Period
	By    string
}

// Activity returns the activity of that id.
func (r *Register) Activity(id string) (*Activity, bool) {
	a, ok := r.Activities[id]
	return a, ok && a != nil
}

// ActivityIDs returns the ids of all activities in the order of the files, then
// those that were added in Go, sorted.
func (r *Register) ActivityIDs() []string {
	ids := make([]string, 0, len(r.Activities))
	placed := make(map[string]bool, len(r.Activities))
	for _, id := range slices.Concat(r.order, sortedKeys(r.Activities)) {
		if _, ok := r.Activity(id); ok && !placed[id] {
			ids = append(ids, id)
			placed[id] = true
		}
	}
	return ids
}

// Head returns the first activity of the family that id belongs to: the one
// whose records these are, which is id itself unless it has RecordsOf. It
// returns "" for an unknown id.
func (r *Register) Head(id string) string {
	a, ok := r.Activity(id)
	switch {
	case !ok:
		return ""
	case a.RecordsOf != "":
		return a.RecordsOf
	}
	return id
}

// Family returns head and then the activities that are further purposes of its
// records, in the order of the files. It returns nil for an unknown id and for
// one that is not the first of its family.
func (r *Register) Family(head string) []string {
	if head == "" || r.Head(head) != head {
		return nil
	}
	family := []string{head}
	for _, id := range r.ActivityIDs() {
		if r.Activities[id].RecordsOf == head {
			family = append(family, id)
		}
	}
	return family
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
