package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/golden"
)

// TestQuickstart runs the story twice in an empty folder outside the project, and counts its figures anew from the CSV files.
func TestQuickstart(t *testing.T) {
	told, err := filepath.Abs("testdata/story.txt")
	require.NoError(t, err)
	want := figuresFrom(t, filepath.Join("..", "..", "testdata", "tickets"))
	t.Chdir(t.TempDir())

	first := run(t)
	golden.Assert(t, told, []byte(masked(first)))
	assertFigures(t, want, first)
	assertFiles(t, want.ofAnna-1)
	if !testing.Short() {
		assert.Equal(t, masked(first), masked(run(t)), "a second run tells the same")
	}
}

func run(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, realMain(t.Context(), &out))
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), width, line)
	}
	return out.String()
}

// varying is what differs from run to run: ids, sizes of files, durations, and how often a report names its reader.
var varying = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`(reports/\S+ +)[0-9.]+ [KM]?B +[0-9]+`), "${1}SIZE N"},
	{regexp.MustCompile(`[0-9.]+ (bytes|KB|MB) +`), "SIZE "},
	{regexp.MustCompile(`(size) +`), "$1 "},
	{regexp.MustCompile(`[0-9]+\.[0-9]( seconds| to)`), "N.N$1"},
}

func masked(text string) string {
	for _, v := range varying {
		text = v.is.ReplaceAllString(text, v.as)
	}
	return text
}

// figures are those of the story, by rules written here a second time.
type figures struct {
	tickets, contacts, entries, agreements int
	ofAnna, ofAnnaEntrusted                int
	underEmployer, underBakery             int
	overdueUnder, overdueWithout           int // on 22 November, the one on hold included
	nightly                                int // that come due from then to 1 December, Anna's left out
}

// figuresFrom counts.
func figuresFrom(t *testing.T, dir string) (f figures) {
	t.Helper()
	ended := map[string]string{} // by assignment or agreement
	for _, r := range table(t, filepath.Join(dir, "agreements.csv")) {
		f.agreements++
		ended[r["number"]] = r["agreement_ended"]
		ended[r["assignment"]] = r["assignment_ended"]
		if over := r["agreement_ended"]; over != "" && r["assignment_ended"] == "" {
			ended[r["assignment"]] = over
		}
	}
	for _, r := range table(t, filepath.Join(dir, "tickets.csv")) {
		f.tickets++
		if isAnna(r) {
			f.ofAnna++
		}
		if r["agreement"] == employer {
			f.underEmployer++
		}
		var start string
		switch {
		case r["agreement"] == "":
			start = r["opened"]
		case r["assignment"] == "":
			start = ended[r["agreement"]]
		default:
			start = ended[r["assignment"]]
		}
		switch {
		case start == "":
		case due(t, start, "2026-11-22") && r["agreement"] == "":
			f.overdueWithout++
		case due(t, start, "2026-11-22"):
			f.overdueUnder++
		case due(t, start, "2026-12-01") && !isAnna(r):
			f.nightly++
		}
	}
	for _, r := range table(t, filepath.Join(dir, "sales.csv")) {
		f.contacts++
		if isAnna(r) {
			f.ofAnna++
		}
	}
	for _, r := range table(t, filepath.Join(dir, "hosted.csv")) {
		f.entries++
		if isAnna(r) {
			f.ofAnnaEntrusted++
		}
		if r["agreement"] == bakery {
			f.underBakery++
		}
	}
	return f
}

// due reports whether a year after a day is over at noon of another, or will be within the three days of the sweep's lead.
func due(t *testing.T, start, on string) bool {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	require.NoError(t, err)
	from, err := time.ParseInLocation(time.DateOnly, start, zone)
	require.NoError(t, err)
	now, err := time.ParseInLocation(time.DateOnly, on, zone)
	require.NoError(t, err)
	return !from.AddDate(1, 0, 1).After(now.Add(12*time.Hour + 3*24*time.Hour))
}

func isAnna(r map[string]string) bool {
	return strings.EqualFold(strings.TrimSpace(r["email"]), "anna.lindqvist@kund.example")
}

func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var all []map[string]string
	for _, cells := range lines[1:] {
		r := map[string]string{}
		for i, column := range lines[0] {
			r[column] = cells[i]
		}
		all = append(all, r)
	}
	return all
}

