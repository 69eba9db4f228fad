package gdpr_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/postgres"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
	"github.com/gallra/gallra/internal/faultsql"
	"github.com/gallra/gallra/internal/pgtest"
)

var long = flag.Bool("long", false, "try everything that the tests on Postgres otherwise sample: takes an hour")

// premises are databases for a site that moves to Postgres. Rows mean the same in both kinds of store, so they are carried to and fro, and all that
// stages and judges a site in SQLite serves here too.
type premises struct {
	dsn    []string            // of data, and of keys if they lie apart
	raw    []*sql.DB           // past all of the library
	truths map[string][]string // the columns of each table that are boolean here
}

// newPremises makes the tables in databases: of data, and of keys if they lie apart.
func newPremises(t *testing.T, dsn ...string) *premises {
	t.Helper()
	p := &premises{dsn: dsn, truths: map[string][]string{}}
	for _, dsn := range p.dsn {
		store, err := postgres.Open(t.Context(), dsn, nil)
		require.NoError(t, err)
		require.NoError(t, store.Close())
		p.raw = append(p.raw, openRaw(t, dsn))
	}
	for _, name := range postgresTables(t, p.raw[0]) {
		p.truths[name] = column(t, p.raw[0], `SELECT column_name FROM information_schema.columns WHERE table_schema = 'gallra' AND table_name = $1 AND data_type = 'boolean'`, name)
	}
	return p
}

