package gdpr_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

var errTorn = errors.New("trasig rad")

// archive is a sequence of n items with everything in it that an import meets, the messages that it should store, and how many items it should
// leave out. The same seed gives the same archive.
func archive(seed uint64, n int) (all iter.Seq2[gdpr.Record, error], want []string, bad int) {
	type item struct {
		r   gdpr.Record
		err error
	}
	var items []item
	rng := rand.New(rand.NewPCG(seed, 7))
	for i := range n {
		it := item{r: gdpr.Record{Subject: gdpr.Ref(fmt.Sprintf("kund %d", rng.IntN(9))), Origin: fmt.Sprintf("arkiv.csv:%d", i+2),
			Fields: gdpr.Fields{"message": fmt.Sprintf("Ärende %d", i)}}}
		kind := rng.IntN(10)
		if i < 2 { // two persons who are known apart
			it.r.Subject, kind = gdpr.Ref(fmt.Sprintf("känd %d", i)), 9
		}
		switch kind {
		case 0:
			it.err = errTorn
		case 1:
			it.r.Subject = gdpr.Email("ingen adress")
		case 2:
			it.r.Subject = gdpr.Ref("känd 0").And(gdpr.Ref("känd 1")) // which only the whole batch shows
		case 3, 4:
			it.r.CollectedAt = on("2016-05-10").at
		}
		if kind < 3 {
			bad++
		} else {
			want = append(want, it.r.Fields.Text("message"))
		}
		items = append(items, it)
	}
	return func(yield func(gdpr.Record, error) bool) {
		for _, it := range items {
			if !yield(it.r, it.err) {
				return
			}
		}
	}, want, bad
}

// messages are those of all stored records, overdue ones included, read past what a session may use.
func (h *house) messages() []string {
	h.t.Helper()
	var out []string
	for i := range 12 {
		for _, name := range []string{"kund", "känd"} {
			for r, err := range h.As(dpo, gdpr.SubjectRights).Find(h.t.Context(), gdpr.Ref(fmt.Sprintf("%s %d", name, i))) {
				require.NoError(h.t, err)
				out = append(out, r.Text("message"))
			}
		}
	}
	return out
}

// faultAt makes the n-th batch fail, in one of three ways, and the ones before and after it not.
func (s *spy) faultAt(n int, mode string) {
	s.fail = func(b *storage.Batch) error {
		if n--; n != 0 {
			return nil
		}
		switch mode {
		case "after":
			if err := s.Store.Apply(context.Background(), b); err != nil {
				return err
			}
			return errKilled
		case "unknown":
			if err := s.Store.Apply(context.Background(), b); err != nil {
				return err
			}
			return storage.ErrOutcomeUnknown
		}
		return errKilled
	}
}

// Whatever breaks an import off, and after whichever batch: the same call goes on, and in the end the store holds the sequence without its
// refusals, once each.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"before", "after", "unknown"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			broken := 0
			for n, done := 1, false; !done; n++ {
				h := newHouse(t, "epm.yaml", memory.New(), nil)
				newFirm(h)
				all, want, bad := archive(uint64(n), 60)
				opt := func() *gdpr.ImportOptions { return &gdpr.ImportOptions{Key: "arkivet från 2016", Batch: 7 + n%5} }
				two, s := h.spied()
				s.faultAt(n, mode)
				out, err := two.As(support, "support-ticket").PutAll(t.Context(), all, opt())
				s.fail = nil
				if err != nil {
					broken++
					assert.LessOrEqual(t, out.Stored, h.count(), "what is counted is stored")
				} else {
					done = n > 20 // past the last batch
				}
				if n%2 == 0 {
					two = h.second()
				}
				out, err = two.As(support, "support-ticket").PutAll(t.Context(), all, opt())
				require.NoError(t, err, "call %d", n)
				assert.Equal(t, 60, out.Read)
				assert.Equal(t, len(want), out.Stored)
				assert.Equal(t, bad, out.LeftOut)
				require.Len(t, out.Refused, bad)
				for i, r := range out.Refused {
					require.Equal(t, fmt.Sprintf("arkiv.csv:%d", r.N+1), r.Origin)
					require.True(t, i == 0 || out.Refused[i-1].N < r.N, "in their order, once each")
				}
				require.ElementsMatch(t, want, h.messages(), "call %d", n)

				// Once it is finished nothing is stored, and the counts are the same.
				s.reset()
				again, err := two.As(support, "support-ticket").PutAll(t.Context(), all, opt())
				require.NoError(t, err)
				require.Equal(t, said(out), said(again))
				require.Zero(t, s.written)
				h.verified()
			}
			if mode == "unknown" { // which the engine settles by itself
				assert.Zero(t, broken)
				return
			}
			assert.Greater(t, broken, 12, "every batch was broken off once")
		})
	}
}

