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
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/civil/holiday"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "usage: deadline < QUESTIONS: a JSON object a line, as the package's comment says")
		os.Exit(2)
	}
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
	ID     string `json:"id"`
	Kind   string `json:"kind"`   // response, extension, erasure or breach: a label
	Start  string `json:"start"`  // the instant when it began
	Zone   string `json:"zone"`   // where its days are counted, such as Europe/Stockholm
	Period string `json:"period"` // P1M, P30D, PT72H
	Roll   string `json:"roll"`   // none (also when missing), forward or back: to a working day in Sweden
	Eves   bool   `json:"eves"`   // the eves of Midsummer, Christmas and the New Year are no working days
	Pauses []struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"pauses"`
	Due string `json:"due"` // an agreed day, which wins when it is earlier

	start time.Time
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
	var field *json.UnmarshalTypeError
	switch err := d.Decode(q); {
	case errors.As(err, &field) && field.Field != "":
		return fmt.Errorf("%s: a value of another kind", field.Field)
	case err != nil:
		return errors.New("not a question: want one JSON object with the fields that the program knows")
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
	start, err := time.Parse(time.RFC3339, q.Start)
	if err != nil || start.Year() < 1 {
		return answer{}, errors.New("start: want an instant as in RFC 3339, such as 2026-01-30T09:00:00+01:00")
	}
	q.start = start
	zone, err := civil.LoadZone(q.Zone)
	if err != nil {
		return answer{}, fmt.Errorf("zone: %w", err)
	}
	var a answer
	count := q.days
	if strings.HasPrefix(q.Period, "PT") {
		count = q.hours
	}
	if a, err = count(zone); err != nil {
		return answer{}, err
	}
	if q.Due == "" {
		return a, nil
	}
	due, err := civil.ParseDate(q.Due)
	if err != nil {
		return answer{}, fmt.Errorf("due: %w", err)
	}
	if due.End(zone).Before(a.End) {
		a.Date, a.End = due, due.End(zone)
	}
	return a, nil
}

// hours run on over nights, weekends and holidays (Art. 33(1)).
func (q *question) hours(zone *time.Location) (answer, error) {
	h, err := civil.ParseHours(q.Period)
	if err != nil {
		return answer{}, fmt.Errorf("period: %w", err)
	}
	if q.Roll != "" && q.Roll != "none" || len(q.Pauses) > 0 {
		return answer{}, errors.New("period: hours are neither rolled nor paused")
	}
	end := q.start.UTC().Add(time.Duration(h) * time.Hour)
	if end.Year() > 9999 {
		return answer{}, errors.New("period: it ends after the year 9999")
	}
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
		from, err := civil.ParseDate(p.From)
		to, err2 := civil.ParseDate(p.To)
		if err := errors.Join(err, err2); err != nil {
			return answer{}, fmt.Errorf("pauses[%d]: %w", i, err)
		}
		pauses[i] = civil.Pause{From: from, To: to}
	}
	paused, err := civil.PausedDays(pauses)
	if err != nil {
		return answer{}, fmt.Errorf("pauses: %w", err)
	}
	last := period.After(civil.DateOf(q.start, zone)).AddDays(paused)
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
