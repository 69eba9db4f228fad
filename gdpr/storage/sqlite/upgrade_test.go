package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// upgrades holds a store of each version of the tables, as README.md there says.
const upgrades = "testdata/upgrade"

var (
	owner   = gdpr.Person("Åsa Ägare")
	dpo     = gdpr.Person("Örjan Dataskydd")
	support = gdpr.Person("Märta Support")
	began   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

// engine opens an engine over the store and the key file of a folder, some days after it all began.
func engine(t *testing.T, dir, register string, days int) *gdpr.Engine {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "store.db"), nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	kek, err := insecurekeyfile.Open(filepath.Join(dir, "dev.kek"))
	require.NoError(t, err)
	reg, err := gdpr.LoadRegister(register)
	require.NoError(t, err)
	e, err := gdpr.Open(t.Context(), s, kek, reg, &gdpr.Options{Owner: owner, Now: func() time.Time { return began.AddDate(0, 0, days) }})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	return e
}

// texts are the messages that support finds about a person.
func texts(t *testing.T, e *gdpr.Engine, who string) (out []string) {
	t.Helper()
	for r, err := range e.As(support, "support-ticket").Find(t.Context(), gdpr.Email(who)) {
		require.NoError(t, err)
		out = append(out, r.Text("message"))
	}
	return out
}

// kept names records of an old store.
type kept struct{ Ticket, Old, Erased gdpr.ID }

// TestUpgrade: a store that an earlier version of the library wrote is opened by this one, which goes on with it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	if os.Getenv("GALLRA_WRITE_UPGRADE") != "" {
		writeUpgrade(t)
	}
	dumps, err := filepath.Glob(filepath.Join(upgrades, "v*.sql"))
	require.NoError(t, err)
	require.NotEmpty(t, dumps)
	for _, dump := range dumps {
		name := strings.TrimSuffix(dump, ".sql")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			dir, k := t.TempDir(), &kept{}
			for from, to := range map[string]string{".kek": "dev.kek", ".ledger": "dev.kek.ledger", ".sql": "store.sql", ".json": "kept.json"} {
				content, err := os.ReadFile(name + from)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, to), content, 0o600))
				switch from {
				case ".json":
					require.NoError(t, json.Unmarshal(content, k))
				case ".sql":
					db, err := sql.Open("sqlite", sqlite.DSN(filepath.Join(dir, "store.db")))
					require.NoError(t, err)
					_, err = db.ExecContext(t.Context(), string(content))
					require.NoError(t, err)
					require.NoError(t, db.Close())
				}
			}
			goesOn(t, dir, name+".yaml", k)
		})
	}
}

