package gdpr_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/internal/pgtest"
)

// server is a cluster with a streaming replica.
type server struct {
	*pgtest.Cluster
	replica *pgtest.Cluster // nil once it was cut off
}

// newServer starts one that writes every statement with its arguments into its log, as some do.
func newServer(t *testing.T) *server {
	t.Helper()
	c := pgtest.New(t, &pgtest.Options{Durable: true, Settings: map[string]string{"log_statement": "all", "log_parameter_max_length_on_error": "-1", "autovacuum": "off"}})
	require.NoError(t, c.CreateDatabase(t.Context(), "byn"))
	r, err := c.Replica(t.Context())
	require.NoError(t, err)
	return &server{c, r}
}

// dump is what pg_dump writes of a database.
func (s *server) dump(t *testing.T) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), s.Bin("pg_dump"), s.DSN("byn")).Output()
	require.NoError(t, err)
	return out
}

// files hands on every file of the server and of its replica, once all is in them that was committed: tables, write-ahead log, and what the
// servers have printed.
func (s *server) files(t *testing.T, each func(name string, b []byte)) {
	t.Helper()
	all := []*pgtest.Cluster{s.Cluster}
	if s.replica != nil {
		require.NoError(t, s.replica.CatchUp(t.Context()))
		all = append(all, s.replica)
	}
	for _, c := range all {
		_, err := openRaw(t, c.DSN("postgres")).Exec(`CHECKPOINT`)
		require.NoError(t, err)
		root := filepath.Dir(c.Dir())
		require.NoError(t, filepath.WalkDir(root, func(path string, f fs.DirEntry, err error) error {
			if err != nil || !f.Type().IsRegular() {
				return ignoreGone(err)
			}
			b, err := os.ReadFile(path)
			each(strings.TrimPrefix(path, root), b)
			return ignoreGone(err)
		}))
	}
}

// ignoreGone: a server removes files of its own as we read.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// TestPostgresNoPlaintext goes the course of TestNoPlaintextAtRest on Postgres, and looks for each marker in the dump, and in every byte of the data
// directory, the write-ahead log, the server's own log and a streaming replica: before and after a crash in the middle of an import, and after the erasures
// (EPM-2, Art. 32(1)(a)).
func TestPostgresNoPlaintext(t *testing.T) {
	t.Parallel()
	for _, layout := range bothLayouts {
		t.Run(layout.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && layout.apart {
				t.Skip("the other layout is enough for a short run")
			}
			var servers []*server
			var dsn []string
			for range len(layoutFiles(layout.apart)) {
				s := newServer(t)
				servers, dsn = append(servers, s), append(dsn, s.DSN("byn"))
			}
			said := &spoken{}
			s := newSite(t, "epm.yaml", layout.apart)
			s.log = said
			p := newPremises(t, dsn...)
			d := &diary{t: t, site: s, scan: newScanner(allMarkers...), said: said}
			d.step("open", func(context.Context) { d.running = p.run(t, s) })
			d.people()
			d.write()
			d.read()
			d.refuse()
			d.holds()
			d.nowhere(servers, "before the crash")
			d.crashServer(p, servers[0])
			s.clock.set("2026-06-01")
			d.erase()
			d.nowhere(servers, "after all")
			d.controlServers(servers)
		})
	}
}

func layoutFiles(apart bool) []string { return (&site{apart: apart}).files() }

// nowhere looks for the markers in all that servers keep.
func (d *diary) nowhere(servers []*server, when string) {
	d.t.Helper()
	for _, s := range servers {
		require.Empty(d.t, d.scan.find(s.dump(d.t)), "%s: in the dump", when)
		s.files(d.t, func(name string, b []byte) { require.Empty(d.t, d.scan.find(b), "%s: in %s", when, name) })
	}
	require.Empty(d.t, d.scan.find(d.said.b.Bytes()), "%s: in logs, errors or results", when)
}

