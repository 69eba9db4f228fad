// Quickstart is the main job of Gallra from beginning to end, on SQLite and with nothing to set up: a firm's data comes in, a person is found,
// three letters change what may be kept, what is due is planned and erased, the person's requests are answered, and all of it is proven.
//
//	go run ./examples/quickstart
//
// Everything is written to out/quickstart under the working directory, anew with each run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/retention"
	"github.com/gallra/gallra/subjectrights"
)

const folder = "out/quickstart"

func main() {
	if err := realMain(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func realMain(ctx context.Context, out io.Writer) (err error) {
	began := time.Now()
	h, err := openHouse(ctx, folder)
	if err != nil {
		return err
	}
	t := &tale{house: h, story: newStory(out)}
	defer func() { err = errors.Join(err, h.close(), t.err) }()
	for _, chapter := range []func(context.Context) error{
		t.movingIn,
		t.whoIsAnna,
		t.threeLetters,
		t.thePlan,
		t.theSweep,
		t.threeRequests,
		t.everyNight,
		t.theProof,
		t.whereItLies,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	t.say("All of this took %.1f seconds: %.1f to bring the records in, %.1f to sweep.",
		time.Since(began).Seconds(), t.importTook.Seconds(), t.sweepTook.Seconds())
	return nil
}

// tale is the story, and what one chapter tells the next.
type tale struct {
	*house
	*story
	agreements map[string]agreement // by number
	anna       []holding            // what was held about her at the beginning
	held       holding              // her ticket that is put on hold
	plan       *gdpr.Plan

	importTook, sweepTook time.Duration
}

// movingIn hands out the roles and brings in what the firm has so far.
func (t *tale) movingIn(ctx context.Context) (err error) {
	t.say(`Gallra at work in a small firm: ten days in 2026, on a clock that is turned by hand. The people are invented, every one; what is told about their
		data happens as you read.`)
	t.chapter("Moving in")
	if err := t.grant(ctx); err != nil {
		return err
	}
	if t.agreements, err = t.importAgreements(ctx); err != nil {
		return err
	}
	began, count := time.Now(), map[string]int{}
	if count[ticket], err = t.importTickets(ctx, t.agreements); err != nil {
		return err
	}
	if count[contact], err = t.importContacts(ctx); err != nil {
		return err
	}
	for _, number := range hosting {
		n, err := t.importHosted(ctx, t.agreements[number])
		if err != nil {
			return err
		}
		count[hosted] += n
	}
	t.importTook = time.Since(began)

	register := t.Register()
	t.say(`%s keeps support tickets and sales contacts of its own, and hosts data for %s. Its register, a text file, says what each kind of data is for
		and when it must go. %d members of staff hold a role of the register; nobody else may do anything. They have read in %s and the records
		below. (P1Y is a year, P3M three months; each-agreement: each agreement says how long.)`,
		register.Organization.Name, t.of(len(hosting), "customer"), 1+len(grants), t.of(len(t.agreements), "agreement"))
	var table [][]any
	for _, id := range []string{ticket, contact, hosted} {
		activity, _ := register.Activity(id)
		rules := activity.Erase
		if activity.Processor() {
			rules = register.Terms[activity.Terms].Erase
		}
		table = append(table, []any{id, count[id], rules[0]})
		for _, rule := range rules[1:] {
			table = append(table, []any{"", "", rule})
		}
	}
	t.table([]string{"activity", "records", "to be erased"}, table...)
	return nil
}

// anna is how somebody wrote Anna's e-mail address on a note.
const anna = "Anna.Lindqvist@KUND.example"

// whoIsAnna finds a person by e-mail address, and asks what is held about her, until when and why.
func (t *tale) whoIsAnna(ctx context.Context) (err error) {
	t.chapter("Who is Anna?")
	if t.anna, err = t.holdingsOf(ctx, privacy, gdpr.Email(anna)); err != nil {
		return err
	}
	spelled := map[string]bool{}
	sealed := 0
	var table [][]any
	for _, r := range t.anna {
		party, err := t.Party(ctx, r.Controller)
		if err != nil {
			return err
		}
		if r.Sealed() {
			sealed++
		} else {
			spelled[r.Text("email")] = true
		}
		table = append(table, []any{r.Activity, r.Role, party.Name, r.Collected, until(r.why)})
	}
	t.say(`Sara Dahl, who answers for privacy, has an address on a note: %s. It leads to %s. In those of our own the address is spelled in %d ways, and it
		is still one person. The %d that customers have entrusted to us are found, but stay sealed for her.`,
		anna, t.of(len(t.anna), "record"), len(spelled), sealed)
	t.table([]string{"activity", "held as", "for", "since", "last day"}, table...)

	oldest, newest, entrusted := t.anna[0], t.annas(func(r holding) bool { return r.Activity == ticket }), t.anna[len(t.anna)-1]
	t.say("Her latest ticket is from %s, %s, and begins:", newest.Text("name"), newest.Text("phone"))
	t.quote(beginning(newest.Text("message")))
	t.say("Why these last days? The engine explains her first ticket, her latest, and the last record of the table:")
	t.quote(oldest.why.Parts[0].Words[0], newest.why.Parts[0].Words[0], entrusted.why.Parts[0].Words[0], entrusted.why.Parts[0].Words[1])

	_, err = t.As(support, ticket).Get(ctx, oldest.ID)
	no, err := refusal(err, gdpr.ErrPurposeEnded)
	if err != nil {
		return err
	}
	t.say("Her first ticket is overdue. It is still there, but support cannot use it any more: %q.", no)
	return nil
}

// threeLetters records the end of an agreement, a customer's instruction to erase, and a hold.
func (t *tale) threeLetters(ctx context.Context) error {
	t.chapter("Three letters")
	ended, erase := t.agreements[employer], t.agreements[bakery]
	day, by, review := date(2026, 11, 20), date(2026, 12, 15), date(2027, 5, 20)
	t.say(`Three letters have come, dated %s. %s, where Anna works, has ended its agreement %s. %s wants all erased that it has entrusted to us under %s, by
		%s. And our lawyer needs one of Anna's overdue tickets as evidence: it is put on hold, to be looked at again by %s.`,
		day, ended.customer, employer, erase.customer, bakery, by, review)

	tickets, err := under(ctx, t.As(support, ticket), ended)
	if err != nil {
		return err
	}
	entries, err := under(ctx, t.As(operations, hosted).Under(erase.id), erase)
	if err != nil {
		return err
	}
	err = t.As(manager, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: ended.id, Day: day})
	if err != nil {
		return err
	}
	err = t.As(operations, hosted).Under(erase.id).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ErasureInstructed, Agreement: erase.id, Day: day, By: by})
	if err != nil {
		return err
	}
	t.held = t.annas(func(r holding) bool { return r.Activity == ticket && r.Agreement.IsZero() })
	_, err = t.As(privacy, gdpr.Retention).Hold(ctx, gdpr.Hold{Record: t.held.ID, Ground: "evidence in a claim for damages", ReviewBy: review})
	if err != nil {
		return err
	}

	var table [][]any
	var explained []string
	for _, dated := range []struct {
		what    string
		records int
		example holding
	}{
		{"tickets under " + employer, tickets, t.annas(func(r holding) bool { return r.Agreement == ended.id })},
		{"entrusted under " + bakery, entries, t.annas(func(r holding) bool { return r.Agreement == erase.id })},
		{"ticket on hold", 1, t.held},
	} {
		now, err := t.As(privacy, gdpr.SubjectRights).Explain(ctx, dated.example.ID)
		if err != nil {
			return err
		}
		table = append(table, []any{dated.what, dated.records, until(dated.example.why), until(now)})
		explained = append(explained, now.Parts[0].Words[0])
	}
	t.table([]string{"", "records", "last day before", "last day now"}, table...)
	t.say("The end and the instruction are written down once, with the agreement, and date all that hangs on it. The bakery's day is an outer limit:")
	t.quote(explained[1])
	return nil
}

