package retention_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

func TestBuiltIn(t *testing.T) {
	t.Parallel()
	for _, e := range []retention.Event{"collected", "assignment-ended", "agreement-ended", "erasure-instructed", "purpose-ended"} {
		assert.True(t, e.BuiltIn(), e)
	}
	for _, e := range []retention.Event{"", "financial-year-closed", "Collected", "collected "} {
		assert.False(t, e.BuiltIn(), e)
	}
}

func TestDayOfEvent(t *testing.T) {
	t.Parallel()
	early, late := date(t, "2025-03-05"), date(t, "2025-06-30")
	days := func(assignment, agreement civil.Date) map[retention.Event]civil.Date {
		return map[retention.Event]civil.Date{
			retention.Collected: early, retention.AssignmentEnded: assignment, retention.AgreementEnded: agreement,
			retention.PurposeEnded: late, "financial-year-closed": late,
		}
	}
	none := civil.Date{}
	for name, c := range map[string]struct {
		named                 bool
		assignment, agreement civil.Date
		want                  civil.Date
	}{
		"none named, agreement ended":              {false, none, late, late},
		"none named, nothing ended":                {false, none, none, none},
		"none named, a stray day":                  {false, early, none, none},
		"named and ended first":                    {true, early, late, early},
		"named, agreement ended first":             {true, late, early, early},
		"named and ended, agreement goes on":       {true, late, none, late},
		"named and open, agreement ended":          {true, none, late, late},
		"named and open, agreement goes on":        {true, none, none, none},
		"named, a day that does not exist: no day": {true, civil.Date{Year: 2026, Month: 4, Day: 31}, none, none},
	} {
		f := retention.Facts{Assignment: c.named, Days: days(c.assignment, c.agreement)}
		assert.Equal(t, c.want, f.Day(retention.AssignmentEnded), name)
		assert.Equal(t, c.agreement, f.Day(retention.AgreementEnded), name)
		assert.Equal(t, early, f.Day(retention.Collected), name)
		assert.Equal(t, late, f.Day("financial-year-closed"), name)
		assert.Equal(t, none, f.Day(retention.PurposeEnded), "a purpose ends by itself, not with the record")
	}
	assert.Equal(t, none, retention.Facts{}.Day(retention.Collected))
}
