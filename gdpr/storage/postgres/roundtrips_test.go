package postgres_test

import (
	"database/sql"
	"testing"

	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/internal/faultsql"
	"github.com/gallra/gallra/internal/pgtest"
)

// trips are the calls to the server that an act makes: each of them is one round trip.
type trips struct{ reads, statements, transactions int }

func count(calls []faultsql.Op) (got trips) {
	for _, op := range calls {
		switch op {
		case faultsql.Query:
			got.reads++
		case faultsql.Exec:
			got.statements++
		case faultsql.Begin:
			got.transactions++
		}
	}
	return got
}

// TestRoundTrips: an act that writes is one statement, which is its own commit, and few reads before it. The table says which are not, and why.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	connector, err := pq.NewConnector(with(t, pgtest.DSN(t), "binary_parameters=yes"))
	require.NoError(t, err)
	calls := faultsql.New(connector)
	db := sql.OpenDB(calls)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	db.SetMaxOpenConns(2)
	store, err := postgres.OpenDB(t.Context(), db, nil)
	require.NoError(t, err)
	s := newSite(t, store, t.TempDir()).roles()
	ctx := t.Context()
	tickets, rights, admin := s.As(support, "support-ticket"), s.As(dpo, gdpr.SubjectRights), s.As(owner, gdpr.Retention)
	hold := gdpr.Hold{Ground: "A17-3-e", ReviewBy: civil.Date{Year: 2026, Month: 9, Day: 1}}
	put := func(who string, also ...gdpr.Share) (gdpr.ID, error) {
		return tickets.Put(ctx, gdpr.Record{Subject: gdpr.Email(who), Fields: gdpr.Fields{"name": "Åsa", "message": "Hej"}, Also: also})
	}
	known, err := put("känd@kund.example")
	require.NoError(t, err)
	hold.Record, err = put("hållen@kund.example")
	require.NoError(t, err)
	party, err := admin.PutParty(ctx, gdpr.Party{Name: "Kund AB", Contact: "dso@kund.example", Country: "SE"})
	require.NoError(t, err)
	var agreements []gdpr.ID
	var newest gdpr.ID

	one := func(reads int) trips { return trips{reads: reads, statements: 1} }
	for _, act := range []struct {
		name string
		do   func(n int) error
		want trips
		why  string // of more than one statement
	}{
		{"Put about a new person", func(n int) error { _, err := put(mail("ny", n)); return err }, one(1), ""},
		{"Put about a known person", func(int) error { _, err := put("känd@kund.example"); return err }, one(0), ""},
		{"Put about two", func(n int) error {
			_, err := put("känd@kund.example", gdpr.Share{Subject: gdpr.Email(mail("två", n)), Fields: gdpr.Fields{"message": "Hej"}})
			return err
		}, one(1), ""},
		{"Get", func(int) error { _, err := tickets.Get(ctx, known); return err }, one(1), ""},
		{"Find", func(int) error {
			for _, err := range tickets.Find(ctx, gdpr.Email(mail("ny", 0))) {
				if err != nil {
					return err
				}
			}
			return nil
		}, one(2), ""},
		{"Hold", func(int) error { _, err := s.As(dpo, gdpr.Retention).Hold(ctx, hold); return err }, one(1), ""},
		{"RecordEvent of a record", func(int) error {
			return rights.RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: known, Purpose: "support-ticket"})
		}, one(1), ""},
		{"PutAgreement", func(int) error {
			id, err := admin.PutAgreement(ctx, gdpr.Agreement{Party: party, Ref: "AV-2001", From: civil.Date{Year: 2024, Month: 1, Day: 1},
				Activities: []string{"hosted-customer-data"}, Terms: "service-agreement", Erase: []string{"P30D after agreement-ended"}, AtEnd: "erase"})
			agreements = append(agreements, id)
			return err
		}, one(1), ""},
		{"RecordEvent of an agreement", func(n int) error {
			return admin.RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: agreements[n]})
		}, one(3), ""},
		{
			"Update", func(int) error {
				newest, err = put("ändrad@kund.example")
				if err != nil {
					return err
				}
				return tickets.Update(ctx, newest, gdpr.Change{Fields: gdpr.Fields{"message": "Nytt"}})
			}, trips{0 + 1, 1 + 2, 1},
			"the key of the new version is put and that of the old one destroyed, in one table: of a statement neither part sees the other's rows",
		},
		{
			"Erase", func(n int) error {
				_, err := rights.Erase(ctx, gdpr.Email(mail("ny", n)), gdpr.NoLongerNeeded)
				return err
			}, trips{4, 2, 1}, // the fourth: consents, restrictions and evidence that go with the person
			"whether anything is left of the person is looked at after the locks were taken, which is another statement than the one that waits for them",
		},
	} {
		var got trips
		const times = 4 // at first the statements are prepared, once for each connection
		for n := range times {
			before := calls.Calls()
			require.NoError(t, act.do(n), act.name)
			got = count(calls.Log()[before:])
		}
		assert.Equal(t, act.want, got, act.name)
		assert.Equal(t, act.want.transactions > 0, act.why != "", "%s: say why", act.name)
	}
}
