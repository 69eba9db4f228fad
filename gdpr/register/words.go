package register

import "slices"

// Role is in which role somebody handles personal data (GDPR Art. 4(7), 4(8),
// 26, 28(4)).
type Role string

// The roles. An activity of the organization has one of the first four; a party
// may also be an authority (Art. 4(9)).
const (
	Controller      Role = "controller"
	JointController Role = "joint-controller"
	Processor       Role = "processor"
	SubProcessor    Role = "sub-processor"
	Authority       Role = "authority"
)

var (
	activityRoles = []Role{Controller, JointController, Processor, SubProcessor}
	partyRoles    = append(slices.Clone(activityRoles), Authority)
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return slices.Contains(partyRoles, r) }

// ForOther reports whether the role is that of a processor or sub-processor,
// who acts on a controller's instructions (Art. 28, 29).
func (r Role) ForOther() bool { return r == Processor || r == SubProcessor }

// Class is how well data is to be protected. It is an activity's, never a
// field's.
type Class string

// The classes. CustomerData is that of every activity in a processor's role and
// of no other; nothing lowers it.
const (
	Public       Class = "public"
	Internal     Class = "internal"
	Confidential Class = "confidential"
	CustomerData Class = "customer-data"
)

var ownClasses = []Class{Public, Internal, Confidential}

// Valid reports whether c is one of the classes.
func (c Class) Valid() bool { return c == CustomerData || slices.Contains(ownClasses, c) }

// Basis is a legal basis of Art. 6(1), a condition of Art. 9(2) for special
// categories, or A10 for data about criminal convictions, in the notation of
// the Data Privacy Vocabulary.
type Basis string

// The bases of Art. 6(1). An activity has exactly one of them.
const (
	Consent            Basis = "A6-1-a"
	Contract           Basis = "A6-1-b"
	LegalObligation    Basis = "A6-1-c"
	VitalInterest      Basis = "A6-1-d"
	PublicTask         Basis = "A6-1-e"
	LegitimateInterest Basis = "A6-1-f"
)

// CriminalLaw is what Art. 10 wants for data about criminal convictions and
// offenses: official authority, or a law that allows it.
const CriminalLaw Basis = "A10"

var (
	lawfulBases = []Basis{Consent, Contract, LegalObligation, VitalInterest, PublicTask, LegitimateInterest}
	conditions9 = []Basis{
		"A9-2-a", "A9-2-b", "A9-2-c", "A9-2-d", "A9-2-e",
		"A9-2-f", "A9-2-g", "A9-2-h", "A9-2-i", "A9-2-j",
	}
	allBases = slices.Concat(lawfulBases, conditions9, []Basis{CriminalLaw})
)

// Valid reports whether b is a basis or condition of Art. 6, 9 or 10.
func (b Basis) Valid() bool { return slices.Contains(allBases, b) }

// Transfer is the ground on which data goes to a country outside the EEA (GDPR
// chapter V), in the notation of the Data Privacy Vocabulary.
type Transfer string

var transfers = []Transfer{
	"A45-3",
	"A46-2-a", "A46-2-b", "A46-2-c", "A46-2-d", "A46-2-e", "A46-2-f",
	"A46-3-a", "A46-3-b",
	"A49-1-a", "A49-1-b", "A49-1-c", "A49-1-d", "A49-1-e", "A49-1-f", "A49-1-g",
	"A49-2",
}

// Valid reports whether t is a ground of Art. 45, 46 or 49.
func (t Transfer) Valid() bool { return slices.Contains(transfers, t) }

// AtEnd is the controller's choice of what happens to its data when the
// agreement ends (GDPR Art. 28(3)(g)).
type AtEnd string

// The choices. Return means return and then erase; EachAgreement leaves the
// choice to the agreement, which is not activated before it has made one.
const (
	AtEndErase         AtEnd = "erase"
	AtEndReturn        AtEnd = "return"
	AtEndEachAgreement AtEnd = "each-agreement"
)

var atEnds = []AtEnd{AtEndErase, AtEndReturn, AtEndEachAgreement}

// Valid reports whether a is one of the choices.
func (a AtEnd) Valid() bool { return slices.Contains(atEnds, a) }

// Permission is one thing that a role may do.
type Permission string

// The permissions. The first seven are about data and need activities to hold
// for; the last three are about the engine itself.
const (
	MayRead     Permission = "read"
	MayWrite    Permission = "write"
	MayExport   Permission = "export"
	MayErase    Permission = "erase"
	MayHold     Permission = "hold"
	MayDecide   Permission = "decide"
	MayDisclose Permission = "disclose"
	MayGrant    Permission = "grant"
	MayKeys     Permission = "keys"
	MayLog      Permission = "log"
)

var (
	dataPermissions = []Permission{MayRead, MayWrite, MayExport, MayErase, MayHold, MayDecide, MayDisclose}
	permissions     = append(slices.Clone(dataPermissions), MayGrant, MayKeys, MayLog)
)

// Valid reports whether p is one of the permissions.
func (p Permission) Valid() bool { return slices.Contains(permissions, p) }

// OnData reports whether p is one of the seven that hold for activities.
func (p Permission) OnData() bool { return slices.Contains(dataPermissions, p) }

// The reviews that the engine ties to what they look at. A register may name
// others, which are reminders only.
const (
	ReviewRegister         = "register"
	ReviewAccessRights     = "access-rights"
	ReviewRestoreTest      = "restore-test"
	ReviewRecipients       = "recipients"
	ReviewKeys             = "keys"
	ReviewLog              = "log"
	ReviewClocksNotStarted = "clocks-not-started"
)

// maxID is the longest id, in characters.
const maxID = 40

// isID reports whether s is an id of the language.
func isID(s string) bool { return isName(s, '-') }

// isCategoryID reports whether s can name a category of data subjects, which
// takes _ for -, as Fideslang does.
func isCategoryID(s string) bool { return isName(s, '_') }

func isName(s string, joint byte) bool {
	if s == "" || len(s) > maxID || !isSmall(s[0]) {
		return false
	}
	for _, c := range []byte(s) {
		if !isSmall(c) && (c < '0' || c > '9') && c != joint {
			return false
		}
	}
	return true
}
