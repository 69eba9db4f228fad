package register

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/golden"
)

const registers = "../../testdata/registers/"

func file(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(registers + name)
	require.NoError(t, err)
	return string(data)
}

// edit replaces something that stands in a text exactly once.
func edit(t testing.TB, text, before, after string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, before), "must stand in the file once: %s", before)
	return strings.Replace(text, before, after, 1)
}

// problems is what the loader says of a file.
func problems(t testing.TB, name, text string) Problems {
	t.Helper()
	_, err := Parse(File{Name: name, Data: []byte(text)})
	if err == nil {
		return nil
	}
	var found Problems
	require.ErrorAs(t, err, &found)
	return found
}

// A mistake is a section of mistakes.txt.
type mistake struct {
	name, text string
	head       []string // its lines, without what the loader says
}

func mistakes(t testing.TB) (intro string, all []mistake) {
	t.Helper()
	full := file(t, "full.yaml")
	sections := strings.Split("\n"+file(t, "mistakes.txt"), "\n[")
	for _, section := range sections[1:] {
		lines := strings.Split(strings.TrimRight(section, "\n"), "\n")
		m := mistake{name: strings.TrimSuffix(lines[0], "]"), head: []string{"[" + lines[0]}}
		var before, after strings.Builder
		for _, line := range lines[1:] {
			if strings.HasPrefix(line, ">") {
				continue
			}
			m.head = append(m.head, line)
			if line[0] != '+' {
				before.WriteString(line[1:] + "\n")
			}
			if line[0] != '-' {
				after.WriteString(line[1:] + "\n")
			}
		}
		m.text = strings.TrimPrefix(edit(t, "\n"+full, "\n"+before.String(), "\n"+after.String()), "\n")
		all = append(all, m)
	}
	return strings.TrimLeft(sections[0], "\n"), all
}

// TestMistakes reads a file for every rule of the language of package register.
// Each has one cause, so each gives one error.
func TestMistakes(t *testing.T) {
	t.Parallel()
	intro, all := mistakes(t)
	require.Greater(t, len(all), 180)
	sections := []string{intro}
	names := map[string]bool{}
	for _, m := range all {
		found := problems(t, "full.yaml", m.text)
		assert.Len(t, found, 1, m.name)
		assert.False(t, names[m.name], "two mistakes are called %s", m.name)
		names[m.name] = true
		lines := m.head
		for _, p := range found {
			lines = append(lines, "> "+p.String())
		}
		sections = append(sections, strings.Join(lines, "\n")+"\n")
	}
	golden.Assert(t, registers+"mistakes.txt", []byte(strings.Join(sections, "\n")))
}

var onLine = regexp.MustCompile(` \(line \d+\)`)

// TestMistakesInGo takes every mistake that a register built in Go can have, and
// wants the same to be said of it, with the same path.
func TestMistakesInGo(t *testing.T) {
	t.Parallel()
	// What is refused even if it says no more than the default cannot be seen in Go.
	unseen := []string{"class: processor", "records-of: role"}
	_, all := mistakes(t)
	compared := 0
	for _, m := range all {
		l := newLoader()
		l.source.names = []string{"full.yaml"}
		root := l.document(0, []byte(m.text))
		if root == nil {
			continue
		}
		l.lines = strings.Split(m.text, "\n")
		l.readFile(root)
		if l.err() != nil {
			continue // a mistake in the form of the file
		}
		want := problems(t, "full.yaml", m.text)
		var got Problems
		if err := l.register.Check(); err != nil {
			require.ErrorAs(t, err, &got, m.name)
		}
		if slices.Contains(unseen, m.name) {
			assert.Empty(t, got, m.name)
			continue
		}
		if assert.Len(t, got, 1, m.name) && assert.Len(t, want, 1, m.name) {
			w := want[0]
			w.File, w.Line, w.Column, w.What = "", 0, 0, onLine.ReplaceAllString(w.What, "")
			assert.Equal(t, w, got[0], m.name)
		}
		compared++
	}
	assert.Greater(t, compared, 90)
}

