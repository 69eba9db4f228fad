package gdpr_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// A night without a sweep, and many more: what should be gone is listed with its reason, and erasing it leaves a deviation.
func ExampleSession_Overdue() {
	ctx := context.Background()
	eng, calendar := workshop("smallest.yaml")
	defer eng.Close()
	_, err := eng.As(gdpr.Job("web"), "inquiry").Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
	if err != nil {
		log.Fatal(err)
	}

	calendar.turn(2027, time.April, 1)
	dpo := eng.As(gdpr.Person("Örjan Dataskydd"), gdpr.Retention)
	for part, err := range dpo.Overdue(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(part.Activity, "to be gone after", part.Until, "by", part.Rule+":", part.Why)
	}
	if _, err := eng.Sweep(ctx, nil); err != nil {
		log.Fatal(err)
	}
	for missed, err := range dpo.Deviations(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("missed:", missed.Last, "parts:", missed.Parts, "cause:", missed.Cause)
	}
	// Output:
	// inquiry to be gone after 2027-03-02 by P1Y after collected: not swept
	// missed: 2027-03-02 parts: 1 cause: swept late
}

// What waits for the end of an assignment, or a closed year, is counted and reviewed.
func ExampleSession_ClocksNotStarted() {
	ctx := context.Background()
	eng, _ := workshop("family.yaml")
	defer eng.Close()
	_, err := eng.As(gdpr.Job("web"), "order").Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"amount": int64(8990)}})
	if err != nil {
		log.Fatal(err)
	}
	for clock, err := range eng.As(gdpr.Person("Örjan Dataskydd"), gdpr.Retention).ClocksNotStarted(ctx, 10) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(clock.Purpose, "waits, parts:", clock.Parts, "oldest of:", clock.Oldest)
		for _, rule := range clock.Rules {
			fmt.Println(" ", rule)
		}
	}
	// Output:
	// bookkeeping waits, parts: 1 oldest of: 2026-03-02
	//   P7Y3M after year-end of year-closed
	//   P7Y after year-end of year-closed
	// warranty waits, parts: 1 oldest of: 2026-03-02
	//   P3Y after delivered
}
