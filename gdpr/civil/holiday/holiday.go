// Package holiday has the calendars of public holidays with which a deadline to
// answer is rolled (package civil). The days come from github.com/rickar/cal;
// what is chosen from it here is the law, not the custom.
//
// # Sweden
//
// [Sweden] is lag (1989:253) om allmänna helgdagar: New Year's Day, Epiphany,
// Good Friday, Easter Day and Easter Monday, 1 May, Ascension Day, Whit Sunday,
// the National Day, Midsummer Day, All Saints' Day, Christmas Day and Boxing
// Day. The National Day took the place of Whit Monday in 2005 (lag 2004:1320);
// for earlier years, back to 1990, the calendar holds what was in force then.
//
// Midsummer Eve, Christmas Eve and New Year's Eve are not public holidays.
// Whether they move a deadline of an EU regulation is open: Regulation 1182/71
// Art. 2 counts the days that a Member State designates, and no Swedish
// designation of the eves is known. An answer on the eve is in time under either
// reading, so [Sweden] leaves them out. [SwedenWithEves] has them, as lag
// (1930:173) 2 § does for Swedish statutes.
//
// # Other countries
//
// There are none yet: [ForCountry] says so, and a nil calendar then moves
// deadlines over weekends only, which is earlier and so always lawful. Any type
// with the one method of civil.Calendar will do instead.
//
// # Versions
//
// Law changes. Store [Version] beside a deadline, so that an old one can be
// explained with the calendar that it was computed with.
package holiday

import (
	"runtime/debug"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/aa"
	"github.com/rickar/cal/v2/se"

	"github.com/gallra/gallra/gdpr/civil"
)

// Sweden returns the public holidays of lag (1989:253), without eves.
func Sweden() civil.Calendar {
	return days{
		se.Nyarsdagen,
		se.TrettondedagJul,
		se.Langfredagen,
		se.Paskdagen,
		se.AnnandagPask,
		se.ForstaMaj,
		se.KristiHimmelfardsdag,
		se.Pingstdagen,
		aa.PentecostMonday.Clone(&cal.Holiday{Name: "Annandag pingst", EndYear: 2004}),
		se.Nationaldagen.Clone(&cal.Holiday{StartYear: 2005}),
		se.Midsommardagen,
		se.AllaHelgonsDag,
		se.Juldagen,
		se.AnnandagJul,
	}
}

// SwedenWithEves returns the public holidays and the three eves that lag
// (1930:173) 2 § treats like them: Midsummer Eve, Christmas Eve and New Year's
// Eve.
func SwedenWithEves() civil.Calendar {
	return both{Sweden(), days{se.Midsommarafton, se.Julafton, se.Nyarsafton}}
}

// ForCountry returns the calendar of public holidays of a country, by its ISO
// 3166 code of two capital letters, and whether there is one: for SE, Sweden.
// Without one it returns nil, which civil takes for weekends only.
func ForCountry(code string) (civil.Calendar, bool) {
	if code == "SE" {
		return Sweden(), true
	}
	return nil, false
}

const (
	source = "github.com/rickar/cal/v2"
	// pinned is what go.mod asks for; a test compares them.
	pinned = "v2.1.13"
)

// Version names the calendar data in this program, such as "rickar/cal
// v2.1.13", to be stored with every deadline that was rolled.
func Version() string {
	version := pinned
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == source {
				version = module.Version
			}
		}
	}
	return "rickar/cal " + version
}

// days is a calendar of holidays that recur every year.
type days []*cal.Holiday

// Holiday computes each day anew: cal.Calendar would remember them in a map
// that goroutines must not share.
func (h days) Holiday(d civil.Date) bool {
	for _, holiday := range h {
		// cal gives midnight in the machine's own zone.
		midnight, _ := holiday.Calc(d.Year)
		if !midnight.IsZero() && civil.DateOf(midnight, midnight.Location()) == d {
			return true
		}
	}
	return false
}

type both struct{ a, b civil.Calendar }

func (c both) Holiday(d civil.Date) bool { return c.a.Holiday(d) || c.b.Holiday(d) }
