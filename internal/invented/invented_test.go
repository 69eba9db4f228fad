package invented

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var files = sync.OnceValue(Files)

func TestCommittedFilesAreGenerated(t *testing.T) {
	t.Parallel()
	for name, want := range files() {
		got, err := os.ReadFile(filepath.Join("../../testdata", name))
		require.NoError(t, err, "run go run ./internal/invented/generate")
		assert.True(t, bytes.Equal(want, got), "testdata/%s is not what the generator makes: run go run ./internal/invented/generate", name)
	}
}

func TestFilesAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	assert.Equal(t, files(), Files())
}

func TestSize(t *testing.T) {
	t.Parallel()
	total := 0
	for name, text := range files() {
		assert.True(t, utf8.Valid(text), name)
		if strings.HasPrefix(name, "tickets/") {
			total += len(text)
		}
	}
	assert.Less(t, total, 3<<20)
}

// rows reads one of the files; each row by the names of its columns.
func rows(t *testing.T, name string) []map[string]string {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(files()[name])).ReadAll()
	require.NoError(t, err)
	var found []map[string]string
	for _, fields := range all[1:] {
		row := map[string]string{}
		for i, column := range all[0] {
			row[column] = fields[i]
		}
		found = append(found, row)
	}
	return found
}

func date(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	d, err := time.Parse(time.DateOnly, text)
	require.NoError(t, err)
	return d
}

func TestAgreements(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	var longOver, aboutToPass, ended int
	for _, a := range rows(t, "tickets/agreements.csv") {
		kinds[a["kind"]]++
		assert.True(t, strings.HasSuffix(a["contact"], ".example"), a["number"])
		assert.Equal(t, a["kind"] == "hosting", a["erase_after_end"] != "" && a["at_end"] != "", a["number"])
		if a["agreement_ended"] != "" {
			ended++
		}
		over := date(t, a["assignment_ended"])
		switch {
		case over.IsZero():
		case over.Before(Today.AddDate(-1, 0, -10)):
			longOver++
		case over.Before(Today.AddDate(-1, 0, 20)):
			aboutToPass++
		}
	}
	assert.Equal(t, map[string]int{"support": 40, "hosting": 3}, kinds)
	assert.Equal(t, 5, ended)
	assert.Equal(t, 8, longOver)
	assert.Equal(t, 4, aboutToPass)
}

func TestTickets(t *testing.T) {
	t.Parallel()
	agreements := map[string]map[string]string{}
	for _, a := range rows(t, "tickets/agreements.csv") {
		agreements[a["number"]] = a
	}
	tickets := rows(t, "tickets/tickets.csv")
	require.Len(t, tickets, 5000)
	persons, numbers := map[string]string{}, map[string]bool{}
	spelled := map[string]map[string]bool{}
	var without, withoutOverdue, severalLines, quotes, emoji, noPhone, oddEmail int
	for _, row := range tickets {
		assert.False(t, numbers[row["number"]], row["number"])
		numbers[row["number"]] = true
		opened := date(t, row["opened"])
		assert.False(t, opened.Before(first) || opened.After(Today), row["number"])

		email := strings.ToLower(strings.TrimSpace(row["email"]))
		if name, known := persons[email]; known {
			assert.Equal(t, name, row["name"], "two persons share an address")
		}
		persons[email] = row["name"]
		oddEmail += count(email != row["email"])

		if row["agreement"] == "" {
			without++
			withoutOverdue += count(opened.Before(Today.AddDate(-1, 0, 0)))
			assert.Empty(t, row["assignment"])
		} else {
			a := agreements[row["agreement"]]
			require.Equal(t, "support", a["kind"])
			assert.False(t, opened.Before(date(t, a["signed"])), row["number"])
			if ended := date(t, a["agreement_ended"]); !ended.IsZero() {
				assert.False(t, opened.After(ended), row["number"])
			}
			if row["assignment"] != "" {
				assert.Equal(t, a["assignment"], row["assignment"])
				if ended := date(t, a["assignment_ended"]); !ended.IsZero() {
					assert.False(t, opened.After(ended), row["number"])
				}
			}
		}
		noPhone += count(row["phone"] == "")
		if row["phone"] != "" {
			number := normalPhone(row["phone"])
			if spelled[number] == nil {
				spelled[number] = map[string]bool{}
			}
			spelled[number][row["phone"]] = true
		}
		severalLines += count(strings.Contains(row["message"], "\n"))
		quotes += count(strings.Contains(row["message"], `"`))
		emoji += count(strings.ContainsAny(row["message"], "🙂🙏👍☀"))
		assert.Contains(t, []string{"open", "waiting", "closed"}, row["state"])
	}
	assert.Equal(t, withoutAgreementCount, without)
	assert.InDelta(t, 450, withoutOverdue, 150)
	assert.InDelta(t, 700, len(persons), 10)
	assert.Greater(t, severalLines, 4900)
	for what, n := range map[string]int{"quotes": quotes, "emoji": emoji, "no phone": noPhone, "odd e-mail": oddEmail} {
		assert.Greater(t, n, 500, what)
	}
	assert.InDelta(t, phoneCount, len(spelled), 15)
	assert.Greater(t, len(spelled["+46701740605"]), 2, "the same number in several spellings")
}

