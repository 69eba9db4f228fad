package gdpr_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

// residue is what must be in no file any more: pieces of wrapped keys and ciphertexts, of 16 bytes, so that a torn rest is found too.
type residue map[[16]byte]string

// add takes the pieces of a value past its head, which many values share.
func (r residue) add(what string, value []byte) {
	for i := 5; i+16 <= len(value); i += 16 {
		r[[16]byte(value[i:i+16])] = what
	}
}

// remains are the kinds of which some piece stands in a file of the site, with how many.
func (r residue) remains(t *testing.T, s *site) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, name := range []string{dataFile, dataFile + "-wal"} {
		b, err := os.ReadFile(s.path(name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for i := 0; i+16 <= len(b); i++ {
			if what, ok := r[[16]byte(b[i:i+16])]; ok {
				out[what+" in "+strings.TrimPrefix(name, dataFile)]++
			}
		}
	}
	return out
}

// residueOf collects the keys and contents of the parts that a condition selects, and the keys of their persons if they go as well.
func residueOf(t *testing.T, db *sql.DB, persons bool, where string, args ...any) residue {
	t.Helper()
	r := residue{}
	from := ` FROM gallra_parts p JOIN gallra_part_keys k ON k.record = p.record AND k.part = p.part
		JOIN gallra_subject_keys s ON s.id = p.subject LEFT JOIN gallra_index i ON i.subject = p.subject AND i.part = 0 WHERE ` + where
	rows, err := db.Query(`SELECT k.wrapped, p.sealed, s.wrapped, i.sealed`+from, args...)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var part, sealed, person, identifier []byte
		require.NoError(t, rows.Scan(&part, &sealed, &person, &identifier))
		r.add("part key", part)
		r.add("content", sealed)
		if persons {
			r.add("subject key", person)
			r.add("identifier", identifier)
		}
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, r)
	return r
}

// fill puts many records, so that pages of the tables split and merge.
func fill(t *testing.T, r *running, collected string, from, n int) {
	t.Helper()
	var records []gdpr.Record
	for i := from; i < from+n; i++ {
		records = append(records, gdpr.Record{Subject: gdpr.Email(fmt.Sprintf("person.%d@byn.example", i)), CollectedAt: on(collected).at,
			Fields: gdpr.Fields{"name": fmt.Sprintf("Person %d", i), "question": strings.Repeat("fråga ", i%40)}})
	}
	for _, rec := range records {
		_, err := r.As(support, "inquiry").Put(t.Context(), rec)
		require.NoError(t, err)
	}
}

// TestNoKeyRemains: with everything in one file, no piece of an erased part's or person's wrapped key is in the database or its log once Erase and Sweep
// have returned (secure_delete, slack overwritten, the log truncated).
func TestNoKeyRemains(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, false)
	h := newHamlet(t, s)
	db := s.raw(t, dataFile)
	keys := func(persons bool, where string, args ...any) residue {
		r := residueOf(t, db, persons, where, args...)
		maps.DeleteFunc(r, func(_ [16]byte, what string) bool { return !strings.HasSuffix(what, "key") })
		require.NotEmpty(t, r.remains(t, s), "before, they are there")
		return r
	}
	eva, expired, changed := keys(true, `p.record = ?`, h.eva[:]), keys(false, `p.record = ? AND p.part = 1`, h.expired[:]), keys(false, `p.record = ? AND p.part = 2`, h.changed[:])
	_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("eva@byn.example"), gdpr.Unlawful)
	require.NoError(t, err)
	require.Empty(t, eva.remains(t, s), "after Erase")
	require.NoError(t, h.As(support, "inquiry").Update(ctx, h.changed, gdpr.Change{Fields: gdpr.Fields{"question": "Efter"}}))
	res, err := h.Sweep(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, 1, res.Erased)
	require.Empty(t, expired.remains(t, s), "after Sweep")
	require.Empty(t, changed.remains(t, s), "an old version, after Sweep")
}

// TestSweepLeavesNothing: of many records, whose pages have split, no piece of key, content or identifier is left after a Sweep.
func TestSweepLeavesNothing(t *testing.T) {
	t.Parallel()
	n := 300
	if testing.Short() {
		n = 60
	}
	ctx := t.Context()
	s := newSite(t, village, false)
	r := s.run(t)
	r.grant(t, support, "clerk")
	fill(t, r, "2024-02-01", 0, n)
	fill(t, r, "2026-03-01", n, n)
	due := residueOf(t, s.raw(t, dataFile), true, `p.due < ?`, s.clock.at.UnixMicro())
	require.NotEmpty(t, due.remains(t, s))
	res, err := r.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, Batch: 50})
	require.NoError(t, err)
	require.Equal(t, 2*n, res.Erased)
	require.Equal(t, n, res.Persons)
	require.Empty(t, due.remains(t, s))
}

// holdState begins to read, and so holds the state of now until release.
func holdState(t *testing.T, db *sql.DB) (release func()) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	for _, query := range []string{`BEGIN DEFERRED`, `SELECT COUNT(*) FROM gallra_parts`} {
		_, err = conn.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	return func() {
		_, err := conn.ExecContext(t.Context(), `ROLLBACK`)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

// TestBusyReader: a reader that holds an old state prevents the log from being truncated; Erase says so, and what comes next finishes it.
func TestBusyReader(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(ctx context.Context, h *hamlet) error{
		"sweep": func(ctx context.Context, h *hamlet) error { _, err := h.Sweep(ctx, nil); return err },
		"erase": func(ctx context.Context, h *hamlet) error {
			_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("bo@byn.example"), gdpr.Unlawful)
			return err
		},
		"open": func(context.Context, *hamlet) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			s := newSite(t, village, false)
			h := newHamlet(t, s)
			_, err := h.Sweep(ctx, nil) // nothing is due from here on
			require.NoError(t, err)
			db := s.raw(t, dataFile)
			eva := residueOf(t, db, true, `p.record = ?`, h.eva[:])
			release := holdState(t, db)

			_, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("eva@byn.example"), gdpr.Unlawful)
			require.ErrorIs(t, err, storage.ErrBusy)
			require.NotEmpty(t, eva.remains(t, s), "else this test tests nothing")
			_, err = h.As(support, "inquiry").Get(ctx, h.eva)
			require.ErrorIs(t, err, gdpr.ErrErased, "erased all the same")

			release()
			require.NoError(t, db.Close())
			require.NoError(t, finish(ctx, h))
			if name == "open" {
				h.stop()
				s.run(t)
			}
			require.Empty(t, eva.remains(t, s))
		})
	}
}

// TestBusySweep: the same for a sweep that erases, and for a process that died before it could truncate the log: the sweep of another finishes.
func TestBusySweep(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, false)
	h := newHamlet(t, s)
	db := s.raw(t, dataFile)
	due := residueOf(t, db, false, `p.record = ? AND p.part = 1`, h.expired[:])
	release := holdState(t, db)
	other := s.run(t) // another engine, as another process would have

	res, err := h.Sweep(ctx, nil)
	require.ErrorIs(t, err, storage.ErrBusy)
	require.Equal(t, 1, res.Erased)
	require.NotEmpty(t, due.remains(t, s))
	release()
	require.NoError(t, db.Close())
	res, err = other.Sweep(ctx, nil)
	require.NoError(t, err)
	require.Zero(t, res.Erased)
	require.Empty(t, due.remains(t, s))
}
