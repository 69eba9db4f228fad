package gdpr_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// calendar is a clock that the examples turn.
type calendar struct{ now time.Time }

func (c *calendar) turn(year int, month time.Month, day int) {
	c.now = time.Date(year, month, day, 9, 0, 0, 0, time.UTC)
}

// workshop is an engine over a new store in memory, under one of the test registers.
func workshop(register string) (*gdpr.Engine, *calendar) {
	dir, err := os.MkdirTemp("", "gallra")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "dev.kek"))
	if err != nil {
		log.Fatal(err)
	}
	reg, err := gdpr.LoadRegister(filepath.Join("..", "testdata", "registers", register))
	if err != nil {
		log.Fatal(err)
	}
	c := &calendar{}
	c.turn(2026, time.March, 2)
	eng, err := gdpr.Open(context.Background(), memory.New(), kek, reg, &gdpr.Options{
		Owner: gdpr.Person("Åsa Ägare"), Now: func() time.Time { return c.now }, NoLedger: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	return eng, c
}

// The front door: a store, a key, a register, an engine, a session, a record.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gallra")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store := memory.New()                                           // or sqlite.Open(ctx, "app.db", nil)
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "dev.kek")) // in production any Tink AEAD
	if err != nil {
		log.Fatal(err)
	}
	reg, err := gdpr.LoadRegister("../testdata/registers/smallest.yaml")
	if err != nil {
		log.Fatal(err)
	}
	eng, err := gdpr.Open(ctx, store, kek, reg, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	s := eng.As(gdpr.Job("web"), "inquiry") // who acts, and for which purpose
	id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
	if err != nil {
		log.Fatal(err)
	}
	r, err := s.Get(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Text("question"), r.Text("email"))
	fmt.Println(r.Fields())
	// Output:
	// Vad kostar det? anna@kund.example
	// [redacted]
}

// What is wrong with a record is refused before anything is written: the field and the reason, never the value.
func ExampleSession_Put() {
	ctx := context.Background()
	eng, _ := workshop("smallest.yaml")
	s := eng.As(gdpr.Job("web"), "inquiry")

	_, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna at kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
	fmt.Println(err)
	_, err = s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"shoe size": 38}})
	fmt.Println(err)
	// Output:
	// put: Subject.email: not an e-mail address
	// put: Fields: has a field that activity inquiry does not declare (Art. 5(1)(c)); it declares email, question
}

// A person is found however the identifier is spelled.
func ExampleSession_Find() {
	ctx := context.Background()
	eng, _ := workshop("smallest.yaml")
	s := eng.As(gdpr.Job("web"), "inquiry")
	for _, question := range []string{"Vad kostar det?", "Och med hjul?"} {
		if _, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("Anna@Kund.Example"), Fields: gdpr.Fields{"question": question}}); err != nil {
			log.Fatal(err)
		}
	}
	found := map[string]bool{}
	for r, err := range s.Find(ctx, gdpr.Email(" anna@KUND.example")) {
		if err != nil {
			log.Fatal(err)
		}
		found[r.Text("question")] = true
	}
	fmt.Println(len(found), found["Och med hjul?"])
	// Output: 2 true
}

// The end of an agreement is one event, however much hangs on it.
func ExampleSession_RecordEvent() {
	ctx := context.Background()
	eng, clock := workshop("family.yaml")
	desk := eng.As(gdpr.Person("Märta"), "supplier-contact")
	party, err := desk.PutParty(ctx, gdpr.Party{Name: "Leverantören i Örebro AB", Contact: "info@leverantor.example", Country: "SE"})
	if err != nil {
		log.Fatal(err)
	}
	agreement, err := desk.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "LA-7", From: civil.Date{Year: 2024, Month: time.January, Day: 1}})
	if err != nil {
		log.Fatal(err)
	}
	id, err := desk.Put(ctx, gdpr.Record{Subject: gdpr.Email("nils@leverantor.example"), Agreement: agreement, Fields: gdpr.Fields{"note": "Ring före tolv"}})
	if err != nil {
		log.Fatal(err)
	}

	clock.turn(2026, time.June, 30)
	if err := desk.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreement}); err != nil {
		log.Fatal(err)
	}
	x, err := desk.Explain(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("kept until", x.Parts[0].Until)
	// Output: kept until 2028-06-30
}