// said is what an import reports.
func said(out gdpr.Imported) string {
	var b strings.Builder
	_ = out.Report(&b)
	return b.String()
}

// A context that is canceled while a batch is on its way, or while the sequence is read.
func TestImportIsCancelled(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		all, want, _ := archive(1, 100)
		for stop := 9; stop < 100; stop += 10 {
			ctx, cancel := context.WithCancel(t.Context())
			out, err := f.support.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
				i := 0
				for r, err := range all {
					if i++; i == stop {
						cancel()
						return // as a source does that reads with the context
					}
					if !yield(r, err) {
						return
					}
				}
			}, &gdpr.ImportOptions{Key: "avbruten", Batch: 5})
			require.ErrorIs(t, err, context.Canceled)
			assert.LessOrEqual(t, out.Stored, h.count())
		}
		out, err := f.support.PutAll(t.Context(), all, &gdpr.ImportOptions{Key: "avbruten"})
		require.NoError(t, err)
		assert.Equal(t, len(want), out.Stored)
		assert.ElementsMatch(t, want, h.messages())
	})
}

// Another sequence under a key that was used is refused, wherever it differs, and nothing of it is stored.
func TestImportOfAnotherSequence(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		_, agreement := f.supplier()
		job := f.assignment(agreement)
		list := func(n int, change func(*gdpr.Record)) []gdpr.Record {
			var out []gdpr.Record
			for i := range n {
				out = append(out, gdpr.Record{Subject: gdpr.Ref("kund").And(gdpr.Email("kund@kund.example")), Source: "arkiv", CollectedAt: on("2026-01-05").at,
					Fields: gdpr.Fields{"message": strconv.Itoa(i), "name": "Åsa"}, Also: []gdpr.Share{{Subject: gdpr.Ref("med"), Fields: gdpr.Fields{"name": "Öst"}}}})
			}
			change(&out[1])
			return out
		}
		same := func(*gdpr.Record) {}
		put := func(key string, records iter.Seq2[gdpr.Record, error]) (gdpr.Imported, error) {
			return f.support.PutAll(t.Context(), records, &gdpr.ImportOptions{Key: key, Batch: 2})
		}
		// One that is broken off after its first batch, and one that is finished.
		ctx, cancel := context.WithCancel(t.Context())
		_, err := f.support.PutAll(ctx, sequence(list(6, same)...), &gdpr.ImportOptions{Key: "öppen", Batch: 2, Progress: func(gdpr.Imported) { cancel() }})
		require.ErrorIs(t, err, context.Canceled)
		_, err = put("klar", sequence(list(6, same)...))
		require.NoError(t, err)
		count := h.count()
		require.GreaterOrEqual(t, count, 8+2)

		for name, change := range map[string]func(*gdpr.Record){
			"subject":    func(r *gdpr.Record) { r.Subject = gdpr.Ref("kund") },
			"person":     func(r *gdpr.Record) { r.Subject = gdpr.Ref("annan").And(gdpr.Email("kund@kund.example")) },
			"kind":       func(r *gdpr.Record) { r.Subject = gdpr.NationalNumber("kund").And(gdpr.Email("kund@kund.example")) },
			"value":      func(r *gdpr.Record) { r.Fields["message"] = "en annan" },
			"type":       func(r *gdpr.Record) { r.Fields["message"] = 1 },
			"field":      func(r *gdpr.Record) { delete(r.Fields, "name") },
			"also":       func(r *gdpr.Record) { r.Also = nil },
			"other":      func(r *gdpr.Record) { r.Also[0].Fields["name"] = "Väst" },
			"collected":  func(r *gdpr.Record) { r.CollectedAt = r.CollectedAt.Add(time.Second) },
			"now":        func(r *gdpr.Record) { r.CollectedAt = time.Time{} },
			"events":     func(r *gdpr.Record) { r.Events = event("financial-year-closed", day(t, "2025-12-31")).Events },
			"labels":     func(r *gdpr.Record) { r.Labels = map[string]string{"state": "öppen"} },
			"source":     func(r *gdpr.Record) { r.Source = "brev" },
			"agreement":  func(r *gdpr.Record) { r.Agreement = agreement },
			"assignment": func(r *gdpr.Record) { r.Assignment = job },
		} {
			for _, key := range []string{"öppen", "klar"} {
				out, err := put(key, sequence(list(6, change)...))
				refusedInput(t, err, "Key")
				assert.Equal(t, gdpr.Imported{}, out, name)
			}
		}
		for _, key := range []string{"öppen", "klar"} {
			_, err = put(key, sequence(list(6, same)[:1]...))
			refusedInput(t, err, "Key")
			_, err = put(key, func(yield func(gdpr.Record, error) bool) {
				_ = yield(list(6, same)[0], nil) && yield(list(6, same)[1], errTorn)
			})
			refusedInput(t, err, "Key")
		}
		_, err = put("klar", sequence(append(list(6, same), list(6, same)[0])...))
		refusedInput(t, err, "Key")
		assert.Equal(t, count, h.count(), "nothing of all that was stored")

		// Where a record came from is no part of it, nor is the size of the batches.
		moved := list(6, same)
		for i := range moved {
			moved[i].Origin = "flyttad.csv"
		}
		out, err := f.support.PutAll(t.Context(), sequence(moved...), &gdpr.ImportOptions{Key: "öppen"})
		require.NoError(t, err)
		assert.Equal(t, 6, out.Stored)
		assert.Equal(t, 24, h.count())
		f.verified()
	})
}

