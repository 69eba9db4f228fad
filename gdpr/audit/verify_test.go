package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

func TestVerifyCounts(t *testing.T) {
	t.Parallel()
	r := smallLog(t)
	report, err := r.verify(t)
	require.NoError(t, err)
	assert.Equal(t, Report{Entries: 13, Unsealed: 3, Lanes: 2, Segments: 3, Proofs: 3, Checkpoint: report.Checkpoint}, report)
	assert.True(t, strings.HasPrefix(report.Checkpoint, "gallra/"+storeID.String()+"\n10\n"), report.Checkpoint)
}

func TestVerifyOfNothing(t *testing.T) {
	t.Parallel()
	report, err := (&rows{}).verify(t)
	require.NoError(t, err)
	assert.Equal(t, Report{}, report)
}

// Every position of the log, in every way that one row can be wrong.
func TestVerifyNamesTheEntry(t *testing.T) {
	t.Parallel()
	whole := smallLog(t)
	lanes, _ := whole.Lanes(t.Context())
	lastOf := make(map[storage.ID]uint64)
	for _, l := range lanes {
		lastOf[l.ID] = l.Last
	}
	sealedUpTo := sealedLanes(t, whole)
	tries := 0
	for i, e := range whole.entries {
		place := fmt.Sprintf("%d of %s", e.Seq, e.Lane)
		check := func(what string, lane storage.ID, seq uint64, change func(r *rows, e *storage.Entry)) {
			t.Helper()
			tries++
			r := whole.clone()
			change(r, &r.entries[i])
			_, err := r.verify(t)
			require.Error(t, err, "%s: %s", place, what)
			requireBroken(t, err, KindEntry, lane, seq)
		}
		for bit := range bits(e.Body) {
			check("bit of the body", e.Lane, e.Seq, func(_ *rows, e *storage.Entry) { e.Body[bit/8] ^= 1 << (bit % 8) })
		}
		for bit := range bits(e.MAC) {
			check("bit of the mac", e.Lane, e.Seq, func(_ *rows, e *storage.Entry) { e.MAC[bit/8] ^= 1 << (bit % 8) })
		}
		check("instant of the row", e.Lane, e.Seq, func(_ *rows, e *storage.Entry) { e.At = e.At.AddDate(0, 0, 1) })
		check("body cut", e.Lane, e.Seq, func(_ *rows, e *storage.Entry) { e.Body = e.Body[:len(e.Body)-1] })
		check("mac gone", e.Lane, e.Seq, func(_ *rows, e *storage.Entry) { e.MAC = nil })
		check("doubled", e.Lane, e.Seq, func(r *rows, e *storage.Entry) { r.entries = append(r.entries, *e) })

		dropped := whole.clone()
		dropped.entries = append(dropped.entries[:i], dropped.entries[i+1:]...)
		_, err := dropped.verify(t)
		if e.Seq == lastOf[e.Lane] && e.Seq > sealedUpTo[e.Lane] {
			// The end of a lane before it is sealed: nothing speaks of it yet, so its loss cannot be seen.
			require.NoError(t, err, "drop %s", place)
		} else {
			requireBroken(t, err, KindEntry, e.Lane, e.Seq)
		}
		tries++

		for j := range whole.entries[:i] { // exchanged with every other, the numbers staying where they are
			r := whole.clone()
			x, y := &r.entries[i], &r.entries[j]
			x.Body, y.Body, x.MAC, y.MAC, x.At, y.At = y.Body, x.Body, y.MAC, x.MAC, y.At, x.At
			_, err := r.verify(t)
			var broken *BrokenError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, KindEntry, broken.Kind)
			inOneLane := x.Lane == y.Lane
			first := broken.Lane == x.Lane && broken.N == x.Seq || broken.Lane == y.Lane && broken.N == y.Seq
			require.True(t, first, "%s exchanged with %d of %s: %v", place, y.Seq, y.Lane, err)
			if inOneLane {
				require.Equal(t, min(x.Seq, y.Seq), broken.N)
			}
			tries++
		}
	}
	t.Logf("%d changed trails", tries)
}

