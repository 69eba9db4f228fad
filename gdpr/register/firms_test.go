package register

import (
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// A firm is one of four whose registers were worked out from what they have published, and what its register must come to.
type firm struct {
	head       string // author, owner and, if there is one, the change
	activities map[string]meaning
	parties    map[string]string // role, country and ground for transfer
	terms      map[string]string // rules, choice at the end, and hours
	reviews    map[string]string
	hands      map[Permission][]string // who may do what, for the permissions about the engine itself
	warnings   []string
}

// meaning is what one activity comes to.
type meaning struct {
	role   Role
	class  Class
	basis  Basis
	given  map[string][]string // recipients and what each may be given
	remind string              // of accuracy
}

// unknownCopies is the one warning that three of the firms live with: their policies do not say how long copies are kept, and a guess would
// stand in every proof of erasure.
const unknownCopies = `backups: not declared. Proofs of erasure will say "copies: unknown". Add backups: with kept and keys-kept.`

var firms = map[string]firm{
	"glesys.yaml": {
		head: "Information security function; Information security function",
		activities: map[string]meaning{
			"support-ticket": {role: Controller, class: Confidential, basis: LegitimateInterest},
			"billing": {role: Controller, class: Confidential, basis: LegitimateInterest,
				given: map[string][]string{"payment-gateway": {"email", "payment"}}},
			"bookkeeping": {role: Controller, class: Confidential, basis: LegalObligation},
			"website-use": {role: Controller, class: Internal, basis: Consent,
				given: map[string][]string{"analytics": {"cookie", "pages"}}},
			"hosted-data":    {role: Processor, class: CustomerData},
			"resold-hosting": {role: SubProcessor, class: CustomerData},
		},
		parties: map[string]string{"payment-gateway": "controller SE", "analytics": "processor US A46-2-c"},
		terms: map[string]string{
			"hosting":  "P2W after erasure-instructed, P3M after agreement-ended, each-agreement, PT24H",
			"reseller": "P1W after erasure-instructed, P2M after agreement-ended, each-agreement, PT12H",
		},
		reviews: map[string]string{
			"risks": "P1Y by information-security", "continuity": "P1Y by operations", "recipients": "P1Y by privacy",
			"register": "P1Y by privacy", "access-rights": "P1Y by manager", "clocks-not-started": "P6M by privacy",
		},
		hands:    map[Permission][]string{MayGrant: {"manager"}, MayKeys: {"key-custodian"}, MayLog: {"information-security"}},
		warnings: []string{unknownCopies},
	},
	"profitbyte.yaml": {
		head: "Managing director; Managing director",
		activities: map[string]meaning{
			"hosted-data":     {role: Processor, class: CustomerData, remind: "P1Y by technician"},
			"project-contact": {role: Controller, class: Internal, basis: LegitimateInterest, remind: "P6M by project-lead"},
		},
		terms: map[string]string{
			"customer-agreement": "each-agreement after erasure-instructed, each-agreement after agreement-ended, each-agreement, PT24H",
		},
		reviews: map[string]string{
			"register": "P1Y by managing-director", "log": "P1Y by auditor", "access-rights": "P1Y", "clocks-not-started": "P1Y",
		},
		hands:    map[Permission][]string{MayGrant: {"managing-director"}, MayKeys: {"key-custodian"}, MayLog: {"auditor"}},
		warnings: []string{unknownCopies},
	},
	"vaia.yaml": {
		head: "Managing director; Managing director",
		activities: map[string]meaning{
			"hosted-system": {role: Processor, class: CustomerData, remind: "P1Y by technician",
				given: map[string][]string{"aws": {"subject-reference", "content"}}},
			"data-migration": {role: Processor, class: CustomerData, remind: "P6M by project-lead",
				given: map[string][]string{"aws": {"subject-reference", "content"}}},
			"support-ticket": {role: Controller, class: Confidential, basis: LegitimateInterest, remind: "P1Y by project-lead",
				given: map[string][]string{"aws-own": {"name", "email", "phone", "message"}}},
		},
		parties: map[string]string{"aws": "sub-processor US A46-2-c", "aws-own": "processor US A46-2-c"},
		terms: map[string]string{
			"data-processing-agreement": "each-agreement after erasure-instructed, each-agreement after agreement-ended, each-agreement, PT24H",
		},
		reviews: map[string]string{
			"register": "P1Y by managing-director", "recipients": "P1Y by managing-director", "log": "P1Y by auditor",
			"access-rights": "P1Y", "clocks-not-started": "P1Y",
		},
		hands:    map[Permission][]string{MayGrant: {"managing-director"}, MayKeys: {"key-custodian"}, MayLog: {"auditor"}},
		warnings: []string{unknownCopies},
	},
	"elastisys.yaml": {
		head: "CISO; CEO; First register, after version 3.1 of the policy",
		activities: map[string]meaning{
			"support-ticket": {role: Controller, class: Confidential, basis: LegitimateInterest,
				given: map[string][]string{"office-suite": {"name", "email", "message"}}},
			"security-report": {role: Controller, class: Confidential, basis: LegitimateInterest,
				given: map[string][]string{"office-suite": {"email"}}},
			"customer-contact": {role: Controller, class: Internal, basis: LegitimateInterest,
				given: map[string][]string{"office-suite": {"name", "email", "title"}}},
			"reference-case": {role: Controller, class: Public, basis: Consent,
				given: map[string][]string{"office-suite": {"name", "quote"}}},
			"hosted-data": {role: Processor, class: CustomerData},
		},
		parties: map[string]string{"office-suite": "processor US A46-2-c"},
		terms: map[string]string{
			"customer-agreement": "P1M after erasure-instructed, P3M after agreement-ended, return, PT24H",
		},
		reviews: map[string]string{
			"access-rights": "P1Y by people-manager", "register": "P1Y by ciso", "risks": "P3M by ciso", "keys": "P1Y by system-manager",
			"restore-test": "P6M by platform-engineer", "recipients": "P1Y by ciso", "log": "P1M by ciso", "clocks-not-started": "P1Y",
		},
		hands: map[Permission][]string{MayGrant: {"people-manager", "system-manager"}, MayKeys: {"key-custodian"}, MayLog: {"ciso"}},
	},
}

// TestFirmsMean reads what each register comes to, so that nothing is taken out of one unseen.
func TestFirmsMean(t *testing.T) {
	t.Parallel()
	for name, want := range firms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Load(registers + name)
			require.NoError(t, err)
			require.NoError(t, r.Check(), "once more")
			got := firm{head: r.Author.String() + "; " + r.Owner.String(), activities: map[string]meaning{}}
			if !r.Change.IsZero() {
				got.head += "; " + r.Change.String()
			}
			for id, a := range r.Activities {
				m := meaning{role: a.Role, class: a.Class, basis: a.LawfulBasis()}
				for party, share := range a.Recipients {
					m.given = with(m.given, party, share.Fields)
				}
				if a.Accuracy != nil {
					m.remind = a.Accuracy.meaning()
				}
				got.activities[id] = m
			}
			for id, p := range r.Parties {
				got.parties = with(got.parties, id, strings.TrimSpace(string(p.Role)+" "+string(p.Country)+" "+string(p.Transfer)))
			}
			for id, terms := range r.Terms {
				parts := append(rules(terms.Erase), string(terms.AtEnd), terms.BreachNotice.String())
				got.terms = with(got.terms, id, strings.Join(parts, ", "))
				assert.False(t, terms.NameController, "a customer is never named unless its agreement allows it")
			}
			for id, cadence := range r.Reviews {
				got.reviews = with(got.reviews, id, cadence.meaning())
			}
			for _, p := range []Permission{MayGrant, MayKeys, MayLog} {
				got.hands = with(got.hands, p, holders(r, p))
			}
			for _, w := range r.Warnings() {
				w.File, w.Line, w.Column = "", 0, 0
				got.warnings = append(got.warnings, w.String())
			}
			assert.Equal(t, want, got)
			assert.False(t, r.Security.IsZero())
		})
	}
}