func openRaw(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// databases returns as many empty databases as a layout has.
func databases(t *testing.T, apart bool) []string {
	t.Helper()
	dsn := []string{pgtest.DSN(t)}
	if apart {
		dsn = append(dsn, pgtest.DSN(t))
	}
	return dsn
}

// start opens stores and engine of a site with its rows in Postgres. Those of a fragile site can be made to fail.
func (p *premises) start(ctx context.Context, s *site) (*running, error) {
	r := &running{site: s}
	if err := p.open(ctx, r); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func (p *premises) open(ctx context.Context, r *running) error {
	s := r.site
	reg, err := registerOf(s.register)
	if err != nil {
		return err
	}
	var stores []*postgres.Store
	for _, dsn := range p.dsn {
		store, err := p.store(ctx, r, dsn)
		if err != nil {
			return err
		}
		stores = append(stores, store)
		r.closer = append(r.closer, store.Close)
	}
	opt := &gdpr.Options{Owner: boss, CacheTTL: s.ttl, Now: s.clock.now}
	if s.log != nil {
		opt.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if s.apart {
		opt.Keys = stores[1]
	}
	kek, err := insecurekeyfile.Open(s.path(kekFile))
	if err != nil {
		return err
	}
	if r.Engine, err = gdpr.Open(ctx, stores[0], kek, reg, opt); err != nil {
		return err
	}
	r.closer = append(r.closer, r.Close)
	return nil
}

func (p *premises) store(ctx context.Context, r *running, dsn string) (*postgres.Store, error) {
	if !r.site.fragile {
		return postgres.Open(ctx, dsn, &postgres.Options{Conns: 4})
	}
	cfg, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.BinaryParameters = true
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, err
	}
	faults := faultsql.New(connector)
	r.faults = append(r.faults, faults)
	db := sql.OpenDB(faults)
	db.SetMaxIdleConns(2) // as many as at once are wanted: the same calls each time
	r.closer = append(r.closer, db.Close)
	return postgres.OpenDB(ctx, db, nil)
}

// run opens the site for the length of a test.
func (p *premises) run(t *testing.T, s *site) *running {
	t.Helper()
	r, err := p.start(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(r.stop)
	return r
}

// files are the SQLite files that hold the rows of the databases, in their order.
func (s *site) files() []string {
	if s.apart {
		return []string{dataFile, keysFile}
	}
	return []string{dataFile}
}

// rows are those of one database, by table without prefix or schema.
type rows map[string]tableRows

type tableRows struct {
	columns []string
	rows    [][]any
}

// rows reads the SQLite files of a site.
func (s *site) rows(t *testing.T) (all []rows) {
	t.Helper()
	for _, file := range s.files() {
		db, err := sql.Open("sqlite", sqlite.DSN(s.path(file)))
		require.NoError(t, err)
		out := rows{}
		for _, name := range column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'gallra#_%' ESCAPE '#' AND name NOT LIKE '%#_version' ESCAPE '#'`) {
			out[strings.TrimPrefix(name, "gallra_")] = allRows(t, db, name)
		}
		all = append(all, out)
		require.NoError(t, db.Close())
	}
	return all
}

// postgresRows reads a database.
func postgresRows(t *testing.T, db *sql.DB) rows {
	t.Helper()
	out := rows{}
	for _, name := range postgresTables(t, db) {
		out[name] = allRows(t, db, `gallra."`+name+`"`)
	}
	return out
}

func postgresTables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	return column(t, db, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'gallra' AND table_name NOT LIKE '%\_version' AND table_name NOT LIKE '%\_lock'`)
}

func allRows(t *testing.T, db *sql.DB, table string) tableRows {
	t.Helper()
	found, err := db.Query(`SELECT * FROM ` + table)
	require.NoError(t, err)
	defer func() { _ = found.Close() }()
	out := tableRows{}
	out.columns, err = found.Columns()
	require.NoError(t, err)
	for found.Next() {
		row, dest := make([]any, len(out.columns)), make([]any, len(out.columns))
		for i := range row {
			dest[i] = &row[i]
		}
		require.NoError(t, found.Scan(dest...))
		out.rows = append(out.rows, row)
	}
	require.NoError(t, found.Err())
	return out
}

// moveIn makes the rows of the SQLite files those of the databases.
func (p *premises) moveIn(t *testing.T, all []rows) {
	t.Helper()
	for i, db := range p.raw {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for name, truths := range p.truths {
			_, err = tx.Exec(`DELETE FROM gallra."` + name + `"`)
			require.NoError(t, err)
			insert(t, tx, `gallra."`+name+`"`, all[i][name], "$", func(column string, v any) any {
				switch v := v.(type) {
				case int64:
					if slices.Contains(truths, column) {
						return v != 0
					}
				case []byte:
					if v == nil { // how SQLite's driver reads no bytes
						return []byte{}
					}
				}
				return v
			})
		}
		require.NoError(t, tx.Commit())
	}
}

// moveOut makes the rows of databases those of the SQLite files of a site, which has some already.
func moveOut(t *testing.T, s *site, all []rows) {
	t.Helper()
	for i, file := range s.files() {
		db, err := sql.Open("sqlite", sqlite.DSN(s.path(file)))
		require.NoError(t, err)
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for _, name := range slices.Sorted(maps.Keys(all[i])) {
			if name == "free_lanes" { // of transactions of an application
				continue
			}
			_, err := tx.Exec(`DELETE FROM "gallra_` + name + `"`)
			require.NoError(t, err)
			insert(t, tx, `"gallra_`+name+`"`, all[i][name], "?", func(_ string, v any) any { return v })
		}
		require.NoError(t, tx.Commit())
		require.NoError(t, db.Close())
	}
}

func insert(t *testing.T, tx *sql.Tx, name string, table tableRows, mark string, as func(column string, v any) any) {
	t.Helper()
	marks := make([]string, len(table.columns))
	for i := range marks {
		if marks[i] = mark; mark == "$" {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	query := `INSERT INTO ` + name + ` ("` + strings.Join(table.columns, `", "`) + `") VALUES (` + strings.Join(marks, `, `) + `)`
	for _, row := range table.rows {
		args := make([]any, len(row))
		for i, v := range row {
			args[i] = as(table.columns[i], v)
		}
		_, err := tx.Exec(query, args...)
		require.NoError(t, err, query)
	}
}

// now reads the databases.
func (p *premises) now(t *testing.T) []rows {
	t.Helper()
	var all []rows
	for _, db := range p.raw {
		all = append(all, postgresRows(t, db))
	}
	return all
}

// TestRowsMove: what is carried to Postgres and back is what it was, and opens there.
func TestRowsMove(t *testing.T) {
	t.Parallel()
	for _, layout := range bothLayouts {
		t.Run(layout.name, func(t *testing.T) {
			t.Parallel()
			s, sc := stage(t, layout.apart, everyOperation[0])
			p := newPremises(t, databases(t, layout.apart)...)
			all := s.rows(t)
			before := look(t, s, sc, everyOperation[0])
			p.moveIn(t, all)
			moveOut(t, s, p.now(t))
			require.Equal(t, before, look(t, s, sc, everyOperation[0]))
			r := p.run(t, s)
			got, err := r.As(support, "inquiry").Get(t.Context(), sc.Live)
			require.NoError(t, err)
			require.Equal(t, "När?", got.Text("question"))
		})
	}
}
