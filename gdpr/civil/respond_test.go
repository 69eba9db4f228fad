package civil_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/civil"
	_ "github.com/gallra/gallra/internal/seeded"
)

// never is a place where every day is a public holiday.
type never struct{}

func (never) Holiday(civil.Date) bool { return true }

// feast is a place with one public holiday.
type feast civil.Date

func (f feast) Holiday(d civil.Date) bool { return d == civil.Date(f) }

func TestWorking(t *testing.T) {
	t.Parallel()
	nationalDay := feast(date(t, "2025-06-06"))
	assert.True(t, civil.Working(date(t, "2025-06-05"), nationalDay))
	assert.False(t, civil.Working(date(t, "2025-06-06"), nationalDay))
	assert.True(t, civil.Working(date(t, "2025-06-06"), nil), "no calendar has weekends only")
	assert.False(t, civil.Working(date(t, "2025-06-07"), nil), "Saturday")
	assert.False(t, civil.Working(date(t, "2025-06-08"), nil), "Sunday")
}

func TestRoll(t *testing.T) {
	t.Parallel()
	nationalDay := feast(date(t, "2025-06-06"))
	for _, day := range []string{"2025-06-06", "2025-06-07", "2025-06-08", "2025-06-09"} {
		assert.Equal(t, "2025-06-09", civil.RollForward(date(t, day), nationalDay).String())
	}
	for _, day := range []string{"2025-06-05", "2025-06-06", "2025-06-07", "2025-06-08"} {
		assert.Equal(t, "2025-06-05", civil.RollBack(date(t, day), nationalDay).String())
	}
}

func TestRollEnds(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "9999-12-31", civil.RollForward(date(t, "9999-12-01"), never{}).String())
	assert.Equal(t, "0001-01-01", civil.RollBack(date(t, "0001-02-01"), never{}).String())
	due, err := civil.Respond(date(t, "9999-12-30"), period(t, "P1M"), nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "9999-12-31", due.String())
}

func TestRespondRefuses(t *testing.T) {
	t.Parallel()
	received, month := date(t, "2026-03-05"), period(t, "P1M")
	one := func(from, to civil.Date) []civil.Pause { return []civil.Pause{{From: from, To: to}} }
	for name, c := range map[string]struct {
		received civil.Date
		period   civil.Period
		pauses   []civil.Pause
		want     error
	}{
		"no receipt":              {civil.Date{}, month, nil, civil.ErrDate},
		"receipt does not exist":  {civil.Date{Year: 2026, Month: time.April, Day: 31}, month, nil, civil.ErrDate},
		"negative period":         {received, civil.Period{Months: -1}, nil, civil.ErrPeriod},
		"answered before asked":   {received, month, one(date(t, "2026-03-20"), date(t, "2026-03-10")), civil.ErrPause},
		"asked before receipt":    {received, month, one(date(t, "2026-03-01"), date(t, "2026-03-10")), civil.ErrPause},
		"not asked":               {received, month, one(civil.Date{}, date(t, "2026-03-10")), civil.ErrPause},
		"not answered, not today": {received, month, one(date(t, "2026-03-10"), civil.Date{}), civil.ErrPause},
	} {
		due, err := civil.Respond(c.received, c.period, c.pauses, nil)
		require.ErrorIs(t, err, c.want, name)
		assert.True(t, due.IsZero(), name)
		assert.NotContains(t, err.Error(), "2026", name)
	}
}

func TestPausesAreLeftAlone(t *testing.T) {
	t.Parallel()
	given := []civil.Pause{
		{From: date(t, "2026-03-20"), To: date(t, "2026-03-25")},
		{From: date(t, "2026-03-10"), To: date(t, "2026-03-22")},
	}
	_, err := civil.PausedDays(given)
	require.NoError(t, err)
	assert.Equal(t, "2026-03-20", given[0].From.String())
	assert.Equal(t, "2026-03-25", given[0].To.String())
}

func TestRespondProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		received := civil.Date{Year: 2026, Month: time.January, Day: 1}.AddDays(rapid.IntRange(0, 3000).Draw(t, "received"))
		cal := feast(received.AddDays(rapid.IntRange(1, 60).Draw(t, "feast")))
		length := civil.Period{Months: rapid.IntRange(1, 3).Draw(t, "months")}
		var pauses []civil.Pause
		for range rapid.IntRange(0, 4).Draw(t, "pauses") {
			from := received.AddDays(rapid.IntRange(0, 25).Draw(t, "asked"))
			pauses = append(pauses, civil.Pause{From: from, To: from.AddDays(rapid.IntRange(0, 30).Draw(t, "for"))})
		}
		due, err := civil.Respond(received, length, pauses, cal)
		if err != nil {
			t.Fatal(err)
		}
		days, err := civil.PausedDays(pauses)
		if err != nil {
			t.Fatal(err)
		}
		last := length.After(received).AddDays(days)
		if due != civil.RollForward(last, cal) {
			t.Fatal("not the unrolled date, plus the pauses, then rolled")
		}
		if !civil.Working(due, cal) || due.DaysSince(last) > 4 {
			t.Fatal("rolled too far or not enough")
		}
		shuffled := rapid.Permutation(pauses).Draw(t, "shuffled")
		if again, _ := civil.Respond(received, length, shuffled, cal); again != due {
			t.Fatal("the order of pauses matters")
		}
		without, _ := civil.Respond(received, length, nil, cal)
		if due.Before(without) {
			t.Fatal("a pause made it earlier")
		}
	})
}

func TestLoadZone(t *testing.T) {
	t.Parallel()
	loc, err := civil.LoadZone("Europe/Stockholm")
	require.NoError(t, err)
	assert.Equal(t, "Europe/Stockholm", loc.String())
	for _, name := range []string{"", "Local", "Europe/Göteborg", "../../etc/passwd", "Stockholm"} {
		loc, err := civil.LoadZone(name)
		require.ErrorIs(t, err, civil.ErrZone)
		assert.Nil(t, loc)
		if name != "" {
			assert.NotContains(t, err.Error(), name)
		}
	}
}
