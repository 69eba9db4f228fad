package register

import (
	"fmt"
	"slices"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// Check fills in the defaults and looks for everything that Load looks for, in a
// register that was built in Go. The error is Problems, with paths for
// positions. A register that has been loaded has been checked.
//
// A register that has passed is only read from then on, until it is changed:
// several engines may share it.
func (r *Register) Check() error {
	if r.passed != "" && r.passed == r.Digest() {
		return nil
	}
	r.fillIn()
	c := &checker{report: newReport(r.source), register: r, headers: []*Register{r}}
	c.run()
	if err := c.err(); err != nil {
		return err
	}
	r.passed = r.Digest()
	return nil
}

// checker judges what the values of a register mean.
type checker struct {
	*report
	register *Register
	headers  []*Register
	declared map[string][]string // by kind
	uses     map[string]bool     // paths of what is referred to
	unsure   map[string]bool     // kinds of which a reference could not be resolved
	taken    map[string]string   // category of data subjects -> where it stands first
}

func (c *checker) run() {
	c.uses, c.unsure, c.taken = map[string]bool{}, map[string]bool{}, map[string]string{}
	r := c.register
	if !c.ids() {
		return // a path would show what is no id
	}
	c.declared = declarations(r)
	for i, h := range c.headers {
		c.header(i, h)
	}
	c.organization(&r.Organization)
	c.accountability()
	c.backups()
	c.text("security", r.Security)
	c.subjects()
	c.events()
	for _, id := range sortedKeys(r.Parties) {
		p := r.Parties[id]
		c.party(join("parties", id), &p)
	}
	for _, id := range sortedKeys(r.Terms) {
		t := r.Terms[id]
		c.terms(join("terms", id), &t)
	}
	c.activities()
	for _, id := range sortedKeys(r.Roles) {
		role := r.Roles[id]
		c.accessRole(join("roles", id), &role)
	}
	for _, id := range sortedKeys(r.Reviews) {
		review := r.Reviews[id]
		c.cadence(join("reviews", id), &review)
	}
	c.unused()
}

func (c *checker) header(file int, h *Register) {
	path := inFile("register", file)
	if h == nil && c.broken("register") {
		return
	}
	if h == nil || c.source == nil && h.Format == 0 && h.Version == 0 && h.Author.IsZero() {
		c.missing(inFile("", file), "register", "It says which version this is, from when, and who wrote it.",
			"Add register: with format, version, from and author.")
		return
	}
	switch {
	case h.Format == 0:
		c.missing(path, "format", "It says how the rest is to be read.", fmt.Sprintf("Add format: %d.", Format))
	case h.Format != Format && !c.broken(path+".format"):
		c.atValue(path+".format", "written for another version of the library", fmt.Sprintf("This one reads format %d.", Format),
			fmt.Sprintf("Use format %d.", Format))
	}
	if h.Version == 0 {
		c.missing(path, "version", "Every deadline names the version that it was computed by.", "Add version: 1.")
	} else if h.Version < 0 {
		c.atValue(path+".version", numberForm.what, numberForm.why, numberForm.mend)
	}
	if h.From.IsZero() {
		c.missing(path, "from", "A register is in force from a day on.", "Add from: with a date such as 2026-01-01.")
	} else if !h.From.Valid() {
		c.atValue(path+".from", dateForm.what, dateForm.why, dateForm.mend)
	}
	c.need(path, "author", h.Author, "Somebody answers for what it says.", "Add author: with a function rather than a name.")
	c.text(path+".owner", h.Owner)
	if h.Version > 1 {
		c.need(path, "change", h.Change, "From version 2 on a register says what was changed and why.", "Add change: with a line or two.")
	} else {
		c.text(path+".change", h.Change)
	}
	if first := c.headers[0]; file > 0 && first != nil {
		c.sameHeader(path, h, first)
	}
}

func (c *checker) sameHeader(path string, h, first *Register) {
	const why, mend = "Files that are loaded together are one register.", "Write the same in all of them."
	if p := path + ".version"; h.Version != first.Version && !c.broken(p) {
		c.atValue(p, "not that of the first file"+c.line("register.version", p), why, mend)
	}
	if p := path + ".from"; h.From != first.From && !c.broken(p) {
		c.atValue(p, "not that of the first file"+c.line("register.from", p), why, mend)
	}
}

func (c *checker) organization(o *Organization) {
	const path = "organization"
	if c.absent(path, *o == Organization{}, "Art. 30 wants to know whose register it is.", "Add organization: with name, contact and country.") {
		return
	}
	c.who(path, o.Name, o.Contact, o.Country)
	if !o.Country.Valid() {
		return
	}
	if o.Zone == "" {
		c.missing(path, "zone", "Days begin and end in a zone.", "Add zone: with an IANA zone such as Europe/Oslo.")
	} else if _, err := civil.LoadZone(o.Zone); err != nil && !c.broken(path+".zone") {
		c.atValue(path+".zone", "unknown zone", "Days begin and end in a zone of the IANA database.", "Write for instance Europe/Stockholm.")
	}
	if o.Authority == "" {
		c.missing(path, "authority", "Complaints go to a supervisory authority, Art. 13(2)(d).", "Add authority: with its name.")
	}
}

// absent reports a part of the register that has been left out.
func (c *checker) absent(path string, zero bool, why, mend string) bool {
	if c.source != nil {
		zero = !c.given(path)
	}
	if zero {
		c.missing("", path, why, mend)
	}
	return zero
}

// who checks what an organization and a party have in common.
func (c *checker) who(path, name, contact string, country Country) {
	if blank(name) {
		c.missing(path, "name", "Art. 30(1) wants names and contact details.", "Add name: with the full one.")
	}
	if blank(contact) {
		c.missing(path, "contact", "Art. 30(1) wants names and contact details.", "Add contact: with an address that is read.")
	}
	switch {
	case country == "":
		c.missing(path, "country", "It decides on zone, authority and transfers.", "Add country: with two letters such as SE.")
	case !country.Valid() && !c.broken(path+".country"):
		c.atValue(path+".country", "unknown country", "Countries are ISO 3166 codes of two letters.", "Write for instance SE.")
	}
}

func (c *checker) accountability() {
	const path = "accountability"
	a := c.register.Accountability
	if c.absent(path, a == Accountability{}, "How long proof of compliance is kept has no built-in value, Art. 5(2).",
		"Add accountability: with audit-log and case-files.") {
		return
	}
	const why, mend = "There is no built-in value.", "Say how long they are kept, for instance P2Y."
	c.needLength(path, "audit-log", a.AuditLog, why, mend)
	c.needLength(path, "case-files", a.CaseFiles, why, mend)
}

// needLength checks a period that must be there.
func (c *checker) needLength(path, key string, p civil.Period, why, mend string) {
	if p.IsZero() {
		c.missing(path, key, why, mend)
	}
	c.length(join(path, key), p)
}

func (c *checker) length(path string, p civil.Period) {
	if !p.Valid() && !c.broken(path) {
		c.atValue(path, periodForm.what, periodForm.why, periodForm.mend)
	}
}

func (c *checker) backups() {
	const path = "backups"
	b := c.register.Backups
	if b == nil {
		return
	}
	const why, mend = "Copies of data and of keys have a life of their own.", "Say how long they live, for instance P35D."
	c.needLength(path, "kept", b.Kept, why, mend)
	c.needLength(path, "keys-kept", b.KeysKept, why, mend)
	if c.broken(path) {
		return
	}
	if !longer(b.Kept, b.KeysKept) {
		c.atValue("backups.keys-kept", "not shorter than kept"+c.line("backups.kept", "backups.keys-kept"),
			"A destroyed key must not come back from a copy that outlives the data.", "Give keys-kept a shorter period.")
		return
	}
	for _, id := range sortedKeys(c.register.Terms) {
		for i, rule := range c.register.Terms[id].Erase {
			p := element(join(join("terms", id), "erase"), i, len(c.register.Terms[id].Erase))
			if rule.Event != retention.ErasureInstructed || rule.EachAgreement || c.broken(p) {
				continue
			}
			if !longer(rule.Period, b.Kept) && !longer(rule.Period, b.KeysKept) {
				c.atValue("backups.keys-kept", "copies outlive the limit of an instruction to erase"+c.ruleLine(p, "backups.keys-kept"),
					"Until the copies of the keys are gone too, the data can be read.", "Give keys-kept a period within that limit.")
				return
			}
		}
	}
}

// ruleLine says where the value of a rule stands.
func (c *checker) ruleLine(of, from string) string {
	if c.source == nil {
		return ""
	}
	at := c.source.value(of)
	if at.file == c.source.key(from).file {
		return fmt.Sprintf(" (line %d)", at.line)
	}
	return fmt.Sprintf(" (line %d of %s)", at.line, c.source.names[at.file])
}

func (c *checker) subjects() {
	for _, id := range sortedKeys(c.register.Subjects) {
		p := join("subjects", id)
		if KnownSubject(id) {
			c.atKey(p, "already a Fideslang word", "Those need no declaration.", "Take it away, or use another word.")
		}
		c.texts(p, c.register.Subjects[id])
	}
	for _, id := range sortedKeys(c.register.Elsewhere) {
		c.texts(join("elsewhere", id), c.register.Elsewhere[id])
	}
}

func (c *checker) events() {
	for _, id := range sortedKeys(c.register.Events) {
		p := join("events", string(id))
		if id.BuiltIn() {
			c.atKey(p, "built-in event", "Its meaning is given.", "Take it away, or use another word.")
		} else if _, err := retention.ParseRule("P1D after " + string(id)); err != nil && isID(string(id)) {
			c.atKey(p, "word of the rules", "A rule could not tell it from its own grammar.", "Use another word.")
		}
		c.texts(p, c.register.Events[id])
	}
}

func (c *checker) party(path string, p *Party) {
	c.who(path, p.Name, p.Contact, p.Country)
	if p.Role == "" {
		c.missing(path, "role", "What must be agreed depends on it.", "Add role: "+enumerate(partyRoles, "or")+".")
	} else {
		oneOf(c, path+".role", "unknown role", "A party has one of the roles of the Regulation.", "", p.Role, partyRoles)
	}
	switch {
	case p.Role.Valid() && p.Role != Controller && p.Role != Authority:
		c.need(path, "ref", p.Ref, "Art. 26 and 28 want an arrangement or a contract.", "Add ref: with the name of it.")
	default:
		c.text(path+".ref", p.Ref)
	}
	if !p.Country.Valid() {
		return
	}
	transfer := path + ".transfer"
	switch {
	case p.Transfer == "" && !p.Country.InEEA():
		c.missing(path, "transfer", "There is no ground for the transfer out of the EEA, Art. 44.", "Add transfer: with a ground such as A45-3 or A46-2-c.")
	case p.Transfer != "" && p.Country.InEEA():
		c.atKey(transfer, "not allowed inside the EEA", "Nothing is transferred to a third country.", "Delete the line.")
	case p.Transfer != "":
		oneOf(c, transfer, "unknown ground for transfer", "Grounds are those of Art. 45, 46 and 49.", "Write for instance A45-3, A46-2-c or A49-1-a.", p.Transfer, transfers)
	}
}

func (c *checker) terms(path string, t *Terms) {
	c.need(path, "ref", t.Ref, "Terms are a clause in an edition.", "Add ref: with both.")
	c.termsRules(path, t)
	if t.AtEnd == "" {
		c.missing(path, "at-end", "Art. 28(3)(g) wants a choice between erasing and returning.", "Add at-end: "+enumerate(atEnds, "or")+".")
	} else {
		oneOf(c, path+".at-end", "unknown choice", "Art. 28(3)(g) wants a choice between erasing and returning.", "", t.AtEnd, atEnds)
	}
	if p := path + ".breach-notice"; (t.BreachNotice < 1 || t.BreachNotice > 72) && !c.broken(p) {
		c.atValue(p, "longer than PT72H", "The controller itself has 72 hours, Art. 33(1).", "Write PT24H, or less.")
	}
}

func (c *checker) accessRole(path string, role *AccessRole) {
	may := path + ".may"
	if len(role.May) == 0 {
		c.missing(path, "may", "A role is what its holder may do.", "Add may: with a list of permissions.")
	}
	for i, p := range role.May {
		oneOf(c, numbered(may, i), "unknown permission", "What a role may do comes from a closed list.", "", p, permissions)
	}
	unique(c, may, role.May)
	if erase, log := slices.Index(role.May, MayErase), slices.Index(role.May, MayLog); erase >= 0 && log >= 0 {
		c.atValue(numbered(may, max(erase, log)), "erase and log in one role", "Whoever erases must not tend the trail of it.", "Make two roles.")
	}
	c.roleScope(path, role)
	c.length(path+".at-most", role.AtMost)
}

func (c *checker) roleScope(path string, role *AccessRole) {
	scope := path + ".for"
	switch onData := slices.ContainsFunc(role.May, Permission.OnData); {
	case c.broken(path + ".may"):
	case onData && len(role.For) == 0 && !role.All:
		c.missing(path, "for", "Permissions on data hold for activities.", "Add for: all, or a list of activities.")
	case !onData && (len(role.For) > 0 || role.All):
		c.atKey(scope, "not allowed without a permission on data", "grant, keys and log are about the engine, not about an activity.", "Delete the line.")
	}
	if role.All || c.broken(scope) {
		return
	}
	for i, id := range role.For {
		c.refer(reference{kind: "activities", id: id, path: numbered(scope, i),
			what: "no such activity", why: "A role holds for activities of this register."})
	}
	unique(c, scope, role.For)
}

func (c *checker) cadence(path string, cadence *Cadence) {
	if c.broken(path) {
		return
	}
	if !cadence.Every.Valid() || cadence.Every.IsZero() {
		c.atValue(path, periodForm.what, periodForm.why, periodForm.mend)
		return
	}
	if cadence.By != "" {
		c.refer(reference{kind: "roles", id: cadence.By, path: path + "@role",
			what: "unknown role", why: "Somebody of a role under roles sees to it."})
	}
}
