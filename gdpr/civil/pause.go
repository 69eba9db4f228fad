package civil

import (
	"errors"
	"fmt"
	"slices"
)

// ErrPause is the error of a pause whose days cannot be.
var ErrPause = errors.New("not a pause")

// Pause is a time in which a clock stands still because the person was asked
// something: who they are, or what they want (Art. 12(6), recital 63). From is
// the day they were asked and To the day they answered, or today while they
// have not.
type Pause struct {
	From, To Date
}

// PausedDays returns how many whole days the pauses are, To minus From. Days
// that several of them share count once; their order does not matter. A day
// that is not valid, or a To before its From, is ErrPause.
func PausedDays(pauses []Pause) (int, error) {
	merged, err := merge(pauses)
	if err != nil {
		return 0, err
	}
	days := 0
	for _, p := range merged {
		days += p.To.DaysSince(p.From)
	}
	return days, nil
}

// merge returns the pauses in order and without overlaps.
func merge(pauses []Pause) ([]Pause, error) {
	for i, p := range pauses {
		switch {
		case !p.From.Valid() || !p.To.Valid():
			return nil, fmt.Errorf("pause %d: %w: both days must be given", i+1, ErrPause)
		case p.To.Before(p.From):
			return nil, fmt.Errorf("pause %d: %w: the last day is before the first", i+1, ErrPause)
		}
	}
	sorted := slices.Clone(pauses)
	slices.SortFunc(sorted, func(a, b Pause) int { return a.From.Compare(b.From) })
	var merged []Pause
	for _, p := range sorted {
		last := len(merged) - 1
		if last < 0 || p.From.After(merged[last].To) {
			merged = append(merged, p)
		} else if p.To.After(merged[last].To) {
			merged[last].To = p.To
		}
	}
	return merged, nil
}
