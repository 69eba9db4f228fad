package retention_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/retention"
)

// work is a pile of items in pages.
type work struct {
	elsewhere  bool
	items      []retention.Item
	fail       error // of Carry
	unreadable int   // rows
	carried    int
	released   int
}

func (w *work) Claim(context.Context) (bool, error) { return !w.elsewhere, nil }

func (w *work) Clear(_ context.Context, n int) (int, error) {
	n = min(n, w.unreadable)
	w.unreadable -= n
	return n, nil
}

func (w *work) Release(context.Context) error { w.released++; return nil }

func (w *work) Next(_ context.Context, n int) (retention.Page, error) {
	n = min(n, len(w.items))
	p := retention.Page{Items: w.items[:n]}
	w.items = w.items[n:]
	return p, nil
}

func (w *work) Carry(_ context.Context, p retention.Page) (retention.Step, error) {
	if w.fail != nil {
		return retention.Step{}, w.fail
	}
	w.carried++
	s := retention.Step{}
	for _, it := range p.Items {
		if it.Go {
			s.Erased++
		} else {
			s.Dated++
		}
	}
	return s, nil
}

// pile is n items, of which every fifth is on hold.
func pile(n int) []retention.Item {
	out := make([]retention.Item, n)
	for i := range out {
		out[i] = retention.Item{Activity: "ärende", Rule: "P1Y after collected", Why: retention.WhyDue, Go: true}
		if i%5 == 0 {
			out[i].Why, out[i].Go = retention.WhyHeld, false
		}
	}
	return out
}

func TestSweepUntilNothingIsDue(t *testing.T) {
	t.Parallel()
	w := &work{items: pile(25)}
	var heard []int
	res, err := retention.Sweeper{Work: w, Batch: 10, Progress: func(r retention.Result) { heard = append(heard, r.Erased) }}.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, retention.Step{Erased: 20, Dated: 5}, res.Step)
	assert.Equal(t, 3, res.Batches)
	assert.False(t, res.More)
	assert.Equal(t, []int{8, 16, 20}, heard)
	assert.Equal(t, []retention.Line{
		{Activity: "ärende", Rule: "P1Y after collected", Why: retention.WhyDue, Count: 20},
		{Activity: "ärende", Rule: "P1Y after collected", Why: retention.WhyHeld, Count: 5},
	}, res.Lines)
	assert.Equal(t, 1, w.released)
}

func TestSweepElsewhereAndNothingDueAreSuccess(t *testing.T) {
	t.Parallel()
	w := &work{elsewhere: true, items: pile(3)}
	res, err := retention.Sweeper{Work: w}.Run(t.Context())
	require.NoError(t, err)
	assert.True(t, res.Leased)
	assert.Zero(t, w.carried)
	assert.Zero(t, w.released, "a lease that was not taken is not given back")

	w = &work{}
	res, err = retention.Sweeper{Work: w}.Run(t.Context())
	require.NoError(t, err)
	assert.Zero(t, res.Batches)
	assert.False(t, res.Leased)
	assert.Equal(t, 1, w.released)
}

func TestSweepHaltsBeforeItErasesTooMuch(t *testing.T) {
	t.Parallel()
	w := &work{items: pile(25)}
	res, err := retention.Sweeper{Work: w, Batch: 10, MaxErase: 15}.Run(t.Context())
	require.ErrorIs(t, err, retention.ErrHalted)
	assert.Equal(t, 8, res.Erased, "the first batch went, the second would have passed the bound")
	assert.Equal(t, 1, w.released)
}

func TestSweepStopsAtItsBounds(t *testing.T) {
	t.Parallel()
	w := &work{items: pile(25)}
	res, err := retention.Sweeper{Work: w, Batch: 10, MaxItems: 8}.Run(t.Context())
	require.NoError(t, err)
	assert.True(t, res.More)
	assert.LessOrEqual(t, res.Erased, 8)

	now := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	w = &work{items: pile(25)}
	res, err = retention.Sweeper{Work: w, Batch: 5, MaxTime: 3 * time.Minute, Now: func() time.Time {
		now = now.Add(time.Minute)
		return now
	}}.Run(t.Context())
	require.NoError(t, err)
	assert.True(t, res.More)
	assert.Equal(t, 2, res.Batches)
	assert.NotEmpty(t, w.items)
}

// What is unreadable goes after what is due, and within the same bounds.
func TestSweepClears(t *testing.T) {
	t.Parallel()
	w := &work{items: pile(25), unreadable: 27}
	var heard []int
	s := retention.Sweeper{Work: w, Batch: 10, MaxItems: 35, Progress: func(r retention.Result) { heard = append(heard, r.Erased+r.Cleared) }}
	res, err := s.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int{8, 16, 20, 30, 35}, heard)
	assert.Equal(t, []int{20, 15, 5}, []int{res.Erased, res.Cleared, res.Batches})
	assert.True(t, res.More)
	assert.Equal(t, 12, w.unreadable)
	res, err = s.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 12, res.Cleared)
	assert.False(t, res.More)

	w = &work{items: pile(5), fail: errors.New("disk"), unreadable: 3}
	_, err = retention.Sweeper{Work: w}.Run(t.Context())
	require.ErrorIs(t, err, w.fail)
	assert.Equal(t, 3, w.unreadable, "what is due comes first")
}

func TestSweepGivesTheLeaseBackOnFailure(t *testing.T) {
	t.Parallel()
	w := &work{items: pile(5), fail: errors.New("disk")}
	_, err := retention.Sweeper{Work: w}.Run(t.Context())
	require.ErrorIs(t, err, w.fail)
	assert.Equal(t, 1, w.released)
}
