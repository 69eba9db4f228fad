package gdpr

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// Consent says that a person has consented to an activity whose basis is consent (Art. 6(1)(a), 7(1)): what shows it.
type Consent struct {
	Subject Identity
	// Activity defaults to the session's purpose.
	Activity string
	// Text is the version of what the person was shown and agreed to, in one line such as "nyhetsbrev 4, 2026-02".
	Text string
	// Given is when; defaults to today.
	Given civil.Date
	// How is by what act, in one line such as "ruta på anmälan, bekräftad per e-post".
	How string
	// By is who gave it for the person, if somebody did; Child that the person was a child then (Art. 8, 17(1)(f)).
	By    string
	Child bool
}

// String returns the activity; the rest may be personal.
func (c Consent) String() string { return "consent to " + c.Activity + " " + redacted }

// Format prints String for every verb.
func (c Consent) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.String())) }

// LogValue is String.
func (c Consent) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON fails.
func (Consent) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// ConsentInfo is a consent that was recorded.
type ConsentInfo struct {
	ID        ID
	Activity  string
	Given     civil.Date
	Withdrawn civil.Date // zero while it is in force

	text veiled[consentText]
}

// Text is the version that the person agreed to.
func (c ConsentInfo) Text() string { return c.text.get().Text }

// How says by what act it was given.
func (c ConsentInfo) How() string { return c.text.get().How }

// By is who gave it for the person; "" for nobody.
func (c ConsentInfo) By() string { return c.text.get().By }

// Child says that the person was a child when it was given.
func (c ConsentInfo) Child() bool { return c.text.get().Child }

// consentText is what is sealed of a consent.
type consentText struct {
	Text  string `json:"text"`
	How   string `json:"how"`
	By    string `json:"by,omitempty"`
	Child bool   `json:"child,omitempty"`
}

type consentBody struct {
	personalHead
	Activity  string     `json:"activity"`
	Given     civil.Date `json:"given"`
	Withdrawn civil.Date `json:"withdrawn,omitzero"`
	Sealed    []byte     `json:"sealed"`
}

// inForce reports whether it is a consent to an activity that was not withdrawn.
func (c *consentBody) inForce(activity string) bool {
	return c.Activity == activity && c.Withdrawn.IsZero()
}

// RecordConsent keeps what shows a consent (Art. 7(1)). The person must be known: put the record first, in the same transaction if the two may not part. A consent after a withdrawal is a new one, and
// revives nothing. It needs the right to write for the activity, in its purpose, or the right to decide, for SubjectRights.
//
// The words are sealed under the person's key. What is kept ends with the person: when all else about them is erased it goes in the same batch. That of somebody
// of whom there is other data goes at the end of accountability.case-files after the withdrawal.
func (s *Session) RecordConsent(ctx context.Context, c Consent) (ID, error) {
	id := storage.NewID()
	err := again(ctx, func() error {
		a, err := s.beginConsent(ctx, "RecordConsent", &c.Activity)
		if err != nil {
			return err
		}
		if c.Given.IsZero() {
			c.Given = s.e.day(a.now)
		}
		if err := checkConsent(&c, s.e.day(a.now)); err != nil {
			return err
		}
		row, parts, err := a.known(ctx, c.Subject)
		if err != nil {
			return err
		}
		body := consentBody{personalHead: personalHead{1, ofConsent}, Activity: c.Activity, Given: c.Given}
		if body.Sealed, err = s.e.sealPersonal(ctx, row.Controller, row.ID, id, consentText{c.Text, c.How, c.By, c.Child}); err != nil {
			return err
		}
		b := &storage.Batch{}
		if err := putPersonal(b, storage.File{Kind: filePersonal, ID: id, Parent: row.ID, State: stateActive}, parts, body); err != nil {
			return err
		}
		return a.commit(ctx, b, audit.Entry{Fields: []string{c.Activity}, Objects: []string{audit.Object(ofConsent, id), audit.Object("subject", row.ID)}})
	})
	if err != nil {
		return ID{}, fmt.Errorf("record consent: %w", err)
	}
	return id, nil
}

// beginConsent begins an act on a consent to an activity, which defaults to the session's purpose. To withdraw takes the same right as to record: it is as easy (Art. 7(3)).
func (s *Session) beginConsent(ctx context.Context, action string, activity *string) (*act, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, err
	}
	if *activity == "" && s.purpose != SubjectRights {
		*activity = s.purpose
	}
	act, ok := s.e.reg.Activity(*activity)
	switch {
	case !ok:
		return nil, refuse("Activity", "not an activity of the register")
	case act.LawfulBasis() != "A6-1-a":
		return nil, refuse("Activity", "does not rest on consent, A6-1-a")
	case s.purpose == SubjectRights:
		return a, a.may(ctx, mayDecide, s.e.heads()...)
	case s.purpose != *activity:
		return nil, refuse("Purpose", "a consent is a matter of its activity, or of SubjectRights")
	}
	return a, a.may(ctx, mayWrite, *activity)
}

