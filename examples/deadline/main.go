// Command deadline computes last days of time limits: one JSON object a line in, one a line out. It is what the library counts by (packages civil and
// holiday) and nothing else, so that a table of cases, or another program, can check it.
//
//	echo '{"id":"a","kind":"response","start":"2026-01-30T09:00:00+01:00","zone":"Europe/Stockholm","period":"P1M","roll":"forward"}' | go run ./examples/deadline
//	{"id":"a","date":"2026-03-02","end":"2026-03-02T23:00:00Z"}
//
// A line that cannot be computed gives an error, and the others go on; the program then ends with 1.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/civil/holiday"
)

func main() {
	ok, err := run(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "deadline:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// question is one line of the input.
type question struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind"`   // response, extension, erasure or breach: a label
	Start  time.Time `json:"start"`  // when it began
	Zone   string    `json:"zone"`   // where its days are counted, such as Europe/Stockholm
	Period string    `json:"period"` // P1M, P30D, PT72H
	Roll   string    `json:"roll"`   // none (also when missing), forward or back: to a working day in Sweden
	Eves   bool      `json:"eves"`   // the eves of Midsummer, Christmas and the New Year are no working days
	Pauses []struct {
		From civil.Date `json:"from"`
		To   civil.Date `json:"to"`
	} `json:"pauses"`
	Due civil.Date `json:"due"` // an agreed day, which wins when it is earlier
}

// answer is one line of the output: the last day in time and its exclusive end, or an error.
type answer struct {
	ID    string     `json:"id"`
	Date  civil.Date `json:"date,omitzero"`
	End   time.Time  `json:"end,omitzero"`
	Error string     `json:"error,omitempty"`
}

// run answers every line, and reports whether all could be.
func run(in io.Reader, out io.Writer) (ok bool, err error) {
	lines, to := bufio.NewReader(in), bufio.NewWriter(out)
	defer func() { err = errors.Join(err, to.Flush()) }()
	write := json.NewEncoder(to)
	for ok = true; ; {
		line, end := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var q question
			a, err := answer{}, decode(line, &q)
			if err == nil {
				a, err = q.answer()
			}
			if a.ID = q.ID; err != nil {
				a, ok = answer{ID: q.ID, Error: err.Error()}, false
			}
			if err := write.Encode(a); err != nil {
				return false, err
			}
		}
		if errors.Is(end, io.EOF) {
			return ok, nil
		}
		if end != nil {
			return false, end
		}
	}
}

func decode(line []byte, q *question) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return fmt.Errorf("not a question: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not a question: more than one object in the line")
	}
	return nil
}

func (q *question) answer() (answer, error) {
	switch q.Kind {
	case "response", "extension", "erasure", "breach":
	default:
		return answer{}, errors.New("kind: want response, extension, erasure or breach")
	}
	if q.Start.IsZero() {
		return answer{}, errors.New("start: missing")
	}
	zone, err := civil.LoadZone(q.Zone)
	if err != nil {
		return answer{}, fmt.Errorf("zone: %w", err)
	}
	var a answer
	if h, err := civil.ParseHours(q.Period); err == nil {
		a, err = q.hours(h, zone)
		if err != nil {
			return answer{}, err
		}
	} else if a, err = q.days(zone); err != nil {
		return answer{}, err
	}
	if !q.Due.IsZero() && q.Due.End(zone).Before(a.End) {
		a.Date, a.End = q.Due, q.Due.End(zone)
	}
	return a, nil
}

// hours run on over nights, weekends and holidays (Art. 33(1)).
func (q *question) hours(h civil.Hours, zone *time.Location) (answer, error) {
	if q.Roll != "" && q.Roll != "none" || len(q.Pauses) > 0 {
		return answer{}, errors.New("period: hours are neither rolled nor paused")
	}
	end := q.Start.UTC().Add(time.Duration(h) * time.Hour)
	return answer{Date: civil.DateOf(end.Add(-1), zone), End: end}, nil
}

// days are counted from the day of the start; the paused days come on top, and then the day is rolled.
func (q *question) days(zone *time.Location) (answer, error) {
	period, err := civil.ParsePeriod(q.Period)
	if err != nil {
		return answer{}, fmt.Errorf("period: %w", err)
	}
	pauses := make([]civil.Pause, len(q.Pauses))
	for i, p := range q.Pauses {
		pauses[i] = civil.Pause{From: p.From, To: p.To}
	}
	paused, err := civil.PausedDays(pauses)
	if err != nil {
		return answer{}, fmt.Errorf("pauses: %w", err)
	}
	last := period.After(civil.DateOf(q.Start, zone)).AddDays(paused)
	calendar := holiday.Sweden()
	if q.Eves {
		calendar = holiday.SwedenWithEves()
	}
	switch q.Roll {
	case "", "none":
	case "forward":
		last = civil.RollForward(last, calendar)
	case "back":
		last = civil.RollBack(last, calendar)
	default:
		return answer{}, errors.New("roll: want none, forward or back")
	}
	return answer{Date: last, End: last.End(zone)}, nil
}