// A key counts for one purpose under one agreement, and says nothing to whoever may not import.
func TestImportKeys(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		_, one := h.customer("Tallbackens vårdcentral")
		_, other := h.customer("Kvarnbyns mejeri")
		opt := &gdpr.ImportOptions{Key: "2016"}
		hosted := sequence(gdpr.Record{Subject: gdpr.Ref("Pat-Ö7"), Fields: gdpr.Fields{"content": "Journal"}})
		for i, put := range []func() (gdpr.Imported, error){
			func() (gdpr.Imported, error) { return f.support.PutAll(ctx, sequence(text("Hej")), opt) },
			func() (gdpr.Imported, error) { return f.operations.Under(one).PutAll(ctx, hosted, opt) },
			func() (gdpr.Imported, error) { return f.operations.Under(other).PutAll(ctx, hosted, opt) },
			func() (gdpr.Imported, error) {
				return f.operations.Under(other).PutAll(ctx, hosted, &gdpr.ImportOptions{Key: "2017"})
			},
			func() (gdpr.Imported, error) {
				return f.support.PutAll(ctx, sequence(), &gdpr.ImportOptions{Key: "tom"})
			},
		} {
			for range 2 {
				out, err := put()
				require.NoError(t, err)
				assert.Equal(t, min(1, 4-i), out.Stored)
			}
			assert.Equal(t, min(4, i+1), h.count())
		}
		_, err := f.support.PutAll(ctx, sequence(text("Hej")), &gdpr.ImportOptions{Key: "tom"})
		refusedInput(t, err, "Key")
		for _, key := range []string{" ", "två\nrader", strings.Repeat("å", 101), "\xff"} {
			_, err := f.support.PutAll(ctx, sequence(text("Hej")), &gdpr.ImportOptions{Key: key})
			refusedInput(t, err, "Key")
		}
		for _, batch := range []int{-1, 10_001} {
			_, err := f.support.PutAll(ctx, sequence(text("Hej")), &gdpr.ImportOptions{Batch: batch})
			refusedInput(t, err, "Batch")
		}
		_, err = f.support.PutAll(ctx, nil, nil)
		refusedInput(t, err, "records")
		_, err = h.As(web, "support-ticket").PutAll(ctx, sequence(text("Hej")), opt)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		assert.Equal(t, 4, h.count())
		f.verified()
	})
}

// Two processes under one key: one of them is told, and nothing is doubled.
func TestImportTwiceAtOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		two := h.second()
		all, want, bad := archive(3, 80)
		for i, begun := range []int{0, 20, 45} { // the other begins when so many were read, and goes as far as it can
			key := fmt.Sprintf("båda %d", i)
			count := h.count()
			met := error(nil)
			out, err := h.As(support, "support-ticket").PutAll(t.Context(), func(yield func(gdpr.Record, error) bool) {
				n := 0
				for r, err := range all {
					if n == begun {
						_, met = two.As(support, "support-ticket").PutAll(t.Context(), all, &gdpr.ImportOptions{Key: key, Batch: 8})
					}
					n++
					if !yield(r, err) {
						return
					}
				}
			}, &gdpr.ImportOptions{Key: key, Batch: 6})
			require.ErrorIs(t, errors.Join(err, met), gdpr.ErrConflict)
			require.ErrorContains(t, errors.Join(err, met), "Key: another import under it is running")
			assert.LessOrEqual(t, out.Stored, len(want))
			done, err := h.As(support, "support-ticket").PutAll(t.Context(), all, &gdpr.ImportOptions{Key: key, Batch: 6})
			require.NoError(t, err)
			assert.Equal(t, len(want), done.Stored)
			assert.Equal(t, bad, done.LeftOut)
			assert.Equal(t, count+len(want), h.count())
		}

		// And in earnest.
		count := h.count()
		var both sync.WaitGroup
		for _, e := range []*house{h, two, h.second()} {
			both.Go(func() {
				for {
					out, err := e.As(support, "support-ticket").PutAll(t.Context(), all, &gdpr.ImportOptions{Key: "kapp", Batch: 4})
					if err == nil {
						assert.Equal(t, len(want), out.Stored)
						return
					}
					if !assert.ErrorIs(t, err, gdpr.ErrConflict) {
						return
					}
				}
			})
		}
		both.Wait()
		assert.Equal(t, count+len(want), h.count())
		h.verified()
	})
}

