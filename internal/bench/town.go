package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// register is the one that the benchmarks run under: a ticket that ends a year after it was registered, or after its agreement.
const register = `register: {format: 1, version: 1, from: 2026-01-01, author: Bench}
organization: {name: Mätbänk AB, contact: privacy@bench.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
activities:
  ticket:
    role: controller
    class: internal
    subjects: [prospect]
    fields: {email: user.contact.email, message: user.content.private}
    purpose: Answer
    basis: A6-1-f
    interest: To answer
    erase: [P1Y after agreement-ended with agreement, P1Y after collected without agreement]
`

// town is an engine on SQLite with a clock to turn.
type town struct {
	*gdpr.Engine
	store *sqlite.Store
	path  string
	now   time.Time
	admin *gdpr.Session
	desk  *gdpr.Session

	agreements []gdpr.ID
}

func newTown(ctx context.Context, dir, name string) (*town, error) {
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "register.yaml")
	if err := os.WriteFile(file, []byte(register), 0o600); err != nil {
		return nil, err
	}
	reg, err := gdpr.LoadRegister(file)
	if err != nil {
		return nil, err
	}
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "bench.kek"))
	if err != nil {
		return nil, err
	}
	t := &town{path: filepath.Join(dir, "data.db"), now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	if t.store, err = sqlite.Open(ctx, t.path, nil); err != nil {
		return nil, err
	}
	if t.Engine, err = gdpr.Open(ctx, t.store, kek, reg, &gdpr.Options{Now: func() time.Time { return t.now }}); err != nil {
		return nil, err
	}
	t.admin, t.desk = t.As(gdpr.Job("bench"), gdpr.Retention), t.As(gdpr.Job("bench"), "ticket")
	return t, nil
}

func (t *town) close() {
	_ = t.Engine.Close()
	_ = t.store.Close()
	_ = os.RemoveAll(filepath.Dir(t.path))
}

// message is 256 bytes of Swedish text.
var message = func() string {
	s := ""
	for len(s) < 256 {
		s += "Hej, fakturan är fel och jag vill ha hjälp. "
	}
	return s[:256]
}()

// person is the address of the i-th person.
func person(i int) string { return fmt.Sprintf("person%d@kund.example", i) }

// records are n records, each person has some; collected says when the i-th was.
func records(n, each int, agreement gdpr.ID, collected func(i int) time.Time) iter.Seq2[gdpr.Record, error] {
	return func(yield func(gdpr.Record, error) bool) {
		for i := range n {
			r := gdpr.Record{Subject: gdpr.Email(person(i / each)), Fields: gdpr.Fields{"message": message}, Agreement: agreement}
			if collected != nil {
				r.CollectedAt = collected(i)
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}
