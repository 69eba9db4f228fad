package civil_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/civil"
)

func periods(most int) *rapid.Generator[civil.Period] {
	return rapid.Custom(func(t *rapid.T) civil.Period {
		unit := rapid.IntRange(0, most)
		return civil.Period{
			Years: unit.Draw(t, "years"), Months: unit.Draw(t, "months"),
			Weeks: unit.Draw(t, "weeks"), Days: unit.Draw(t, "days"),
		}
	})
}

func TestParsePeriod(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]civil.Period{
		"P1Y":                   {Years: 1},
		"P3M":                   {Months: 3},
		"P2W":                   {Weeks: 2},
		"P35D":                  {Days: 35},
		"P7Y3M":                 {Years: 7, Months: 3},
		"P1Y2M3W4D":             {Years: 1, Months: 2, Weeks: 3, Days: 4},
		"P0D":                   {},
		"P9999Y9999M9999W9999D": {Years: 9999, Months: 9999, Weeks: 9999, Days: 9999},
		"P18M":                  {Months: 18},
	} {
		got, err := civil.ParsePeriod(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, text, got.String())
	}
	for text, canonical := range map[string]string{"P0Y": "P0D", "P1Y0M": "P1Y", "P0Y0M0W0D": "P0D", "P01Y": "P1Y", "P0001D": "P1D"} {
		got, err := civil.ParsePeriod(text)
		require.NoError(t, err, text)
		assert.Equal(t, canonical, got.String())
	}
	for _, text := range []string{
		"", "P", "PT", "PT24H", "P1DT1H", "PT1M", "1Y", "P1", "PY", "P1Y1Y", "P1M1Y", "P1D1W", "P1W1M", "P1.5M", "P1,5M",
		"P-1Y", "-P1Y", "+P1Y", "P+1Y", "p1y", "P1y", "P1S", "P1H", "P10000D", "P00001D", "P 1Y", "P1Y ", " P1Y", "P1Y 1M",
		"P1Å", "P１Y", "P1Y\n", "1 år",
	} {
		got, err := civil.ParsePeriod(text)
		require.ErrorIs(t, err, civil.ErrPeriod, text)
		assert.True(t, got.IsZero(), text)
	}
	_, err := civil.ParsePeriod("anna.berg@kund.example")
	require.ErrorIs(t, err, civil.ErrPeriod)
	assert.NotContains(t, err.Error(), "anna")
}

func TestPeriodThatIsNotValid(t *testing.T) {
	t.Parallel()
	for _, p := range []civil.Period{{Years: -1}, {Months: -1}, {Weeks: -1}, {Days: -1}, {Days: 10000}} {
		assert.False(t, p.Valid())
		assert.True(t, p.After(date(t, "2026-03-05")).IsZero())
		_, err := p.MarshalText()
		assert.ErrorIs(t, err, civil.ErrPeriod)
	}
}

func TestPeriodBounds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]int{
		"P0D": {0, 0}, "P1D": {1, 1}, "P2W": {14, 14}, "P1M": {28, 31}, "P2M": {59, 62}, "P3M": {89, 92}, "P6M": {181, 184},
		"P12M": {365, 366}, "P1Y": {365, 366}, "P4Y": {1460, 1461}, "P8Y": {2921, 2922}, "P400Y": {146097, 146097},
		"P7Y": {2555, 2557}, "P1M1W1D": {36, 39},
	} {
		p := period(t, text)
		assert.Equal(t, want[0], p.MinDays(), text)
		assert.Equal(t, want[1], p.MaxDays(), text)
	}
}

func TestPeriodText(t *testing.T) {
	t.Parallel()
	type rule struct{ Keep civil.Period }
	text, err := json.Marshal(rule{Keep: period(t, "P7Y")})
	require.NoError(t, err)
	assert.JSONEq(t, `{"Keep": "P7Y"}`, string(text))
	var back rule
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, rule{Keep: period(t, "P7Y")}, back)

	kept := period(t, "P7Y")
	require.ErrorIs(t, kept.UnmarshalText([]byte("PT7H")), civil.ErrPeriod)
	require.ErrorIs(t, kept.UnmarshalText(nil), civil.ErrPeriod, "no text is no period")
	assert.Equal(t, period(t, "P7Y"), kept, "unchanged on an error")
}

func TestPeriodProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := dates().Draw(t, "d")
		later := d.AddDays(rapid.IntRange(0, 100).Draw(t, "later by"))
		p, more := periods(200).Draw(t, "p"), periods(3).Draw(t, "more")
		longer := civil.Period{
			Years: p.Years + more.Years, Months: p.Months + more.Months,
			Weeks: p.Weeks + more.Weeks, Days: p.Days + more.Days,
		}
		end := p.After(d)

		if back, err := civil.ParsePeriod(p.String()); err != nil || back != p {
			t.Fatal("text does not come back")
		}
		if !end.Valid() || end.Before(d) {
			t.Fatal("a period ends before it begins")
		}
		if longer.After(d).Before(end) {
			t.Fatal("a longer period ends earlier")
		}
		if p.After(later).Before(end) {
			t.Fatal("a later start ends earlier")
		}
		if end.Year == 9999 {
			return // the calendar's end cuts it
		}
		if n := end.DaysSince(d); n < p.MinDays() || n > p.MaxDays() {
			t.Fatalf("%d days are outside the bounds", n)
		}
		if p.Weeks+p.Days == 0 && end.Day != d.Day && end.AddDays(1).Month == end.Month {
			t.Fatal("neither the same date nor the last day of the month")
		}
	})
}

// The bounds are reached, not only respected.
func TestPeriodBoundsAreReached(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"P1M", "P2M", "P3M", "P5M", "P11M", "P1Y", "P7Y3M"} {
		p := period(t, text)
		shortest, longest := p.MaxDays(), 0
		for d := (civil.Date{Year: 2000, Month: time.January, Day: 1}); d.Year < 2400; d = d.AddDays(1) {
			n := p.After(d).DaysSince(d)
			shortest, longest = min(shortest, n), max(longest, n)
		}
		assert.Equal(t, p.MinDays(), shortest, text)
		assert.Equal(t, p.MaxDays(), longest, text)
	}
}

func TestHours(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]civil.Hours{"PT24H": 24, "PT72H": 72, "PT0H": 0, "PT9999H": 9999} {
		got, err := civil.ParseHours(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
		assert.Equal(t, text, got.String())
	}
	for _, text := range []string{
		"", "P", "PT", "PTH", "24H", "24", "P24H", "PT24", "PT24M", "PT1H1H", "PT1.5H", "PT-1H", "pt24h", "PT10000H", "P1D", "PT24H ", "PT1DH",
	} {
		_, err := civil.ParseHours(text)
		assert.ErrorIs(t, err, civil.ErrHours, text)
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"", "P", "P1Y", "P7Y3M", "P2W", "P35D", "PT24H", "P1Y1Y", "P1.5M", "P-1D", "P0D", "P9999Y9999M9999W9999D", "p1y", "P1Å"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := civil.ParsePeriod(s)
		if err != nil {
			require.ErrorIs(t, err, civil.ErrPeriod)
			require.True(t, p.IsZero())
			return
		}
		require.True(t, p.Valid())
		back, err := civil.ParsePeriod(p.String())
		require.NoError(t, err)
		require.Equal(t, p, back)
		require.True(t, p.After(civil.Date{Year: 2024, Month: time.February, Day: 29}).Valid())
	})
}

func TestAtMost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p, q string
		want bool
	}{
		{"P3M", "P3M", true}, {"P92D", "P3M", false}, {"P89D", "P3M", true}, {"P90D", "P3M", false}, {"P3M", "P92D", true}, {"P3M", "P91D", false},
		{"P1Y", "P12M", true}, {"P12M", "P1Y", true}, {"P366D", "P1Y", false}, {"P365D", "P1Y", true}, {"P1M1D", "P2M", true}, {"P2W", "P14D", true}, {"P15D", "P2W", false},
	} {
		p, err := civil.ParsePeriod(c.p)
		require.NoError(t, err)
		q, err := civil.ParsePeriod(c.q)
		require.NoError(t, err)
		assert.Equal(t, c.want, p.AtMost(q), "%s at most %s", c.p, c.q)
		if c.want { // no day says otherwise
			for day := (civil.Date{Year: 2023, Month: 1, Day: 1}); day.Year < 2027; day = day.AddDays(1) {
				require.False(t, p.After(day).After(q.After(day)), "%s after %s", c.p, day)
			}
		}
	}
}