// The largest batch is stored as one.
func TestImportInOneBatch(t *testing.T) {
	t.Parallel()
	for _, open := range []func(*testing.T, string, bool) *house{sqliteHouse, postgresHouse} {
		f := newFirm(open(t, "epm.yaml", false))
		batches := 0
		out, err := f.support.PutAll(t.Context(), tenYears(0, 10_001), &gdpr.ImportOptions{Key: "stort", Batch: 10_000, Progress: func(gdpr.Imported) { batches++ }})
		require.NoError(t, err)
		assert.Equal(t, 2, batches)
		assert.Equal(t, 10_001, out.Overdue)
		assert.Equal(t, 10_001, f.count())
	}
}

// Progress hears of every batch, with counts that only grow.
func TestImportProgress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	f := newFirm(h)
	all, want, bad := archive(5, 50)
	for _, key := range []string{"", "med nyckel"} {
		var heard []int
		var last gdpr.Imported
		out, err := f.support.PutAll(t.Context(), all, &gdpr.ImportOptions{Key: key, Batch: 10, Progress: func(now gdpr.Imported) {
			assert.Empty(t, now.Refused)
			assert.Equal(t, now.Read, now.Stored+now.LeftOut)
			assert.GreaterOrEqual(t, now.Stored, last.Stored)
			heard = append(heard, now.Read)
			last = now
		}})
		require.NoError(t, err)
		assert.Contains(t, heard, 10)
		assert.IsIncreasing(t, heard)
		assert.Equal(t, 50, last.Read)
		assert.Equal(t, len(want), last.Stored)
		assert.Equal(t, bad, last.LeftOut)
		assert.Equal(t, out.Overdue, last.Overdue)
		assert.Positive(t, out.Overdue)
	}
}

// The row of an import says nothing in clear about whom it was about, and keeps the reasons of what was left out.
func TestImportRow(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	f := newFirm(h)
	bad := func(yield func(gdpr.Record, error) bool) {
		for i := range 250 {
			if i%2 > 0 {
				if !yield(gdpr.Record{Origin: secret}, fmt.Errorf("fel vid %s", secret)) {
					return
				}
			}
			r := gdpr.Record{Subject: gdpr.Email(secret), Fields: gdpr.Fields{"message": secret}, Source: secret, Origin: secret}
			if i%10 == 0 {
				r.Subject = gdpr.Ref(secret)
			}
			if !yield(r, nil) {
				return
			}
		}
	}
	first, err := f.support.PutAll(t.Context(), bad, &gdpr.ImportOptions{Key: secret, Batch: 20})
	require.NoError(t, err)
	require.Equal(t, 225+125, first.LeftOut)
	require.Len(t, first.Refused, 225+125)
	files, err := h.store.Files(t.Context(), storage.FileQuery{Kind: "import", Limit: 10})
	require.NoError(t, err)
	require.Len(t, files, 1)
	assert.Equal(t, "done", files[0].State)
	silent(t, string(files[0].Body)+string(files[0].Name), "row")
	assert.Less(t, len(files[0].Body), 10_000)
	assert.Contains(t, string(files[0].Body), `{"n":3,"field":"Subject.email","why":"not an e-mail address"}`)
	_, raw := h.trail()
	silent(t, raw, "trail")

	again, err := f.support.PutAll(t.Context(), bad, &gdpr.ImportOptions{Key: secret})
	require.NoError(t, err)
	assert.Equal(t, first.LeftOut, again.LeftOut)
	assert.Len(t, again.Refused, 125+100, "what the sequence says comes again, of the rest the first hundred")
	for i, r := range again.Refused[:150] {
		assert.Equal(t, first.Refused[i].String(), r.String())
	}
	f.verified()
}
