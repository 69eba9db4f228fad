package civil

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrPeriod is the error of a text or a value that is not a period in whole
// calendar units.
var ErrPeriod = errors.New("not a period")

// maxUnits is the largest number of any unit: four digits.
const maxUnits = 9999

// Period is a length of time in whole calendar units, ISO 8601's P7Y3M, P35D
// or P2W. Each unit is 0 to 9999. It has no fixed length: a month is 28 to 31
// days, and no part of it is ever a number of hours.
type Period struct {
	Years, Months, Weeks, Days int
}

// ParsePeriod reads an ISO 8601 period in whole years, months, weeks and days,
// each at most once, in this order, with one to four digits. All else is
// ErrPeriod: no unit (P), hours (PT24H), fractions, signs, lower case, spaces.
// The error does not repeat the text.
func ParsePeriod(s string) (Period, error) {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" {
		return Period{}, fmt.Errorf("parse period: %w: want P and whole calendar units, such as P1Y6M", ErrPeriod)
	}
	var p Period
	units := []struct {
		letter byte
		n      *int
	}{{'Y', &p.Years}, {'M', &p.Months}, {'W', &p.Weeks}, {'D', &p.Days}}
	for _, u := range units {
		n, after, ok := cutUnit(rest, u.letter)
		if ok {
			*u.n, rest = n, after
		}
	}
	if rest != "" {
		return Period{}, fmt.Errorf("parse period: %w: want years, months, weeks, days in this order, "+
			"each once and with at most four digits, such as P1Y6M", ErrPeriod)
	}
	return p, nil
}

// cutUnit takes one to four digits and the letter from the front of s.
func cutUnit(s string, letter byte) (n int, rest string, ok bool) {
	i := strings.IndexByte(s, letter)
	if i < 1 || i > 4 {
		return 0, s, false
	}
	for _, c := range []byte(s[:i]) {
		if c < '0' || c > '9' {
			return 0, s, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s[i+1:], true
}

// String returns the canonical text: only units that are not 0, and P0D for
// the period of no length. ParsePeriod reads it back to the same Period.
func (p Period) String() string {
	if p.IsZero() {
		return "P0D"
	}
	text := "P"
	for _, u := range []struct {
		n      int
		letter string
	}{{p.Years, "Y"}, {p.Months, "M"}, {p.Weeks, "W"}, {p.Days, "D"}} {
		if u.n != 0 {
			text += strconv.Itoa(u.n) + u.letter
		}
	}
	return text
}

// IsZero reports whether the period has no length.
func (p Period) IsZero() bool { return p == Period{} }

// Valid reports whether every unit is between 0 and 9999.
func (p Period) Valid() bool {
	for _, n := range []int{p.Years, p.Months, p.Weeks, p.Days} {
		if n < 0 || n > maxUnits {
			return false
		}
	}
	return true
}

// After returns the last day of the period that begins with the event on d,
// whose own day is not counted (Regulation 1182/71 Art. 3(1)). Years and months
// go on the calendar to the same day number, or to the last day of the month if
// that day is missing, always from the day number of d itself: 31 January and
// three months is 30 April. Then weeks and days are added.
//
// It stops at 9999-12-31 and never wraps. A date or a period that is not valid
// gives the zero Date.
func (p Period) After(d Date) Date {
	if !d.Valid() || !p.Valid() {
		return Date{}
	}
	months := d.Year*12 + int(d.Month) - 1 + p.Years*12 + p.Months
	year, month := months/12, time.Month(months%12+1)
	if year > maxYear {
		return lastDate
	}
	day := min(d.Day, monthDays(year, month))
	return Date{Year: year, Month: month, Day: day}.AddDays(7*p.Weeks + p.Days)
}

// MinDays returns the smallest number of days the period can have, whatever day
// it starts from: 28 for P1M. It leaves the end of the calendar in the year
// 9999 out of account. Two periods can be compared with it: if a.MinDays() is
// greater than b.MaxDays(), then a is longer from every day.
func (p Period) MinDays() int {
	shortest, _ := p.bounds()
	return shortest
}

// AtMost reports whether p never ends after q, whatever day both begin on. Three months may be as long as 92 days or shorter: P92D is not at most P3M.
func (p Period) AtMost(q Period) bool {
	months := 12*(p.Years-q.Years) + p.Months - q.Months
	days := 7*(p.Weeks-q.Weeks) + p.Days - q.Days
	return months <= 0 && days <= 0 || p.MaxDays() <= q.MinDays()
}

// MaxDays returns the largest number of days the period can have, whatever day
// it starts from: 31 for P1M. See MinDays.
func (p Period) MaxDays() int {
	_, longest := p.bounds()
	return longest
}

// bounds tries every month of the calendar's cycle of 400 years. First days
// suffice: a clamped end never makes a period shorter than the same number of
// months from the first of the month after.
func (p Period) bounds() (shortest, longest int) {
	const start, cycle = 2000, 400 * 12
	months := p.Years*12 + p.Months
	for i := range cycle {
		n := firstOfMonth(start, i+months) - firstOfMonth(start, i)
		if i == 0 || n < shortest {
			shortest = n
		}
		longest = max(longest, n)
	}
	fixed := 7*p.Weeks + p.Days
	return shortest + fixed, longest + fixed
}

func firstOfMonth(year, months int) int {
	first := time.Date(year, time.January+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	return int(first.Unix() / secondsADay)
}

// MarshalText writes the canonical text. A period that is not valid is
// ErrPeriod.
func (p Period) MarshalText() ([]byte, error) {
	if !p.Valid() {
		return nil, fmt.Errorf("write period: %w", ErrPeriod)
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads what ParsePeriod reads. On an error p is unchanged.
func (p *Period) UnmarshalText(text []byte) error {
	parsed, err := ParsePeriod(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}