// thePlan shows what a sweep would erase, and that it does not erase so much unasked.
func (t *tale) thePlan(ctx context.Context) (err error) {
	t.chapter("The plan")
	if t.plan, err = t.Plan(ctx); err != nil {
		return err
	}
	health, err := t.Health(ctx)
	if err != nil {
		return err
	}
	t.say(`What is due on %s? A plan tells, and touches nothing. A sweep works three days ahead of a last day, and an instruction counts from the next run:`, t.today())
	var table [][]any
	for _, line := range t.plan.Lines {
		table = append(table, []any{line.Activity, line.Rule, line.Why, line.Count})
	}
	t.table([]string{"activity", "rule", "", "records"}, table...)

	halted, err := t.Sweep(ctx, nil)
	no, err := refusal(err, gdpr.ErrHalted)
	if err != nil {
		return err
	}
	t.say(`%d of %s would go, %.0f %%. A mistake in a register must not empty a database overnight, so a sweep that is simply started erases %d and stops:
		%q. Somebody has to look at the plan.`,
		t.plan.Erase, t.of(int(health.Parts), "record"), 100*float64(t.plan.Erase)/float64(health.Parts), halted.Erased, no)
	return nil
}

// theSweep carries out the plan, and shows what went, what stays and why.
func (t *tale) theSweep(ctx context.Context) error {
	t.chapter("The sweep")
	if err := t.backUp(ctx); err != nil {
		return err
	}
	swept, err := t.Sweep(ctx, &gdpr.SweepOptions{Plan: t.plan, Actor: privacy})
	if err != nil {
		return err
	}
	t.sweepTook = swept.Took
	health, err := t.Health(ctx)
	if err != nil {
		return err
	}
	t.say(`Sara Dahl has looked, and sweeps with this plan: exactly what it shows goes, or nothing. %s are erased and their keys destroyed; of %s nothing
		is left; %s say so. This stays, and why:`,
		t.of(swept.Erased, "record"), t.of(swept.Persons, "person"), t.of(int(health.Proofs), "proof"))
	all, err := piles(ctx, t.As(support, ticket), t.As(sales, contact),
		t.As(operations, hosted).Under(t.agreements[hosting[1]].id), t.As(operations, hosted).Under(t.agreements[hosting[2]].id))
	if err != nil {
		return err
	}
	var table [][]any
	sum := 0
	for _, p := range all {
		sum += p.count
		table = append(table, []any{p.activity, p.count, p.reason})
		if !p.first.IsZero() {
			table = append(table, []any{"", "", fmt.Sprintf("last day %s to %s", p.first, p.last)})
		}
	}
	for _, line := range swept.Lines {
		if line.Why == retention.WhyHeld {
			sum += line.Count
			table = append(table, []any{line.Activity, line.Count, "on hold"})
		}
	}
	t.table([]string{"activity", "records", "because"}, append(table, []any{"", sum, ""})...)
	if int64(sum) != health.Parts {
		return fmt.Errorf("%d records stay, and %d are explained", health.Parts, sum)
	}

	_, err = t.As(support, ticket).Get(ctx, t.anna[0].ID)
	no, err := refusal(err, gdpr.ErrErased)
	if err != nil {
		return err
	}
	why, err := t.As(support, ticket).Explain(ctx, t.anna[0].ID)
	if err != nil {
		return err
	}
	proof := why.Proofs[0]
	t.say("Anna's first ticket is among what went. Whoever asks for it is told %q, and why: erased on %s (%s), proof %s.", no, proof.On, proof.Rule, proof.ID)
	return nil
}

