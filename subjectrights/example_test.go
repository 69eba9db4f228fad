package subjectrights_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/memory"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// A request arrives by letter, is answered with a report, and then the person wants the data gone.
func Example() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "gallra")
	defer func() { _ = os.RemoveAll(dir) }()
	reg, _ := gdpr.LoadRegister("../testdata/registers/smallest.yaml")
	kek, _ := insecurekeyfile.Open(filepath.Join(dir, "dev.kek"))
	eng, _ := gdpr.Open(ctx, memory.New(), kek, reg, nil)
	anna := gdpr.Email("anna@kund.example")
	_, _ = eng.As(gdpr.Job("web"), "inquiry").Put(ctx, gdpr.Record{Subject: anna, Fields: gdpr.Fields{"question": "Vad kostar det?"}})

	desk, _ := subjectrights.New(eng, nil)
	dpo := gdpr.Person("Örjan Dataskydd")
	c, err := desk.Receive(ctx, dpo, subjectrights.Request{
		Rights:   []subjectrights.Right{subjectrights.Access, subjectrights.Erasure},
		Channel:  subjectrights.Letter,
		Received: time.Date(2026, time.March, 5, 9, 0, 0, 0, time.UTC),
		Subject:  anna,
		Case:     "2026-17",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c, "- answer by", desk.Due(c))

	_ = desk.Identify(ctx, dpo, c, subjectrights.KnownAddress, subjectrights.Address{Contact: "anna@kund.example"})
	_ = desk.Decide(ctx, dpo, c,
		subjectrights.Decision{Right: subjectrights.Access, Grant: true},
		subjectrights.Decision{Right: subjectrights.Erasure, Grant: true, Ground: string(gdpr.NoLongerNeeded)})

	answer, _ := desk.Access(ctx, dpo, c)
	var page bytes.Buffer
	_ = report.HTML(&page, answer, report.Swedish)
	fmt.Println(answer.Records(), "record, in words:", strings.Contains(page.String(), "Vad kostar det?"))
	digest := sha256.Sum256(page.Bytes()) // of what is handed over: as a rule a sealed package
	_ = desk.SealedCopy(ctx, dpo, c, digest[:])

	gone, err := desk.Erase(ctx, dpo, c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(gone.Erasures[0].Records), "erased,", len(gone.Erasures[0].Kept), "kept, nothing left:", gone.Erasures[0].Whole)
	fmt.Println(desk.Answer(ctx, dpo, c, subjectrights.Answer{Told: time.Now()}), desk.Close(ctx, dpo, c), c.State())
	// Output:
	// case 2026-17 (A15, A17), received - answer by 2026-04-07
	// 1 record, in words: true
	// 1 erased, 0 kept, nothing left: true
	// <nil> <nil> closed
}
