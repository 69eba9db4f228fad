package gdpr_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
)

// EPM-6: what cannot be written to the trail is not shown.
func TestNoReadWithoutTrail(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		h, s := h.spied()
		f := newFirm(h)
		id := f.ticket(gdpr.ID{}, gdpr.ID{})
		full := errors.New("the disk is full")
		s.fail = func(*storage.Batch) error { return full }
		got, err := f.support.Get(ctx, id)
		require.ErrorIs(t, err, full)
		assert.Nil(t, got)
		for name, seq := range map[string]func(func(*gdpr.Stored, error) bool){
			"Find": f.support.Find(ctx, asa), "Find nobody": f.support.Find(ctx, bjorn), "Records": f.support.Records(ctx, gdpr.Query{}),
			"by right": f.rights.Find(ctx, asa),
		} {
			n := 0
			for r, err := range seq {
				n++
				require.ErrorIs(t, err, full, name)
				assert.Nil(t, r, name)
			}
			assert.Equal(t, 1, n, name)
		}
		x, err := f.support.Explain(ctx, id)
		require.ErrorIs(t, err, full)
		assert.Nil(t, x)
		_, err = h.As(web, "support-ticket").Get(ctx, id)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed, "a refusal stays one")
		require.ErrorIs(t, err, full)
		s.fail = nil
		f.verified()
	})
}

// A store that fails while clocks are asked must not pass for one that holds nothing.
func TestAFailingStoreIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		_, agreement := h.customer("Tallbackens vårdcentral")
		id := f.hosted(agreement, gdpr.Ref("Pat-Ö7"))
		two, s := h.spied()
		broken := errors.New("connection lost")
		s.failFile = func() error { return broken }
		hosted := two.As(ops, hostedPurpose).Under(agreement)
		_, err := hosted.Get(ctx, id)
		require.ErrorIs(t, err, broken)
		require.ErrorIs(t, first(hosted.Find(ctx, gdpr.Ref("Pat-Ö7"))), broken)
		require.ErrorIs(t, first(two.As(dpo, "support-ticket").Find(ctx, asa)), nil)
		_, err = two.Sweep(ctx, nil)
		require.NoError(t, err, "nothing is due, so no agreement is asked for")
		s.failFile = nil
		f.verified()
	})
}

// Pages: everything once, in order, one trail entry a page; and whoever stops reading has still left his trace.
func TestPages(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		s := h.As(web, "order")
		const n = 450
		res, err := s.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for i := range n {
				r := gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": fmt.Sprint(i), "serial": "ÅKV", "amount": int64(i)}}
				if i%9 == 0 {
					r.Also = []gdpr.Share{{Subject: gdpr.Email(fmt.Sprintf("gäst%d@kund.example", i)), Fields: gdpr.Fields{"message": "med"}}}
				}
				if !yield(r, nil) {
					return
				}
			}
		}, nil)
		require.NoError(t, err)
		require.Equal(t, n, res.Stored)
		entries := func(action string) (count, records int) {
			all, _ := h.trail()
			for _, e := range all {
				if e.Action == action {
					count++
					records += e.Count
				}
			}
			return count, records
		}
		for name, c := range map[string]struct {
			action string
			seq    func(func(*gdpr.Stored, error) bool)
			want   int
		}{
			"Find":    {"Find", s.Find(ctx, asa), n},
			"Records": {"Records", s.Records(ctx, gdpr.Query{}), n + n/9},
		} {
			seen := map[string]bool{}
			var last string
			for r, err := range c.seq {
				require.NoError(t, err)
				key := r.ID.String() + r.Subject().String()
				assert.False(t, seen[key], "%s: twice", name)
				seen[key] = true
				if who := r.Subject().String(); who == last {
					assert.Less(t, last, r.ID.String())
				}
				if r.Text("message") != "med" {
					assert.Len(t, r.Fields(), 4, "%s: no record is cut in two", name)
				}
			}
			assert.Len(t, seen, c.want, name)
			pages, records := entries(c.action)
			assert.Equal(t, c.want, records, name)
			assert.Greater(t, pages, 5, name)
		}
		before, _ := entries("Find")
		for range s.Find(ctx, asa) {
			break
		}
		after, _ := entries("Find")
		assert.Equal(t, before+1, after)
		for r := range s.Find(ctx, bjorn) {
			assert.Nil(t, r)
		}
		again, _ := entries("Find")
		assert.Equal(t, after+1, again, "a search that finds nobody is written down as well")
		h.verified()
	})
}