// TestTenMistakes holds the words of ten common mistakes to the letter.
func TestTenMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line int
		text string // "" takes the line away
		add  bool   // after the line
		want string
	}{
		{33, "    rolle: controller", false,
			`epm.yaml:33:5: activities.support-ticket: unknown key. An activity has only its own keys. Did you mean "role"?`},
		{9, "accountability: {audit-log: 2 years, case-files: P3Y}", false,
			`epm.yaml:9:29: accountability.audit-log: not a period. Periods are ISO 8601 in whole calendar units. Write for instance P2Y.`},
		{46, "      - P1Y after assigment-ended with agreement", false,
			`epm.yaml:46:19: activities.support-ticket.erase[1]: unknown start event. A clock starts at a built-in event or at one under events. Did you mean "assignment-ended"?`},
		{47, "", false,
			`epm.yaml:45:5: activities.support-ticket.erase: no clock for records without agreement. They would be kept for ever. Add a rule "without agreement", or take "with agreement" away.`},
		{39, "      phone: anna.berg@kund.example", false,
			`epm.yaml:39:14: activities.support-ticket.fields.phone: not a data category. The register holds kinds of data, never data about a person. Write a Fideslang key, for instance user.contact.phone_number.`},
		{53, "    subjects: [customer_contact, employee]", false,
			`epm.yaml:53:34: activities.sales-contact.subjects[2]: category kept elsewhere (line 18). This policy set refuses it. Take it away here, or take it out of elsewhere.`},
		{72, "    class: internal", true,
			`epm.yaml:73:5: activities.hosted-customer-data.class: not allowed with role processor. A customer's data is class customer-data and nothing lowers it. Delete the line.`},
		{87, "    erase: P7Y after year-end of financial-year-closed", false,
			`epm.yaml:87:12: activities.invoice.erase: not after keep (line 86). The floor holds to the end of that day and leaves no time to erase. Give erase a longer period.`},
		{28, "", false,
			`epm.yaml:23:3: terms.service-agreement: missing key at-end. Art. 28(3)(g) wants a choice between erasing and returning. Add at-end: erase, return or each-agreement.`},
		{98, "  auditor: {may: [log, erase], for: all}", false,
			`epm.yaml:98:24: roles.auditor.may[2]: erase and log in one role. Whoever erases must not tend the trail of it. Make two roles.`},
	}
	epm := strings.Split(file(t, "epm.yaml"), "\n")
	for _, tt := range tests {
		lines := append([]string(nil), epm[:tt.line-1]...)
		if tt.add {
			lines = append(lines, epm[tt.line-1])
		}
		if tt.text != "" {
			lines = append(lines, tt.text)
		}
		lines = append(lines, epm[tt.line:]...)
		_, err := Parse(File{Name: "epm.yaml", Data: []byte(strings.Join(lines, "\n"))})
		assert.EqualError(t, err, tt.want)
		var found Problems
		assert.True(t, errors.As(err, &found) && len(found) == 1)
	}
}

func TestAllProblemsInOrder(t *testing.T) {
	t.Parallel()
	text := file(t, "full.yaml")
	text = edit(t, text, "    class: public\n", "    class: secret\n")
	text = edit(t, text, "  audit-log: P2Y\n", "  audit-log: 2 years\n")
	text = edit(t, text, "P1Y after assignment-ended with", "P1Y after assignment-over with")
	text = edit(t, text, "P1Y after collected without", "P1Y past collected without")
	text = edit(t, text, "  trail: {may: [log]}", "  trail: {may: [log, logg]}")
	var paths []string
	for _, p := range problems(t, "full.yaml", text) {
		paths = append(paths, p.Path)
	}
	assert.Equal(t, []string{"accountability.audit-log", "activities.ticket.erase[1]", "activities.ticket.erase[2]",
		"activities.fair.class", "roles.trail.may[2]"}, paths)
}
