package civil_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/civil"
)

// dates draws valid days, all the years alike.
func dates() *rapid.Generator[civil.Date] {
	return rapid.Custom(func(t *rapid.T) civil.Date {
		first := civil.Date{Year: 1, Month: time.January, Day: 1}
		return first.AddDays(rapid.IntRange(0, 3652058).Draw(t, "day"))
	})
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0001-01-01", "1900-02-28", "2000-02-29", "2024-02-29", "2026-12-31", "9999-12-31"} {
		d, err := civil.ParseDate(s)
		require.NoError(t, err, s)
		assert.True(t, d.Valid(), s)
		assert.Equal(t, s, d.String())
	}
	for _, s := range []string{
		"", "2026", "2026-1-1", "2026-01-1", "26-01-01", "2026/01/01", "2026-13-01", "2026-00-10", "2026-04-31",
		"2026-02-29", "1900-02-29", "2100-02-29", "2026-01-00", "0000-01-01", "10000-01-01", "-001-01-01",
		"2026-01-01 ", " 2026-01-01", "2026-01-01T00:00:00Z", "2026-W01-1", "åååå-01-01", "２026-01-0",
	} {
		d, err := civil.ParseDate(s)
		require.ErrorIs(t, err, civil.ErrDate, s)
		assert.True(t, d.IsZero(), s)
		if s != "" {
			assert.NotContains(t, err.Error(), s, "an error never repeats what it was given")
		}
	}
}

func TestZeroDate(t *testing.T) {
	t.Parallel()
	var none civil.Date
	assert.True(t, none.IsZero())
	assert.False(t, none.Valid())
	assert.Empty(t, none.String())
	assert.True(t, none.Before(date(t, "0001-01-01")))
	assert.Equal(t, none, none.AddDays(1))
	assert.Equal(t, none, none.YearEnd())
	assert.Equal(t, none, period(t, "P1Y").After(none))
	assert.Equal(t, none, civil.RollForward(none, nil))
	assert.Equal(t, none, civil.RollBack(none, nil))
	assert.True(t, none.Start(time.UTC).IsZero())
	assert.True(t, none.End(time.UTC).IsZero())
	assert.Zero(t, date(t, "2026-01-01").DaysSince(none))
	assert.Equal(t, none, civil.DateOf(time.Time{}, time.UTC), "the zero time is no day")
	assert.NotPanics(t, func() { none.Weekday() })
}

// A day that does not exist must not become one of its neighbors.
func TestDayThatDoesNotExist(t *testing.T) {
	t.Parallel()
	for _, d := range []civil.Date{
		{Year: 2026, Month: time.April, Day: 31},
		{Year: 2026, Month: 13, Day: 1},
		{Year: 2026, Month: time.March},
		{Month: time.March, Day: 1},
		{Year: 10000, Month: time.January, Day: 1},
		{Year: -5, Month: time.January, Day: 1},
	} {
		assert.False(t, d.Valid())
		assert.False(t, d.IsZero())
		assert.True(t, d.AddDays(1).IsZero())
		assert.True(t, d.YearEnd().IsZero())
		assert.True(t, period(t, "P1M").After(d).IsZero())
		assert.True(t, d.Start(time.UTC).IsZero())
		assert.True(t, civil.RollForward(d, nil).IsZero())
		_, err := d.MarshalText()
		assert.ErrorIs(t, err, civil.ErrDate)
	}
}

func TestAddDaysNeverWraps(t *testing.T) {
	t.Parallel()
	d := date(t, "2026-03-05")
	for _, n := range []int{math.MaxInt, math.MaxInt64 - 1, math.MaxInt32, 3_000_000} {
		assert.Equal(t, "9999-12-31", d.AddDays(n).String(), n)
		assert.Equal(t, "0001-01-01", d.AddDays(-n).String(), n)
	}
	assert.Equal(t, "0001-01-01", d.AddDays(math.MinInt).String())
	assert.Equal(t, "9999-12-31", date(t, "0001-01-01").AddDays(3652058).String(), "the whole calendar")
}

func TestYearEnd(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "2025-12-31", date(t, "2025-06-30").YearEnd().String())
	assert.Equal(t, "2025-12-31", date(t, "2025-12-31").YearEnd().String())
}

