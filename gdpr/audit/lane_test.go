package audit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gallra/gallra/gdpr/storage"
)

func TestMain(m *testing.M) {
	if path := ledgerToAppendTo(); path != "" {
		appendInChild(path) // this is the other process of a ledger test
		return
	}
	goleak.VerifyTestMain(m)
}

func take(t *testing.T, w *Writer) *Lane {
	t.Helper()
	l, err := w.Take(t.Context())
	require.NoError(t, err)
	return l
}

func add(t *testing.T, l *Lane) storage.Entry {
	t.Helper()
	e, err := l.Add(testEntry(1))
	require.NoError(t, err)
	return e
}

func TestLaneGoesOnAfterDone(t *testing.T) {
	t.Parallel()
	w := NewWriter(newMAC(), 3)
	l := take(t, w)
	first, second := add(t, l), add(t, l)
	l.Done()
	l = take(t, w)
	third := add(t, l)
	assert.Equal(t, []uint64{1, 2, 3}, []uint64{first.Seq, second.Seq, third.Seq})
	assert.Equal(t, first.Lane, third.Lane, "a lane that was begun is used before a new one")
	assert.Equal(t, start.Add(time.Second), first.At)
}

func TestUndoFreesNumbers(t *testing.T) {
	t.Parallel()
	w := NewWriter(newMAC(), 1)
	r := &rows{}
	lane := r.write(t, w, 2)
	l := take(t, w)
	undone := add(t, l)
	add(t, l)
	l.Undo()
	l = take(t, w)
	again := add(t, l)
	assert.EqualValues(t, 3, undone.Seq)
	assert.Equal(t, undone, again, "the same number after the same predecessor")
	require.NoError(t, r.apply(again))
	l.Done()
	assert.Equal(t, lane, r.write(t, w, 1))
	_, err := r.verify(t)
	require.NoError(t, err)
}

func TestUnknownRetiresTheLane(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{false, true} {
		w := NewWriter(newMAC(), 1)
		r := &rows{}
		lane := r.write(t, w, 2)
		l := take(t, w)
		e := add(t, l)
		if stored {
			require.NoError(t, r.apply(e))
		}
		l.Unknown()
		for range 3 {
			assert.NotEqual(t, lane, r.write(t, w, 1), "never used again by this writer")
		}
		_, err := r.verify(t)
		require.NoError(t, err)
	}
}

func TestOnlyTheFirstEndCounts(t *testing.T) {
	t.Parallel()
	w := NewWriter(newMAC(), 1)
	l := take(t, w)
	first := add(t, l)
	l.Done()
	l.Undo()
	l.Unknown()
	l.Done()
	_, err := l.Add(testEntry(1))
	require.ErrorIs(t, err, ErrLaneReturned)

	next := take(t, w)
	assert.Equal(t, uint64(2), add(t, next).Seq)
	l.Undo() // an old handle reaches nothing
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = w.Take(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "there is one lane, and it is taken")
	next.Undo()
	next = take(t, w)
	assert.Equal(t, uint64(2), add(t, next).Seq)
	assert.Equal(t, first.Lane, add(t, next).Lane)
}

func TestTakeWaits(t *testing.T) {
	t.Parallel()
	w := NewWriter(newMAC(), 0) // at least one
	l := take(t, w)
	got := make(chan *Lane)
	go func() {
		next, err := w.Take(context.WithoutCancel(t.Context()))
		assert.NoError(t, err)
		got <- next
	}()
	select {
	case <-got:
		require.Fail(t, "a taken lane was handed out")
	case <-time.After(20 * time.Millisecond):
	}
	l.Undo()
	(<-got).Undo()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Take(ctx)
	require.ErrorIs(t, err, context.Canceled, "even though a lane is free")
}

func TestAddThatFailsLeavesTheLane(t *testing.T) {
	t.Parallel()
	w := NewWriter(newMAC(), 1)
	l := take(t, w)
	_, err := l.Add(Entry{})
	var bad *EntryError
	require.ErrorAs(t, err, &bad)
	assert.EqualValues(t, 1, add(t, l).Seq)

	l, err = NewWriter(brokenMAC{}, 1).Take(t.Context())
	require.NoError(t, err)
	_, err = l.Add(testEntry(1))
	require.ErrorContains(t, err, "add entry: no key")
}

// Sixteen goroutines on four lanes, a third of the batches failing, a tenth with unknown outcome: no gap, no fork.
func TestLanesUnderLoad(t *testing.T) {
	t.Parallel()
	w := NewWriter(newMAC(), 4)
	r := &rows{}
	var mu sync.Mutex // of r
	var all sync.WaitGroup
	written := 0
	act := func(g, i int) error {
		l, err := w.Take(t.Context())
		if err != nil {
			return err
		}
		defer l.Undo()
		var batch []storage.Entry
		for range 1 + i%3 {
			e, err := l.Add(testEntry(i))
			if err != nil {
				return err
			}
			batch = append(batch, e)
		}
		mu.Lock()
		defer mu.Unlock()
		switch (g + i) % 10 {
		case 0, 3, 6:
			return nil // as if the store had refused the batch
		case 9:
			l.Unknown()
			if i%2 == 0 {
				return nil
			}
		}
		if err := r.apply(batch...); err != nil {
			return err
		}
		written += len(batch)
		l.Done()
		return nil
	}
	errs := make(chan error, 16)
	for g := range 16 {
		all.Go(func() {
			var err error
			for i := range 40 {
				err = errors.Join(err, act(g, i))
			}
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	r.seal(t)
	report, err := r.verify(t)
	require.NoError(t, err)
	assert.Equal(t, written, report.Entries)
	assert.Greater(t, written, 500)
}