func checkConsent(c *Consent, today civil.Date) error {
	if err := checkDay("Consent.Given", c.Given); err != nil {
		return err
	}
	if c.Given.After(today) {
		return refuse("Consent.Given", "in the future")
	}
	if why := badLine(c.Text, 200); why != "" {
		return refuse("Consent.Text", "%s", why)
	}
	if why := badLine(c.How, 1000); why != "" {
		return refuse("Consent.How", "%s", why)
	}
	if c.By == "" {
		return nil
	}
	if why := badLine(c.By, 200); why != "" {
		return refuse("Consent.By", "%s", why)
	}
	return nil
}

// known is a person of our own and what there is of them: at least one part.
func (a *act) known(ctx context.Context, who Identity) (storage.Subject, []storage.Part, error) {
	row, err := a.oneSubject(ctx, who)
	if err != nil {
		return row, nil, err
	}
	parts, err := a.s.e.partsOfSubject(ctx, row.ID)
	if err == nil && len(parts) == 0 {
		err = ErrNotFound
	}
	return row, parts, err
}

// WithdrawConsent ends an activity for a person at once: no read for that purpose opens their data from now on, in any process, and the next sweep erases what was for nothing
// else (Art. 7(3), 17(1)(b)). What was recorded of the consent stays as evidence that it was there, with the day. An empty activity is the session's purpose.
// It takes the same right as RecordConsent. To withdraw again does nothing; where there is neither consent nor data it fails with ErrNotFound.
func (s *Session) WithdrawConsent(ctx context.Context, who Identity, activity string) error {
	err := again(ctx, func() error {
		a, err := s.beginConsent(ctx, "WithdrawConsent", &activity)
		if err != nil {
			return err
		}
		row, parts, err := a.known(ctx, who)
		if err != nil {
			return err
		}
		return a.withdraw(ctx, row, parts, activity)
	})
	if err != nil {
		return fmt.Errorf("withdraw consent: %w", err)
	}
	return nil
}

func (a *act) withdraw(ctx context.Context, row storage.Subject, parts []storage.Part, activity string) error {
	e, today := a.s.e, a.s.e.day(a.now)
	b := &storage.Batch{}
	ev := Event{Kind: ConsentWithdrawn, Day: today, Purpose: activity}
	concerned := 0
	for i := range parts {
		p := &parts[i]
		if Role(p.Role).ForOther() || !slices.Contains(p.Purposes, activity) {
			continue
		}
		concerned++
		f, err := decodeFacts(p.Facts)
		if err != nil {
			return err
		}
		if how, over := f.Ended[activity]; over && how.AtOnce {
			continue
		}
		if err := a.retime(ctx, b, p, ev, nil); err != nil {
			return err
		}
	}
	entry := audit.Entry{Fields: []string{activity}, Count: len(b.RetimeParts), Objects: []string{audit.Object("subject", row.ID)}}
	if len(b.RetimeParts) > 0 {
		if err := e.putEvent(ctx, b, row.Controller, row.ID, ev, ID{}, a.now); err != nil {
			return err
		}
	}
	files, err := e.personalFiles(ctx, []ID{row.ID})
	if err != nil {
		return err
	}
	for _, f := range files {
		var body consentBody
		ok, err := decodePersonal(&f, ofConsent, &body)
		if err != nil {
			return err
		}
		if !ok || body.Activity != activity {
			continue
		}
		concerned++
		if !body.inForce(activity) {
			continue
		}
		body.Withdrawn = today
		f.State = stateEnded
		e.over(&f, today)
		if err := putPersonal(b, f, parts, body); err != nil {
			return err
		}
		entry.Objects = append(entry.Objects, audit.Object(ofConsent, f.ID))
	}
	switch {
	case concerned == 0:
		return ErrNotFound
	case len(b.RetimeParts) == 0 && len(b.PutFiles) == 0:
		return nil
	}
	return a.commit(ctx, b, entry)
}

// Consents returns what was recorded of a person's consents, withdrawn ones too, the oldest first (Art. 15). It needs the right to read everything, for SubjectRights, or to read
// for an activity, in whose purpose it returns those to that activity.
func (s *Session) Consents(ctx context.Context, who Identity) ([]ConsentInfo, error) {
	out, err := aboutPerson(ctx, s, "Consents", who, func(row storage.Subject, f *storage.File) (c ConsentInfo, mine bool, err error) {
		var body consentBody
		if mine, err = decodePersonal(f, ofConsent, &body); err != nil || !mine || !s.concerns(body.Activity) {
			return c, false, err
		}
		var text consentText
		err = s.e.openPersonal(ctx, row.Controller, row.ID, f.ID, body.Sealed, &text)
		return ConsentInfo{f.ID, body.Activity, body.Given, body.Withdrawn, veil(&text)}, true, err
	})
	if err != nil {
		return nil, fmt.Errorf("consents: %w", err)
	}
	slices.SortStableFunc(out, func(x, y ConsentInfo) int { return x.Given.Compare(y.Given) })
	return out, nil
}

// concerns reports whether a session lists what is of an activity: SubjectRights all, a purpose its own.
func (s *Session) concerns(activity string) bool {
	return s.purpose == SubjectRights || s.purpose == activity
}