// threeRequests answers a request for access, one for rectification and one for erasure.
func (t *tale) threeRequests(ctx context.Context) error {
	t.chapter("Three requests")
	asks, err := t.receive(ctx, date(2026, 11, 23), "2026-101", subjectrights.Access)
	if err != nil {
		return err
	}
	answer, err := t.access(ctx, asks)
	if err != nil {
		return err
	}
	corrects, err := t.receive(ctx, date(2026, 11, 25), "2026-102", subjectrights.Rectification)
	if err != nil {
		return err
	}
	was, is, err := t.rectify(ctx, corrects, "070-174 06 99")
	if err != nil {
		return err
	}
	objects, err := t.receive(ctx, date(2026, 12, 1), "2026-103", subjectrights.Erasure)
	if err != nil {
		return err
	}
	erased, err := t.desk.Erase(ctx, privacy, objects)
	if err != nil {
		return err
	}

	gone := erased.Erasures[0]

	t.say("Anna asks what we have about her, then gives a new telephone number, then objects to all of it. Sara Dahl decides and answers:")
	var table [][]any
	for _, request := range []struct {
		asks    string
		c       *subjectrights.Case
		outcome string
	}{
		{"access", asks, "report of " + t.of(answer.Records(), "record")},
		{"rectification", corrects, fmt.Sprintf("phone %s is now %s", was, is)},
		{"erasure", objects, fmt.Sprintf("%s erased, %d kept", t.of(len(gone.Records), "record"), len(gone.Kept))},
	} {
		table = append(table, []any{request.asks, t.day(request.c.Received()), t.desk.Due(request.c), request.outcome})
	}
	t.table([]string{"request", "received", "answer by", "what came of it"}, table...)

	customer := objects.Forward()[0]
	party, err := t.Party(ctx, customer.Controller)
	if err != nil {
		return err
	}
	whom := "and to whom"
	if !customer.MayName {
		whom = "but not to whom, since the terms do not allow it"
	}
	t.say(`An answer has a month, and what would end at Christmas or New Year rolls on to a working day. Kept is the ticket that is %s. And %s of Anna's is
		for %s to judge, not for us: her requests are passed on, the last by %s. She is told so, %s.`,
		gone.Kept[0].Why, t.of(len(customer.Records), "record"), party.Name, customer.By, whom)
	return nil
}