func TestDateOf(t *testing.T) {
	t.Parallel()
	stockholm := zone(t, "Europe/Stockholm")
	late := time.Date(2026, time.July, 14, 22, 30, 0, 0, time.UTC)
	assert.Equal(t, "2026-07-15", civil.DateOf(late, stockholm).String())
	assert.Equal(t, "2026-07-14", civil.DateOf(late, time.UTC).String())
	assert.Equal(t, "2026-07-14", civil.DateOf(late, nil).String(), "nil is UTC")
	assert.Equal(t, "9999-12-31", civil.DateOf(time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), nil).String())
	assert.Equal(t, "0001-01-01", civil.DateOf(time.Date(-40, 1, 1, 0, 0, 0, 0, time.UTC), nil).String())
}

func TestStartWithoutZoneIsUTC(t *testing.T) {
	t.Parallel()
	d := date(t, "2026-07-15")
	assert.Equal(t, d.Start(time.UTC), d.Start(nil))
	assert.Equal(t, d.End(time.UTC), d.End(nil))
}

func TestDateText(t *testing.T) {
	t.Parallel()
	type row struct {
		Due, Started civil.Date
	}
	text, err := json.Marshal(row{Due: date(t, "2026-04-05")})
	require.NoError(t, err)
	assert.JSONEq(t, `{"Due": "2026-04-05", "Started": ""}`, string(text))

	var back row
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, row{Due: date(t, "2026-04-05")}, back)

	kept := date(t, "2026-04-05")
	require.ErrorIs(t, kept.UnmarshalText([]byte("2026-04-31")), civil.ErrDate)
	assert.Equal(t, date(t, "2026-04-05"), kept, "unchanged on an error")
}

func TestDateProperties(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{
		time.UTC, zone(t, "Europe/Stockholm"), zone(t, "America/Sao_Paulo"), zone(t, "America/Havana"),
		zone(t, "Pacific/Auckland"), zone(t, "Asia/Beirut"), zone(t, "Australia/Lord_Howe"),
	}
	rapid.Check(t, func(t *rapid.T) {
		d, e := dates().Draw(t, "d"), dates().Draw(t, "e")
		loc := rapid.SampledFrom(zones).Draw(t, "zone")

		back, err := civil.ParseDate(d.String())
		if err != nil || back != d {
			t.Fatal("text does not come back")
		}
		if e.AddDays(d.DaysSince(e)) != d {
			t.Fatal("adding the difference does not lead to the other day")
		}
		if d.Compare(e) != -e.Compare(d) || d.Before(e) != (d.DaysSince(e) < 0) {
			t.Fatal("order is not the order of days")
		}
		if next := d.AddDays(1); next != d && !d.End(loc).Equal(next.Start(loc)) {
			t.Fatal("a day does not end where the next one begins")
		}
		start, end := d.Start(loc), d.End(loc)
		if !start.Before(end) {
			t.Fatal("a day has no length")
		}
		if civil.DateOf(start, loc) != d || civil.DateOf(start.Add(-1), loc) == d && d.Year > 1 {
			t.Fatal("start is not the first instant of the day")
		}
		if _, err := end.MarshalJSON(); err != nil {
			t.Fatal("end cannot be written")
		}
	})
}

// Go's zone changes are wrong on the last day of leap years from 2040 on, which
// is when floors on bookkeeping end.
func TestEveryDayHasItsLength(t *testing.T) {
	t.Parallel()
	stockholm := zone(t, "Europe/Stockholm")
	for d := date(t, "2020-01-01"); d.Year <= 2110; d = d.AddDays(1) {
		want := 24
		if d.Weekday() == time.Sunday && d.AddDays(7).Month != d.Month {
			switch d.Month {
			case time.March:
				want = 23
			case time.October:
				want = 25
			}
		}
		start := d.Start(stockholm)
		require.Equal(t, time.Duration(want)*time.Hour, d.End(stockholm).Sub(start), d.String())
		require.Equal(t, "00:00:00", start.In(stockholm).Format(time.TimeOnly), d.String())
		require.Equal(t, d, civil.DateOf(start, stockholm))
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"", "2026-03-05", "2024-02-29", "2026-02-29", "0000-01-01", "9999-12-31", "10000-01-01", "2026-3-5", "åäö"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := civil.ParseDate(s)
		if err != nil {
			require.ErrorIs(t, err, civil.ErrDate)
			require.True(t, d.IsZero())
			return
		}
		require.True(t, d.Valid())
		require.Equal(t, s, d.String(), "there is one way to write a day")
	})
}
