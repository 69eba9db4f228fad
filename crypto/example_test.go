package crypto_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr/storage"
)

// A person's data is sealed, opened, and gone: without the subject's key nothing of it opens again, in no copy.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gallra")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "dev.kek")) // in production: a key service
	if err != nil {
		log.Fatal(err)
	}
	ring, _, err := crypto.Create(ctx, kek, storage.NewID(), nil) // the rows it returns go to the store
	if err != nil {
		log.Fatal(err)
	}

	_, controllerRow, err := ring.NewController(ctx, storage.NewID())
	if err != nil {
		log.Fatal(err)
	}
	us, err := ring.OpenController(ctx, controllerRow)
	if err != nil {
		log.Fatal(err)
	}
	anna, annaRow, err := us.NewSubject(storage.NewID())
	if err != nil {
		log.Fatal(err)
	}
	place := crypto.Place{Record: storage.NewID(), Part: 1, Version: 1, Family: "support-ticket"}
	sealed, key, err := anna.SealPart(place, []byte("Skrivaren på våning 3 är trasig"))
	if err != nil {
		log.Fatal(err)
	}
	plain, err := anna.OpenPart(place, key, sealed)
	fmt.Printf("%s, %v\n", plain, err)

	elsewhere := place
	elsewhere.Family = "sales-contact"
	_, err = anna.OpenPart(elsewhere, key, sealed)
	fmt.Println("for another purpose:", errors.Is(err, crypto.ErrSealed))

	// Erasure: the store keeps a tombstone in place of the key.
	ring.ForgetSubject(us.ID(), annaRow.ID)
	annaRow = storage.SubjectKey{ID: annaRow.ID, Controller: us.ID(), Destroyed: true}
	_, err = us.OpenSubject(annaRow)
	fmt.Println("erased:", errors.Is(err, crypto.ErrDestroyed))
	fmt.Println(anna)
	// Output:
	// Skrivaren på våning 3 är trasig, <nil>
	// for another purpose: true
	// erased: true
	// [redacted]
}

// While the index keyset is rotated a value has one token for each enabled key; a search asks for all of them.
func ExampleRing_Tokens() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gallra")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "dev.kek"))
	if err != nil {
		log.Fatal(err)
	}
	ring, _, err := crypto.Create(ctx, kek, storage.NewID(), nil)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := ring.Tokens(storage.NewID(), "user.contact.email", "anna@kund.example")
	fmt.Println(len(tokens), len(tokens[0]), err)
	// Output: 1 16 <nil>
}