// assertFigures looks for the figures in the story, where lines and spaces do not matter.
func assertFigures(t *testing.T, f figures, text string) {
	t.Helper()
	text = strings.Join(strings.Fields(text), " ")
	all := f.tickets + f.contacts + f.entries
	erased := f.overdueUnder + f.overdueWithout - 1 + f.underBakery
	tell := newStory(nil)
	for _, want := range []string{
		tell.numbers.Sprintf("read in %d agreements", f.agreements),
		tell.numbers.Sprintf("support-ticket %d P1Y", f.tickets),
		tell.numbers.Sprintf("sales-contact %d P1M", f.contacts),
		tell.numbers.Sprintf("hosted-customer-data %d P3M", f.entries),
		tell.numbers.Sprintf("leads to %d records", f.ofAnna+f.ofAnnaEntrusted),
		tell.numbers.Sprintf("The %d that customers have entrusted", f.ofAnnaEntrusted),
		tell.numbers.Sprintf("tickets under AV-1007 %d not known 2027-11-20", f.underEmployer),
		tell.numbers.Sprintf("entrusted under AV-2001 %d not known 2026-12-15", f.underBakery),
		tell.numbers.Sprintf("hosted-customer-data P3M after erasure-instructed due %d", f.underBakery),
		tell.numbers.Sprintf("support-ticket P1Y after assignment-ended with agreement due %d", f.overdueUnder),
		tell.numbers.Sprintf("support-ticket P1Y after collected without agreement due %d", f.overdueWithout-1),
		"support-ticket P1Y after collected without agreement held 1",
		tell.numbers.Sprintf("%d of %d records would go", erased, all),
		tell.numbers.Sprintf("%d records are erased and their keys destroyed", erased),
		tell.numbers.Sprintf("on hold %d", all-erased),
		tell.numbers.Sprintf("access 2026-11-23 2026-12-23 report of %d records", f.ofAnna-1),
		"rectification 2026-11-25 2026-12-28 phone 070-1740605 is now 070-174 06 99",
		tell.numbers.Sprintf("erasure 2026-12-01 2027-01-04 %d records erased, 1 kept", f.ofAnna-2),
		tell.numbers.Sprintf("on 2026-12-01 it erases %d of %d records", f.nightly, all-erased-(f.ofAnna-2)),
		tell.numbers.Sprintf("Anna's %d records of our own in the copy the 1 that is on hold can be read, and %d cannot", f.ofAnna, f.ofAnna-1),
	} {
		assert.Contains(t, text, want)
	}
}

// assertFiles looks at what lies in the folder after a run.
func assertFiles(t *testing.T, reported int) {
	t.Helper()
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		return content
	}
	left, err := files(folder, "")
	require.NoError(t, err)
	require.Len(t, left, len(contents), "no more files than the story explains, and no logs of SQLite")
	for _, f := range left {
		assert.Contains(t, contents, f.path)
		assert.NotZero(t, f.size, f.path)
	}
	for _, name := range []string{dataFile, keysFile, kekFile + ".ledger", filepath.Join(copyDir, dataFile)} {
		content := bytes.ToLower(read(name))
		for _, word := range []string{"lindqvist", "säkerhetskopian", "1740605", "bb-20100"} {
			assert.False(t, bytes.Contains(content, []byte(word)), "%s in %s", word, name)
		}
	}
	for _, lang := range []string{"sv", "en"} {
		page := string(read(fmt.Sprintf("%s/2026-101-%s.html", reportsDir, lang)))
		assert.Contains(t, page, "Anna Lindqvist")
		assert.Contains(t, page, `lang="`+lang+`"`)
	}
	var answer struct {
		Case       string `json:"case"`
		Activities []struct {
			Records []struct{} `json:"records"`
		} `json:"activities"`
	}
	require.NoError(t, json.Unmarshal(read(reportsDir+"/2026-101-en.json"), &answer))
	assert.Equal(t, "2026-101", answer.Case)
	records := 0
	for _, a := range answer.Activities {
		records += len(a.Records)
	}
	assert.Equal(t, reported, records)
}

// TestBrokenRow reads a file with one broken line: it is named, and no other is lost.
func TestBrokenRow(t *testing.T) {
	t.Parallel()
	good, broken := 0, []string{}
	for r, err := range rows("../../testdata/tickets/broken.csv") {
		if err != nil {
			broken = append(broken, r.place+": "+err.Error())
			continue
		}
		good++
	}
	assert.Equal(t, []string{"broken.csv:4711: wrong number of fields"}, broken)
	assert.Greater(t, good, 3000)
}

// TestNoFile tells which file is missing.
func TestNoFile(t *testing.T) {
	t.Parallel()
	for r, err := range rows(filepath.Join(t.TempDir(), "tickets.csv")) {
		require.ErrorIs(t, err, os.ErrNotExist)
		assert.Equal(t, "tickets.csv", r.place)
	}
}