// bits is one bit of every byte, each time another; every bit would take eight times as long and show the same.
func bits(b []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range b {
			if !yield(8*i + i%8) {
				return
			}
		}
	}
}

func sealedLanes(t *testing.T, r *rows) map[storage.ID]uint64 {
	t.Helper()
	done, err := readSealed(t.Context(), r)
	require.NoError(t, err)
	return done.last
}

// A lane's tail of every length, before and after sealing.
func TestDroppedTail(t *testing.T) {
	t.Parallel()
	r := &rows{}
	w := NewWriter(newMAC(), 1)
	lane := r.write(t, w, 6)
	sealed := r.clone()
	sealed.seal(t)
	for keep := range 6 {
		before := r.clone()
		before.entries = before.entries[:keep]
		_, err := before.verify(t)
		require.NoError(t, err, "before sealing the loss of an end cannot be seen")

		after := sealed.clone()
		after.entries = after.entries[:keep]
		_, err = after.verify(t)
		requireBroken(t, err, KindEntry, lane, uint64(keep)+1)
		_, err = Seal(t.Context(), after, newMAC(), newSigner(), storeID, start)
		var broken *BrokenError
		require.ErrorAs(t, err, &broken, "a trail that lost entries is not sealed over")
		assert.Equal(t, lane, broken.Lane)
	}
}

// An end that named a proof is missed even before it is sealed.
func TestDroppedTailWithProof(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.erase(t, NewWriter(newMAC(), 1), 1)
	r.entries = nil
	_, err := r.verify(t)
	requireBroken(t, err, KindProof, storage.ID{}, 1)
}

func TestVerifyNamesTheSegment(t *testing.T) {
	t.Parallel()
	whole := smallLog(t)
	for i, s := range whole.segments {
		broken := func(what string, kinds []string, n uint64, change func(r *rows)) {
			t.Helper()
			r := whole.clone()
			change(r)
			_, err := r.verify(t)
			var b *BrokenError
			require.ErrorAs(t, err, &b, "segment %d: %s", s.N, what)
			require.Contains(t, kinds, b.Kind, "segment %d: %s: %v", s.N, what, err)
			require.Equal(t, n, b.N, "segment %d: %s: %v", s.N, what, err)
		}
		either := []string{KindSegment, KindCheckpoint}
		for bit := range bits(s.Body) {
			r := whole.clone()
			r.segments[i].Body[bit/8] ^= 1 << (bit % 8)
			_, err := r.verify(t)
			var b *BrokenError
			require.ErrorAs(t, err, &b)
			if b.Kind == KindEntry { // a segment that lists other entries than there are: it is named as well
				require.Contains(t, b.What, fmt.Sprintf("segment %d lists", s.N), "byte %d: %v", bit/8, err)
				continue
			}
			require.Contains(t, either, b.Kind, "byte %d: %v", bit/8, err)
			require.Equal(t, s.N, b.N, "byte %d: %v", bit/8, err)
		}
		broken("doubled", either, s.N, func(r *rows) { r.segments = append(r.segments, r.segments[i]) })
		broken("body of none", either, s.N, func(r *rows) { r.segments[i].Body = nil })
		for j := range whole.segments {
			if j == i {
				continue
			}
			broken("exchanged", either, min(s.N, whole.segments[j].N), func(r *rows) {
				r.segments[i].Body, r.segments[j].Body = r.segments[j].Body, r.segments[i].Body
			})
			broken("overwritten", either, s.N, func(r *rows) { r.segments[i].Body = r.segments[j].Body })
		}
		if i < len(whole.segments)-1 {
			broken("dropped", either, s.N, func(r *rows) { r.segments = append(r.segments[:i], r.segments[i+1:]...) })
		}
	}
	// The last segment's loss leaves a shorter log that is whole; its checkpoint, kept elsewhere, tells.
	r := whole.clone()
	r.segments = r.segments[:2]
	report, err := r.verify(t)
	require.NoError(t, err)
	before, err := whole.verify(t)
	require.NoError(t, err)
	assert.NotEqual(t, before.Checkpoint, report.Checkpoint)
	assert.Greater(t, report.Unsealed, before.Unsealed)
}

