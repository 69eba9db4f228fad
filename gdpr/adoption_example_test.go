package gdpr_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/register"
)

// What a new version of the register would mean for what is stored, before it is opened with.
func ExampleEngine_PlanAdoption() {
	ctx := context.Background()
	eng, _ := workshop("smallest.yaml")
	for _, who := range []string{"asa@kund.example", "orjan@kund.example"} {
		if _, err := eng.As(gdpr.Job("web"), "inquiry").Put(ctx, gdpr.Record{Subject: gdpr.Email(who), Fields: gdpr.Fields{"question": "Vad kostar det?"}}); err != nil {
			fmt.Println(err)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "testdata", "registers", "smallest.yaml"))
	if err != nil {
		fmt.Println(err)
	}
	text = bytes.Replace(text, []byte("version: 1,"), []byte("version: 2, change: Offerter gäller längre,"), 1)
	text = bytes.Replace(text, []byte("P1Y after collected"), []byte("P18M after collected"), 1)
	next, err := register.Parse(register.File{Name: "smallest.yaml", Data: text})
	if err != nil {
		fmt.Println(err)
	}
	adoption, err := eng.PlanAdoption(ctx, next)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(adoption)
	fmt.Println("needs an approval:", len(adoption.Longer) > 0) // Options.Adopt
	// Output:
	// register version 1 -> 2
	//   lives longer: inquiry: erase: P1Y after collected -> P18M after collected
	//   parts of inquiry: 2; due at once 0, earlier 0, later 2
	// needs an approval: true
}
