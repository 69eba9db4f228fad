package holiday_test

import (
	"encoding/csv"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/civil/holiday"
)

// statute computes lag (1989:253) in another way than the library: Easter by
// Gauss, the movable Saturdays by looking at the weekday of each day.
func statute(year int) map[civil.Date]string {
	easter := gauss(year)
	days := map[civil.Date]string{
		on(year, time.January, 1):   "nyårsdagen",
		on(year, time.January, 6):   "trettondedag jul",
		easter.AddDays(-2):          "långfredagen",
		easter:                      "påskdagen",
		easter.AddDays(1):           "annandag påsk",
		on(year, time.December, 25): "juldagen",
		on(year, time.December, 26): "annandag jul",
	}
	days[on(year, time.May, 1)] = "första maj"
	days[easter.AddDays(7*7)] = "pingstdagen"
	// "sjätte torsdagen efter påskdagen"
	thursdays := 0
	for d := easter; thursdays < 6; {
		d = d.AddDays(1)
		if d.Weekday() == time.Thursday {
			thursdays++
		}
		if thursdays == 6 {
			days[d] = "Kristi himmelsfärdsdag"
		}
	}
	if year >= 2005 {
		days[on(year, time.June, 6)] = "nationaldagen"
	} else {
		days[easter.AddDays(7*7+1)] = "annandag pingst"
	}
	for d := on(year, time.June, 20); d != on(year, time.June, 27); d = d.AddDays(1) {
		if d.Weekday() == time.Saturday {
			days[d] = "midsommardagen"
		}
	}
	for d := on(year, time.October, 31); d != on(year, time.November, 7); d = d.AddDays(1) {
		if d.Weekday() == time.Saturday {
			days[d] = "alla helgons dag"
		}
	}
	return days
}

func eves(year int) map[civil.Date]string {
	days := map[civil.Date]string{
		on(year, time.December, 24): "julafton",
		on(year, time.December, 31): "nyårsafton",
	}
	for d, name := range statute(year) {
		if name == "midsommardagen" {
			days[d.AddDays(-1)] = "midsommarafton"
		}
	}
	return days
}

// gauss is Gauss's rule for Easter, with the constants of 1900 to 2099.
func gauss(year int) civil.Date {
	a, b, c := year%19, year%4, year%7
	d := (19*a + 24) % 30
	e := (2*b + 4*c + 6*d + 5) % 7
	after := 22 + d + e // of March
	if d == 29 && e == 6 || d == 28 && e == 6 && a > 10 {
		after -= 7
	}
	return on(year, time.March, 1).AddDays(after - 1)
}

func on(year int, month time.Month, day int) civil.Date {
	return civil.Date{Year: year, Month: month, Day: day}
}

func TestSwedenIsTheStatute(t *testing.T) {
	t.Parallel()
	sweden, withEves := holiday.Sweden(), holiday.SwedenWithEves()
	for year := 2000; year <= 2060; year++ {
		law, custom := statute(year), eves(year)
		for d := on(year, time.January, 1); d.Year == year; d = d.AddDays(1) {
			_, public := law[d]
			_, eve := custom[d]
			require.Equal(t, public, sweden.Holiday(d), "%s %s", d, law[d])
			require.Equal(t, public || eve, withEves.Holiday(d), "%s %s%s", d, law[d], custom[d])
		}
	}
}

// The days of one year as the almanac prints them, so that the test above is
// not right only by agreeing with itself.
func TestAlmanac(t *testing.T) {
	t.Parallel()
	want := []string{
		"2026-01-01", "2026-01-06", "2026-04-03", "2026-04-05", "2026-04-06", "2026-05-01", "2026-05-14",
		"2026-05-24", "2026-06-06", "2026-06-20", "2026-10-31", "2026-12-25", "2026-12-26",
	}
	var got []string
	for d := on(2026, time.January, 1); d.Year == 2026; d = d.AddDays(1) {
		if holiday.Sweden().Holiday(d) {
			got = append(got, d.String())
		}
	}
	assert.Equal(t, want, got)
}

