package gdpr_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

const crowd = 6

// crowded lets several read one record while the batch of the first is on its way, and returns what each got.
func crowded(t *testing.T, h *house, s *spy, desk *gdpr.Session, id gdpr.ID) (errs [crowd]error) {
	t.Helper()
	first, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	s.before = func(*storage.Batch) {
		if !once.Swap(true) {
			close(first)
			<-release
		}
	}
	var all sync.WaitGroup
	read := func(i int) { _, errs[i] = desk.Get(t.Context(), id) }
	all.Go(func() { read(0) })
	<-first
	s.reset()
	for i := 1; i < crowd; i++ {
		all.Go(func() { read(i) })
	}
	last := "Record" // that a read asks before it writes
	if h.keys != nil {
		last = "SubjectKeys"
	}
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for _, what := range s.asked {
			if what == last {
				n++
			}
		}
		return n == crowd-1
	}, 10*time.Second, time.Millisecond)
	time.Sleep(200 * time.Millisecond) // from there to the queue
	close(release)
	all.Wait()
	s.before = nil
	return errs
}

// EPM-6: who reads at the same time shares a commit, and each read has its entry.
func TestReadsShareACommit(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		h, s := h.spied()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		before, _ := h.trail()
		var batches []int
		s.fail = func(b *storage.Batch) error { batches = append(batches, len(b.Entries)); return nil }
		for _, err := range crowded(t, h, s, f.support, id) {
			require.NoError(t, err)
		}
		assert.Equal(t, []int{1, crowd - 1}, batches)
		after, _ := h.trail()
		assert.Len(t, after, len(before)+crowd)
		f.verified()
	})
}

// One that may not be stored does not take the others with it, and is not stored with them.
func TestReadsThatShareACommitFailAlone(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		h, s := h.spied()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		before, _ := h.trail()
		full := errors.New("the disk is full")
		var alone atomic.Int32
		s.fail = func(b *storage.Batch) error {
			if len(b.Entries) > 1 || alone.Add(1) == 3 {
				return full
			}
			return nil
		}
		failed := 0
		for _, err := range crowded(t, h, s, f.support, id) {
			if err != nil {
				require.ErrorIs(t, err, full)
				failed++
			}
		}
		assert.Equal(t, 1, failed)
		after, _ := h.trail()
		assert.Len(t, after, len(before)+crowd-1)
		f.verified()
	})
}

// Who gives up waiting gets nothing, and leaves nothing behind that others wait for.
func TestAReadThatWaitsCanBeGivenUp(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		h, s := h.spied()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		first, release := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		s.before = func(*storage.Batch) {
			if !once.Swap(true) {
				close(first)
				<-release
			}
		}
		var all sync.WaitGroup
		all.Go(func() { _, err := f.support.Get(t.Context(), id); assert.NoError(t, err) })
		<-first
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		got, err := f.support.Get(ctx, id)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Nil(t, got)
		close(release)
		all.Wait()
		_, err = f.support.Get(t.Context(), id)
		require.NoError(t, err)
		f.verified()
	})
}
