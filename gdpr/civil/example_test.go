package civil_test

import (
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
)

// A period is added on the calendar and clamped to the month's end.
func ExamplePeriod_After() {
	received, _ := civil.ParseDate("2026-01-31")
	for _, text := range []string{"P1M", "P3M", "P1Y"} {
		p, _ := civil.ParsePeriod(text)
		fmt.Println(p, p.After(received))
	}
	// Output:
	// P1M 2026-02-28
	// P3M 2026-04-30
	// P1Y 2027-01-31
}

// On the last Sunday of October a day in Stockholm has 25 hours.
func ExampleDate_End() {
	stockholm, err := civil.LoadZone("Europe/Stockholm")
	if err != nil {
		fmt.Println(err)
		return
	}
	d := civil.Date{Year: 2026, Month: time.October, Day: 25}
	fmt.Println(d.Start(stockholm).Format(time.RFC3339))
	fmt.Println(d.End(stockholm).Format(time.RFC3339))
	fmt.Println(d.End(stockholm).Sub(d.Start(stockholm)))
	// Output:
	// 2026-10-24T22:00:00Z
	// 2026-10-25T23:00:00Z
	// 25h0m0s
}

// The person was asked who they are on 10 March and answered on the 20th: ten
// days.
func ExampleRespond() {
	received, _ := civil.ParseDate("2026-03-05")
	asked, _ := civil.ParseDate("2026-03-10")
	answered, _ := civil.ParseDate("2026-03-20")
	month := civil.Period{Months: 1}

	due, err := civil.Respond(received, month, []civil.Pause{{From: asked, To: answered}}, nil)
	fmt.Println(due, err)
	// Output: 2026-04-15 <nil>
}