func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[key] = value
	return m
}

// holders are the roles that may do something, sorted.
func holders(r *Register, p Permission) []string {
	return slices.DeleteFunc(sortedKeys(r.Roles), func(id string) bool { return !slices.Contains(r.Roles[id].May, p) })
}

// What is particular about who may do what.
func TestFirmsRoles(t *testing.T) {
	t.Parallel()
	for name := range firms {
		r := parse(t, name)
		assert.NotEmpty(t, r.Roles, "%s: with none, everybody may do everything", name)
		for _, id := range holders(r, MayLog) {
			assert.Equal(t, []Permission{MayLog}, r.Roles[id].May, "%s: the trail is kept apart from all else", name)
		}
		for _, p := range dataPermissions {
			assert.NotEmpty(t, holders(r, p), "%s: somebody may %s", name, p)
		}
	}
	for _, name := range []string{"profitbyte.yaml", "vaia.yaml"} {
		r := parse(t, name)
		for _, id := range []string{"technician", "developer", "project-lead", "managing-director"} {
			assert.Contains(t, r.Roles, id, name)
		}
		assert.Equal(t, AccessRole{May: []Permission{MayRead}, For: r.Roles["developer"].For, AtMost: civil.Period{Months: 1}},
			r.Roles["developer"], "%s: a developer looks, for a while", name)
		assert.Equal(t, []string{"managing-director", "technician"}, holders(r, MayErase), name)
	}
	elastisys := parse(t, "elastisys.yaml")
	for id, role := range elastisys.Roles { // ELA-LP
		if slices.ContainsFunc(role.May, Permission.OnData) {
			assert.Positive(t, role.AtMost.MaxDays(), "%s: a grant on data ends", id)
			assert.LessOrEqual(t, role.AtMost.MaxDays(), 366, id)
		} else {
			assert.Len(t, role.May, 1, "%s: rights about the engine stand alone", id)
		}
	}
	assert.Equal(t, []string{"offboarding", "privacy"}, holders(elastisys, MayErase), "who works with customers' data does not erase it")
}

// The names and addresses that stand in these files reach nobody but the firms' own names.
func TestFirmsAreInvented(t *testing.T) {
	t.Parallel()
	for name := range firms {
		r := parse(t, name)
		contacts := []string{r.Organization.Contact}
		for _, p := range r.Parties {
			contacts = append(contacts, p.Contact)
		}
		for _, contact := range contacts {
			assert.True(t, strings.HasSuffix(contact, ".example"), "%s: %s", name, contact)
		}
	}
	vaia := parse(t, "vaia.yaml").Organization
	assert.NotEmpty(t, vaia.Address)
	assert.Equal(t, "556000-0000", vaia.Number)
	sum := 0
	for i, c := range strings.ReplaceAll(vaia.Number, "-", "") {
		n := int(c-'0') * (2 - i%2)
		sum += n/10 + n%10
	}
	assert.NotZero(t, sum%10, "the check digit must be wrong, so that the number is nobody's")
}

var (
	length = regexp.MustCompile(`\bPT?\d+[YMWDH]`)
	origin = regexp.MustCompile(`(^|# |\. )(silent|policy|law): \S`)
)

