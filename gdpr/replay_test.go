package gdpr_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// restored brings files of a site back from a copy, as a backup does: the ledger stays.
func (s *site) restored(t *testing.T, from *site, files ...string) {
	t.Helper()
	for _, name := range files {
		for _, log := range []string{"-wal", "-shm"} {
			if err := os.Remove(s.path(name) + log); err != nil {
				require.ErrorIs(t, err, os.ErrNotExist)
			}
		}
		require.NoError(t, copyFile(from.path(name), s.path(name)))
		if b, err := os.ReadFile(from.path(name) + "-wal"); err == nil {
			require.NoError(t, os.WriteFile(s.path(name)+"-wal", b, 0o600))
		}
	}
}

// there is who and what is stored: parts, persons, index rows and keys, by ids.
func (s *site) there(t *testing.T) string {
	t.Helper()
	data, keys := s.raw(t, dataFile), s.raw(t, s.keyFile())
	var out []string
	for _, query := range []string{
		`SELECT CONCAT('part ', hex(record), part, ' of ', hex(subject), ' restricted ', restricted) FROM gallra_parts`,
		`SELECT CONCAT('person ', hex(id)) FROM gallra_subjects`,
		`SELECT CONCAT('identifier of ', hex(subject), ' ', kind, hex(token)) FROM gallra_index`,
		`SELECT CONCAT('party ', hex(id), state) FROM gallra_files WHERE kind = 'party'`,
	} {
		out = append(out, column(t, data, query)...)
	}
	for _, query := range []string{
		`SELECT CONCAT('key of ', hex(record), part) FROM gallra_part_keys`,
		`SELECT CONCAT('key of person ', hex(id), destroyed) FROM gallra_subject_keys`,
		`SELECT CONCAT('key of controller ', hex(id), destroyed) FROM gallra_controller_keys`,
	} {
		out = append(out, column(t, keys, query)...)
	}
	sort.Strings(out)
	return strings.Join(out, "\n")
}

// closed says that a restored store reads nobody, by whatever act.
func (h *hamlet) closed(r *running) {
	h.t.Helper()
	ctx := h.t.Context()
	health, err := r.Health(ctx)
	require.NoError(h.t, err)
	require.True(h.t, health.Restored)
	for what, act := range map[string]func() error{
		"get":  func() error { _, err := r.As(support, "inquiry").Get(ctx, h.eva); return err },
		"find": func() error { return failsAt(r.As(dpo, gdpr.SubjectRights).Find(ctx, gdpr.Email("eva@byn.example"))) },
		"put": func() error {
			_, err := r.As(support, "inquiry").Put(ctx, gdpr.Record{Subject: gdpr.Email("eva@byn.example"), Fields: gdpr.Fields{"question": "Igen"}})
			return err
		},
		"records": func() error { return failsAt(r.As(support, "inquiry").Records(ctx, gdpr.Query{})) },
		"explain": func() error { _, err := r.As(dpo, gdpr.SubjectRights).Explain(ctx, h.eva); return err },
		"sweep":   func() error { _, err := r.Sweep(ctx, nil); return err },
		"plan":    func() error { _, err := r.Plan(ctx); return err },
		"seal":    func() error { return r.Seal(ctx) },
		"party":   func() error { _, err := r.Party(ctx, h.party); return err },
	} {
		require.ErrorIs(h.t, act(), gdpr.ErrRestored, what)
	}
}

func failsAt[T any](seq func(func(T, error) bool)) (err error) {
	seq(func(_ T, e error) bool { err = e; return e == nil })
	return err
}