func TestAnnaStandsInBothRoles(t *testing.T) {
	t.Parallel()
	found := map[string]int{}
	for _, name := range []string{"tickets/tickets.csv", "tickets/sales.csv", "tickets/hosted.csv"} {
		for _, row := range rows(t, name) {
			if strings.EqualFold(strings.TrimSpace(row["email"]), annaEmail) {
				found[name+" "+row["agreement"]]++
			}
		}
	}
	assert.Equal(t, map[string]int{
		"tickets/tickets.csv ": 2, "tickets/tickets.csv AV-1007": 4, "tickets/sales.csv ": 1,
		"tickets/hosted.csv AV-2001": 2, "tickets/hosted.csv AV-2002": 1,
	}, found)
}

func TestSales(t *testing.T) {
	t.Parallel()
	sales := rows(t, "tickets/sales.csv")
	require.Len(t, sales, 120)
	writers := map[string]bool{}
	for _, row := range rows(t, "tickets/tickets.csv") {
		writers[strings.ToLower(strings.TrimSpace(row["email"]))] = true
	}
	good := map[string]int{"existing-customer": 12, "open-talks": 6, "public-role": 12, "consented-publication": 12} // months
	conditions := map[string]bool{}
	var both, lapsing int
	for _, row := range sales {
		both += count(writers[strings.ToLower(strings.TrimSpace(row["email"]))])
		months, ok := good[row["condition"]]
		require.True(t, ok, row["condition"])
		conditions[row["condition"]] = true
		until := date(t, row["evidence"]).AddDate(0, months, 0)
		assert.True(t, until.After(Today), "evidence that is too old: %s", row["evidence"])
		lapsing += count(until.Before(Today.AddDate(0, 0, 14)))
	}
	assert.Len(t, conditions, 4)
	assert.Equal(t, salesFromTickets, both)
	assert.Equal(t, lapseSoon, lapsing)
}

func TestHosted(t *testing.T) {
	t.Parallel()
	perCustomer, references := map[string]int{}, map[string]string{}
	for _, row := range rows(t, "tickets/hosted.csv") {
		perCustomer[row["agreement"]]++
		email := strings.ToLower(strings.TrimSpace(row["email"]))
		if known, ok := references[row["reference"]]; ok {
			assert.Equal(t, known, email, "one reference, two persons")
		}
		references[row["reference"]] = email
	}
	assert.Equal(t, map[string]int{"AV-2001": 200, "AV-2002": 200, "AV-2003": 200}, perCustomer)
}

func TestPersonsAreInvented(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(`^[a-z0-9.-]+@[a-z-]+\.example$`)
	emails, phones, anybody := map[string]bool{}, map[string]bool{"": true}, 0
	for _, row := range rows(t, "persons/persons.csv") {
		assert.Regexp(t, address, row["email"])
		assert.False(t, emails[row["email"]], "two persons share an address")
		emails[row["email"]] = true
		if row["phone"] != "" {
			assert.False(t, phones[row["phone"]], "two persons share a number")
			phones[row["phone"]] = true
			assert.True(t, fictional(row["phone"]), "not one of PTS's numbers")
		}
		anybody++
	}
	assert.Greater(t, anybody, 1100)
	for _, name := range []string{"tickets/tickets.csv", "tickets/sales.csv", "tickets/hosted.csv"} {
		for _, row := range rows(t, name) {
			assert.True(t, emails[strings.ToLower(strings.TrimSpace(row["email"]))], name)
			assert.True(t, phones[normalPhone(row["phone"])], name)
		}
	}
}

// fictional reports whether PTS keeps the number for books and films. The ranges are written out here once more, as PTS prints them.
func fictional(phone string) bool {
	national := "0" + strings.TrimPrefix(phone, "+46")
	return national >= "0701740605" && national <= "0701740699" && len(national) == 10 ||
		national >= "0313900600" && national <= "0313900699" && len(national) == 10 ||
		national >= "0846500400" && national <= "0846500499" && len(national) == 10
}

func normalPhone(spelled string) string {
	digits := regexp.MustCompile(`\D`).ReplaceAllString(strings.Replace(spelled, "(0)", "", 1), "")
	switch {
	case digits == "":
		return ""
	case strings.HasPrefix(spelled, "+"):
		return "+" + digits
	case strings.HasPrefix(digits, "00"):
		return "+" + digits[2:]
	}
	return "+46" + digits[1:]
}

func TestBrokenFile(t *testing.T) {
	t.Parallel()
	text := files()["tickets/broken.csv"]
	assert.Equal(t, BrokenLines, bytes.Count(text, []byte("\n")))

	r := csv.NewReader(bytes.NewReader(text))
	var good, bad int
	for {
		_, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			good++
			continue
		}
		bad++
		var where *csv.ParseError
		require.ErrorAs(t, err, &where)
		assert.Equal(t, BrokenLine, where.Line)
		assert.ErrorIs(t, err, csv.ErrFieldCount)
	}
	assert.Equal(t, 1, bad)
	assert.Greater(t, good, 4000)
	assert.Less(t, good, BrokenLines-500, "lines and rows must not be the same, or a reader that counts rows would pass")
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
