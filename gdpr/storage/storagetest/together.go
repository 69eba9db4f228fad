package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

// RunTogether runs the races between two stores over the same rows, as two processes have them. open must return both with nothing in them,
// each time others. An adapter that one process has for itself does without it.
func RunTogether(t *testing.T, open func(t *testing.T) (a, b storage.Store)) {
	t.Helper()
	run := func(name string, test func(t *testing.T, a, b storage.Store)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := open(t)
			t.Cleanup(func() {
				assert.NoError(t, a.Close())
				assert.NoError(t, b.Close())
			})
			test(t, a, b)
		})
	}
	run("what one writes the other reads", testReadsOther)
	for _, r := range allRaces {
		run(r.name, func(t *testing.T, a, b storage.Store) { r.run(&arena{T: t, a: a, b: b, part: 4}) })
	}
}

// testReadsOther writes everything by turns, and reads it by the other at once.
func testReadsOther(t *testing.T, a, b storage.Store) {
	var prev []byte
	w := world{kinds: []string{"agreement"}}
	for n := range uint64(20) {
		sub := newSubject()
		w.ids = []storage.ID{sub.ID, sub.Controller}
		batch := rich(sub, n+1, prev)
		prev = batch.Proofs[0].Digest
		apply(t, a, batch)
		assert.Equal(t, w.observe(t, a), w.observe(t, b))
		got, err := b.Record(context.Background(), batch.PutParts[0].Record)
		require.NoError(t, err)
		require.Len(t, got, 2)
		a, b = b, a
	}
}