// TestReplay: whatever was erased since a copy was made is erased again, each part and person once more with a proof; what lived lives, and a second replay
// finds nothing to do (EPM-4, REQUIREMENTS 4.16).
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		apart bool
		files []string
	}{
		{"one file", false, []string{dataFile}},
		{"keys apart, both restored", true, []string{dataFile, keysFile}},
		{"keys apart, of today", true, []string{dataFile}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			s := newSite(t, village, test.apart)
			h := newHamlet(t, s)
			held := h.put(gdpr.Record{Subject: gdpr.Email("håkan@byn.example"), Fields: gdpr.Fields{"name": "Håkan", "question": "Tvist"}})
			hold, err := h.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: held, Ground: "A17-3-e", ReviewBy: civil.Date{Year: 2026, Month: 9, Day: 1}})
			require.NoError(t, err)
			h.stop()
			old, err := s.copyTo(t.TempDir())
			require.NoError(t, err)

			h.running = s.run(t)
			h.eraseSome(ctx)
			require.NoError(t, h.As(dpo, gdpr.Retention).Release(ctx, hold))
			_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("håkan@byn.example"), gdpr.Unlawful)
			require.NoError(t, err)
			young := h.put(gdpr.Record{Subject: gdpr.Email("nils@byn.example"), Fields: gdpr.Fields{"name": "Nils", "question": "Ny"}})
			_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("nils@byn.example"), gdpr.Unlawful)
			require.NoError(t, err)
			h.stop()
			want := s.there(t)

			s.restored(t, old, test.files...)
			require.NotEqual(t, want, s.there(t), "the copy has them all")
			r := s.run(t)
			h.closed(r)
			out, err := r.As(dpo, gdpr.Retention).Case("Återläsning").Replay(ctx)
			require.NoError(t, err)
			assert.Equal(t, 5, out.Proofs, "a sweep, Eva, a customer, Håkan and Nils: %+v", out)
			assert.Equal(t, 2+2+2, out.Parts)
			assert.Equal(t, 2, out.Persons, "Nils came after the copy")
			assert.Equal(t, 1, out.Controllers)
			assert.Equal(t, 1, out.Holds)
			assert.False(t, out.LostFrom.IsZero())
			assert.Equal(t, s.clock.at, out.LostTo)
			h.cleared(r)
			// The objection that ended a purpose of Dag's is lost with the copy: the part that is left serves it still, and so does his address.
			dag := fmt.Sprintf("identifier of %X ", h.person(t, h.split))
			got := slices.DeleteFunc(strings.Split(s.there(t), "\n"), func(line string) bool { return strings.HasPrefix(line, dag) })
			assert.Equal(t, want, strings.Join(got, "\n"))

			for _, gone := range []gdpr.ID{h.eva, held, young} {
				_, err = r.As(support, "inquiry").Get(ctx, gone)
				require.ErrorIs(t, err, gdpr.ErrErased)
			}
			_, err = r.As(support, "inquiry").Get(ctx, h.live)
			require.NoError(t, err)
			report, err := r.Verify(ctx)
			require.NoError(t, err)
			assert.EqualValues(t, 5+5, report.Proofs, "those of the ledger; once more parts, Eva and the customer; parts and Håkan")
			again, err := r.As(dpo, gdpr.Retention).Replay(ctx)
			require.NoError(t, err)
			assert.Equal(t, &gdpr.Replayed{}, again)
			r.stop()
			r = s.run(t)
			_, err = r.As(support, "inquiry").Get(ctx, h.live)
			require.NoError(t, err)
			r.whole(t, r.data.Writer())
		})
	}
}

// TestReplayRestricts: of a person who was erased but for what the law keeps, that is restricted again.
func TestReplayRestricts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, "family.yaml", false)
	r := s.run(t)
	id, err := r.As(web, "order").Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"name": "Åsa Öberg", "message": "Hej", "amount": 100.0},
		Events: map[retention.Event]civil.Date{"year-closed": day(t, "2025-12-31")}})
	require.NoError(t, err)
	r.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	r = s.run(t)
	out, err := r.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.NoLongerNeeded)
	require.NoError(t, err)
	require.False(t, out.Whole)
	r.stop()
	want := s.there(t)
	require.Contains(t, want, "restricted 1")
	s.restored(t, old, dataFile)
	require.NotContains(t, s.there(t), "restricted 1")
	r = s.run(t)
	done, err := r.As(boss, gdpr.Retention).Replay(ctx)
	require.NoError(t, err)
	assert.Positive(t, done.Restricted)
	assert.Equal(t, want, s.there(t))
	_, err = r.As(web, "order").Get(ctx, id)
	require.ErrorIs(t, err, gdpr.ErrRestricted)
}