// Somebody who can write the database but has no keys makes a shorter log that adds up, and cannot sign it.
func TestForgedSegment(t *testing.T) {
	t.Parallel()
	r := smallLog(t)
	seg, err := decodeSegment(r.segments[0].Body)
	require.NoError(t, err)
	log := ranges.NewEmptyRange(0)
	for i := range 2 {
		require.NoError(t, appendLeaf(log, &r.entries[i]))
	}
	sum, err := root(log)
	require.NoError(t, err)
	forger := testSigner{key: make([]byte, 64)}
	copy(forger.key, newSigner().key)
	forger.key[3] ^= 1 // another private key; the public half is the same
	_, err = signCheckpoint(forger, storeID, 2, sum, time.Now())
	require.Error(t, err, "a signature that does not fit the public key is not stored")

	seg.Lanes = []span{{Lane: r.entries[0].Lane, First: 1, Last: 2}}
	seg.Size, seg.Frontier = 2, nil
	for _, h := range log.Hashes() {
		seg.Frontier = append(seg.Frontier, h)
	}
	r.segments = []storage.Segment{{N: 1, Body: seg.append(nil)}}
	_, err = r.verify(t)
	requireBroken(t, err, KindCheckpoint, storage.ID{}, 1)
}

func TestVerifyNamesTheProof(t *testing.T) {
	t.Parallel()
	whole := smallLog(t)
	for i, p := range whole.proofs {
		broken := func(what string, n uint64, change func(r *rows, p *storage.Proof)) {
			t.Helper()
			r := whole.clone()
			change(r, &r.proofs[i])
			_, err := r.verify(t)
			require.Error(t, err, "proof %d: %s", p.N, what)
			requireBroken(t, err, KindProof, storage.ID{}, n)
		}
		for bit := range bits(p.Body) {
			broken("bit of the body", p.N, func(_ *rows, p *storage.Proof) { p.Body[bit/8] ^= 1 << (bit % 8) })
		}
		for _, field := range []func(p *storage.Proof) []byte{
			func(p *storage.Proof) []byte { return p.MAC },
			func(p *storage.Proof) []byte { return p.Digest },
			func(p *storage.Proof) []byte { return p.Prev },
		} {
			for bit := range bits(field(&p)) {
				broken("bit of mac, digest or prev", p.N, func(_ *rows, p *storage.Proof) { field(p)[bit/8] ^= 1 << (bit % 8) })
			}
		}
		broken("id of the row", p.N, func(_ *rows, p *storage.Proof) { p.ID[4]++ })
		broken("instant of the row", p.N, func(_ *rows, p *storage.Proof) { p.At = p.At.AddDate(-1, 0, 0) })
		broken("doubled", p.N, func(r *rows, p *storage.Proof) { r.proofs = append(r.proofs, *p) })
		for j := range whole.proofs[:i] {
			broken("exchanged", whole.proofs[j].N, func(r *rows, p *storage.Proof) {
				q := &r.proofs[j]
				p.N, q.N = q.N, p.N
			})
		}
		r := whole.clone()
		r.proofs = append(r.proofs[:i], r.proofs[i+1:]...)
		_, err := r.verify(t)
		if i < len(whole.proofs)-1 {
			requireBroken(t, err, KindProof, storage.ID{}, p.N)
			continue
		}
		var b *BrokenError // the last proof is missed by the entry that names it
		require.ErrorAs(t, err, &b)
		assert.Equal(t, KindEntry, b.Kind)
		assert.Contains(t, b.What, "proof")
	}
}

