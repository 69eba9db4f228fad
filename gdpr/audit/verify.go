package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/note"

	"github.com/gallra/gallra/gdpr/storage"
)

// Store is what [Verify] reads of a store.
type Store interface {
	storage.Trail
	storage.Proofs
}

// Report says what [Verify] has verified.
type Report struct {
	Entries    int
	Unsealed   int // of these, entries that no segment lists yet: a dropped end of a lane shows only once it was sealed
	Lanes      int
	Segments   int
	Proofs     int
	Checkpoint string // the last one, a signed note; empty before the first segment. Keep a copy elsewhere and compare
}

// Verify reads the whole trail and all proofs, in constant memory but for a line a lane and a proof, and names the first
// place that does not hold (ELA-AUTHN, GLE-INT): the error is then a [*BrokenError], and the report covers what came
// before. Others may write meanwhile; what is stored when Verify begins is verified.
//
// It finds every changed, missing, moved or doubled entry, segment and proof, but for what was cut off an end that
// nothing later speaks of: entries at the end of a lane before they were sealed, and the last segments, whose checkpoint
// must be compared with a copy. A proof at the end is missed by its trail entry and by the ledger.
func Verify(ctx context.Context, store Store, mac MAC, publicKey []byte, storeID storage.ID) (Report, error) {
	v := verification{store: store, mac: mac, storeID: storeID, tails: make(map[storage.ID]tail), proofs: make(map[string]uint64)}
	var err error
	if v.verifier, err = checkpointVerifier(storeID, publicKey); err == nil {
		err = v.run(ctx)
	}
	return v.report, wrap("verify trail", err)
}

type verification struct {
	store    Store
	mac      MAC
	verifier note.Verifier
	storeID  storage.ID

	report Report
	tails  map[storage.ID]tail
	proofs map[string]uint64 // digest -> number, 0 once an entry has named it
	taken  []takenOver       // proofs that a restored store took over
}

func (v *verification) run(ctx context.Context) error {
	// What is read first is a part of what is read later: an entry commits with its proof and before its segment.
	lastProof, err := lastProof(ctx, v.store)
	if err != nil {
		return err
	}
	segments, err := lastSegment(ctx, v.store)
	if err != nil {
		return err
	}
	lanes, err := v.store.Lanes(ctx)
	if err != nil {
		return err
	}
	if err := v.readProofs(ctx); err != nil {
		return err
	}
	if err := v.readSegments(ctx, segments); err != nil {
		return err
	}
	v.report.Lanes = len(lanes)
	sealed := v.report.Entries
	for _, l := range lanes {
		if err := v.readEntries(ctx, l.ID, l.Last, func(*storage.Entry) error { return nil }); err != nil {
			return err
		}
	}
	v.report.Unsealed = v.report.Entries - sealed
	return v.unnamed(lastProof.N)
}

// lastProof is the proof with the highest number, the zero proof if there is none.
func lastProof(ctx context.Context, store storage.Proofs) (storage.Proof, error) {
	row, err := store.LastProof(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Proof{}, nil
	}
	return row, err
}

func (v *verification) readProofs(ctx context.Context) error {
	var last storage.Proof
	for {
		rows, err := v.store.Proofs(ctx, last.N, proofPage)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if err := VerifyProof(v.mac, &last, rows[i]); err != nil {
				return err
			}
			last = storage.Proof{N: rows[i].N, Digest: rows[i].Digest} // not its body
			v.proofs[string(last.Digest)] = last.N
			v.report.Proofs++
		}
	}
}

func (v *verification) readSegments(ctx context.Context, last uint64) error {
	var done sealed
	log := ranges.NewEmptyRange(0)
	return eachSegment(ctx, v.store, &done, last, func(seg segment) error {
		for _, s := range seg.Lanes {
			err := v.readEntries(ctx, s.Lane, s.Last, func(e *storage.Entry) error { return appendLeaf(log, e) })
			if broken := (*BrokenError)(nil); errors.As(err, &broken) && broken.What == missing {
				broken.What = fmt.Sprintf("missing, though segment %d lists it", seg.N)
			}
			if err != nil {
				return err
			}
		}
		if err := v.checkSeal(&done, log); err != nil {
			return err
		}
		v.report.Segments++
		v.report.Checkpoint = seg.Checkpoint
		return nil
	})
}

// checkSeal compares a segment's frontier and checkpoint with the log of the entries themselves.
func (v *verification) checkSeal(done *sealed, log *compact.Range) error {
	stored, err := done.log()
	if err != nil {
		return err
	}
	sum, err := root(log)
	if err != nil {
		return err
	}
	if err := openCheckpoint(v.verifier, v.storeID, done.n, done.note, done.size, sum, done.at); err != nil {
		return err
	}
	if !stored.Equal(log) {
		return &BrokenError{Kind: KindSegment, N: done.n, What: "frontier is not that of the entries"}
	}
	return nil
}

// readEntries verifies a lane from where it was left up to number last.
func (v *verification) readEntries(ctx context.Context, lane storage.ID, last uint64, fn func(*storage.Entry) error) error {
	from := v.tails[lane]
	from.id = lane
	t, err := walk(ctx, v.store, v.mac, from, last, func(e *storage.Entry) error {
		if err := v.checkEntry(e); err != nil {
			return err
		}
		v.report.Entries++
		return fn(e)
	})
	v.tails[lane] = t
	return err
}

func (v *verification) checkEntry(row *storage.Entry) error {
	e, err := DecodeEntry(row.Body)
	if err != nil {
		return brokenEntry(row.Lane, row.Seq, errForm.Error())
	}
	if !row.At.Equal(e.At) {
		return brokenEntry(row.Lane, row.Seq, "its row has another instant than its body")
	}
	if e.Proof == "" {
		return nil
	}
	digest, err := hex.DecodeString(e.Proof)
	n, ok := v.proofs[string(digest)]
	if err != nil || !ok {
		return brokenEntry(row.Lane, row.Seq, "the proof that it names is missing")
	}
	if e.Action == TakeOver {
		v.taken = append(v.taken, takenOver{n - min(n, uint64(max(0, e.Count))), n})
	}
	v.proofs[string(digest)] = 0
	return nil
}

// takenOver is the proofs after one number, up to another.
type takenOver struct{ after, last uint64 }

// unnamed reports a proof that no entry of the trail names. Proofs over last came while we read, and so may their entries.
func (v *verification) unnamed(last uint64) error {
	var first uint64
	for _, n := range v.proofs {
		if n != 0 && n <= last && (first == 0 || n < first) && !slices.ContainsFunc(v.taken, func(s takenOver) bool { return s.after < n && n <= s.last }) {
			first = n
		}
	}
	if first == 0 {
		return nil
	}
	return &BrokenError{Kind: KindProof, N: first, What: "no entry of the trail names its digest"}
}