// TestReplayRefused: a ledger that does not verify changes nothing, nor does who has no right.
func TestReplayRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, false)
	h := newHamlet(t, s)
	h.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	h.eraseSome(ctx)
	h.stop()
	s.restored(t, old, dataFile)
	before := s.there(t)

	r := s.run(t)
	_, err = r.As(support, gdpr.Retention).Replay(ctx)
	require.ErrorIs(t, err, gdpr.ErrNotAllowed)
	_, err = r.As(dpo, gdpr.SubjectRights).Replay(ctx)
	refusedInput(t, err, "Purpose")
	r.stop()

	ledger, err := os.ReadFile(s.path(kekFile + ".ledger"))
	require.NoError(t, err)
	for name, change := range map[string]func([]byte) []byte{
		"a byte of a proof": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"a line lost": func(b []byte) []byte {
			lines := strings.SplitAfter(string(b), "\n")
			return []byte(lines[0] + strings.Join(lines[2:], ""))
		},
	} {
		require.NoError(t, os.WriteFile(s.path(kekFile+".ledger"), change(slices.Clone(ledger)), 0o600))
		r, err := s.start(ctx)
		if err == nil { // what only the code that authenticates it can tell
			_, err = r.As(dpo, gdpr.Retention).Replay(ctx)
			r.stop()
		}
		var broken *audit.BrokenError
		require.ErrorAs(t, err, &broken, name)
		assert.Contains(t, []string{audit.KindLedger, audit.KindProof}, broken.Kind, name)
	}
	require.NoError(t, os.WriteFile(s.path(kekFile+".ledger"), ledger, 0o600))
	assert.Equal(t, before, s.there(t))
}

// TestReplayForked: a store that was restored and used without its ledger has proofs of its own.
func TestReplayForked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, false)
	h := newHamlet(t, s)
	_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("cajsa@byn.example"), gdpr.Unlawful)
	require.NoError(t, err)
	h.stop()
	old, err := s.copyTo(t.TempDir())
	require.NoError(t, err)
	h.running = s.run(t)
	h.eraseSomeMore(ctx)
	h.stop()
	ledger, err := os.ReadFile(s.path(kekFile + ".ledger"))
	require.NoError(t, err)
	s.restored(t, old, dataFile)
	require.NoError(t, os.Rename(s.path(kekFile+".ledger"), s.path("away")))
	h.running = s.run(t) // as with Options.NoLedger, or another file
	_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("bo@byn.example"), gdpr.Unlawful)
	require.NoError(t, err)
	h.stop()
	require.NoError(t, os.WriteFile(s.path(kekFile+".ledger"), ledger, 0o600))
	r := s.run(t)
	h.closed(r)
	_, err = r.As(dpo, gdpr.Retention).Replay(ctx)
	require.ErrorIs(t, err, audit.ErrForked)
	h.closed(r)
}

// cleared sweeps: what is unreadable of the customer goes, and nothing else.
func (h *hamlet) cleared(r *running) {
	h.t.Helper()
	health, err := r.Health(h.t.Context())
	require.NoError(h.t, err)
	assert.Equal(h.t, 1, health.Clearing)
	res, err := r.Sweep(h.t.Context(), nil)
	require.NoError(h.t, err)
	assert.Positive(h.t, res.Cleared)
	assert.Zero(h.t, res.Erased)
}

func (h *hamlet) eraseSomeMore(ctx context.Context) {
	h.t.Helper()
	for _, who := range []string{"eva", "dag"} {
		_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email(who+"@byn.example"), gdpr.Unlawful)
		require.NoError(h.t, err)
	}
}

// TestReplayOnPostgres: of a dump that was brought back, and of a replica that was promoted too late.
func TestReplayOnPostgres(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	m := newMoved(t, false)
	var p *premises
	copies := m.servers[0].copies(t)
	m.eraseSome(ctx)
	m.stop()
	for name, c := range copies {
		p = newPremises(t, c.DSN("byn"))
		dir := t.TempDir()
		s, err := m.site.copyTo(dir) // with the ledger of now
		require.NoError(t, err)
		r := p.run(t, s)
		m.closed(r)
		out, err := r.As(dpo, gdpr.Retention).Replay(ctx)
		require.NoError(t, err, name)
		assert.Equal(t, 3, out.Proofs, name)
		assert.Equal(t, 1, out.Controllers, name)
		_, err = r.As(support, "inquiry").Get(ctx, m.eva)
		require.ErrorIs(t, err, gdpr.ErrErased, name)
		_, err = r.As(support, "inquiry").Get(ctx, m.bo)
		require.NoError(t, err, name)
		_, err = r.As(support, "hosted").Under(m.agreement).Get(ctx, m.guest)
		require.Error(t, err, name)
		_, err = r.Verify(ctx)
		require.NoError(t, err, name)
		m.cleared(r)
		_, shut := m.opens(t, p.now(t)[0], p.now(t)[0])
		assert.Equal(t, []string{fmt.Sprintf("party %x", m.party[:])}, shut, name)
		r.stop()
	}
}
