package register

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

func parse(t testing.TB, name string) *Register {
	t.Helper()
	r, err := Parse(File{Name: name, Data: []byte(file(t, name))})
	require.NoError(t, err)
	return r
}

func TestLoad(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"epm.yaml", "smallest.yaml", "full.yaml"} {
		r, err := Load(registers + name)
		require.NoError(t, err, name)
		require.NoError(t, r.Check(), "%s once more", name)
		assert.Equal(t, parse(t, name).Digest(), r.Digest(), name)
	}
}

func TestLoadWhatIsNoFile(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "load register: ")

	_, err = Load()
	assert.EqualError(t, err, "load register: no file given")

	big := filepath.Join(t.TempDir(), "big.yaml")
	require.NoError(t, os.WriteFile(big, []byte(strings.Repeat("#\n", maxFile/2)+"#"), 0o600))
	_, err = Load(big)
	assert.EqualError(t, err, big+":1:1: file too large. A register has at most 1 MiB. Split it into policy sets.")
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	assert.Empty(t, parse(t, "epm.yaml").Warnings())
	assert.Empty(t, parse(t, "full.yaml").Warnings())

	var texts []string
	for _, w := range parse(t, "smallest.yaml").Warnings() {
		texts = append(texts, w.String())
	}
	assert.Equal(t, []string{
		`smallest.yaml:1:1: backups: not declared. Proofs of erasure will say "copies: unknown". Add backups: with kept and keys-kept.`,
		`smallest.yaml:1:1: security: not declared. Art. 30(1)(g) and 30(2)(d) want a general description of the measures. Add security: with a text.`,
		`smallest.yaml:1:1: roles: not declared. The program is trusted: every named actor may do everything. Add roles: with what each may do.`,
	}, texts)

	contract := edit(t, file(t, "full.yaml"), "    basis: A6-1-f\n    interest: To help those who contact us\n", "    basis: A6-1-b\n")
	r, err := Parse(File{Name: "full.yaml", Data: []byte(contract)})
	require.NoError(t, err)
	warnings := r.Warnings()
	require.Len(t, warnings, 1)
	assert.Equal(t, "full.yaml:93:12: activities.ticket.basis: A6-1-b with an agreement's clock. "+
		"An agreement with the employer is none with the person. Consider A6-1-f, with an interest.", warnings[0].String())
}

func TestFormsOfAFile(t *testing.T) {
	t.Parallel()
	small := file(t, "smallest.yaml")
	digest := parse(t, "smallest.yaml").Digest()
	for name, text := range map[string]string{
		"byte order mark":  "\ufeff" + small,
		"lines of Windows": strings.ReplaceAll(small, "\n", "\r\n"),
		"marked document":  "---\n" + small + "...\n",
		"no last line end": strings.TrimSpace(small),
		"quoted":           edit(t, small, "country: SE", `country: "SE"`),
		"folded":           edit(t, small, "author: Owner of the firm}", "author:\n    Owner of\n    the firm}"),
	} {
		r, err := Parse(File{Name: name, Data: []byte(text)})
		if assert.NoError(t, err, name) {
			assert.Equal(t, digest, r.Digest(), name)
		}
	}
	for name, tt := range map[string]struct{ text, want string }{
		"empty":         {"", "f:1:1: empty file. A register has a register key at least. Write one, or leave the file out."},
		"comments only": {"# soon\n", "f:1:1: empty file. A register has a register key at least. Write one, or leave the file out."},
		"a list":        {"- register\n", "f:1:1: not a register. A register is made of keys and what stands under them. Begin with the key register."},
		"no content":    {"---\n", "f:2:1: not a register. A register is made of keys and what stands under them. Begin with the key register."},
		"Latin 1":       {"# ok\nregister: \xe5\n", "f:2:1: not UTF-8. A register is text in UTF-8. Save the file as UTF-8."},
		"UTF-16":        {"\xff\xfer\x00e\x00", "f:1:1: not UTF-8. A register is text in UTF-8. Save the file as UTF-8."},
		"newer, and unknown in other ways": {"register: {format: 2, status: draft}\npurposes: []\n",
			"f:1:20: register.format: written for a newer version of the library. This one reads format 1. Update the library."},
	} {
		_, err := Parse(File{Name: "f", Data: []byte(tt.text)})
		assert.EqualError(t, err, tt.want, name)
	}
}

