package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

var leaseTests = []subtest{
	{"Acquire must give the lease to owner until the given instant and return its fence, which is higher than any fence that this lease had before", testFences},
	{"Acquire must return ErrLeased while another owner's lease lasts at now; the same owner gets it again, with a new fence", testAcquire},
	{"Release must end the lease if it still has that fence, and do nothing otherwise", testRelease},
	{"Release: the fence must not be used again: a LeaseCond with it must fail from then on", testOldFence},
}

func testFences(t *testing.T, s storage.Store) {
	ctx := context.Background()
	last := int64(0)
	for i := range 12 {
		fence, err := s.Acquire(ctx, "svep", []string{"a", "b", "b"}[i%3], day(i), day(i+1))
		require.NoError(t, err, "the one before has ended")
		require.Greater(t, fence, last)
		last = fence
		_, err = s.Acquire(ctx, "svep", "c", day(i), day(i+9))
		require.ErrorIs(t, err, storage.ErrLeased)
		if i%4 == 0 {
			require.NoError(t, s.Release(ctx, "svep", fence))
		}
	}
}

func testAcquire(t *testing.T, s storage.Store) {
	ctx := context.Background()
	first, err := s.Acquire(ctx, "svep", "a", t0, day(1))
	require.NoError(t, err)
	_, err = s.Acquire(ctx, "svep", "b", day(1).Add(-1000), day(2))
	require.ErrorIs(t, err, storage.ErrLeased)
	other, err := s.Acquire(ctx, "försegling", "b", t0, day(1))
	require.NoError(t, err, "another lease")
	assert.Positive(t, other)
	again, err := s.Acquire(ctx, "svep", "a", t0, day(1))
	require.NoError(t, err, "the same owner gets it again")
	assert.Greater(t, again, first)
	taken, err := s.Acquire(ctx, "svep", "b", day(1), day(2))
	require.NoError(t, err, "it lasts until the instant, exclusive")
	assert.Greater(t, taken, again)
	_, err = s.Acquire(ctx, "svep", "a", day(1), day(2))
	require.ErrorIs(t, err, storage.ErrLeased)
}

func testRelease(t *testing.T, s storage.Store) {
	ctx := context.Background()
	first, err := s.Acquire(ctx, "svep", "a", t0, day(1))
	require.NoError(t, err)
	second, err := s.Acquire(ctx, "svep", "a", t0, day(1))
	require.NoError(t, err)
	require.NoError(t, s.Release(ctx, "svep", first), "an old fence does nothing")
	require.NoError(t, s.Release(ctx, "annan", 1))
	_, err = s.Acquire(ctx, "svep", "b", t0, day(1))
	require.ErrorIs(t, err, storage.ErrLeased)
	require.NoError(t, s.Release(ctx, "svep", second))
	third, err := s.Acquire(ctx, "svep", "b", t0, day(1))
	require.NoError(t, err)
	require.NoError(t, s.Release(ctx, "svep", second), "does nothing any more")
	apply(t, s, storage.Batch{Lease: &storage.LeaseCond{Name: "svep", Fence: third}})
}

func testOldFence(t *testing.T, s storage.Store) {
	ctx := context.Background()
	second, err := s.Acquire(ctx, "svep", "a", t0, day(1))
	require.NoError(t, err)
	given := func(fence int64) storage.Batch {
		return storage.Batch{Lease: &storage.LeaseCond{Name: "svep", Fence: fence}}
	}
	apply(t, s, given(second))
	require.NoError(t, s.Release(ctx, "svep", second))
	stale := storage.Failure{Kind: storage.KindLease, Name: "svep", Reason: storage.Stale}
	refused(t, s, given(second), stale)
	third, err := s.Acquire(ctx, "svep", "b", t0, day(1))
	require.NoError(t, err)
	assert.Greater(t, third, second)
	apply(t, s, given(third))
	refused(t, s, given(second), stale)
}

func testLeaseCond(t *testing.T, s storage.Store) {
	ctx := context.Background()
	sub := newSubject()
	stale := storage.Failure{Kind: storage.KindLease, Name: "svep", Reason: storage.Stale}
	b := func(fence int64) storage.Batch {
		return storage.Batch{Lease: &storage.LeaseCond{Name: "svep", Fence: fence}, PutSubjects: []storage.Subject{sub}}
	}
	refused(t, s, b(0), stale)
	refused(t, s, b(1), stale)
	old, err := s.Acquire(ctx, "svep", "a", t0, day(1))
	require.NoError(t, err)
	next, err := s.Acquire(ctx, "svep", "b", day(2), day(3))
	require.NoError(t, err)
	refused(t, s, b(old), stale)
	_, err = s.Subject(ctx, sub.ID)
	require.ErrorIs(t, err, storage.ErrNotFound)
	apply(t, s, b(next))
}
