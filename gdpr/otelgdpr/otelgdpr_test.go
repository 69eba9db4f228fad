package otelgdpr_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/gallra/gallra/crypto/insecurekeyfile"
	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/otelgdpr"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// office is an engine whose sweeps become metrics, and a clock to turn.
type office struct {
	*gdpr.Engine
	t      *testing.T
	now    time.Time
	reader *metric.ManualReader
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), reader: metric.NewManualReader()}
	observer, err := otelgdpr.New(metric.NewMeterProvider(metric.WithReader(o.reader)))
	require.NoError(t, err)
	reg, err := gdpr.LoadRegister("../../testdata/registers/smallest.yaml")
	require.NoError(t, err)
	kek, err := insecurekeyfile.Open(t.TempDir() + "/dev.kek")
	require.NoError(t, err)
	o.Engine, err = gdpr.Open(t.Context(), memory.New(), kek, reg, &gdpr.Options{Now: func() time.Time { return o.now }, Observer: observer})
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// read collects all metrics: name and attributes to value; of a histogram its count.
func (o *office) read() map[string]float64 {
	o.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(o.t, o.reader.Collect(o.t.Context(), &all))
	out := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			assert.NotEmpty(o.t, m.Unit, m.Name)
			assert.NotEmpty(o.t, m.Description, m.Name)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					out[m.Name+words(p.Attributes)] = float64(p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					out[m.Name+words(p.Attributes)] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					out[m.Name+words(p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					out[m.Name+words(p.Attributes)] = float64(p.Count)
				}
			default:
				require.Fail(o.t, "unknown kind of metric", m.Name)
			}
		}
	}
	return out
}

func words(set attribute.Set) string {
	var out strings.Builder
	for _, kv := range set.ToSlice() {
		out.WriteString(" " + kv.Value.String())
	}
	return out.String()
}

func (o *office) put(who string) gdpr.ID {
	o.t.Helper()
	id, err := o.As(gdpr.Person("Märta Support"), "inquiry").Put(o.t.Context(), gdpr.Record{Subject: gdpr.Email(who), Fields: gdpr.Fields{"question": "Hej från Åsa"}})
	require.NoError(o.t, err)
	return id
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx := t.Context()
	began := float64(time.Now().Unix())
	_, err := o.Sweep(ctx, nil)
	require.NoError(t, err)
	got := o.read()
	assert.InDelta(t, 1, got["gallra.sweeps done"], 0)
	assert.Zero(t, got["gallra.sweep.lag"])
	assert.Contains(t, got, "gallra.sweep.lag")
	assert.GreaterOrEqual(t, got["gallra.sweep.last"], began)

	held := o.put("åsa.öberg@kund.example")
	o.put("björn.ek@kund.example")
	_, err = o.As(gdpr.Person("Örjan Dataskydd"), gdpr.Retention).Hold(ctx, gdpr.Hold{Record: held, Ground: "tvist", ReviewBy: civil.Date{Year: 2027, Month: 3, Day: 1}})
	require.NoError(t, err)
	o.now = time.Date(2027, 3, 3, 23, 0, 0, 0, time.UTC) // the last day was 2 March, in Stockholm
	_, err = o.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, MaxTime: 1})
	require.NoError(t, err)
	got = o.read()
	assert.InDelta(t, 1, got["gallra.sweeps stopped"], 0)
	assert.InDelta(t, 24*3600, got["gallra.sweep.lag"], 0)
	assert.InDelta(t, 1, got["gallra.limit.warnings review of a hold 80"], 0)
	_, err = o.Sweep(ctx, nil)
	require.NoError(t, err)
	got = o.read()
	assert.InDelta(t, 2, got["gallra.sweeps done"], 0)
	assert.InDelta(t, 1, got["gallra.sweep.parts erased"], 0)
	assert.InDelta(t, 1, got["gallra.sweep.parts held"], 0)
	assert.InDelta(t, 1, got["gallra.sweep.persons"], 0)
	assert.InDelta(t, 1, got["gallra.sweep.late"], 0)
	assert.Zero(t, got["gallra.sweep.lag"])
	assert.InDelta(t, 2, got["gallra.sweep.duration done"], 0)

	old := gdpr.Record{Subject: gdpr.Email("nils@kund.example"), Fields: gdpr.Fields{"question": "Gammalt"}, CollectedAt: time.Date(2016, 5, 10, 12, 0, 0, 0, time.UTC)}
	_, err = o.As(gdpr.Person("Märta Support"), "inquiry").PutAll(ctx, func(yield func(gdpr.Record, error) bool) { yield(old, nil) }, nil)
	require.NoError(t, err)
	_, err = o.Sweep(ctx, nil)
	require.ErrorIs(t, err, gdpr.ErrHalted)
	got = o.read()
	assert.InDelta(t, 1, got["gallra.sweeps halted"], 0)
	assert.InDelta(t, 1, got["gallra.sweep.awaiting_plan"], 0)
	assert.Greater(t, got["gallra.sweep.lag"], float64(9*365*24*3600))

	// Lag is what it was when the store cannot be asked, and nothing but the words of the package is ever an attribute.
	lag := got["gallra.sweep.lag"]
	require.NoError(t, o.Close())
	_, err = o.Sweep(ctx, nil)
	require.Error(t, err)
	got = o.read()
	assert.InDelta(t, 1, got["gallra.sweeps failed"], 0)
	assert.InDelta(t, lag, got["gallra.sweep.lag"], 0)
	var all metricdata.ResourceMetrics
	require.NoError(t, o.reader.Collect(ctx, &all))
	text, err := json.Marshal(all.ScopeMetrics)
	require.NoError(t, err)
	for _, word := range []string{"inquiry", held.String(), "Åsa", "kund.example", "Örjan"} {
		assert.NotContains(t, string(text), word)
	}
	for name := range got {
		for _, word := range strings.Fields(name)[1:] {
			assert.Contains(t, []string{"done", "stopped", "leased", "halted", "failed", "erased", "held", "kept", "left", "review", "of", "a", "hold", "50", "80"}, word)
		}
	}
}

func TestNewNeedsAProvider(t *testing.T) {
	t.Parallel()
	_, err := otelgdpr.New(nil)
	require.EqualError(t, err, "otelgdpr: MeterProvider: missing")
}
