package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights"
)

// line is an open request in JSON.
type line struct {
	Number  string              `json:"number"`
	State   subjectrights.State `json:"state"`
	Due     civil.Date          `json:"due"`
	Days    int                 `json:"days"` // until then; negative: since
	Overdue bool                `json:"overdue"`
}

func (h *house) lines(open []subjectrights.Line) []line {
	out := make([]line, len(open))
	for i, l := range open {
		due := h.last(l.Due)
		out[i] = line{l.Number, l.State, due, due.DaysSince(h.today()), l.Overdue}
	}
	return out
}

func (h *house) json(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	h.printf("%s\n", text)
	return nil
}

func (h *house) table(lines []line) error {
	w := tabwriter.NewWriter(h.out, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		in := fmt.Sprintf("in %d days", l.Days)
		switch {
		case !answerRuns(l.State):
			in = "to be closed"
		case l.State == subjectrights.AwaitingIdentity || l.State == subjectrights.AwaitingClarification:
			in = "the clock rests"
		case l.Overdue:
			in = fmt.Sprintf("OVERDUE by %d days", -l.Days)
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Number, l.State, l.Due, in); err != nil {
			return err
		}
	}
	return w.Flush()
}

// answerRuns reports whether the person still waits for the answer.
func answerRuns(s subjectrights.State) bool {
	return !slices.Contains([]subjectrights.State{subjectrights.Answered, subjectrights.Refused, subjectrights.NotIdentified}, s)
}

// list shows the open requests, what burns first comes first.
func list(ctx context.Context, h *house, set *settings) error {
	open, err := h.desk.OpenCases(ctx, set.as)
	if err != nil {
		return err
	}
	lines := h.lines(open)
	if set.json {
		return h.json(lines)
	}
	if len(lines) == 0 {
		h.printf("No request is open.\n")
	}
	return h.table(lines)
}

// overdue is for the morning's mail: what is late, and what soon will be. It marks what is late, once, as a deviation. When there is nothing to say it
// says nothing, so that cron sends no mail.
func overdue(ctx context.Context, h *house, set *settings) error {
	if _, err := h.desk.MarkMissed(ctx, set.as); err != nil {
		return err
	}
	open, err := h.desk.OpenCases(ctx, set.as)
	if err != nil {
		return err
	}
	var late, soon []line
	for _, l := range h.lines(open) {
		paused := l.State == subjectrights.AwaitingIdentity || l.State == subjectrights.AwaitingClarification
		switch {
		case l.Overdue:
			late = append(late, l)
		case answerRuns(l.State) && !paused && l.Days <= set.days:
			soon = append(soon, l)
		}
	}
	if set.json {
		return h.json(map[string][]line{"overdue": append([]line{}, late...), "soon": append([]line{}, soon...)})
	}
	if len(late) > 0 {
		h.printf("Overdue requests of data subjects: %d\n\n", len(late))
		if err := h.table(late); err != nil {
			return err
		}
	}
	if len(late) > 0 && len(soon) > 0 {
		h.printf("\n")
	}
	if len(soon) > 0 {
		h.printf("Due within %d days: %d\n\n", set.days, len(soon))
		return h.table(soon)
	}
	return nil
}

// shown is a request in JSON: nothing in it names the person.
type shown struct {
	line
	Rights    []string                  `json:"rights"`
	Channel   subjectrights.Channel     `json:"channel"`
	Received  time.Time                 `json:"received"`
	Target    civil.Date                `json:"target"`
	Identity  *subjectrights.Identified `json:"identity,omitempty"`
	Own       []subjectrights.Holding   `json:"own,omitempty"`
	Forward   []subjectrights.Forward   `json:"forward,omitempty"`
	Decisions []subjectrights.Decision  `json:"decisions,omitempty"`
	Done      []subjectrights.Done      `json:"done,omitempty"`
	Told      []subjectrights.Told      `json:"told,omitempty"`
	Next      []subjectrights.Act       `json:"next"`
}

// show shows one request, and what can be done next.
func show(ctx context.Context, h *house, set *settings) error {
	c, err := h.theCase(ctx, set)
	if err != nil {
		return err
	}
	due := h.desk.Due(c)
	s := shown{line: line{c.ID(), c.State(), due, due.DaysSince(h.today()), answerRuns(c.State()) && h.today().After(due)},
		Channel: c.Channel(), Received: c.Received(), Target: h.desk.Target(c), Identity: c.Identified(), Own: c.Own(), Forward: c.Forward(), Decisions: c.Decisions(), Done: c.Done(), Told: c.Told()}
	for _, r := range c.Rights() {
		s.Rights = append(s.Rights, nameOf(r))
	}
	for _, t := range subjectrights.Transitions() {
		if t.From == c.State() {
			s.Next = append(s.Next, t.Act)
		}
	}
	if set.json {
		return h.json(s)
	}
	return h.page(ctx, &s)
}

func (h *house) page(ctx context.Context, s *shown) error {
	day := func(at time.Time) string { return civil.DateOf(at, h.zone).String() }
	h.printf("%s  %s\n", s.Number, s.State)
	h.printf("  asks for    %s\n", strings.Join(s.Rights, ", "))
	h.printf("  received    %s by %s\n", day(s.Received), s.Channel)
	h.printf("  answer by   %s (aim at %s)\n", s.Due, s.Target)
	if s.Identity != nil {
		h.printf("  identified  %s by %s, %s\n", day(s.Identity.At), s.Identity.By, s.Identity.Method)
	}
	for _, own := range s.Own {
		h.printf("  ours        %s: %s\n", own.Activity, records(len(own.Records)))
		for _, id := range own.Records {
			h.printf("                %s\n", id)
		}
	}
	for _, f := range s.Forward {
		p, err := h.Party(ctx, f.Controller)
		if err != nil {
			return err
		}
		passed := "to be passed on by " + f.By.String()
		if !f.PassedOn.IsZero() {
			passed = "passed on " + day(f.PassedOn)
		}
		h.printf("  customer's  %s: %s, %s\n", p.Name, records(len(f.Records)), passed)
	}
	for _, d := range s.Decisions {
		what := "refused"
		if d.Grant {
			what = "granted"
		}
		h.printf("  decided     %s by %s\n", strings.TrimSpace(nameOf(d.Right)+" "+what+" "+d.Ground), d.By)
	}
	for _, d := range s.Done {
		h.printf("  done        %s %s by %s\n", day(d.At), nameOf(d.Right), d.By)
	}
	for _, t := range s.Told {
		h.printf("  told        %s %s: %s\n", day(t.At), t.To, t.Kind)
	}
	next := make([]string, len(s.Next))
	for i, a := range s.Next {
		next[i] = string(a)
	}
	if len(next) > 0 {
		h.printf("  next        %s\n", strings.Join(next, ", "))
	}
	return nil
}

func records(n int) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}