// crashServer kills the server when the rows of a large import are written and its trail entry is not.
func (d *diary) crashServer(p *premises, s *server) {
	d.t.Helper()
	ctx := d.t.Context()
	var records []gdpr.Record
	for i := range 60 {
		records = append(records, gdpr.Record{Subject: gdpr.Email(fmt.Sprintf("avbruten.%d@överföring.example", i)),
			Fields: gdpr.Fields{"name": markName.value, "message": strings.Repeat(markBulk.value+" ", 5000)}})
	}
	db := p.raw[0]
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(d.t, err)
	_, err = tx.Exec(`LOCK TABLE gallra.lanes IN EXCLUSIVE MODE`)
	require.NoError(d.t, err)
	ended := make(chan error, 1)
	brief, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, err := d.tickets().PutAll(brief, sequence(records...), nil)
		ended <- err
	}()
	require.Eventually(d.t, func() bool {
		return column(d.t, db, `SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)[0] == "1"
	}, time.Minute, time.Millisecond)
	cancel()
	require.NoError(d.t, s.Kill())
	require.Error(d.t, <-ended)
	require.NoError(d.t, s.Restart(ctx))
	d.stop()
	d.step("opened again", func(ctx context.Context) {
		d.running = p.run(d.t, d.site)
		found := 0
		for r, err := range d.tickets().Records(ctx, gdpr.Query{}) {
			d.must(err)
			require.NotContains(d.t, r.Text("message"), markBulk.value, "nothing of the broken import is there")
			found++
		}
		require.Equal(d.t, 2, found)
	})
	d.nowhere([]*server{s}, "after the crash")
}

// controlServers: what may stand there in clear, an actor's name in the trail, is found everywhere.
func (d *diary) controlServers(servers []*server) {
	d.t.Helper()
	staff := newScanner(planted{"staff", "Märta Support", nil})
	require.NotEmpty(d.t, staff.find(servers[0].dump(d.t)), "the scanner does not see the dump")
	in := map[string]bool{}
	servers[0].files(d.t, func(name string, b []byte) {
		if len(staff.find(b)) > 0 {
			switch {
			case strings.HasPrefix(name, "/data/pg_wal"):
				in["log ahead"] = true
			case strings.HasPrefix(name, "/data/base"):
				in["tables"] = true
			case name == "/log":
				in["log"] = true
			}
		}
	})
	require.Equal(d.t, map[string]bool{"log ahead": true, "tables": true, "log": true}, in)
}

// moved is a hamlet whose rows lie on servers: of data, and of keys if these are apart.
type moved struct {
	*hamlet
	p       *premises
	servers []*server
	before  []rows
	erased  []string // what is to stay shut, once eraseSome has been
}

func newMoved(t *testing.T, apart bool) *moved {
	t.Helper()
	s := newSite(t, village, apart)
	m := &moved{hamlet: newHamlet(t, s)}
	m.stop()
	m.before = s.rows(t)
	eva, guest := m.person(t, m.eva), m.person(t, m.guest)
	m.erased = []string{
		partName(m.expired, 1, 1), partName(m.split, 1, 1), partName(m.changed, 2, 1),
		partName(m.eva, 1, 1), partName(m.eva, 2, 1), fmt.Sprintf("%x user.contact.email", eva),
		partName(m.guest, 1, 1), fmt.Sprintf("%x user.unique_id", guest), fmt.Sprintf("party %x", m.party[:]),
	}
	sort.Strings(m.erased)
	var dsn []string
	for range s.files() {
		srv := newServer(t)
		m.servers, dsn = append(m.servers, srv), append(dsn, srv.DSN("byn"))
	}
	m.p = newPremises(t, dsn...)
	m.p.moveIn(t, m.before)
	m.running = m.p.run(t, s)
	return m
}

// opens decodes the data of one copy by the keys of another.
func (m *moved) opens(t *testing.T, data, keys rows) (open map[string]string, shut []string) {
	t.Helper()
	s, err := m.site.copyTo(t.TempDir())
	require.NoError(t, err)
	s.apart = true
	if !m.site.apart { // a second file, for another copy of the same tables
		require.NoError(t, copyFile(s.path(dataFile), s.path(keysFile)))
	}
	moveOut(t, s, []rows{data, keys})
	return decoderOf(t, s, s.raw(t, keysFile), s.raw(t, dataFile)).opens(t)
}

// copies are what somebody has of a server as it was: a dump that was restored, and the replica, cut off and promoted, which is a data directory
// with its write-ahead log.
func (s *server) copies(t *testing.T) map[string]*pgtest.Cluster {
	t.Helper()
	restored := pgtest.New(t, nil)
	require.NoError(t, restored.CreateDatabase(t.Context(), "byn"))
	path := filepath.Join(t.TempDir(), "byn.sql")
	require.NoError(t, os.WriteFile(path, s.dump(t), 0o600))
	out, err := exec.CommandContext(t.Context(), s.Bin("psql"), "-v", "ON_ERROR_STOP=1", "-qf", path, restored.DSN("byn")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, s.replica.CatchUp(t.Context()))
	cut := openRaw(t, s.replica.DSN("byn"))
	_, err = cut.Exec(`SELECT pg_promote()`)
	require.NoError(t, err)
	cutOff := s.replica
	s.replica = nil
	return map[string]*pgtest.Cluster{"dump": restored, "replica": cutOff}
}

// keyPieces are pieces of the wrapped keys of what eraseSome erases.
func (m *moved) keyPieces(t *testing.T) residue {
	t.Helper()
	r := residue{}
	keys := m.site.raw(t, m.site.keyFile())
	for _, part := range []struct {
		record gdpr.ID
		where  string
	}{{m.expired, `part = 1`}, {m.split, `part = 1`}, {m.changed, `part = 2 AND version = 1`}, {m.eva, `TRUE`}, {m.guest, `TRUE`}} {
		for _, wrapped := range column(t, keys, `SELECT wrapped FROM gallra_part_keys WHERE record = ? AND `+part.where, part.record[:]) {
			r.add("part key", []byte(wrapped))
		}
	}
	for _, record := range []gdpr.ID{m.eva, m.guest} {
		r.add("subject key", []byte(column(t, keys, `SELECT wrapped FROM gallra_subject_keys WHERE id = ?`, m.person(t, record))[0]))
	}
	require.NotEmpty(t, r)
	return r
}

// in counts the pieces in all files of a server, by kind and place.
func (r residue) in(t *testing.T, s *server) map[string]int {
	t.Helper()
	var first [1 << 16]bool // the first two bytes of some piece: files are large
	for piece := range r {
		first[binary.BigEndian.Uint16(piece[:])] = true
	}
	out := map[string]int{}
	s.files(t, func(name string, b []byte) {
		for i := 0; i+16 <= len(b); i++ {
			if !first[binary.BigEndian.Uint16(b[i:])] {
				continue
			}
			if what, ok := r[[16]byte(b[i:i+16])]; ok {
				place, _, _ := strings.Cut(strings.TrimPrefix(name, "/data/"), "/")
				out[what+" in "+place]++
			}
		}
	})
	return out
}

// TestPostgresErasedIsErased: with the KEK, the keys of today, and a dump, a replica or a data directory of the data from before, everything that lives opens
// and nothing that was erased; and no piece of a destroyed key is in any file of the data's server (Art. 17, 5(1)(e)).
func TestPostgresErasedIsErased(t *testing.T) {
	t.Parallel()
	m := newMoved(t, true)
	data, keys := m.servers[0], m.servers[1]
	pieces := m.keyPieces(t)
	require.NotEmpty(t, pieces.in(t, keys), "before, they are where they belong")
	open, shut := m.opens(t, m.p.now(t)[0], m.p.now(t)[1])
	require.Empty(t, shut, "before, everything opens")
	require.Empty(t, pieces.in(t, data))
	copies := data.copies(t)
	m.eraseSome(t.Context())
	today := m.p.now(t)[1]
	for _, name := range m.erased {
		require.Contains(t, open, name)
		delete(open, name)
	}
	for name, c := range copies {
		old := postgresRows(t, openRaw(t, c.DSN("byn")))
		after, shut := m.opens(t, old, today)
		require.Equal(t, m.erased, shut, name)
		require.Equal(t, open, after, "%s: everything else opens as before", name)
	}
	_, shut = m.opens(t, m.p.now(t)[0], today)
	require.Equal(t, []string{fmt.Sprintf("party %x", m.party[:])}, shut, "the row of the customer stays, without content")
}

// TestPostgresFullCopyOpens: with keys beside the data a full copy from before holds the old keys too, and opens; and the server's own files keep pieces of
// destroyed keys, in dead rows until they are vacuumed in full, in the write-ahead log until it is recycled. Its rows of today open nothing that was erased.
func TestPostgresFullCopyOpens(t *testing.T) {
	t.Parallel()
	m := newMoved(t, false)
	s := m.servers[0]
	pieces := m.keyPieces(t)
	copies := s.copies(t)
	m.eraseSome(t.Context())
	for name, c := range copies {
		old := postgresRows(t, openRaw(t, c.DSN("byn")))
		open, shut := m.opens(t, old, old)
		require.Empty(t, shut, name)
		require.JSONEq(t, `{"fields":{"question":"Evas"}}`, open[partName(m.eva, 2, 1)])
		_, shut = m.opens(t, old, m.p.now(t)[0])
		require.Equal(t, m.erased, shut, name)
	}
	kinds := func() (kinds []string) { return slices.Sorted(maps.Keys(pieces.in(t, s))) }
	require.Equal(t, []string{"part key in base", "part key in pg_wal", "subject key in base", "subject key in pg_wal"}, kinds())
	for _, table := range []string{"part_keys", "subject_keys"} { // in full: else the bytes may stay where they were
		_, err := m.p.raw[0].Exec(`VACUUM FULL gallra.` + table)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"part key in pg_wal", "subject key in pg_wal"}, kinds())
}
