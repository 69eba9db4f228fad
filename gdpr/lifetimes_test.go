package gdpr_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
	_ "github.com/gallra/gallra/internal/seeded"
)

// life is a record of the workshop of family.yaml as the test knows it, without a word of the engine: what has happened to it, and on which day.
type life struct {
	id        gdpr.ID
	collected civil.Date
	delivered civil.Date // zero: not yet
	closed    civil.Date // the financial year
	ended     map[string]civil.Date
	holds     []gdpr.ID
	gone      map[string]bool // fields
}

// groups are the parts of such a record: a field of each, and the purposes that it serves.
var groups = map[string][]string{
	"name":    {"order", "warranty", "bookkeeping"},
	"serial":  {"order", "warranty"},
	"amount":  {"order", "bookkeeping"},
	"message": {"order"},
}

var stockholm = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err)
	}
	return zone
}()

// end is when a purpose's reason ends, zero while nobody knows; floor says that it may not be anticipated by a lead.
func (l *life) end(purpose string) (end time.Time, floor bool) {
	over := func(d civil.Date) time.Time { return d.End(stockholm) }
	years := func(d civil.Date, n int) civil.Date { return civil.Period{Years: n}.After(d) }
	var ceiling time.Time
	switch purpose {
	case "order":
		ceiling = over(years(l.collected, 1))
	case "warranty":
		if !l.delivered.IsZero() {
			ceiling = over(years(l.delivered, 3))
		}
	case "bookkeeping":
		if !l.closed.IsZero() {
			ceiling = over(civil.Period{Years: 7, Months: 3}.After(civil.Date{Year: l.closed.Year, Month: 12, Day: 31}))
		}
	}
	if day, ok := l.ended[purpose]; ok {
		if said := day.Start(stockholm); ceiling.IsZero() || said.Before(ceiling) {
			ceiling = said
		}
		if purpose == "bookkeeping" { // but never before its floor
			if l.closed.IsZero() {
				return time.Time{}, true
			}
			if kept := over(years(civil.Date{Year: l.closed.Year, Month: 12, Day: 31}, 7)); kept.After(ceiling) {
				return kept, true
			}
		}
	}
	return ceiling, false
}

// goes is when a part may be erased: when the last of its reasons has ended, three days before where no floor stands; zero while that is not known.
func (l *life) goes(field string) time.Time {
	var last time.Time
	var floor time.Time
	for _, purpose := range groups[field] {
		end, kept := l.end(purpose)
		if end.IsZero() {
			return time.Time{}
		}
		if end.After(last) {
			last = end
		}
		if kept && end.After(floor) {
			floor = end
		}
		if purpose == "bookkeeping" { // the floor stands also while the purpose goes on
			if kept := (civil.Period{Years: 7}).After(civil.Date{Year: l.closed.Year, Month: 12, Day: 31}).End(stockholm); kept.After(floor) {
				floor = kept
			}
		}
	}
	last = last.Add(-72 * time.Hour)
	if floor.After(last) {
		return floor
	}
	return last
}

// TestLifetimes: whatever happens in whatever order, after a sweep exactly that is there whose last reason has not ended, or that is on hold: no part outlives its last
// reason by more than the time between two sweeps, none goes before its last floor, and what is held never (REQUIREMENTS 4.3, 4.6, 4.8).
func TestLifetimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t, "family.yaml", memory.New(), nil)
		defer func() { _ = h.Engine.Close() }()
		ctx, s := t.Context(), h.As(web, "order")
		var lives []*life
		for i := range rapid.IntRange(1, 4).Draw(rt, "records") {
			at := h.clock.at.AddDate(0, 0, -rapid.IntRange(0, 350).Draw(rt, "days ago"))
			id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Ref(fmt.Sprint("kund ", i%2)), CollectedAt: at,
				Fields: gdpr.Fields{"name": "Åsa", "serial": "ÅKV", "amount": 1.5, "message": "Hej"}})
			require.NoError(rt, err)
			lives = append(lives, &life{id: id, collected: civil.DateOf(at, stockholm), ended: map[string]civil.Date{}, gone: map[string]bool{}})
		}
		for range rapid.IntRange(4, 14).Draw(rt, "steps") {
			h.clock.at = h.clock.at.AddDate(0, 0, rapid.SampledFrom([]int{0, 1, 20, 200, 370, 800}).Draw(rt, "days on"))
			today := civil.DateOf(h.clock.at, stockholm)
			l := rapid.SampledFrom(lives).Draw(rt, "record")
			ev := gdpr.Event{Record: l.id, Day: today}
			switch what := rapid.SampledFrom([]string{"delivered", "year-closed", "end", "object", "hold", "release", "nothing"}).Draw(rt, "what"); {
			case len(l.gone) == len(groups):
			case what == "delivered" && l.delivered.IsZero():
				ev.Kind, l.delivered = "delivered", today
				require.NoError(rt, s.RecordEvent(ctx, ev))
			case what == "year-closed" && l.closed.IsZero():
				ev.Kind, l.closed = "year-closed", today
				require.NoError(rt, s.RecordEvent(ctx, ev))
			case what == "object":
				purpose := rapid.SampledFrom([]string{"order", "warranty", "bookkeeping"}).Draw(rt, "purpose")
				ev.Kind, ev.Purpose = gdpr.ObjectionUpheld, purpose
				if err := h.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, ev); err == nil { // refused where nothing serves it any more
					if _, was := l.ended[purpose]; !was {
						l.ended[purpose] = today
					}
				}
			case what == "hold":
				id, err := s.Hold(ctx, gdpr.Hold{Record: l.id, Ground: "tvist", ReviewBy: today.AddDays(rapid.IntRange(1, 300).Draw(rt, "review"))})
				require.NoError(rt, err)
				l.holds = append(l.holds, id)
			case what == "release" && len(l.holds) > 0:
				require.NoError(rt, s.Release(ctx, l.holds[0]))
				l.holds = l.holds[1:]
			}
			_, err := h.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
			require.NoError(rt, err)
			for i, l := range lives {
				l.check(rt, h, i)
			}
		}
	})
}

// check says that of a record exactly that is left which must be.
func (l *life) check(rt *rapid.T, h *house, i int) {
	parts, err := h.store.Record(h.t.Context(), l.id)
	require.NoError(rt, err)
	for field, purposes := range groups {
		there := slices.ContainsFunc(parts, func(p storage.Part) bool { return slices.Equal(p.Purposes, slices.Sorted(slices.Values(purposes))) })
		goes := l.goes(field)
		switch due := !goes.IsZero() && !goes.After(h.clock.at); {
		case there && l.gone[field]:
			rt.Fatalf("record %d: %s is back", i, field)
		case there && due && len(l.holds) == 0:
			rt.Fatalf("record %d: %s should have gone by %s, and is there on %s: %+v", i, field, goes, h.clock.at, l)
		case !there && !l.gone[field] && (!due || len(l.holds) > 0):
			rt.Fatalf("record %d: %s may not go before %s, nor while on hold, and is gone on %s: %+v", i, field, goes, h.clock.at, l)
		}
		if !there {
			l.gone[field] = true
		}
	}
}