// The same new person from many sides at once is one person.
func TestOnePersonFromManySides(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		two := h.second()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				e := []*house{h, two}[i%2]
				_, err := e.As(web, "order").Put(t.Context(), gdpr.Record{Subject: asa.And(gdpr.Ref(fmt.Sprint(i / 4))), Fields: gdpr.Fields{"message": "Hej"}})
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		persons := map[gdpr.ID]bool{}
		for _, r := range records(t, h.As(web, "order"), gdpr.Query{}) {
			persons[r.Subject()] = true
		}
		assert.Len(t, persons, 1)
		assert.Len(t, find(t, two.As(web, "order"), gdpr.Ref("1")), 8)
		h.verified()
	})
}

// Everybody at once: writers, readers, an eraser and a sweeper on the same person. Nothing is lost between, and at the end nothing is left.
func TestEverybodyAtOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		two := h.second()
		var wg sync.WaitGroup
		fine := func(err error) {
			for _, is := range []error{nil, gdpr.ErrConflict, gdpr.ErrErased, gdpr.ErrNotFound, gdpr.ErrOnHold, gdpr.ErrPurposeEnded, storage.ErrBusy} {
				if errors.Is(err, is) {
					return
				}
			}
			assert.NoError(t, err)
		}
		for i := range 3 {
			wg.Go(func() {
				e := []*house{h, two}[i%2]
				order := e.As(web, "order")
				for n := range 6 {
					id, err := order.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"message": "Hej", "serial": "ÅKV"},
						Also: []gdpr.Share{{Subject: bjorn, Fields: gdpr.Fields{"serial": "ÅKV"}}}})
					fine(err)
					if err != nil {
						continue
					}
					fine(order.Update(ctx, id, gdpr.Change{Fields: gdpr.Fields{"message": "Hej då", "phone": "031-3900600"}}))
					_, err = order.Get(ctx, id)
					fine(err)
					if n%2 == 0 {
						fine(order.RecordEvent(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: id}))
					}
					if n%3 == 0 {
						hold, err := e.As(dpo, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: id, Ground: "tvist", ReviewBy: day(t, "2026-09-01")})
						fine(err)
						if err == nil {
							fine(e.As(dpo, gdpr.Retention).Release(ctx, hold))
						}
					}
				}
			})
		}
		for _, who := range []gdpr.Identity{asa, bjorn} {
			wg.Go(func() {
				for range 6 {
					_, err := two.As(dpo, gdpr.SubjectRights).Erase(ctx, who, gdpr.NoLongerNeeded)
					fine(err)
				}
			})
		}
		wg.Go(func() {
			for range 6 {
				_, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
				fine(err)
				fine(two.Seal(ctx))
			}
		})
		wg.Go(func() {
			for range 6 {
				fine(first(two.As(dpo, gdpr.SubjectRights).Find(ctx, asa)))
			}
		})
		wg.Wait()

		left := records(t, h.As(dpo, "warranty"), gdpr.Query{})
		for _, r := range left {
			assert.NotEmpty(t, r.Text("serial"), "what is there opens")
		}
		for _, who := range []gdpr.Identity{asa, bjorn} {
			_, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, who, gdpr.NoLongerNeeded)
			if err != nil {
				require.ErrorIs(t, err, gdpr.ErrNotFound)
			}
		}
		assert.Zero(t, h.count(), "and at the end it is gone")
		h.verified()
	})
}