// Every plain word keeps its meaning: Norway is no boolean and a date no instant.
func TestScalarsAreText(t *testing.T) {
	t.Parallel()
	text := edit(t, file(t, "full.yaml"), "  country: \"NO\"\n  number: 556000-0001\n", "  country: NO\n  number: 2026-01-01\n")
	text = edit(t, text, "  name: Blåbärets Drift AB\n", "  name: 0x1F\n")
	text = edit(t, text, "      state: [open, waiting, closed]\n", "      state: [yes, 1e3, 2026-01-01]\n")
	r, err := Parse(File{Name: "f", Data: []byte(text)})
	require.NoError(t, err)
	assert.Equal(t, Country("NO"), r.Organization.Country)
	assert.Equal(t, "2026-01-01", r.Organization.Number)
	assert.Equal(t, "0x1F", r.Organization.Name)
	ticket, ok := r.Activity("ticket")
	require.True(t, ok)
	assert.True(t, ticket.LabelAllowed("state", "1e3"))
	assert.True(t, ticket.LabelAllowed("state", "yes"))
	assert.False(t, ticket.LabelAllowed("state", "true"))
	assert.False(t, ticket.LabelAllowed("queue", "yes"))
}

func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	full := edit(t, file(t, "full.yaml"), "  shareholder: Kept", "  employee: Kept by the head of staff\n  shareholder: Kept")
	staff := file(t, "staff.yaml")
	load := func(first, second string) (*Register, error) {
		return Parse(File{Name: "full.yaml", Data: []byte(first)}, File{Name: "staff.yaml", Data: []byte(second)})
	}

	r, err := load(full, staff)
	require.NoError(t, err)
	assert.Contains(t, r.ActivityIDs(), "payroll")
	assert.Equal(t, "payroll", r.ActivityIDs()[len(r.ActivityIDs())-1], "files in their order")
	assert.NotContains(t, r.Elsewhere, "employee", "a loaded file takes it")
	assert.Contains(t, r.Elsewhere, "shareholder")
	assert.Equal(t, "Dataskyddsombudet", r.Author.In("sv"), "of the first file")
	require.NoError(t, r.Check())
	swapped, err := Parse(File{Name: "staff.yaml", Data: []byte(staff)}, File{Name: "full.yaml", Data: []byte(full)})
	require.NoError(t, err)
	assert.Equal(t, r.Organization, swapped.Organization)

	const one = " Files that are loaded together are one register. "
	for name, tt := range map[string]struct{ first, second, want string }{
		"organization in both": {full, staff + "organization: {name: A, contact: b@c.example, country: SE}\n",
			"staff.yaml:12:1: organization: stands in two files (line 9 of full.yaml)." + one + "Take one of the two away."},
		"accountability in both": {full, staff + "accountability: {audit-log: P1Y, case-files: P1Y}\n",
			"staff.yaml:12:1: accountability: stands in two files (line 18 of full.yaml)." + one + "Take one of the two away."},
		"backups in both": {full, staff + "backups: {kept: P1Y, keys-kept: P1D}\n",
			"staff.yaml:12:1: backups: stands in two files (line 21 of full.yaml)." + one + "Take one of the two away."},
		"the same activity": {full, edit(t, staff, "  payroll:", "  invoice:"),
			"staff.yaml:4:3: activities.invoice: stands in two files (line 145 of full.yaml)." + one + "Take one of the two away."},
		"a category in both": {full, edit(t, staff, "[employee]", "[employee, prospect]"),
			"staff.yaml:7:26: activities.payroll.subjects[2]: category of another file (line 84 of full.yaml). " +
				"A category stands in one policy set. Take it away here or there."},
		"a category declared in both": {full, staff + "subjects: {hosted_person: A person}\n",
			"staff.yaml:12:12: subjects.hosted_person: stands in two files (line 27 of full.yaml)." + one + "Take one of the two away."},
		"kept elsewhere by the file itself": {full, staff + "elsewhere: {employee: On paper}\n",
			"staff.yaml:7:16: activities.payroll.subjects[1]: category kept elsewhere (line 12). This policy set refuses it. " +
				"Take it away here, or take it out of elsewhere."},
		"no register key": {full, "activities:" + strings.SplitN(staff, "activities:", 2)[1],
			"staff.yaml:1:1: missing key register. It says which version this is, from when, and who wrote it. " +
				"Add register: with format, version, from and author."},
		"another version": {full, edit(t, staff, "version: 3", "version: 4"),
			"staff.yaml:2:32: register.version: not that of the first file (line 4 of full.yaml)." + one + "Write the same in all of them."},
		"another date": {full, edit(t, staff, "2026-02-01", "2026-03-01"),
			"staff.yaml:2:41: register.from: not that of the first file (line 5 of full.yaml)." + one + "Write the same in all of them."},
		"a head without author": {full, edit(t, staff, " author: Head of staff,", ""),
			"staff.yaml:2:1: register: missing key author. Somebody answers for what it says. Add author: with a function rather than a name."},
		"organization in none": {staff, "register: {format: 1, version: 3, from: 2026-02-01, author: A, change: B}\n",
			"full.yaml:1:1: missing key organization. Art. 30 wants to know whose register it is. Add organization: with name, contact and country.\n" +
				"full.yaml:1:1: missing key accountability. How long proof of compliance is kept has no built-in value, Art. 5(2). " +
				"Add accountability: with audit-log and case-files."},
		"a mistake in each": {edit(t, full, "  audit-log: P2Y", "  audit-log: 2Y"), edit(t, staff, "class: confidential", "class: secret"),
			"full.yaml:19:14: accountability.audit-log: not a period. Periods are ISO 8601 in whole calendar units. Write for instance P2Y.\n" +
				"staff.yaml:6:12: activities.payroll.class: unknown class. Own data has one of three classes. Write public, internal or confidential."},
		"the second is no YAML": {full, "register: [\n", "staff.yaml:1:1: not YAML. The file cannot be read from here on; the cause may be a line above. " +
			"Look at indentation, brackets and quotes, and put quotes round a text with a colon and a space in it."},
	} {
		_, err := load(tt.first, tt.second)
		assert.EqualError(t, err, tt.want, name)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	r := parse(t, "smallest.yaml")
	assert.Equal(t, r.Author, r.Owner)
	assert.Equal(t, "Europe/Stockholm", r.Organization.Zone)
	assert.Equal(t, "IMY", r.Organization.Authority)
	assert.Equal(t, map[string]Cadence{
		ReviewRegister:         {Every: civil.Period{Years: 1}},
		ReviewAccessRights:     {Every: civil.Period{Years: 1}},
		ReviewClocksNotStarted: {Every: civil.Period{Years: 1}},
	}, r.Reviews)
	inquiry, ok := r.Activity("inquiry")
	require.True(t, ok)
	assert.Equal(t, "inquiry", inquiry.ID)
	assert.Equal(t, []string{"email"}, inquiry.FindBy)
	assert.Equal(t, []retention.Rule{{Period: civil.Period{Years: 1}, Event: retention.Collected}}, inquiry.Erase)

	r = parse(t, "epm.yaml")
	assert.Equal(t, civil.Hours(24), r.Terms["service-agreement"].BreachNotice)
	assert.False(t, r.Terms["service-agreement"].NameController)
	assert.Equal(t, CustomerData, r.Activities["hosted-customer-data"].Class)
	assert.Equal(t, []string{"subject-reference", "email"}, r.Activities["hosted-customer-data"].FindBy)
	assert.Equal(t, []string{"email", "phone"}, r.Activities["support-ticket"].FindBy)
	assert.Equal(t, r.ActivityIDs(), r.Roles["privacy"].For)
	assert.Equal(t, Cadence{Every: civil.Period{Years: 1}, By: "operations"}, r.Reviews[ReviewRestoreTest])

	full := parse(t, "full.yaml")
	further := full.Activities["ticket-statistics"]
	assert.Equal(t, Controller, further.Role)
	assert.Equal(t, Confidential, further.Class)
	assert.Equal(t, []string{"customer_contact", "prospect"}, further.Subjects)
	assert.Equal(t, []Field{{"message", "user.content.private"}}, further.Fields)
	assert.Empty(t, further.FindBy)
	assert.True(t, further.Anonymize)
	assert.Equal(t, Share{All: true, Fields: []string{"name", "email", "phone", "message"}}, full.Activities["ticket"].Recipients["auditor"])
	assert.Equal(t, civil.Hours(24), full.Terms["reseller"].BreachNotice)

	text := edit(t, file(t, "full.yaml"), "    records-of: ticket\n    fields: [message]\n", "    records-of: ticket\n")
	r, err := Parse(File{Name: "f", Data: []byte(text)})
	require.NoError(t, err)
	assert.Equal(t, r.Activities["ticket"].Fields, r.Activities["ticket-statistics"].Fields)
	assert.Equal(t, []string{"email"}, r.Activities["ticket-statistics"].FindBy, "what the first activity finds by")
}

// No value of the file ever gets into an error or a warning, nor does a key that
// is none.
func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	markers := []string{"Märta.Marker@kund.example", "marker", "P1Y after marker", "P1Y by marker"}
	for name, markers := range map[string][]string{"epm.yaml": markers, "full.yaml": markers[:1]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := file(t, name)
			places := scalars(t, text)
			require.Greater(t, len(places), 200)
			for _, p := range places {
				for _, marker := range markers {
					if p.key && isID(marker) {
						continue // a valid id, which the path may show
					}
					said := parseAll(name, text[:p.from]+marker+text[p.to:])
					if strings.Contains(strings.ToLower(said), "marker") {
						assert.Fail(t, "repeated", "%s at byte %d: %s", name, p.from, said)
					}
				}
			}
		})
	}
}

// parseAll returns everything that is said of a file.
func parseAll(name, text string) string {
	r, err := Parse(File{Name: name, Data: []byte(text)})
	if err != nil {
		return err.Error()
	}
	var said strings.Builder
	for _, w := range r.Warnings() {
		said.WriteString(w.String() + "\n")
	}
	return said.String()
}