func TestProofThatNoEntryNames(t *testing.T) {
	t.Parallel()
	r := smallLog(t)
	row, err := NextProof(newMAC(), &r.proofs[2], testProof(4))
	require.NoError(t, err)
	r.proofs = append(r.proofs, row)
	report, err := r.verify(t)
	requireBroken(t, err, KindProof, storage.ID{}, 4)
	assert.Equal(t, 13, report.Entries, "the report covers what was read")
}

func TestVerifyWithOtherKeys(t *testing.T) {
	t.Parallel()
	r := smallLog(t)
	_, err := Verify(t.Context(), r, testMAC{[]byte("another")}, newSigner().PublicKey(), storeID)
	requireBroken(t, err, KindProof, storage.ID{}, 1)
	_, err = Verify(t.Context(), r, newMAC(), bytes.Repeat([]byte{3}, 32), storeID)
	requireBroken(t, err, KindCheckpoint, storage.ID{}, 1)
	_, err = Verify(t.Context(), r, newMAC(), newSigner().PublicKey(), testID(1))
	requireBroken(t, err, KindCheckpoint, storage.ID{}, 1)
	_, err = Verify(t.Context(), r, newMAC(), []byte("short"), storeID)
	require.ErrorContains(t, err, "verify trail: checkpoint key")
}

func TestErrorsOfTheStoreAreNotBrokenTrails(t *testing.T) {
	t.Parallel()
	r := smallLog(t)
	r.err = errors.New("disk")
	_, err := r.verify(t)
	require.ErrorIs(t, err, r.err)
	_, err = Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
	require.ErrorIs(t, err, r.err)
	var broken *BrokenError
	assert.NotErrorAs(t, err, &broken)
}

// growing is a store to which others write while it is verified: a whole erasure between any two reads.
type growing struct {
	*rows
	t *testing.T
	w *Writer
	n int
}

func (g *growing) grow() {
	if g.n < 40 {
		g.n++
		g.erase(g.t, g.w, g.n)
		if g.n%3 == 0 {
			g.seal(g.t)
		}
	}
}

func (g *growing) Lanes(ctx context.Context) ([]storage.Lane, error) {
	defer g.grow()
	return g.rows.Lanes(ctx)
}

func (g *growing) Entries(ctx context.Context, lane storage.ID, after uint64, limit int) ([]storage.Entry, error) {
	defer g.grow()
	return g.rows.Entries(ctx, lane, after, limit)
}

func (g *growing) LastSegment(ctx context.Context) (storage.Segment, error) {
	defer g.grow()
	return g.rows.LastSegment(ctx)
}

func (g *growing) LastProof(ctx context.Context) (storage.Proof, error) {
	defer g.grow()
	return g.rows.LastProof(ctx)
}

func (g *growing) Proofs(ctx context.Context, after uint64, limit int) ([]storage.Proof, error) {
	defer g.grow()
	return g.rows.Proofs(ctx, after, limit)
}

func TestVerifyWhileOthersWrite(t *testing.T) {
	t.Parallel()
	g := &growing{rows: smallLog(t), t: t, w: NewWriter(newMAC(), 2)}
	_, err := Verify(t.Context(), g, newMAC(), newSigner().PublicKey(), storeID)
	require.NoError(t, err)
	assert.Equal(t, 40, g.n, "others did write")
	_, err = g.verify(t)
	require.NoError(t, err)
}

