package civil

import (
	"cmp"
	"errors"
	"fmt"
	"sort"
	"time"
)

// ErrDate is the error of a text or a value that is not a day of the calendar
// between 0001-01-01 and 9999-12-31.
var ErrDate = errors.New("not a date")

const (
	minYear = 1
	maxYear = 9999
	// maxDays is more days than lie between the first and the last Date.
	maxDays = (maxYear + 1) * 366
)

var (
	firstDate    = Date{Year: minYear, Month: time.January, Day: 1}
	lastDate     = Date{Year: maxYear, Month: time.December, Day: 31}
	firstInstant = time.Date(minYear, time.January, 1, 0, 0, 1, 0, time.UTC)
	lastInstant  = time.Date(maxYear, time.December, 31, 23, 59, 59, 0, time.UTC)
)

// Date is a day of the calendar without a time of day and without a zone. The
// zero value means "no date". Dates are comparable with == and work as map
// keys.
//
// A Date written as a literal can name a day that does not exist, such as 31
// April. It is not Valid; arithmetic on it gives the zero Date, never a
// neighboring day.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the civil day on which the instant t falls in loc. A nil loc
// means UTC. The zero time gives the zero Date; an instant before the year 1
// gives 0001-01-01 and one after the year 9999 gives 9999-12-31.
func DateOf(t time.Time, loc *time.Location) Date {
	if t.IsZero() {
		return Date{}
	}
	return clamp(t.In(zone(loc)))
}

// ParseDate reads a date as YYYY-MM-DD: ten characters, a year from 0001 to
// 9999, a day that exists. Anything else is ErrDate. The error does not repeat
// the text.
func ParseDate(s string) (Date, error) {
	if len(s) != len(time.DateOnly) {
		return Date{}, fmt.Errorf("parse date: %w: want YYYY-MM-DD", ErrDate)
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < minYear {
		return Date{}, fmt.Errorf("parse date: %w: want a day that exists, as YYYY-MM-DD", ErrDate)
	}
	return clamp(t), nil
}

// String returns the date as YYYY-MM-DD, and "" for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// IsZero reports whether d is the zero Date, which means "no date".
func (d Date) IsZero() bool { return d == Date{} }

// Valid reports whether d is a day that exists in the years 0001 to 9999. The
// zero Date is not valid.
func (d Date) Valid() bool {
	return d.Year >= minYear && d.Year <= maxYear &&
		d.Month >= time.January && d.Month <= time.December &&
		d.Day >= 1 && d.Day <= monthDays(d.Year, d.Month)
}

// Compare returns -1 if d is before e, 0 if they are the same day, and +1 if d
// is after e. The zero Date is before every valid one.
func (d Date) Compare(e Date) int {
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports whether d is a later day than e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// AddDays returns the day n days after d, or before it if n is negative. It
// stops at 0001-01-01 and at 9999-12-31 and never wraps. A date that is not
// valid gives the zero Date.
func (d Date) AddDays(n int) Date {
	if !d.Valid() {
		return Date{}
	}
	n = min(max(n, -maxDays), maxDays)
	return clamp(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC))
}

// DaysSince returns the number of days from e to d: 1 if d is the day after e,
// negative if d is the earlier one. It is 0 if either date is not valid.
func (d Date) DaysSince(e Date) int {
	if !d.Valid() || !e.Valid() {
		return 0
	}
	return d.number() - e.number()
}

// Weekday returns the day of the week. Ask it only of a valid date.
func (d Date) Weekday() time.Weekday { return d.midnight().Weekday() }

// YearEnd returns 31 December of the year of d. A date that is not valid gives
// the zero Date.
func (d Date) YearEnd() Date {
	if !d.Valid() {
		return Date{}
	}
	return Date{Year: d.Year, Month: time.December, Day: 31}
}

// Start returns, in UTC, the first instant of the day in loc: midnight, or the
// end of the gap where clocks are put forward over midnight, or the first of
// two midnights where they are put back over it. A day that a zone left out
// begins and ends at the moment of the change. A nil loc means UTC.
//
// The instant stays between 0001-01-01T00:00:01Z and 9999-12-31T23:59:59Z, so
// that it can always be written in RFC 3339 and never is the zero time. Only a
// date that is not valid gives the zero time.
func (d Date) Start(loc *time.Location) time.Time {
	if !d.Valid() {
		return time.Time{}
	}
	return startOf(d.midnight(), zone(loc))
}

// End returns, in UTC, the instant at which the day is over in loc. It is
// exclusive: the Start of the next day. A day has 23 or 25 hours where clocks
// change. Limits and nil are as for Start.
func (d Date) End(loc *time.Location) time.Time {
	if !d.Valid() {
		return time.Time{}
	}
	return startOf(d.midnight().AddDate(0, 0, 1), zone(loc))
}

// MarshalText writes the date as YYYY-MM-DD and the zero Date as an empty
// text. Any other date that is not valid is ErrDate.
func (d Date) MarshalText() ([]byte, error) {
	if !d.IsZero() && !d.Valid() {
		return nil, fmt.Errorf("write date: %w", ErrDate)
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText writes. On an error d is unchanged.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// midnight is the day's midnight in UTC, the form in which days are counted.
func (d Date) midnight() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// number counts days; only differences of it mean something.
func (d Date) number() int { return int(d.midnight().Unix() / secondsADay) }

const secondsADay = 24 * 60 * 60

// startOf returns the first instant at which clocks in loc show midnight (given
// as if in UTC) or later. It looks for it by hand: time.Date promises nothing
// for a midnight that is missing or comes twice, and Time.ZoneBounds is wrong on
// the last day of leap years from 2040 on (Go 1.26).
func startOf(midnight time.Time, loc *time.Location) time.Time {
	early, late := midnight.AddDate(0, 0, -2), midnight.AddDate(0, 0, 2)
	for _, t := range []time.Time{early, late} {
		at := midnight.Add(-offset(t, loc))
		if offset(at, loc) == offset(t, loc) {
			return within(at)
		}
	}
	// No clock showed midnight: the day begins with the change between the two.
	change := sort.Search(int(late.Sub(early)/time.Second), func(i int) bool {
		return offset(early.Add(time.Duration(i)*time.Second), loc) == offset(late, loc)
	})
	return within(early.Add(time.Duration(change) * time.Second))
}

// offset is how far clocks in loc are ahead of UTC at t.
func offset(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}

func within(t time.Time) time.Time {
	switch {
	case t.Before(firstInstant):
		return firstInstant
	case t.After(lastInstant):
		return lastInstant
	}
	return t.UTC()
}

func clamp(t time.Time) Date {
	year, month, day := t.Date()
	switch {
	case year < minYear:
		return firstDate
	case year > maxYear:
		return lastDate
	}
	return Date{Year: year, Month: month, Day: day}
}

func monthDays(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
