package audit

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

func TestReconcile(t *testing.T) {
	t.Parallel()
	chain, long := testChain(6), testChain(2*proofPage+2)
	forked := testProof(9)
	other, err := NextProof(newMAC(), &chain[1], forked)
	require.NoError(t, err)
	after, err := NextProof(newMAC(), &other, testProof(10))
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		store  []storage.Proof
		ledger int
		want   State
		then   uint64 // proofs in the ledger afterwards
	}{
		{"both empty", nil, 0, Equal, 0},
		{"equal", chain, 6, Equal, 6},
		{"store ahead of an empty ledger", chain[:1], 0, StoreAhead, 1},
		{"store ahead", chain, 2, StoreAhead, 6},
		{"store ahead by some pages", long, 1, StoreAhead, 2*proofPage + 2},
		{"store ahead by a page and one", long[:proofPage+1], 0, StoreAhead, proofPage + 1},
		{"empty store behind", nil, 6, StoreBehind, 6},
		{"store behind", chain[:4], 6, StoreBehind, 6},
		{"forked at the same number", []storage.Proof{chain[0], chain[1], other}, 3, Forked, 3},
		{"forked, store longer", []storage.Proof{chain[0], chain[1], other, after}, 3, Forked, 3},
		{"forked, store shorter", []storage.Proof{chain[0], chain[1], other}, 6, Forked, 6},
		{"forked behind the end of the ledger", []storage.Proof{chain[0], chain[1], chain[2], after}, 3, Forked, 3},
		{"store lacks a proof that the ledger has", []storage.Proof{chain[0], chain[2]}, 2, StoreAhead, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, _ := writeLedger(t, c.ledger)
			l := openTest(t, path)
			state, err := Reconcile(t.Context(), &rows{proofs: c.store}, l, newMAC())
			require.NoError(t, err)
			assert.Equal(t, c.want, state, "%s, not %s", c.want, state)
			head, err := l.Head(t.Context())
			require.NoError(t, err)
			assert.Equal(t, c.then, head.N)
			if state == StoreAhead {
				state, err = Reconcile(t.Context(), &rows{proofs: c.store}, l, newMAC())
				require.NoError(t, err)
				assert.Equal(t, Equal, state)
			}
		})
	}
	path, _ := writeLedger(t, 1)
	l := openTest(t, path)
	broken := &rows{err: errors.New("disk")}
	state, err := Reconcile(t.Context(), broken, l, newMAC())
	require.ErrorIs(t, err, broken.err)
	assert.Equal(t, StateUnknown, state)

	forged := chain[1]
	forged.MAC = chain[0].MAC
	_, err = Reconcile(t.Context(), &rows{proofs: []storage.Proof{chain[0], forged}}, l, newMAC())
	var named *BrokenError
	require.ErrorAs(t, err, &named, "a proof that nobody with the key wrote does not reach the ledger")
	assert.EqualValues(t, 2, named.N)
	head, err := l.Head(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1, head.N)
}

func TestStateNames(t *testing.T) {
	t.Parallel()
	var names []string
	for s := range Forked + 2 {
		names = append(names, s.String())
	}
	assert.Equal(t, []string{"unknown", "equal", "store ahead", "store behind", "forked", "unknown"}, names)
}
