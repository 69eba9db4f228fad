package crypto_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func held(r *crypto.Ring, c *crypto.Controller, id storage.ID) bool {
	_, ok := r.Subject(c.ID(), id)
	return ok
}

func TestWhatIsOpenIsKeptForItsTime(t *testing.T) {
	t.Parallel()
	k, now := newKEK(t), &clock{}
	r := newRing(t, k, now.options())
	c, row := controller(t, r)
	_, subjectRow := subject(t, c)
	assert.False(t, held(r, c, subjectRow.ID), "not kept open before its row was stored")
	now.turn(30 * time.Second)
	s, err := c.OpenSubject(subjectRow)
	require.NoError(t, err)
	same, ok := r.Subject(c.ID(), subjectRow.ID)
	require.True(t, ok)
	assert.Same(t, s, same)
	again, err := c.OpenSubject(subjectRow)
	require.NoError(t, err)
	assert.Same(t, s, again)
	_, ok = r.Subject(storage.NewID(), subjectRow.ID)
	assert.False(t, ok, "of this controller alone")

	now.turn(29*time.Second + 999*time.Millisecond)
	_, ok = r.Controller(c.ID())
	assert.True(t, ok)
	now.turn(time.Millisecond)
	_, ok = r.Controller(c.ID())
	assert.False(t, ok, "the controller's time is up after 60 s, used or not")
	assert.False(t, held(r, c, subjectRow.ID), "a subject is no longer open than its controller")
	_, err = c.OpenSubject(subjectRow)
	require.NoError(t, err)
	assert.False(t, held(r, c, subjectRow.ID), "nor does a controller in hand bring it back")

	asked := k.decrypts.Load()
	c, err = r.OpenController(t.Context(), row)
	require.NoError(t, err)
	assert.Equal(t, asked+1, k.decrypts.Load())
	assert.True(t, held(r, c, subjectRow.ID), "its own time is not up, and the controller was looked at anew")
	now.turn(30 * time.Second)
	assert.False(t, held(r, c, subjectRow.ID))
	_, ok = r.Controller(c.ID())
	assert.True(t, ok)

	now.turn(-time.Hour)
	_, ok = r.Controller(c.ID())
	assert.False(t, ok, "a clock set back lengthens no life")
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	k, now := newKEK(t), &clock{}
	r := newRing(t, k, &crypto.Options{CacheSize: 3, TTL: time.Hour, Now: now.now})
	c, _ := controller(t, r)
	var ids []storage.ID
	for range 5 {
		_, row := subject(t, c)
		_, err := c.OpenSubject(row)
		require.NoError(t, err)
		ids = append(ids, row.ID)
	}
	for i, id := range ids {
		assert.Equal(t, i >= 2, held(r, c, id), "the three last used are kept")
	}
	now.turn(59 * time.Minute)
	assert.True(t, held(r, c, ids[4]), "TTL as set")
	for range 3 {
		controller(t, r)
	}
	_, ok := r.Controller(c.ID())
	assert.False(t, ok, "controllers, too")
}

func TestForgetIsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), nil)
	c, row := controller(t, r)
	c2, _ := controller(t, r)
	_, anna := subject(t, c)
	_, bo := subject(t, c)
	_, other := subject(t, c2)
	for c, rows := range map[*crypto.Controller][]storage.SubjectKey{c: {anna, bo}, c2: {other}} {
		for _, row := range rows {
			_, err := c.OpenSubject(row)
			require.NoError(t, err)
		}
	}
	r.ForgetSubject(c.ID(), anna.ID)
	assert.False(t, held(r, c, anna.ID))
	assert.True(t, held(r, c, bo.ID))

	r.Forget(c.ID())
	_, ok := r.Controller(c.ID())
	assert.False(t, ok)
	assert.False(t, held(r, c, bo.ID), "its subjects go with it")
	assert.True(t, held(r, c2, other.ID), "those of others do not")

	_, err := r.OpenController(t.Context(), row)
	require.NoError(t, err)
	assert.False(t, held(r, c, bo.ID))
}

// A row that was read before the destruction and comes after it may be opened, but is not kept.
func TestForgottenStaysForgotten(t *testing.T) {
	t.Parallel()
	now := &clock{}
	r := newRing(t, newKEK(t), now.options())
	c, row := controller(t, r)
	_, anna := subject(t, c)
	_, bo := subject(t, c)

	open := func(row storage.SubjectKey) bool {
		_, err := c.OpenSubject(row)
		require.NoError(t, err)
		return held(r, c, row.ID)
	}
	reopen := func() bool {
		again, err := r.OpenController(t.Context(), row)
		require.NoError(t, err)
		if _, ok := r.Controller(row.ID); !ok {
			return false
		}
		c = again
		return true
	}
	r.ForgetSubject(c.ID(), anna.ID)
	assert.False(t, open(anna))
	assert.True(t, open(bo))
	for range 4 {
		now.turn(14 * time.Second)
		assert.False(t, open(anna), "remembered for at least one TTL")
	}
	now.turn(64 * time.Second) // and at most two
	require.True(t, reopen())
	assert.True(t, open(anna), "forgotten for another reason, it may come back after that")

	r.Forget(c.ID())
	assert.False(t, open(bo), "the forgotten controller, still in hand, keeps nothing open")
	require.False(t, reopen())
	assert.False(t, open(bo))
	now.turn(2 * time.Minute)
	require.True(t, reopen())
	assert.True(t, open(bo))
}

