package holiday_test

import (
	"fmt"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/civil/holiday"
)

// A request of 25 November is due on 27 December, past Christmas Day and Boxing
// Day.
func ExampleSweden() {
	received, _ := civil.ParseDate("2024-11-25")
	due, err := civil.Respond(received, civil.Period{Months: 1}, nil, holiday.Sweden())
	fmt.Println(due, err)
	// Output: 2024-12-27 <nil>
}
