package crashtest

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/postgres"
)

// office is what all processes have in common.
type office struct {
	Dir        string // of KEK, ledger and journal
	Data, Keys string // data source names; Keys is empty where keys lie with the data
	Began      time.Time
	Hosting    gdpr.ID // the agreement of the hosted records
}

const (
	start = "2026-03-02T08:00:00Z"
	// speed is how many times faster than others the clock goes, so that the lease of a killed sweep runs out within a round.
	speed = 2000
)

// now is the clock of all processes.
func (o *office) now() time.Time {
	at, err := time.Parse(time.RFC3339, start)
	if err != nil {
		panic(err)
	}
	return at.Add(time.Since(o.Began) * speed)
}

var (
	boss  = gdpr.Person("Åsa Ägare")
	clerk = gdpr.Person("Märta Support")
	dpo   = gdpr.Person("Örjan Dataskydd")
)

const registerText = `
register: {format: 1, version: 1, from: 2026-01-01, author: Byrådet}
organization: {name: Byn AB, contact: post@byn.example, country: SE}
accountability: {audit-log: P2Y, case-files: P3Y}
backups: {kept: P35D, keys-kept: P7D}
security: Bommen
subjects: {guest: A guest of a customer}
terms:
  lease: {ref: Hyresavtal, erase: [P3M after erasure-instructed, P1M after agreement-ended], at-end: erase, breach-notice: PT24H}
activities:
  inquiry:
    role: controller
    class: internal
    subjects: [prospect]
    fields: {name: user.name, email: user.contact.email, question: user.content.private}
    find-by: [email]
    purpose: Svara
    basis: A6-1-f
    interest: Att svara
    erase: P1Y after collected
  statistics:
    records-of: inquiry
    fields: [question]
    purpose: Se vad folk undrar
    basis: A6-1-f
    interest: Att svara bättre
    compatible: Ingen pekas ut
    erase: P2Y after collected
  hosted:
    role: processor
    terms: lease
    subjects: [guest]
    fields: {key: user.unique_id, content: user}
    find-by: [key]
    purpose: Leverera tjänsten
roles:
  clerk: {may: [read, write], for: [inquiry, statistics, hosted]}
  privacy: {may: [read, erase, hold, decide], for: all}
  manager: {may: [grant]}
`

// staff is an engine with its stores.
type staff struct {
	*gdpr.Engine
	data *postgres.Store
	keys *postgres.Store // data, where keys lie with it
}

// open opens stores and engine, as any process of the application does.
func (o *office) open(ctx context.Context) (_ *staff, err error) {
	s := &staff{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.data, err = postgres.Open(ctx, o.Data, nil); err != nil {
		return nil, err
	}
	opt := &gdpr.Options{Owner: boss, Now: o.now}
	s.keys = s.data
	if o.Keys != "" {
		if s.keys, err = postgres.Open(ctx, o.Keys, nil); err != nil {
			return nil, err
		}
		opt.Keys = s.keys
	}
	kek, err := insecurekeyfile.Open(filepath.Join(o.Dir, "dev.kek"))
	if err != nil {
		return nil, err
	}
	reg, err := register.Parse(register.File{Name: "byn.yaml", Data: []byte(registerText)})
	if err != nil {
		return nil, err
	}
	s.Engine, err = gdpr.Open(ctx, s.data, kek, reg, opt)
	return s, err
}

func (s *staff) close() (err error) {
	if s.Engine != nil {
		err = s.Engine.Close()
	}
	for _, store := range []*postgres.Store{s.keys, s.data} {
		if store != nil {
			err = errors.Join(err, store.Close())
		}
	}
	return err
}

// furnish grants the roles and makes a customer.
func (o *office) furnish(ctx context.Context) error {
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	admin := s.As(boss, gdpr.Retention)
	for who, role := range map[gdpr.Actor]string{clerk: "clerk", dpo: "privacy"} {
		if _, err := admin.Grant(ctx, gdpr.Grant{Actor: who, Role: role}); err != nil {
			return errors.Join(err, s.close())
		}
	}
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Kvarnen", Contact: "dso@kvarnen.example", Country: "SE"})
	if err != nil {
		return errors.Join(err, s.close())
	}
	o.Hosting, err = admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "Avtal Kvarnen", From: dayOf(o.now().AddDate(-5, 0, 0)),
		Activities: []string{"hosted"}, Terms: "lease"})
	return errors.Join(err, s.close())
}

// partsOf returns what is stored of a record, or of all that a person or an agreement has.
func (s *staff) partsOf(ctx context.Context, q storage.PartQuery) (refs []storage.PartRef, err error) {
	err = s.eachPart(ctx, q, func(p *storage.Part) { refs = append(refs, p.PartRef) })
	return refs, err
}

func (s *staff) eachPart(ctx context.Context, q storage.PartQuery, do func(*storage.Part)) error {
	q.Light, q.Limit = true, 1000
	for {
		parts, err := s.data.Parts(ctx, q)
		if err != nil {
			return err
		}
		for i := range parts {
			do(&parts[i])
		}
		if len(parts) < q.Limit {
			return nil
		}
		q.After = parts[len(parts)-1].PartRef
	}
}
