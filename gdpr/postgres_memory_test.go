package gdpr_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// TestPostgresConstantMemory: import, plan, sweep, and the export of a large activity and of a large person take as much memory for many parts as for few: with
// -long for a hundred thousand and a million. It runs beside no other test, whose memory would count.
func TestPostgresConstantMemory(t *testing.T) {
	sizes := []int{4_000, 16_000}
	if *long {
		sizes = []int{100_000, 1_000_000}
	}
	batch := min(1_000, sizes[0]/20)
	var least map[string]uint64
	for _, n := range sizes {
		heap := heaps(t, n, batch)
		if least == nil {
			least = heap
			continue
		}
		for what, bytes := range heap {
			most := least[what] + max(2<<20, uint64(n-sizes[0])*4) // the id of a part alone is 16 bytes
			require.Less(t, bytes, most, "%s of %d parts, where %d take %d bytes", what, n, sizes[0], least[what])
		}
	}
}

// heaps does each thing with that many parts, of which half are due, and returns how much live heap it took at its peak.
func heaps(t *testing.T, parts, batch int) map[string]uint64 {
	t.Helper()
	ctx := t.Context()
	s := newSite(t, village, false)
	p := newPremises(t, databases(t, false)...)
	r := p.run(t, s)
	r.grant(t, support, "clerk")
	r.grant(t, dpo, "privacy")
	took := map[string]uint64{}
	measure := func(what string, do func()) {
		began := time.Now()
		took[what] = peak(do)
		t.Logf("%9d parts, %-8s %6.1f MB, %s", parts, what+":", float64(took[what])/1e6, time.Since(began).Round(time.Millisecond))
	}

	// A record has two parts. Half of the records are of one person, the rest of a hundred.
	records := parts / 2
	each := func(yield func(gdpr.Record, error) bool) {
		for i := range records {
			who := "stora.kunden@byn.example"
			if i%4 > 1 {
				who = fmt.Sprintf("person.%d@byn.example", i%100)
			}
			rec := gdpr.Record{Subject: gdpr.Email(who), Fields: gdpr.Fields{"question": strings.Repeat("Vad kostar det? ", 5)}}
			if i%2 == 1 {
				rec.CollectedAt = on("2023-02-01").at
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
	measure("import", func() {
		out, err := r.As(support, "inquiry").PutAll(ctx, each, &gdpr.ImportOptions{Batch: batch})
		require.NoError(t, err)
		require.Equal(t, records, out.Stored)
	})
	var plan *gdpr.Plan
	measure("plan", func() {
		var err error
		plan, err = r.Plan(ctx)
		require.NoError(t, err)
		require.Equal(t, parts/2, plan.Erase)
	})
	measure("sweep", func() {
		res, err := r.Sweep(ctx, &gdpr.SweepOptions{Plan: plan, Batch: batch})
		require.NoError(t, err)
		require.Equal(t, parts/2, res.Erased)
	})
	measure("activity", func() {
		found := 0
		for _, err := range r.As(support, "inquiry").Records(ctx, gdpr.Query{}) {
			require.NoError(t, err)
			found++
		}
		require.Equal(t, records/2, found)
	})
	measure("person", func() {
		found := 0
		for _, err := range r.As(dpo, gdpr.SubjectRights).Find(ctx, gdpr.Email("stora.kunden@byn.example")) {
			require.NoError(t, err)
			found++
		}
		require.Equal(t, records/4, found)
	})
	return took
}

// peak returns by how much the live heap grew at most while something was done.
func peak(do func()) uint64 {
	live := func() uint64 {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	for range 3 { // what was before may take more than one collection
		runtime.GC()
	}
	before := live()
	most := before
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				most = max(most, live())
			}
		}
	}()
	do()
	close(done)
	<-ended
	return most - before
}