// A hold keeps what would be erased, until somebody releases it.
func ExampleSession_Hold() {
	ctx := context.Background()
	eng, clock := workshop("smallest.yaml")
	s := eng.As(gdpr.Person("Örjan"), "inquiry")
	id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
	if err != nil {
		log.Fatal(err)
	}
	clock.turn(2026, time.December, 1)
	hold, err := s.Hold(ctx, gdpr.Hold{Record: id, Ground: "Tvist T 12-26", ReviewBy: civil.Date{Year: 2027, Month: time.June, Day: 1}})
	if err != nil {
		log.Fatal(err)
	}
	clock.turn(2027, time.March, 1) // the year is over
	held, err := eng.Sweep(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Release(ctx, hold); err != nil {
		log.Fatal(err)
	}
	released, err := eng.Sweep(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(held.Erased, released.Erased)
	// Output: 0 1
}

// An invoice is kept for the law and restricted to it; the rest of what is held about the person goes.
func ExampleSession_Erase() {
	ctx := context.Background()
	eng, clock := workshop("family.yaml")
	shop := eng.As(gdpr.Job("checkout"), "order")
	id, err := shop.Put(ctx, gdpr.Record{
		Subject: gdpr.Email("anna@kund.example"),
		Fields:  gdpr.Fields{"name": "Anna Ek", "message": "Ring mig inte", "amount": int64(8990)},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := shop.RecordEvent(ctx, gdpr.Event{Kind: "year-closed", Record: id, Day: civil.Date{Year: 2026, Month: time.December, Day: 31}}); err != nil {
		log.Fatal(err)
	}

	clock.turn(2026, time.May, 5)
	out, err := eng.As(gdpr.Person("Örjan"), gdpr.SubjectRights).Erase(ctx, gdpr.Email("anna@kund.example"), gdpr.NoLongerNeeded)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Parts, "parts erased")
	fmt.Println(len(out.Kept), "kept until", out.Kept[0].Until)
	fmt.Println(out.Kept[0].Why)
	// Output:
	// 2 parts erased
	// 2 kept until 2033-12-31
	// bookkeeping: a duty to keep it, P7Y after year-end of year-closed
}

// A plan shows what a sweep would erase. Handed to Sweep it is run exactly, or not at all.
func ExampleEngine_Plan() {
	ctx := context.Background()
	eng, clock := workshop("smallest.yaml")
	s := eng.As(gdpr.Job("web"), "inquiry")
	for range 3 {
		if _, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}}); err != nil {
			log.Fatal(err)
		}
	}
	clock.turn(2027, time.March, 1)
	plan, err := eng.Plan(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range plan.Lines {
		fmt.Println(line.Count, line.Activity, line.Why, "-", line.Rule)
	}
	done, err := eng.Sweep(ctx, &gdpr.SweepOptions{Plan: plan})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Erased, "parts and", done.Persons, "person")
	// Output:
	// 3 inquiry due - P1Y after collected
	// 3 parts and 1 person
}

// The sweep runs every night. It erases in time for the last day, with the keys, and what is erased opens nowhere.
func ExampleEngine_Sweep() {
	ctx := context.Background()
	eng, clock := workshop("smallest.yaml")
	s := eng.As(gdpr.Job("web"), "inquiry")
	id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, day := range []int{26, 27, 28} {
		clock.turn(2027, time.February, day)
		res, err := eng.Sweep(ctx, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(clock.now.Format(time.DateOnly), res.Erased)
	}
	_, err = s.Get(ctx, id)
	fmt.Println(err)
	// Output:
	// 2027-02-26 0
	// 2027-02-27 0
	// 2027-02-28 1
	// get: erased: not found
}

// Explain says why something is there and until when, in words that name nobody.
func ExampleSession_Explain() {
	ctx := context.Background()
	eng, _ := workshop("smallest.yaml")
	s := eng.As(gdpr.Job("web"), "inquiry")
	id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
	if err != nil {
		log.Fatal(err)
	}
	x, err := s.Explain(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Activity, "held as", x.Role, "until", x.Parts[0].Until)
	for _, sentence := range x.Parts[0].Words {
		fmt.Println(sentence)
	}
	// Output:
	// inquiry held as controller until 2027-03-02
	// inquiry: erase P1Y after collected: collected on 2026-03-02, last day 2027-03-02.
	// The last reason to have it is inquiry.
}
