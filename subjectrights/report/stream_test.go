package report_test

import (
	"errors"
	"io"
	"iter"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights/report"
)

func stream(all []report.Record) iter.Seq2[report.Record, error] {
	return func(yield func(report.Record, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// streamed hands the records of an input out as a stream.
func streamed(in report.Input) report.Input {
	in.Stream = stream(in.Records)
	in.Records = nil
	return in
}

func TestStreamGivesTheSame(t *testing.T) {
	t.Parallel()
	in := family(t)
	slices.SortFunc(in.Records, func(x, y report.Record) int { // as the register has them
		return slices.Index(in.Register.ActivityIDs(), x.Stored.Activity) - slices.Index(in.Register.ActivityIDs(), y.Stored.Activity)
	})
	r, s := made(t, in), made(t, streamed(in))
	assert.Equal(t, 2, s.Records())
	for name, f := range forms {
		assert.Equal(t, string(written(t, f, r, "sv")), string(written(t, f, s, "sv")), name)
	}
}

func TestStreamThatIsNotWhole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"Åke Öberg", "Åke Ö."} {
		h.put("festival", gdpr.Record{Subject: ake, Fields: gdpr.Fields{"name": name}})
	}
	in := family(t)
	torn := slices.Concat(in.Records, in.Records)
	_, err := report.New(streamed(withRecords(in, torn)))
	var refused *gdpr.InputError
	require.ErrorAs(t, err, &refused, "an activity's records stand apart")

	gone := errors.New("the store has gone")
	broken := in
	broken.Records, broken.Stream = nil, func(yield func(report.Record, error) bool) { yield(report.Record{}, gone) }
	_, err = report.New(broken)
	require.ErrorIs(t, err, gone)

	two := h.input(ake)
	have := two.Records
	two.Records, two.Stream = nil, func(yield func(report.Record, error) bool) { stream(have)(yield) }
	r := made(t, two)
	have = []report.Record{have[1], have[1]}
	for form, f := range forms {
		require.ErrorIs(t, f(io.Discard, r, "sv"), report.ErrChanged, "another record of the same activity, %s", form)
	}

	for name, now := range map[string][]report.Record{"fewer": in.Records[:1], "none": nil, "more": append(in.Records[:2:2], in.Records[1]), "others": {in.Records[1], in.Records[0]}} {
		have := in.Records
		moving := in
		moving.Records = nil
		moving.Stream = func(yield func(report.Record, error) bool) { stream(have)(yield) }
		r := made(t, moving)
		have = now
		for form, f := range forms {
			require.ErrorIs(t, f(io.Discard, r, "sv"), report.ErrChanged, "%s, %s", name, form)
		}
		have = in.Records
		for form, f := range forms {
			require.NoError(t, f(io.Discard, r, "sv"), form)
		}
	}
}

// TestSourceThatChanges: what a source handed out first must come again, or the report is none.
func TestSourceThatChanges(t *testing.T) {
	t.Parallel()
	in := whole(t)
	have := in.Sources[0].Items
	in.Sources[0].Items = func(yield func(report.Item, error) bool) { have(yield) }
	r := made(t, in)
	have = items()
	for name, f := range forms {
		require.ErrorIs(t, f(io.Discard, r, "sv"), report.ErrChanged, name)
	}
	have = failing
	for name, f := range forms {
		require.ErrorIs(t, f(io.Discard, r, "sv"), report.ErrChanged, name)
	}
}

// TestWriterThatFails: whatever a form is written to, its error comes out.
func TestWriterThatFails(t *testing.T) {
	t.Parallel()
	r := made(t, whole(t))
	for name, f := range forms {
		size := len(written(t, f, r, "sv"))
		for _, at := range []int{0, 1, size / 2, size - 1} {
			require.ErrorIs(t, f(&full{at}, r, "sv"), io.ErrShortWrite, "%s after %d", name, at)
		}
	}
}

// full takes so many bytes.
type full struct{ left int }

func (w *full) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, io.ErrShortWrite
	}
	w.left -= len(p)
	return len(p), nil
}

func withRecords(in report.Input, all []report.Record) report.Input {
	in.Records = all
	return in
}

// heap is how many bytes of objects it has, dead ones that were not collected yet among them.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// many hands out a record n times, and notes the largest heap that it meets.
func many(r report.Record, n int, peak *uint64) iter.Seq2[report.Record, error] {
	return func(yield func(report.Record, error) bool) {
		for i := range n {
			if i%100 == 0 {
				*peak = max(*peak, heap())
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// TestReportHoldsOneRecordAtATime: the heap is as large for ten times as many records, and small. It runs alone: others' heaps are the same.
func TestReportHoldsOneRecordAtATime(t *testing.T) { //nolint:paralleltest // it measures the process
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // little that is dead counts
	in := family(t)
	r := in.Records[0]
	in.Records = nil
	for name, f := range forms {
		var peaks [2]uint64
		for i, n := range []int{1_000, 10_000} {
			runtime.GC()
			before := heap()
			in.Stream = many(r, n, &peaks[i])
			require.NoError(t, f(io.Discard, made(t, in), "sv"))
			peaks[i] -= min(peaks[i], before)
		}
		t.Logf("%s: %d KiB, %d KiB", name, peaks[0]>>10, peaks[1]>>10)
		assert.Less(t, peaks[1], uint64(16<<20), name)
		assert.Less(t, peaks[1], peaks[0]+4<<20, name)
	}
}

func BenchmarkForms(b *testing.B) {
	in := family(b)
	r := in.Records[0]
	in.Records = nil
	var peak uint64
	in.Stream = many(r, 10_000, &peak)
	rep := made(b, in)
	for name, f := range forms {
		b.Run(name, func(b *testing.B) {
			began := time.Now()
			for b.Loop() {
				require.NoError(b, f(io.Discard, rep, "sv"))
			}
			b.ReportMetric(float64(time.Since(began).Microseconds())/float64(b.N)/10_000, "us/record")
		})
	}
}