// The machine's zone must not move a holiday. In Damascus clocks went forward
// at midnight on Good Friday 2016, 25 March, and that midnight did not exist.
func TestLocalZoneDoesNotMatter(t *testing.T) {
	damascus, err := civil.LoadZone("Asia/Damascus")
	require.NoError(t, err)
	before := cal.DefaultLoc
	t.Cleanup(func() { cal.DefaultLoc = before })
	cal.DefaultLoc = damascus
	for year := 2000; year <= 2022; year++ {
		law := statute(year)
		for d := on(year, time.January, 1); d.Year == year; d = d.AddDays(1) {
			_, public := law[d]
			require.Equal(t, public, holiday.Sweden().Holiday(d), "%s %s", d, law[d])
		}
	}
}

func TestUseByManyGoroutines(t *testing.T) {
	t.Parallel()
	sweden := holiday.SwedenWithEves()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			assert.True(t, sweden.Holiday(on(2026, time.June, 19)))
			assert.False(t, sweden.Holiday(on(2026, time.June, 18)))
		})
	}
	wg.Wait()
}

func TestNoDateIsNoHoliday(t *testing.T) {
	t.Parallel()
	assert.False(t, holiday.SwedenWithEves().Holiday(civil.Date{}))
}

func TestForCountry(t *testing.T) {
	t.Parallel()
	sweden, ok := holiday.ForCountry("SE")
	require.True(t, ok)
	assert.True(t, sweden.Holiday(on(2026, time.June, 6)))
	assert.False(t, sweden.Holiday(on(2026, time.June, 19)), "no eves")

	for _, code := range []string{"", "se", "ZZ", "Sverige"} {
		none, ok := holiday.ForCountry(code)
		assert.False(t, ok)
		assert.Nil(t, none)
	}
}

func TestVersionIsTheOneInGoMod(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	mod, err := modfile.Parse("go.mod", text, nil)
	require.NoError(t, err)
	for _, r := range mod.Require {
		if r.Mod.Path == "github.com/rickar/cal/v2" {
			assert.Equal(t, "rickar/cal "+r.Mod.Version, holiday.Version())
			return
		}
	}
	t.Fatal("go.mod does not name the calendar")
}

// The table is the one that a lawyer reads; see its README for the columns.
func TestRespondTable(t *testing.T) {
	t.Parallel()
	calendars := map[string]civil.Calendar{
		"SE": holiday.Sweden(), "SE+eves": holiday.SwedenWithEves(), "weekends": nil,
	}
	file, err := os.Open("../../../testdata/deadlines/respond.csv")
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 40)
	for _, row := range rows[1:] {
		received, period, calendar, due := row[0], row[1], row[3], row[5]
		t.Run(strings.Join(row[:4], " "), func(t *testing.T) {
			t.Parallel()
			from, err := civil.ParseDate(received)
			require.NoError(t, err)
			length, err := civil.ParsePeriod(period)
			require.NoError(t, err)
			cal, known := calendars[calendar]
			require.True(t, known)
			got, err := civil.Respond(from, length, pauses(t, row[2]), cal)
			require.NoError(t, err)
			assert.Equal(t, due, got.String(), row[6])

			last, err := civil.ParseDate(row[4])
			require.NoError(t, err)
			if row[2] == "-" {
				assert.Equal(t, last, length.After(from), "before rolling")
			}
			if length.Months > 0 { // shorter ones have two working days to include
				assert.Equal(t, got, civil.RollForward(last, cal), "rolling")
			}
		})
	}
}

func pauses(t *testing.T, text string) []civil.Pause {
	t.Helper()
	var list []civil.Pause
	for word := range strings.FieldsSeq(strings.Trim(text, "-")) {
		from, to, ok := strings.Cut(word, "/")
		require.True(t, ok)
		var p civil.Pause
		require.NoError(t, p.From.UnmarshalText([]byte(from)))
		require.NoError(t, p.To.UnmarshalText([]byte(to)))
		list = append(list, p)
	}
	return list
}
