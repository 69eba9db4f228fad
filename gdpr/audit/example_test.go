package audit_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// key stands for the keyring's MAC.
type key []byte

func (k key) ComputeMAC(data []byte) ([]byte, error) {
	h := hmac.New(sha256.New, k)
	h.Write(data)
	return h.Sum(nil), nil
}

func (k key) VerifyMAC(mac, data []byte) error {
	if want, _ := k.ComputeMAC(data); !hmac.Equal(mac, want) {
		return errors.New("invalid mac")
	}
	return nil
}

// An act takes a lane, adds its entry, and says how its batch ended.
func ExampleWriter() {
	writer := audit.NewWriter(key("secret"), 4)
	lane, err := writer.Take(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer lane.Undo()
	row, err := lane.Add(audit.Entry{
		At:    time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC),
		Actor: audit.Actor{Kind: audit.Person, Name: "asa.oberg"}, Grant: "support",
		Action: "get", Purpose: "support-ticket",
		Objects: []string{audit.Object("record", storage.ID{0: 1})}, Fields: []string{"email"},
		Outcome: audit.Done,
	})
	if err != nil {
		log.Fatal(err)
	}
	// Here the row is stored, in the batch of the act itself.
	lane.Done()
	fmt.Println(row.Seq)
	fmt.Println(string(row.Body))
	// Output:
	// 1
	// {"v":1,"at":"2026-03-02T09:30:00Z","actor":{"kind":"person","name":"asa.oberg"},"grant":"support","action":"get","purpose":"support-ticket","objects":["record:01000000-0000-0000-0000-000000000000"],"fields":["email"],"outcome":"done"}
}

// The entry says who, what, when and for which purpose, or it is not written.
func ExampleEntry_Check() {
	e := audit.Entry{
		At: time.Now(), Actor: audit.Actor{Kind: audit.Job, Name: "sweep"}, Action: "sweep", Purpose: "retention",
		Fields: []string{"anna.berg@kund.example"}, Outcome: audit.Done,
	}
	fmt.Println(e.Check())
	// Output: Fields[0]: not a field's name or a category
}

// Proofs chain in the store and stand a second time in a ledger outside its backups.
func ExampleOpenLedger() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx, mac := context.Background(), key("secret")

	ledger, err := audit.OpenLedger(filepath.Join(folder, "app.ledger"), storage.NewID(), storage.NewID())
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close()
	proof, err := audit.NextProof(mac, nil, audit.Proof{
		ID: storage.NewID(), At: time.Now(), Actor: audit.Actor{Kind: audit.Job, Name: "sweep"}, Kind: audit.ErasedParts,
		Because: []audit.Because{{
			Family: "support-ticket", Role: "controller", Rule: "P1Y after assignment-ended", Event: "assignment-ended",
			Start: civil.Date{Year: 2025, Month: 2, Day: 28}, Last: civil.Date{Year: 2026, Month: 2, Day: 28},
		}},
		Parts:  []audit.ErasedPart{{Record: storage.NewID(), Part: 1, Version: 1, Subject: storage.NewID()}},
		Method: []string{"row erased", "key destroyed"},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Here the proof is stored, in the batch that erases.
	if err := ledger.Append(ctx, proof); err != nil {
		log.Fatal(err)
	}
	n, err := audit.VerifyLedger(ctx, ledger, mac)
	fmt.Println(n, err)
	// Output: 1 <nil>
}
