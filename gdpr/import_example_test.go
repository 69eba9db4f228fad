package gdpr_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"os"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
)

const oldInquiries = `asked,email,question
2016-05-10,anna@kund.example,Vad kostar det?
2016-06-01,bo at kund.example,Finns den i blått?
2026-01-15,cajsa@kund.example,När kommer den?
`

// inquiries reads the file line by line: it is never in memory as a whole.
func inquiries(name, text string) iter.Seq2[gdpr.Record, error] {
	return func(yield func(gdpr.Record, error) bool) {
		in := csv.NewReader(strings.NewReader(text))
		if _, err := in.Read(); err != nil { // the header
			log.Fatal(err)
		}
		for {
			row, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			line, _ := in.FieldPos(0)
			r := gdpr.Record{Origin: fmt.Sprintf("%s:%d", name, line)}
			if err == nil {
				r.CollectedAt, err = time.Parse(time.DateOnly, row[0])
				r.Subject, r.Fields = gdpr.Email(row[1]), gdpr.Fields{"question": row[2]}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Old data is brought in with its own days. Broken off, the same call goes on; what is overdue waits for a plan.
func ExampleSession_PutAll() {
	ctx := context.Background()
	eng, _ := workshop("smallest.yaml") // it is 2 March 2026
	s := eng.As(gdpr.Job("import"), "inquiry")

	for range 2 { // the second finds it done
		out, err := s.PutAll(ctx, inquiries("old.csv", oldInquiries), &gdpr.ImportOptions{Key: "inquiries of 2016 to 2026"})
		if err != nil {
			log.Fatal(err)
		}
		if err := out.Report(os.Stdout); err != nil {
			log.Fatal(err)
		}
	}

	_, err := eng.Sweep(ctx, nil)
	fmt.Println(errors.Is(err, gdpr.ErrHalted))
	plan, err := eng.Plan(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("overdue:", plan.Overdue, "to erase:", plan.Erase) // somebody looks at it, and agrees
	done, err := eng.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Erased, "erased")
	// Output:
	// old.csv:3: Subject.email: not an e-mail address
	// 3 read, 2 stored, 1 left out; overdue parts: 1
	// old.csv:3: Subject.email: not an e-mail address
	// 3 read, 2 stored, 1 left out; overdue parts: 1
	// true
	// overdue: 1 to erase: 1
	// 1 erased
}