// More rows than one page of entries, segments and proofs.
func TestVerifyAcrossPages(t *testing.T) {
	t.Parallel()
	r := &indexed{rows: &rows{}}
	w := NewWriter(newMAC(), 1)
	var last *storage.Proof
	const entries, every = 2*entryPage + 51, 10
	for i := range entries {
		e := testEntry(i)
		if i%20 == 0 {
			row, err := NextProof(newMAC(), last, testProof(1))
			require.NoError(t, err)
			r.proofs = append(r.proofs, row)
			last, e.Proof = &row, ProofDigest(row)
		}
		l := take(t, w)
		row, err := l.Add(e)
		require.NoError(t, err)
		r.entries = append(r.entries, row)
		l.Done()
		if i%every == every-1 && i < 1000 || i == entries-2 {
			seg, err := Seal(t.Context(), r, newMAC(), newSigner(), storeID, start)
			require.NoError(t, err)
			r.segments = append(r.segments, *seg)
		}
	}
	verify := func(r *indexed) (Report, error) {
		return Verify(t.Context(), r, newMAC(), newSigner().PublicKey(), storeID)
	}
	report, err := verify(r)
	require.NoError(t, err)
	assert.Equal(t, Report{Entries: entries, Unsealed: 1, Lanes: 1, Segments: segmentPage + 1, Proofs: proofPage + 3, Checkpoint: report.Checkpoint}, report)

	lane := r.entries[0].Lane
	for _, i := range []int{0, entryPage - 1, entryPage, 2*entryPage + 49} {
		c := &indexed{rows: r.clone()}
		c.entries[i].Body[9] ^= 1
		_, err = verify(c)
		requireBroken(t, err, KindEntry, lane, uint64(i)+1)
	}
	for _, i := range []int{segmentPage - 1, segmentPage} {
		c := &indexed{rows: r.clone()}
		c.segments[i].Body[9] ^= 1
		_, err = verify(c)
		requireBroken(t, err, KindSegment, storage.ID{}, uint64(i)+1)
	}
	for _, i := range []int{proofPage - 1, proofPage} {
		c := &indexed{rows: r.clone()}
		c.proofs = append(c.proofs[:i], c.proofs[i+1:]...)
		_, err = verify(c)
		requireBroken(t, err, KindProof, storage.ID{}, uint64(i)+1)
	}
}

// Segments that are well written and signed, and still not what was sealed.
func TestSpelledAnew(t *testing.T) {
	t.Parallel()
	whole := smallLog(t)
	for kind, changes := range map[string][]func(s *segment){
		KindSegment: {
			func(s *segment) { s.Lanes = append([]span{{Lane: storage.ID{15: 1}, First: 1, Last: 0}}, s.Lanes...) },
			func(s *segment) { s.Lanes[0].Last = s.Lanes[0].First - 1; s.Size-- },
			func(s *segment) { s.Lanes[0], s.Lanes[1] = s.Lanes[1], s.Lanes[0] },
			func(s *segment) { s.Lanes = append(s.Lanes, s.Lanes[1]) },
			func(s *segment) { s.Lanes[1].First--; s.Size++ },
			func(s *segment) { s.Lanes, s.Size = nil, s.From },
			func(s *segment) { s.From++; s.Size++ },
			func(s *segment) { s.Size++ },
			func(s *segment) { s.N++ },
			func(s *segment) { s.Frontier = append(s.Frontier, s.Frontier[0]) },
			func(s *segment) { s.Frontier[0] = make([]byte, 32) },
		},
		KindCheckpoint: {
			func(s *segment) { // the last character of the signature has two spare bits
				at := strings.LastIndex(s.Checkpoint, "=") - 1
				s.Checkpoint = s.Checkpoint[:at] + string(s.Checkpoint[at]+1) + s.Checkpoint[at+1:]
			},
			func(s *segment) { s.Checkpoint = s.Checkpoint[:len(s.Checkpoint)-1] },
			func(s *segment) { s.Checkpoint += s.Checkpoint[strings.LastIndex(s.Checkpoint, "—"):] },
			func(s *segment) { s.Checkpoint += "— witness.example AAAAAAAAAAAAAAAA\n" },
			func(s *segment) { s.Checkpoint = "" },
		},
	} {
		for i, change := range changes {
			r := whole.clone()
			seg, err := decodeSegment(r.segments[2].Body)
			require.NoError(t, err)
			require.Len(t, seg.Lanes, 2)
			change(&seg)
			r.segments[2].Body = seg.append(nil)
			require.NotEqual(t, whole.segments[2].Body, r.segments[2].Body)
			_, err = r.verify(t)
			require.Error(t, err, "%s %d", kind, i)
			requireBroken(t, err, kind, storage.ID{}, 3)
		}
	}
}