// everyNight is the sweep as it runs from now on.
func (t *tale) everyNight(ctx context.Context) error {
	before, err := t.Health(ctx)
	if err != nil {
		return err
	}
	swept, err := t.Sweep(ctx, nil)
	if err != nil {
		return err
	}
	t.say("From now on the sweep runs every night. What comes due day by day needs no plan: on %s it erases %d of %s.",
		t.today(), swept.Erased, t.of(int(before.Parts), "record"))
	return nil
}

// theProof verifies the trail, and tries to bring back from a copy what was erased.
func (t *tale) theProof(ctx context.Context) error {
	t.chapter("The proof")
	if err := t.Seal(ctx); err != nil {
		return err
	}
	verified, err := t.Verify(ctx)
	if err != nil {
		return err
	}
	t.say(`The trail has %d entries: who did or asked for what, and for which purpose. It is sealed with a signed checkpoint, and verifies; so do %s of erasure,
		which also stand in a ledger outside the database.`,
		verified.Entries, t.of(verified.Proofs, "proof"))

	var no string
	err = t.onBackup(ctx, false, func(s *gdpr.Session) error {
		_, err := s.Get(ctx, t.held.ID)
		no, err = refusal(err, gdpr.ErrRestored)
		return err
	})
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(slices.Clone(t.anna), func(r holding) bool { return r.Sealed() })
	opened, gone, err := t.openFromBackup(ctx, own)
	if err != nil {
		return err
	}
	t.say(`Before the sweep, data.db was copied. Can the copy bring anything back? Opened in place of today's file, it is refused: %q. Without the
		ledger, it opens. But the keys are those of today's keys.db: of Anna's %s of our own in the copy the %d that is on hold can be read, and %d cannot.
		Their keys are gone. That is why keys have a file, and backups, of their own: copies of data are kept for %d days, copies of keys for %d.`,
		no, t.of(len(own), "record"), opened, gone, t.Register().Backups.Kept.MaxDays(), t.Register().Backups.KeysKept.MaxDays())
	return nil
}

// whereItLies names what this run has left.
func (t *tale) whereItLies(context.Context) error {
	t.chapter("Where it lies")
	if err := t.close(); err != nil {
		return err
	}
	left, err := files(t.dir, "Lindqvist")
	if err != nil {
		return err
	}
	t.say("Everything is in %s. Without the keys, nothing of Anna's can be read there but the reports, laid open for you to look at. What she gets is sealed.", t.dir)
	var table [][]any
	for _, f := range left {
		table = append(table, []any{f.path, bytesIn(f.size), f.said, contents[f.path]})
	}
	t.table([]string{"file", "size", `"Lindqvist"`, ""}, table...)
	return nil
}

// annas is the latest of Anna's records of a kind.
func (t *tale) annas(kind func(holding) bool) holding {
	found := slices.Clone(t.anna)
	slices.Reverse(found)
	return found[slices.IndexFunc(found, kind)]
}

// beginning is that of a text, in one line.
func beginning(text string) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(12, len(words))], " ") + " ..."
}

// refusal is what the engine says when it refuses something, as it must.
func refusal(err, want error) (string, error) {
	switch {
	case errors.Is(err, want):
		return err.Error(), nil
	case err == nil:
		return "", fmt.Errorf("not refused, though it should have been: %w", want)
	}
	return "", err
}