// TestPeriodsSayWhereTheyComeFrom: none of the four policies gives more than a few periods. A number that a test register chose must not look as
// if the firm had promised it.
func TestPeriodsSayWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	for name := range firms {
		found := 0
		for i, line := range strings.Split(file(t, name), "\n") {
			content, comment, _ := strings.Cut(line, "#")
			if length.MatchString(content) {
				found++
				assert.Regexp(t, origin, strings.TrimSpace(comment), "%s:%d", name, i+1)
			}
		}
		assert.Greater(t, found, 8, name)
	}
}

// TestFirmsDeadlines holds the clocks of the four registers against days that were worked out by hand. Several activities in one row are the
// purposes that the same data serves.
func TestFirmsDeadlines(t *testing.T) {
	t.Parallel()
	rows, err := csv.NewReader(strings.NewReader(file(t, "firms.csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"register", "activities", "agreement", "events", "ended", "wake", "limit", "source"}, rows[0])
	require.Greater(t, len(rows), 50)
	loaded, covered := map[string]*Register{}, map[string]map[string]bool{}
	for name := range firms {
		loaded[name], covered[name] = parse(t, name), map[string]bool{}
	}
	for _, row := range rows[1:] {
		name := row[0] + ".yaml"
		require.Contains(t, loaded, name)
		r := loaded[name]
		loc, err := civil.LoadZone(r.Organization.Zone)
		require.NoError(t, err)
		facts := factsOf(t, r, row)
		var policies []retention.Policy
		for _, id := range strings.Fields(row[1]) {
			covered[name][id] = true
			policies = append(policies, policyOf(t, r, id, row[2]))
		}
		v := retention.Judge(policies, facts, loc)
		assert.Equal(t, row[5], at(v.Wake, loc), "wake: %q", row)
		assert.Equal(t, row[6], at(v.Limit, loc), "limit: %q", row)
	}
	for name, ids := range covered {
		for _, id := range loaded[name].ActivityIDs() {
			assert.True(t, ids[id], "%s: %s has no row", name, id)
		}
	}
}

// at writes an instant as the tables do.
func at(instant time.Time, loc *time.Location) string {
	if instant.IsZero() {
		return "unknown"
	}
	return instant.In(loc).Format("2006-01-02 15:04")
}

func factsOf(t *testing.T, r *Register, row []string) retention.Facts {
	t.Helper()
	day := func(text string) civil.Date {
		d, err := civil.ParseDate(text)
		require.NoError(t, err, "%q", row)
		return d
	}
	f := retention.Facts{Agreement: row[2] != "-", Days: map[retention.Event]civil.Date{}, Ended: map[string]retention.End{}}
	for _, word := range strings.Fields(row[3]) {
		event, text, ok := strings.Cut(word, "=")
		require.True(t, ok, "%q", row)
		e := retention.Event(event)
		require.True(t, e.BuiltIn() || !r.Events[e].IsZero(), "%s is no event of %s", e, row[0])
		f.Days[e] = day(text)
		f.Assignment = f.Assignment || e == retention.AssignmentEnded
	}
	if row[4] != "-" {
		purpose, text, ok := strings.Cut(row[4], "=")
		require.True(t, ok, "%q", row)
		require.Contains(t, r.Activities, purpose)
		f.Ended[purpose] = retention.End{Day: day(text)}
	}
	return f
}

// policyOf returns the clocks of an activity. For a customer's data they are those of the terms, shortened and filled in by what the agreement
// says: "yes" for one that says nothing of its own.
func policyOf(t *testing.T, r *Register, id, agreement string) retention.Policy {
	t.Helper()
	a, ok := r.Activity(id)
	require.True(t, ok, id)
	p := retention.Policy{Purpose: id, Erase: a.Erase, Keep: a.Keep, Anonymize: a.Anonymize}
	if !a.Processor() {
		return p
	}
	p.Erase = slices.Clone(r.Terms[a.Terms].Erase)
	if agreement == "yes" {
		return p
	}
	for text := range strings.SplitSeq(agreement, "; ") {
		own, err := retention.ParseRule(text)
		require.NoError(t, err, text)
		i := slices.IndexFunc(p.Erase, func(rule retention.Rule) bool { return rule.Event == own.Event })
		require.GreaterOrEqual(t, i, 0, text)
		require.True(t, p.Erase[i].EachAgreement || longer(p.Erase[i].Period, own.Period), "%s does not shorten %s", text, p.Erase[i])
		p.Erase[i] = own
	}
	return p
}

// A refusal is a change to one of the registers that its loader does not take.
type refusal struct {
	name     string
	old, new string
	at       string // what stands where the loader points
	want     string // without the line numbers of other places
}

var refusals = map[string][]refusal{
	"glesys.yaml": {
		{"hosting on a basis of its own", "    terms: hosting\n", "    terms: hosting\n    basis: A6-1-f\n", "basis: A6-1-f\n",
			"activities.hosted-data.basis: not allowed with role processor. The legal basis is the customer's own. Delete the line."},
		{"resold hosting on a basis of its own", "    terms: reseller\n", "    terms: reseller\n    basis: A6-1-b\n", "basis: A6-1-b\n",
			"activities.resold-hosting.basis: not allowed with role sub-processor. The legal basis is the customer's own. Delete the line."},
		{"hosted data in another class", "    terms: hosting\n", "    terms: hosting\n    class: confidential\n", "class: confidential\n",
			"activities.hosted-data.class: not allowed with role processor. A customer's data is class customer-data and nothing lowers it. Delete the line."},
		{"hosted data with a limit of ours", "    terms: hosting\n", "    terms: hosting\n    erase: P1Y after collected\n", "erase: P1Y",
			"activities.hosted-data.erase: not allowed with role processor. The terms say when it ends. Delete the line."},
		{"resold hosting without terms", "    terms: reseller\n", "", "resold-hosting:",
			"activities.resold-hosting: missing key terms. A processor acts on terms, Art. 28(3). Add terms: with an id from terms."},
		{"a customer's data for our statistics", "roles:  ", "  statistics:\n    records-of: hosted-data\n    purpose: Learn what is hosted\n    basis: A6-1-f\n" +
			"    interest: To sell more\n    compatible: No\n    erase: P1Y after collected\nroles:  ", "hosted-data\n",
			"activities.statistics.records-of: records of a customer. A customer's data never serves a purpose of our own, Art. 28(10). Collect the data as controller, in an activity without records-of."},
		{"a field too many for the payment gateway", "[email, payment] ", "[email, payment, message] ", "message]",
			"activities.billing.recipients.payment-gateway[3]: no such field. What is not under fields is not recorded. Write a name from fields."},
		{"no list for the payment gateway", "[email, payment] ", "some ", "some",
			"activities.billing.recipients.payment-gateway: neither all nor a list. Here stands the word all, or a list of fields. Write all, or the list in brackets."},
		{"nothing for the payment gateway", "[email, payment] ", "[] ", "[]",
			"activities.billing.recipients.payment-gateway: empty value. A key stands for something. Write a value, or delete the line."},
		{"a payment gateway that nobody declared", "payment-gateway: [email", "payment-gatewy: [email", "payment-gatewy:",
			`activities.billing.recipients.payment-gatewy: undeclared party. Whoever is named stands under parties. Did you mean "payment-gateway"?`},
		{"a payment gateway that is given nothing", "    recipients:\n      payment-gateway: [email, payment]", "    # [email, payment]", "payment-gateway:",
			"parties.payment-gateway: declared, not used. No activity names it. Take it away, or refer to it."},
		{"analytics without a ground for the transfer", "    transfer: A46-2-c ", "    # A46-2-c ", "analytics:",
			"parties.analytics: missing key transfer. There is no ground for the transfer out of the EEA, Art. 44. Add transfer: with a ground such as A45-3 or A46-2-c."},
		{"analytics on an unknown ground", "transfer: A46-2-c", "transfer: A46-9", "A46-9",
			"parties.analytics.transfer: unknown ground for transfer. Grounds are those of Art. 45, 46 and 49. Write for instance A45-3, A46-2-c or A49-1-a."},
		{"analytics within the EEA on a ground", "country: US", "country: IE", "transfer:",
			"parties.analytics.transfer: not allowed inside the EEA. Nothing is transferred to a third country. Delete the line."},
		{"analytics in no country", "country: US ", "# US ", "analytics:",
			"parties.analytics: missing key country. It decides on zone, authority and transfers. Add country: with two letters such as SE."},
		{"analytics without a contract", "    ref: Data processing agreement for analytics", "    # ref", "analytics:",
			"parties.analytics: missing key ref. Art. 26 and 28 want an arrangement or a contract. Add ref: with the name of it."},
		{"analytics as sub-processor", "role: processor                   # silent: it counts", "role: sub-processor # it counts", "analytics: [cookie",
			"activities.website-use.recipients.analytics: sub-processor on a controller's activity. A sub-processor works for a processor; who works for a controller is a processor, Art. 28. Declare a party with role processor."},
		{"analytics without consent and without an interest", "basis: A6-1-a ", "basis: A6-1-f ", "website-use:",
			"activities.website-use: missing key interest. Art. 13(1)(d) wants the interest told. Add interest: with a line."},
		{"terms without an end", "      - P3M after agreement-ended ", "      # P3M ", "erase:",
			"terms.hosting.erase: no rule for agreement-ended. Terms say what follows an instruction to erase and the end of the agreement. Add a rule, if need be each-agreement after agreement-ended."},
		{"terms without an instruction", "      - P1W after erasure-instructed ", "      # P1W ", "erase:",
			"terms.reseller.erase: no rule for erasure-instructed. Terms say what follows an instruction to erase and the end of the agreement. Add a rule, if need be each-agreement after erasure-instructed."},
		{"terms from another event", "P2M after agreement-ended", "P2M after invoice-settled", "invoice-settled",
			"terms.reseller.erase[2]: not an event of terms. Terms say what follows an instruction to erase and the end of the agreement. Write erasure-instructed or agreement-ended."},
		{"terms without a choice at the end", "    at-end: each-agreement            # silent: Art.", "    # Art.", "hosting:",
			"terms.hosting: missing key at-end. Art. 28(3)(g) wants a choice between erasing and returning. Add at-end: erase, return or each-agreement."},
		{"a reseller told too late", "breach-notice: PT12H", "breach-notice: PT96H", "PT96H",
			"terms.reseller.breach-notice: longer than PT72H. The controller itself has 72 hours, Art. 33(1). Write PT24H, or less."},
		{"our own limit left to the agreement", "P2Y after collected", "each-agreement after collected", "each-agreement after",
			"activities.support-ticket.erase: each-agreement outside terms. Only terms leave a period to the agreement. Write a period."},
		{"an instruction on our own tickets", "P2Y after collected", "P2Y after erasure-instructed", "erasure-instructed",
			"activities.support-ticket.erase: instruction on own data. Nobody instructs a controller to erase, so the clock would never start. Use another event."},
		{"bookkeeping no longer than the law", "P7Y3M after", "P7Y after", "P7Y after",
			"activities.bookkeeping.erase: not after keep. The floor holds to the end of that day and leaves no time to erase. Give erase a longer period."},
		{"bookkeeping without the law", "    ref: Bokföringslagen (1999:1078) 7 kap. 2 §\n", "", "bookkeeping:",
			"activities.bookkeeping: missing key ref. What must be kept is kept by a law or a policy. Add ref: with its section."},
		{"bookkeeping of fields that billing lacks", "    fields: [reference, document]", "    fields: [reference, dokument]", "dokument]",
			`activities.bookkeeping.fields[2]: no such field. What is not under fields is not recorded. Did you mean "document"?`},
		{"bookkeeping in a class of its own", "    records-of: billing\n", "    records-of: billing\n    class: internal\n", "class: internal",
			"activities.bookkeeping.class: not allowed with records-of. It is the first activity's, so that a customer's data never serves a purpose of our own, Art. 28(10). Delete the line."},
		{"an event that is not declared", "  invoice-settled: Day", "  invoice-payed: Day", "invoice-settled",
			"activities.billing.erase: unknown start event. A clock starts at a built-in event or at one under events. Declare it under events, or take it away."},
		{"continuity seen to by nobody", "continuity: P1Y by operations", "continuity: P1Y by operation", "operation",
			`reviews.continuity: unknown role. Somebody of a role under roles sees to it. Did you mean "operations"?`},
		{"risks without anybody", "risks: P1Y by information-security", "risks: P1Y", "P1Y",
			"reviews.risks: not a cadence. A cadence is a period and the role that sees to it. Write for instance P1Y by privacy."},
		{"the trail tended by those who erase", "{may: [log]}", "{may: [erase, log], for: [hosted-data]}", "log]",
			"roles.information-security.may[2]: erase and log in one role. Whoever erases must not tend the trail of it. Make two roles."},
		{"no contact", "  contact: dataskydd@glesys.example ", "  # contact ", "organization:",
			"organization: missing key contact. Art. 30(1) wants names and contact details. Add contact: with an address that is read."},
		{"no word on the trail", "  audit-log: P2Y ", "  # audit-log ", "accountability:",
			"accountability: missing key audit-log. There is no built-in value. Say how long they are kept, for instance P2Y."},
	},
	"profitbyte.yaml": {
		{"a reminder without a length", "accuracy: P1Y by technician", "accuracy: yearly by technician", "yearly",
			"activities.hosted-data.accuracy: not a period. Periods are ISO 8601 in whole calendar units. Write for instance P2Y."},
		{"a reminder for nobody", "accuracy: P1Y by technician", "accuracy: P1Y", "P1Y",
			"activities.hosted-data.accuracy: not a cadence. A cadence is a period and the role that sees to it. Write for instance P1Y by privacy."},
		{"a reminder for a role that is not declared", "accuracy: P6M by project-lead", "accuracy: P6M by project-leads", "project-leads",
			`activities.project-contact.accuracy: unknown role. Somebody of a role under roles sees to it. Did you mean "project-lead"?`},
		{"a review by nobody", "register: P1Y by managing-director", "register: P1Y by managing", "managing ",
			"reviews.register: unknown role. Somebody of a role under roles sees to it. Declare it under roles, or take it away."},
		{"a review without a role", "  managing-director: {may: [read, export, erase, hold, decide, disclose, grant], for: all}\n", "", "managing-director ",
			"reviews.register: unknown role. Somebody of a role under roles sees to it. Declare it under roles, or take it away."},
		{"a role without anything to do", "technician: {may: [read, write, export, erase], for: [hosted-data]}", "technician: {for: [hosted-data]}", "technician:",
			"roles.technician: missing key may. A role is what its holder may do. Add may: with a list of permissions."},
		{"a developer for everything but data", "developer: {may: [read], for: [hosted-data], at-most: P1M}", "developer: {may: [read], at-most: P1M}", "developer:",
			"roles.developer: missing key for. Permissions on data hold for activities. Add for: all, or a list of activities."},
		{"a developer for an activity that does not exist", "developer: {may: [read], for: [hosted-data]", "developer: {may: [read], for: [hosted]", "hosted]",
			"roles.developer.for[1]: no such activity. A role holds for activities of this register. Declare it under activities, or take it away."},
		{"a project lead who may delete", "project-lead: {may: [read, write]", "project-lead: {may: [read, delete]", "delete]",
			"roles.project-lead.may[2]: unknown permission. What a role may do comes from a closed list. Write read, write, export, erase, hold, decide, disclose, grant, keys or log."},
		{"an auditor who erases", "auditor: {may: [log]}", "auditor: {may: [log, erase], for: all}", "erase]",
			"roles.auditor.may[2]: erase and log in one role. Whoever erases must not tend the trail of it. Make two roles."},
		{"no choice at the end of an agreement", "    at-end: each-agreement ", "    # ", "customer-agreement:",
			"terms.customer-agreement: missing key at-end. Art. 28(3)(g) wants a choice between erasing and returning. Add at-end: erase, return or each-agreement."},
		{"a choice that is none", "at-end: each-agreement", "at-end: keep", "keep",
			"terms.customer-agreement.at-end: unknown choice. Art. 28(3)(g) wants a choice between erasing and returning. Write erase, return or each-agreement."},
		{"terms that say nothing of the end", "      - each-agreement after agreement-ended ", "      # ", "erase:",
			"terms.customer-agreement.erase: no rule for agreement-ended. Terms say what follows an instruction to erase and the end of the agreement. Add a rule, if need be each-agreement after agreement-ended."},
		{"terms that nobody uses", "    terms: customer-agreement\n", "", "hosted-data:",
			"activities.hosted-data: missing key terms. A processor acts on terms, Art. 28(3). Add terms: with an id from terms."},
		{"terms of another name", "    terms: customer-agreement\n", "    terms: agreement\n", "agreement\n",
			"activities.hosted-data.terms: unknown terms. An agreement names terms that stand under terms. Declare it under terms, or take it away."},
		{"terms for our own data", "    role: controller\n", "    role: controller\n    terms: customer-agreement\n", "terms: customer",
			"activities.project-contact.terms: not allowed with role controller. Terms are for data of customers. Delete the line."},
		{"hosted data whose role nobody says", "    role: processor ", "    # ", "hosted-data:",
			"activities.hosted-data: missing key role. Whose data it is decides on all the rest; there is no default. Add role: controller, joint-controller, processor or sub-processor."},
		{"hosted data for whoever is not declared", "    find-by: [subject-reference]\n", "    find-by: [subject-reference]\n    recipients: {print-shop: all}\n", "print-shop:",
			"activities.hosted-data.recipients.print-shop: undeclared party. Whoever is named stands under parties. Declare it under parties, or take it away."},
		{"no end for contacts without an agreement", "      - P6M after collected without agreement ", "      # ", "erase:",
			`activities.project-contact.erase: no clock for records without agreement. They would be kept for ever. Add a rule "without agreement", or take "with agreement" away.`},
		{"contacts kept for good", "    erase:                                # silent: recipients. With none named here, nothing may be given to anybody\n" +
			"      - P1Y after assignment-ended with agreement   # silent: a year in which people ask about a project that is done\n" +
			"      - P6M after collected without agreement       # silent: half a year to win the project\n", "", "project-contact:",
			"activities.project-contact: no clock. Data is kept no longer than its purpose needs, Art. 5(1)(e). Add erase, or anonymize, with a rule such as P1Y after collected."},
		{"contacts without an interest", "    interest: {sv: Att projektet blir färdigt, en: That the project gets done}\n", "", "project-contact:",
			"activities.project-contact: missing key interest. Art. 13(1)(d) wants the interest told. Add interest: with a line."},
		{"a person among the fields", "      name: user.name\n", "      name: Åsa Öberg\n", "Åsa",
			"activities.project-contact.fields.name: not a data category. The register holds kinds of data, never data about a person. Write a Fideslang key, for instance user.name."},
	},
	"vaia.yaml": {
		{"AWS without a contract", "    ref: AWS, contract on data processing        #", "    #", "aws:",
			"parties.aws: missing key ref. Art. 26 and 28 want an arrangement or a contract. Add ref: with the name of it."},
		{"AWS without a ground for the transfer", "    transfer: A46-2-c                    #", "    #", "aws:",
			"parties.aws: missing key transfer. There is no ground for the transfer out of the EEA, Art. 44. Add transfer: with a ground such as A45-3 or A46-2-c."},
		{"AWS within the EEA on a ground", "country: US                          #", "country: SE #", "transfer:",
			"parties.aws.transfer: not allowed inside the EEA. Nothing is transferred to a third country. Delete the line."},
		{"AWS in no country", "    country: US                          #", "    #", "aws:",
			"parties.aws: missing key country. It decides on zone, authority and transfers. Add country: with two letters such as SE."},
		{"AWS without a role", "    role: sub-processor\n", "", "aws:",
			"parties.aws: missing key role. What must be agreed depends on it. Add role: controller, joint-controller, processor, sub-processor or authority."},
		{"the sub-processor given our own tickets", "recipients: {aws-own: all}", "recipients: {aws: all, aws-own: all}", "aws: all",
			"activities.support-ticket.recipients.aws: sub-processor on a controller's activity. A sub-processor works for a processor; who works for a controller is a processor, Art. 28. Declare a party with role processor."},
		{"our own tickets stored nowhere", "    recipients: {aws-own: all} ", "    # ", "aws-own:",
			"parties.aws-own: declared, not used. No activity names it. Take it away, or refer to it."},
		{"a hosted activity with AWS misspelled", "recipients: {aws: all}               #", "recipients: {asw: all} #", "asw:",
			`activities.hosted-system.recipients.asw: undeclared party. Whoever is named stands under parties. Did you mean "aws"?`},
		{"a hosted activity with too little for AWS", "recipients: {aws: all}               #", "recipients: {aws: [content, name]} #", "name]",
			"activities.hosted-system.recipients.aws[2]: no such field. What is not under fields is not recorded. Write a name from fields."},
		{"terms without the page they stand on", "    ref: VAIA, data processing agreement (a page of its own) ", "    # ", "data-processing-agreement:",
			"terms.data-processing-agreement: missing key ref. Terms are a clause in an edition. Add ref: with both."},
		{"terms without an end", "      - each-agreement after agreement-ended ", "      # ", "erase:",
			"terms.data-processing-agreement.erase: no rule for agreement-ended. Terms say what follows an instruction to erase and the end of the agreement. Add a rule, if need be each-agreement after agreement-ended."},
		{"terms with an end twice", "      - each-agreement after agreement-ended ", "      - P1M after agreement-ended\n      - each-agreement after agreement-ended ", "each-agreement after",
			"terms.data-processing-agreement.erase[3]: second rule for the same event. Terms have one for each. Take one of the two away."},
		{"terms that pick among agreements", "each-agreement after erasure-instructed ", "each-agreement after erasure-instructed with agreement ", "with agreement",
			"terms.data-processing-agreement.erase[1]: case in terms. Data of a customer always has an agreement. Take the words away."},
		{"a notice in days", "breach-notice: PT24H", "breach-notice: P1D", "P1D",
			"terms.data-processing-agreement.breach-notice: not a number of hours. Hours are ISO 8601 in whole hours from 1. Write for instance PT24H."},
		{"customers' data in a class of ours", "    find-by: [subject-reference]\n    purpose: {sv: Drifta", "    class: internal\n    find-by: [subject-reference]\n    purpose: {sv: Drifta", "class: internal",
			"activities.hosted-system.class: not allowed with role processor. A customer's data is class customer-data and nothing lowers it. Delete the line."},
		{"our own tickets without a class", "    class: confidential ", "    # ", "support-ticket:",
			"activities.support-ticket: missing key class. It says how well the data is to be protected. Add class: public, internal or confidential."},
		{"our own tickets among customer data", "    class: confidential ", "    class: customer-data ", "customer-data",
			"activities.support-ticket.class: unknown class. Own data has one of three classes. Write public, internal or confidential."},
		{"a ticket's clock from an event that is misspelled", "P1Y after ticket-solved", "P1Y after ticket-resolved", "ticket-resolved",
			`activities.support-ticket.erase[1]: unknown start event. A clock starts at a built-in event or at one under events. Did you mean "ticket-solved"?`},
		{"an event that no clock starts from", "      - P1Y after ticket-solved ", "      # ", "ticket-solved:",
			"events.ticket-solved: declared, not used. No rule begins with it. Take it away, or refer to it."},
		{"a label that is a field", "      severity: [critical", "      message: [critical", "message:",
			"activities.support-ticket.labels.message: a field's name. A label is stored in clear and must not be taken for a field. Use another word."},
		{"a severity named twice", "[critical, not-critical]", "[critical, critical]", "critical]",
			"activities.support-ticket.labels.severity[2]: twice in the list. Once is enough. Take one of the two away."},
		{"a reminder for nobody", "accuracy: P1Y by project-lead", "accuracy: P1Y by projectlead", "projectlead",
			`activities.support-ticket.accuracy: unknown role. Somebody of a role under roles sees to it. Did you mean "project-lead"?`},
		{"recipients looked at by nobody", "recipients: P1Y by managing-director", "recipients: P1Y by nobody", "nobody",
			"reviews.recipients: unknown role. Somebody of a role under roles sees to it. Declare it under roles, or take it away."},
		{"a firm without a mailbox", "  contact: dataskydd@vaia.example\n", "", "organization:",
			"organization: missing key contact. Art. 30(1) wants names and contact details. Add contact: with an address that is read."},
	},
	"elastisys.yaml": {
		{"no author", "  author: CISO\n", "", "register:",
			"register: missing key author. Somebody answers for what it says. Add author: with a function rather than a name."},
		{"no date", "  from: 2026-01-01 ", "  # ", "register:",
			"register: missing key from. A register is in force from a day on. Add from: with a date such as 2026-01-01."},
		{"a year for a date", "  from: 2026-01-01 ", "  from: 2025 ", "2025",
			"register.from: not a date. Dates are days of the calendar as year, month and day. Write for instance 2026-01-01."},
		{"the policy's own number", "  version: 1\n", "  version: 3.1\n", "3.1",
			"register.version: not a whole number. Numbers count from 1. Write for instance 1."},
		{"the next version without a word on it", "  version: 1\n  change: First register, after version 3.1 of the policy ", "  version: 2\n  # ", "register:",
			"register: missing key change. From version 2 on a register says what was changed and why. Add change: with a line or two."},
		{"an owner left empty", "  owner: CEO\n", "  owner:\n", "\n",
			"register.owner: empty value. A key stands for something. Write a value, or delete the line."},
		{"logs kept for ever", "  audit-log: P2Y ", "  audit-log: for ever ", "for ever",
			"accountability.audit-log: not a period. Periods are ISO 8601 in whole calendar units. Write for instance P2Y."},
		{"copies of keys that live as long as the data's", "  keys-kept: P7D ", "  keys-kept: P35D ", "P35D",
			"backups.keys-kept: not shorter than kept. A destroyed key must not come back from a copy that outlives the data. Give keys-kept a shorter period."},
		{"copies of keys that outlive an instruction", "  keys-kept: P7D ", "  keys-kept: P32D ", "P32D",
			"backups.keys-kept: copies outlive the limit of an instruction to erase. Until the copies of the keys are gone too, the data can be read. Give keys-kept a period within that limit."},
		{"copies of keys without an end", "  keys-kept: P7D ", "  # ", "backups:",
			"backups: missing key keys-kept. Copies of data and of keys have a life of their own. Say how long they live, for instance P35D."},
		{"the office suite without a contract", "    ref: Data processing agreement for the office suite ", "    # ", "office-suite:",
			"parties.office-suite: missing key ref. Art. 26 and 28 want an arrangement or a contract. Add ref: with the name of it."},
		{"the office suite abroad without a ground", "    transfer: A46-2-c ", "    # ", "office-suite:",
			"parties.office-suite: missing key transfer. There is no ground for the transfer out of the EEA, Art. 44. Add transfer: with a ground such as A45-3 or A46-2-c."},
		{"a field that the office suite cannot have", "{office-suite: [email]}", "{office-suite: [emial]}", "emial]",
			`activities.security-report.recipients.office-suite[1]: no such field. What is not under fields is not recorded. Did you mean "email"?`},
		{"a cloud provider that nobody declared", "    terms: customer-agreement\n", "    terms: customer-agreement\n    recipients: {cloud: all}\n", "cloud:",
			"activities.hosted-data.recipients.cloud: undeclared party. Whoever is named stands under parties. Declare it under parties, or take it away."},
		{"terms without a choice at the end", "    at-end: return ", "    # ", "customer-agreement:",
			"terms.customer-agreement: missing key at-end. Art. 28(3)(g) wants a choice between erasing and returning. Add at-end: erase, return or each-agreement."},
		{"a customer told too late", "breach-notice: PT24H", "breach-notice: PT73H", "PT73H",
			"terms.customer-agreement.breach-notice: longer than PT72H. The controller itself has 72 hours, Art. 33(1). Write PT24H, or less."},
		{"an activity without a class", "    class: public\n", "", "reference-case:",
			"activities.reference-case: missing key class. It says how well the data is to be protected. Add class: public, internal or confidential."},
		{"a class that is none", "    class: public\n", "    class: secret\n", "secret",
			"activities.reference-case.class: unknown class. Own data has one of three classes. Write public, internal or confidential."},
		{"our own data as a customer's", "    class: internal\n", "    class: customer-data\n", "customer-data",
			"activities.customer-contact.class: unknown class. Own data has one of three classes. Write public, internal or confidential."},
		{"customers' data lowered", "    terms: customer-agreement\n", "    terms: customer-agreement\n    class: internal\n", "class: internal",
			"activities.hosted-data.class: not allowed with role processor. A customer's data is class customer-data and nothing lowers it. Delete the line."},
		{"customers' data in the class that it has", "    terms: customer-agreement\n", "    terms: customer-agreement\n    class: customer-data\n", "class: customer-data",
			"activities.hosted-data.class: not allowed with role processor. A customer's data is class customer-data and nothing lowers it. Delete the line."},
		{"medical data in a report", "report: user.content.private", "report: user.health.condition", "A6-1-f",
			"activities.security-report.basis: special category without Art. 9 condition. Art. 9(1) forbids it otherwise. Write a list, for instance [A6-1-b, A9-2-h], or take the field away."},
		{"a title as it was called before", "user.professional_information.job_title", "user.job_title", "user.job_title",
			"activities.customer-contact.fields.title: renamed data category. Fideslang 3.2 has it under a new key. Write user.professional_information.job_title."},
		{"an interest beside consent", "    basis: A6-1-a ", "    interest: To be praised\n    basis: A6-1-a ", "interest:",
			"activities.reference-case.interest: not allowed without A6-1-f. Only that basis rests on an interest, Art. 13(1)(d). Delete the line."},
		{"no end for contacts under an agreement", "      - P3M after agreement-ended with agreement ", "      # ", "erase:",
			`activities.customer-contact.erase: no clock for records with agreement. They would be kept for ever. Add a rule "with agreement", or take "without agreement" away.`},
		{"one role for the trail and for erasing", "ciso: {may: [log]}", "ciso: {may: [log, erase], for: all}", "erase]",
			"roles.ciso.may[2]: erase and log in one role. Whoever erases must not tend the trail of it. Make two roles."},
		{"a right to grant for activities", "people-manager: {may: [grant]}", "people-manager: {may: [grant], for: all}", "for: all",
			"roles.people-manager.for: not allowed without a permission on data. grant, keys and log are about the engine, not about an activity. Delete the line."},
		{"a grant that ends some day", "for: [hosted-data], at-most: P1M}", "for: [hosted-data], at-most: 1 month}", "1 month",
			"roles.offboarding.at-most: not a period. Periods are ISO 8601 in whole calendar units. Write for instance P2Y."},
		{"a right that is none", "offboarding: {may: [export, erase]", "offboarding: {may: [export, delete]", "delete]",
			"roles.offboarding.may[2]: unknown permission. What a role may do comes from a closed list. Write read, write, export, erase, hold, decide, disclose, grant, keys or log."},
		{"a right twice", "offboarding: {may: [export, erase]", "offboarding: {may: [erase, erase]", "erase]",
			"roles.offboarding.may[2]: twice in the list. Once is enough. Take one of the two away."},
		{"risks seen to by nobody", "risks: P3M by ciso", "risks: P3M by risk-forum", "risk-forum",
			"reviews.risks: unknown role. Somebody of a role under roles sees to it. Declare it under roles, or take it away."},
		{"risks four times a year", "risks: P3M by ciso", "risks: quarterly by ciso", "quarterly",
			"reviews.risks: not a period. Periods are ISO 8601 in whole calendar units. Write for instance P2Y."},
		{"a test of restore that is always due", "restore-test: P6M by", "restore-test: P0D by", "P0D",
			"reviews.restore-test: not a period. Periods are ISO 8601 in whole calendar units. Write for instance P2Y."},
	},
}

// TestFirmsRefuse changes one thing in a register, and wants exactly one problem, with its reason, at the place of the change.
func TestFirmsRefuse(t *testing.T) {
	t.Parallel()
	for name, list := range refusals {
		seen := map[string]bool{}
		for _, tt := range list {
			assert.False(t, seen[tt.name], "two are called %s", tt.name)
			seen[tt.name] = true
			text := edit(t, file(t, name), tt.old, tt.new)
			found := problems(t, name, text)
			if !assert.Len(t, found, 1, "%s: %s: %v", name, tt.name, found) {
				continue
			}
			p := found[0]
			line := []rune(strings.Split(text, "\n")[p.Line-1] + "\n")
			assert.True(t, strings.HasPrefix(string(line[p.Column-1:]), tt.at), "%s: %s: points at %s", name, tt.name, string(line[p.Column-1:]))
			p.File, p.What = "", onLine.ReplaceAllString(p.What, "")
			assert.Equal(t, tt.want, p.String(), "%s: %s", name, tt.name)
		}
	}
}