// goesOn says that an old store is whole, and works.
func goesOn(t *testing.T, dir, register string, k *kept) {
	ctx := t.Context()
	e := engine(t, dir, register, 1)
	before, err := e.Verify(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 1, before.Proofs)
	tickets, rights := e.As(support, "support-ticket"), e.As(dpo, gdpr.SubjectRights)
	r, err := tickets.Get(ctx, k.Ticket)
	require.NoError(t, err)
	assert.Equal(t, []string{"Åsa Öberg", "åsa@kund.example", "Skärmen är grå"}, []string{r.Text("name"), r.Text("email"), r.Text("message")})
	assert.Equal(t, []string{"Skärmen är grå"}, texts(t, e, "ÅSA@kund.example"))
	assert.Empty(t, texts(t, e, "glömd@kund.example"))
	_, err = tickets.Get(ctx, k.Erased)
	require.ErrorIs(t, err, gdpr.ErrErased)

	require.NoError(t, tickets.Update(ctx, k.Ticket, gdpr.Change{Fields: gdpr.Fields{"message": "Lagad"}}))
	_, err = tickets.Put(ctx, gdpr.Record{Subject: gdpr.Email("åsa@kund.example"), Fields: gdpr.Fields{"message": "Svart igen"}})
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"Lagad", "Svart igen"}, texts(t, e, "åsa@kund.example"))
	res, err := e.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
	require.NoError(t, err)
	assert.EqualValues(t, 1, res.Erased)
	_, err = tickets.Get(ctx, k.Old)
	require.ErrorIs(t, err, gdpr.ErrErased)
	_, err = rights.Erase(ctx, gdpr.Email("örjan@kund.example"), gdpr.NoLongerNeeded)
	require.ErrorIs(t, err, gdpr.ErrOnHold)
	_, err = rights.Erase(ctx, gdpr.Email("åsa@kund.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	_, err = tickets.Get(ctx, k.Ticket)
	require.ErrorIs(t, err, gdpr.ErrErased)
	require.NoError(t, e.Seal(ctx))
	after, err := e.Verify(ctx)
	require.NoError(t, err)
	assert.Greater(t, after.Proofs, before.Proofs)
	h, err := e.Health(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 1, h.Parts, "the one on hold")
}

// writeUpgrade writes the store of the present version, as README.md beside it says.
func writeUpgrade(t *testing.T) {
	ctx, dir, k := t.Context(), t.TempDir(), kept{}
	register := filepath.Join("..", "..", "..", "testdata", "registers", "epm.yaml")
	e := engine(t, dir, register, 0)
	for who, role := range map[gdpr.Actor]string{support: "support", dpo: "privacy"} {
		_, err := e.As(owner, gdpr.Retention).Grant(ctx, gdpr.Grant{Actor: who, Role: role})
		require.NoError(t, err)
	}
	tickets := e.As(support, "support-ticket")
	put := func(who, message string, on time.Time) gdpr.ID {
		id, err := tickets.Put(ctx, gdpr.Record{Subject: gdpr.Email(who), CollectedAt: on, Fields: gdpr.Fields{"name": "Åsa Öberg", "message": message}})
		require.NoError(t, err)
		return id
	}
	k.Ticket = put("åsa@kund.example", "Skärmen är svart", began)
	require.NoError(t, tickets.Update(ctx, k.Ticket, gdpr.Change{Fields: gdpr.Fields{"message": "Skärmen är grå"}}))
	k.Old = put("gammal@kund.example", "För ett år sedan", began.AddDate(-1, 0, 1))
	held := put("örjan@kund.example", "Vi ses i rätten", began)
	_, err := e.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: held, Ground: "A17-3-e", ReviewBy: civil.Date{Year: 2026, Month: 9, Day: 1}, Note: "Tvist"})
	require.NoError(t, err)
	k.Erased = put("glömd@kund.example", "Glöm mig", began)
	_, err = e.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("glömd@kund.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	require.NoError(t, e.Seal(ctx))

	db, err := sql.Open("sqlite", sqlite.DSN(filepath.Join(dir, "store.db")))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var version int
	require.NoError(t, db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM `+sqlite.VersionTable).Scan(&version))
	named, err := json.MarshalIndent(k, "", "  ")
	require.NoError(t, err)
	read := func(path string) []byte {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return content
	}
	for suffix, content := range map[string][]byte{
		".sql": []byte(dumped(t, db)), ".json": append(named, '\n'), ".yaml": read(register),
		".kek": read(filepath.Join(dir, "dev.kek")), ".ledger": read(filepath.Join(dir, "dev.kek.ledger")),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(upgrades, fmt.Sprintf("v%d%s", version, suffix)), content, 0o600))
	}
}

// dumped is a database as SQL.
func dumped(t *testing.T, db *sql.DB) string {
	t.Helper()
	ctx := context.Background()
	list := func(query string) (out []string) {
		rows, err := db.QueryContext(ctx, query)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		for rows.Next() {
			var s string
			require.NoError(t, rows.Scan(&s))
			out = append(out, s)
		}
		require.NoError(t, rows.Err())
		return out
	}
	var b strings.Builder
	for _, table := range list(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`) {
		b.WriteString(list(`SELECT sql FROM sqlite_schema WHERE name = '` + table + `'`)[0] + ";\n")
		columns := strings.Join(list(`SELECT 'quote("' || name || '")' FROM pragma_table_info('`+table+`')`), ` || ', ' || `)
		for _, row := range list(`SELECT ` + columns + ` FROM ` + table) {
			b.WriteString(`INSERT INTO ` + table + ` VALUES (` + row + ");\n")
		}
	}
	for _, index := range list(`SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`) {
		b.WriteString(index + ";\n")
	}
	return b.String()
}
