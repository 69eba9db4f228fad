package retention_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// An invoice is kept through the seventh year, and erased within three months
// from there.
func ExampleJudge() {
	stockholm, err := civil.LoadZone("Europe/Stockholm")
	if err != nil {
		fmt.Println(err)
		return
	}
	keep, _ := retention.ParseRule("P7Y after year-end of financial-year-closed")
	erase, _ := retention.ParseRule("P7Y3M after year-end of financial-year-closed")
	invoice := retention.Policy{
		Purpose: "invoice", Erase: []retention.Rule{erase}, Keep: &keep,
		Ref: "Bokföringslagen (1999:1078) 7 kap. 2 §",
	}
	facts := retention.Facts{Days: map[retention.Event]civil.Date{
		retention.Collected:     {Year: 2025, Month: time.April, Day: 1},
		"financial-year-closed": {Year: 2025, Month: time.December, Day: 31},
	}}

	v := retention.Judge([]retention.Policy{invoice}, facts, stockholm)
	fmt.Println("kept until", v.KeptUntil.In(stockholm).Format(time.DateTime))
	fmt.Println("gone by   ", v.Limit.In(stockholm).Format(time.DateTime))
	// Output:
	// kept until 2033-01-01 00:00:00
	// gone by    2033-04-01 00:00:00
}

// The words are for people: a support ticket of a customer whose assignment
// goes on.
func ExampleVerdict_Words() {
	with, _ := retention.ParseRule("P1Y after assignment-ended with agreement")
	without, _ := retention.ParseRule("P1Y after collected without agreement")
	ticket := retention.Policy{Purpose: "support-ticket", Erase: []retention.Rule{with, without}}

	for _, sentence := range retention.Judge([]retention.Policy{ticket}, retention.Facts{Agreement: true}, nil).Words() {
		fmt.Println(sentence)
	}
	// Output:
	// support-ticket: erase P1Y after assignment-ended with agreement; clock not started: assignment-ended.
	// No end is known: support-ticket still holds it.
}

// What is wrong in a rule has a place, counted in characters.
func ExampleParseRule() {
	_, err := retention.ParseRule("P1Y after Collected")
	if wrong := (*retention.RuleError)(nil); errors.As(err, &wrong) {
		fmt.Println(wrong.Offset, wrong.What)
	}
	// Output: 10 not an event
}