// More than can be remembered one by one is forgotten: then nothing new is kept for one TTL.
func TestForgettingManyLosesNone(t *testing.T) {
	t.Parallel()
	now := &clock{}
	r := newRing(t, newKEK(t), &crypto.Options{CacheSize: 10, Now: now.now})
	c, row := controller(t, r)
	rows := make([]storage.SubjectKey, 25)
	for i := range rows {
		_, rows[i] = subject(t, c)
		r.ForgetSubject(c.ID(), rows[i].ID)
	}
	for _, row := range rows {
		_, err := c.OpenSubject(row)
		require.NoError(t, err)
		assert.False(t, held(r, c, row.ID))
	}
	now.turn(2 * time.Minute)
	c, err := r.OpenController(t.Context(), row)
	require.NoError(t, err)
	_, err = c.OpenSubject(rows[24])
	require.NoError(t, err)
	assert.True(t, held(r, c, rows[24].ID))
}

// The opening began before the destruction and ends after it.
func TestForgetWhileTheKEKIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKEK(t)
		r := newRing(t, k, nil)
		_, row, err := r.NewController(t.Context(), storage.NewID())
		require.NoError(t, err)
		release := make(chan struct{})
		k.do(func(context.Context) error { <-release; return nil })

		var c *crypto.Controller
		go func() { c, _ = r.OpenController(t.Context(), row) }()
		synctest.Wait()
		r.Forget(row.ID)
		time.Sleep(10 * time.Minute) // however long it takes
		close(release)
		synctest.Wait()
		require.NotNil(t, c, "whoever asked before gets it")
		_, ok := r.Controller(row.ID)
		assert.False(t, ok, "but it is not kept")
		_, subjectRow := subject(t, c)
		_, err = c.OpenSubject(subjectRow)
		require.NoError(t, err)
		assert.False(t, held(r, c, subjectRow.ID), "nor what is opened by it")
	})
}

func TestManyAskAtOnceTheKEKIsAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKEK(t)
		r := newRing(t, k, nil)
		_, row, err := r.NewController(t.Context(), storage.NewID())
		require.NoError(t, err)
		release := make(chan struct{})
		k.do(func(context.Context) error { <-release; return nil })
		got := make([]*crypto.Controller, 32)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() { got[i], _ = r.OpenController(t.Context(), row) })
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wg.Go(func() {
			_, err := r.OpenController(impatient, row)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.ErrorIs(t, err, crypto.ErrKeysUnavailable)
		})
		time.Sleep(2 * time.Second)
		close(release)
		wg.Wait()
		assert.EqualValues(t, 1, k.decrypts.Load())
		for _, c := range got {
			require.NotNil(t, c)
			assert.Same(t, got[0], c)
		}
	})
}

func TestWhoeverWaitsTriesAgainWhenTheFirstGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKEK(t)
		r := newRing(t, k, nil)
		_, row, err := r.NewController(t.Context(), storage.NewID())
		require.NoError(t, err)
		k.do(func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Second):
				return nil
			}
		})
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := r.OpenController(first, row)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		for range 5 {
			wg.Go(func() {
				_, err := r.OpenController(t.Context(), row)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 2, k.decrypts.Load())

		// A failure of the KEK itself is told to all who wait.
		r.Forget(row.ID)
		k.do(func(context.Context) error { time.Sleep(time.Second); return errors.New("no") })
		for range 5 {
			wg.Go(func() {
				_, err := r.OpenController(t.Context(), row)
				assert.ErrorIs(t, err, crypto.ErrKeysUnavailable)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 3, k.decrypts.Load())
	})
}

// Run with -race. Whatever happens at once, what was forgotten last is not open, and everything that opens is right.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	r := newRing(t, newKEK(t), &crypto.Options{CacheSize: 8, TTL: 5 * time.Millisecond})
	const controllers, subjects = 4, 16
	var rows [controllers]storage.ControllerKey
	var subjectRows [controllers][subjects]storage.SubjectKey
	for i := range rows {
		var c *crypto.Controller
		c, rows[i] = controller(t, r)
		for j := range subjectRows[i] {
			_, subjectRows[i][j] = subject(t, c)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				row := rows[rand.IntN(controllers)]
				if row.ID == rows[0].ID && rand.IntN(4) == 0 {
					r.Forget(row.ID)
				}
				c, err := r.OpenController(t.Context(), row)
				if !assert.NoError(t, err) {
					return
				}
				i := 0
				for rows[i].ID != row.ID {
					i++
				}
				subjectRow := subjectRows[i][rand.IntN(subjects)]
				s, ok := r.Subject(row.ID, subjectRow.ID)
				if !ok {
					s, err = c.OpenSubject(subjectRow)
					assert.NoError(t, err)
				}
				at := place()
				sealed, key, err := s.SealPart(at, []byte("åäö"))
				assert.NoError(t, err)
				plain, err := s.OpenPart(at, key, sealed)
				assert.NoError(t, err)
				assert.Equal(t, "åäö", string(plain))
				id, err := s.SealIdentifier("user.unique_id", "17")
				assert.NoError(t, err)
				value, err := s.OpenIdentifier("user.unique_id", id)
				assert.NoError(t, err)
				assert.Equal(t, "17", value)
				_, err = r.Token(row.ID, "user.unique_id", "17")
				assert.NoError(t, err)
				if rand.IntN(4) == 0 {
					r.ForgetSubject(row.ID, subjectRow.ID)
				}
			}
		})
	}
	wg.Wait()
	for i, row := range rows {
		r.Forget(row.ID)
		_, ok := r.Controller(row.ID)
		assert.False(t, ok)
		for _, s := range subjectRows[i] {
			_, ok := r.Subject(row.ID, s.ID)
			assert.False(t, ok)
		}
	}
}
