package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

const (
	fileParty      = "party"
	fileAgreement  = "agreement"
	fileAssignment = "assignment"
)

// Party is another organization: a customer, who is the controller of what is held for it as processor.
type Party struct {
	ID      ID
	Name    string
	Contact string // where requests are forwarded to
	Country string // ISO 3166, two letters
	Number  string
}

// String names the party and hides the rest, which may be about a person.
func (p Party) String() string { return "party " + p.ID.String() + " " + redacted }

// Format prints String for every verb.
func (p Party) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(p.String())) }

// LogValue is String.
func (p Party) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON fails.
func (Party) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// partyBody is a party as it is sealed.
type partyBody Party

// Agreement is a contract with a party. With Terms it lets us process the party's data (Art. 28(3)); without, it only dates
// our own records about the party's people.
type Agreement struct {
	ID    ID
	Party ID
	Ref   string // number or title
	From  civil.Date
	// Activities of the processor's role that it covers. Needs Terms.
	Activities []string
	// Terms names terms of the register.
	Terms string
	// Erase fills in and tightens the terms, such as "P30D after agreement-ended". It may never loosen them.
	Erase []string
	// AtEnd is "erase" or "return", where the terms leave it to each agreement.
	AtEnd string
}

// String names the agreement and hides the rest.
func (g Agreement) String() string { return "agreement " + g.ID.String() + " " + redacted }

// Format prints String for every verb.
func (g Agreement) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(g.String())) }

// LogValue is String.
func (g Agreement) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalJSON fails.
func (Agreement) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// agreement is an agreement as the engine works with it.
type agreement struct {
	Agreement
	file  storage.File
	rules []retention.Rule
	state string
}

type agreementBody struct {
	V          int        `json:"v"`
	Party      ID         `json:"party"`
	Activities []string   `json:"activities,omitempty"`
	Terms      string     `json:"terms,omitempty"`
	From       civil.Date `json:"from"`
	Erase      []string   `json:"erase,omitempty"`
	AtEnd      string     `json:"at_end,omitempty"`
	Sealed     []byte     `json:"sealed"` // the reference, under the party's keyset
}

type assignmentBody struct {
	V         int    `json:"v"`
	Agreement ID     `json:"agreement"`
	Party     ID     `json:"party"`
	Sealed    []byte `json:"sealed"` // the title
}

type sealedText struct {
	Text string `json:"text"`
}

// administer allows acts on parties, agreements and assignments: by "grant" for Retention, by "write" for an activity.
func (a *act) administer(ctx context.Context, activities ...string) error {
	if a.s.purpose == Retention {
		return a.may(ctx, mayGrant)
	}
	return a.may(ctx, mayWrite, append(slices.Clone(activities), a.s.purpose)...)
}

// PutParty stores a party and makes its keyset, under which all that is held for it is sealed.
func (s *Session) PutParty(ctx context.Context, p Party) (ID, error) {
	err := again(ctx, func() error {
		a, err := s.begin("PutParty")
		if err != nil {
			return err
		}
		if why := badLine(p.Name, 200); why != "" {
			return refuse("Party.Name", "%s", why)
		}
		if why := badLine(p.Contact, 320); why != "" {
			return refuse("Party.Contact", "%s", why)
		}
		if !register.Country(p.Country).Valid() {
			return refuse("Party.Country", "not an ISO 3166 code of two letters")
		}
		if err := a.administer(ctx); err != nil {
			return err
		}
		p.ID = storage.NewID()
		keyset, key, err := s.e.ring.NewController(ctx, p.ID)
		if err != nil {
			return err
		}
		body, err := sealWith(keyset, fileParty, p.ID, 1, partyBody(p))
		if err != nil {
			return err
		}
		b := &storage.Batch{
			PutFiles: []storage.File{{Kind: fileParty, ID: p.ID, Rev: 1, State: stateActive, Body: body}},
			Keys:     storage.KeyBatch{PutControllers: []storage.ControllerKey{key}},
		}
		return a.commit(ctx, b, audit.Entry{Objects: []string{audit.Object(fileParty, p.ID)}})
	})
	if err != nil {
		return ID{}, fmt.Errorf("put party: %w", err)
	}
	return p.ID, nil
}

// Party returns a party. It is ErrErased once the party was off-boarded.
func (e *Engine) Party(ctx context.Context, id ID) (Party, error) {
	if err := e.ready(); err != nil {
		return Party{}, fmt.Errorf("party: %w", err)
	}
	if id == e.self {
		o := e.reg.Organization
		return Party{ID: id, Name: o.Name, Contact: o.Contact, Country: string(o.Country), Number: o.Number}, nil
	}
	var p Party
	f, err := e.store.File(ctx, fileParty, id)
	if err == nil {
		err = e.openBody(ctx, id, f, (*partyBody)(&p))
	}
	if err != nil {
		return Party{}, fmt.Errorf("party: %w", translate(err))
	}
	return p, nil
}

// partiesIn returns the ids of all parties in a state.
func (e *Engine) partiesIn(ctx context.Context, state string) ([]ID, error) {
	var out []ID
	q := storage.FileQuery{Kind: fileParty, State: state, Limit: 1000}
	for {
		files, err := e.store.Files(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			out = append(out, f.ID)
		}
		if len(files) < q.Limit {
			return out, nil
		}
		q.After = files[len(files)-1].ID
	}
}

// PutAgreement stores an agreement and puts it in force. One that leaves open what its terms leave to it (Art. 28(3)(g), EPM-8.2) is refused.
func (s *Session) PutAgreement(ctx context.Context, g Agreement) (ID, error) {
	err := again(ctx, func() error {
		a, err := s.begin("PutAgreement")
		if err != nil {
			return err
		}
		if why := badLine(g.Ref, 200); why != "" {
			return refuse("Agreement.Ref", "%s", why)
		}
		if g.From.IsZero() {
			g.From = s.e.day(a.now)
		}
		if err := checkDay("Agreement.From", g.From); err != nil {
			return err
		}
		rules, err := s.e.complete(&g)
		if err != nil {
			return err
		}
		if why := s.e.copiesFit(rules); why != "" {
			return refuse("Agreement.Erase", "%s", why)
		}
		if err := a.administer(ctx, g.Activities...); err != nil {
			return err
		}
		party, err := s.e.store.File(ctx, fileParty, g.Party)
		if errors.Is(err, storage.ErrNotFound) {
			return refuse("Agreement.Party", "no such party")
		}
		if err != nil {
			return err
		}
		if party.State != stateActive {
			return ErrErased
		}
		g.ID = storage.NewID()
		f, err := s.e.agreementFile(ctx, g, 1, stateActive)
		if err != nil {
			return err
		}
		b := &storage.Batch{PutFiles: []storage.File{f}, PutSchedules: s.e.newSchedules(g.ID, g.Activities),
			Files: []storage.FileCond{{Kind: fileParty, ID: g.Party, Rev: party.Rev, State: stateActive}}}
		return a.commit(ctx, b, audit.Entry{Agreement: g.ID, Objects: []string{audit.Object(fileAgreement, g.ID), audit.Object(fileParty, g.Party)}})
	})
	if err != nil {
		return ID{}, fmt.Errorf("put agreement: %w", err)
	}
	return g.ID, nil
}

func (e *Engine) agreementFile(ctx context.Context, g Agreement, rev int64, state string) (storage.File, error) {
	ref, err := e.sealBody(ctx, g.Party, fileAgreement, g.ID, 1, sealedText{g.Ref})
	if err != nil {
		return storage.File{}, err
	}
	body, err := json.Marshal(agreementBody{1, g.Party, g.Activities, g.Terms, g.From, g.Erase, g.AtEnd, ref})
	if err != nil {
		return storage.File{}, errors.New("encode agreement: not JSON")
	}
	return storage.File{Kind: fileAgreement, ID: g.ID, Rev: rev, Parent: g.Party, State: state, Body: body}, nil
}

// complete checks an agreement against its terms and returns the rules that hold under it.
func (e *Engine) complete(g *Agreement) ([]retention.Rule, error) {
	if g.Terms == "" {
		if len(g.Activities) > 0 {
			return nil, refuse("Agreement.Terms", "missing: to process a party's data takes terms of the register, Art. 28(3)")
		}
		if len(g.Erase) > 0 || g.AtEnd != "" {
			return nil, refuse("Agreement.Erase", "needs Terms")
		}
		return nil, nil
	}
	terms, ok := e.reg.Terms[g.Terms]
	if !ok {
		return nil, refuse("Agreement.Terms", "not terms of the register")
	}
	if len(g.Activities) == 0 {
		return nil, refuse("Agreement.Activities", "missing: name the activities that the terms are for")
	}
	for i, id := range g.Activities {
		act, ok := e.reg.Activity(id)
		switch {
		case !ok || !act.Processor():
			return nil, refuse(fmt.Sprintf("Agreement.Activities[%d]", i+1), "not a processor's activity of the register")
		case act.Terms != g.Terms:
			return nil, refuse(fmt.Sprintf("Agreement.Activities[%d]", i+1), "has other terms")
		}
	}
	own, err := parseRules(g.Erase)
	if err != nil {
		return nil, err
	}
	rules, err := tighten(terms.Erase, own)
	if err != nil {
		return nil, err
	}
	switch {
	case terms.AtEnd == "each-agreement" && g.AtEnd == "":
		return nil, refuse("Agreement.AtEnd", "missing: the terms leave it to each agreement, Art. 28(3)(g). Choose erase or return")
	case terms.AtEnd == "each-agreement" && g.AtEnd != "erase" && g.AtEnd != "return":
		return nil, refuse("Agreement.AtEnd", "not erase or return")
	case terms.AtEnd != "each-agreement" && g.AtEnd != "" && g.AtEnd != string(terms.AtEnd):
		return nil, refuse("Agreement.AtEnd", "is fixed by the terms")
	case g.AtEnd == "":
		g.AtEnd = string(terms.AtEnd)
	}
	return rules, nil
}

func parseRules(texts []string) ([]retention.Rule, error) {
	out := make([]retention.Rule, len(texts))
	for i, t := range texts {
		field := fmt.Sprintf("Agreement.Erase[%d]", i+1)
		r, err := retention.ParseRule(t)
		var bad *retention.RuleError
		switch {
		case errors.As(err, &bad):
			return nil, refuse(field, "%s. %s %s", bad.What, bad.Why, bad.Mend)
		case err != nil:
			return nil, err
		case r.EachAgreement:
			return nil, refuse(field, "each-agreement is for terms; here stands the period")
		case r.Event != retention.ErasureInstructed && r.Event != retention.AgreementEnded:
			return nil, refuse(field, "starts at erasure-instructed or agreement-ended")
		}
		out[i] = r
	}
	return out, nil
}

// tighten fills in what terms leave open and takes over what an agreement makes stricter. It never loosens (PRO-AGR).
func tighten(terms, own []retention.Rule) ([]retention.Rule, error) {
	rules := slices.Clone(terms)
	for i, r := range rules {
		at := slices.IndexFunc(own, func(o retention.Rule) bool { return o.Event == r.Event && o.Case == r.Case })
		switch {
		case at < 0 && r.EachAgreement:
			return nil, refuse("Agreement.Erase", "missing: a rule after %s; the terms leave its period to each agreement", r.Event)
		case at < 0:
			continue
		case !r.EachAgreement && (!own[at].Period.AtMost(r.Period) || own[at].YearEnd && !r.YearEnd):
			return nil, refuse(fmt.Sprintf("Agreement.Erase[%d]", at+1), "longer than the terms allow")
		}
		rules[i] = own[at]
	}
	for i, o := range own {
		if !slices.Contains(rules, o) {
			return nil, refuse(fmt.Sprintf("Agreement.Erase[%d]", i+1), "not a clock of the terms")
		}
	}
	return rules, nil
}

// agreementOf returns an agreement, from memory if it is there: the batch that leans on it names its revision.
func (e *Engine) agreementOf(ctx context.Context, id ID) (*agreement, error) {
	if g := e.cache.agreement(id); g != nil {
		return g, nil
	}
	f, err := e.store.File(ctx, fileAgreement, id)
	if err != nil {
		return nil, err
	}
	var body agreementBody
	if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
		return nil, errors.New("decode agreement: not of format 1")
	}
	g := &agreement{file: f, state: f.State, Agreement: Agreement{ID: id, Party: body.Party, From: body.From, Activities: body.Activities,
		Terms: body.Terms, Erase: body.Erase, AtEnd: body.AtEnd}}
	if body.Terms != "" {
		if g.rules, err = e.complete(&g.Agreement); err != nil {
			return nil, fmt.Errorf("agreement under the register in force: %w", err)
		}
	}
	e.cache.keepAgreement(id, g)
	return g, nil
}

// cond is the condition that the agreement has not changed since it was read.
func (g *agreement) cond() storage.FileCond {
	return storage.FileCond{Kind: fileAgreement, ID: g.ID, Rev: g.file.Rev, State: g.state}
}

// Agreement returns an agreement and whether it has ended.
func (e *Engine) Agreement(ctx context.Context, id ID) (g Agreement, ended bool, err error) {
	if err := e.ready(); err != nil {
		return Agreement{}, false, fmt.Errorf("agreement: %w", err)
	}
	got, err := e.agreementOf(ctx, id)
	if err != nil {
		return Agreement{}, false, fmt.Errorf("agreement: %w", translate(err))
	}
	var body agreementBody
	var ref sealedText
	if json.Unmarshal(got.file.Body, &body) != nil {
		return Agreement{}, false, errors.New("agreement: not of format 1")
	}
	if err := e.openBody(ctx, got.Party, storage.File{Kind: fileAgreement, ID: id, Rev: 1, Body: body.Sealed}, &ref); err != nil {
		return Agreement{}, false, fmt.Errorf("agreement: %w", translate(err))
	}
	out := got.Agreement
	out.Ref = ref.Text
	return out, got.state == stateEnded, nil
}

// OpenAssignment opens an assignment under an agreement.
func (s *Session) OpenAssignment(ctx context.Context, agreement ID, title string) (ID, error) {
	id := storage.NewID()
	err := again(ctx, func() error {
		a, err := s.begin("OpenAssignment")
		if err != nil {
			return err
		}
		if why := badLine(title, 200); why != "" {
			return refuse("Title", "%s", why)
		}
		if err := a.administer(ctx); err != nil {
			return err
		}
		g, err := s.e.agreementOf(ctx, agreement)
		if errors.Is(err, storage.ErrNotFound) {
			return refuse("Agreement", "no such agreement")
		}
		if err != nil {
			return err
		}
		if g.state != stateActive {
			return refuse("Agreement", "has ended")
		}
		sealed, err := s.e.sealBody(ctx, g.Party, fileAssignment, id, 1, sealedText{title})
		if err != nil {
			return err
		}
		body, err := json.Marshal(assignmentBody{1, agreement, g.Party, sealed})
		if err != nil {
			return errors.New("encode assignment: not JSON")
		}
		clocks, err := s.e.inherit(ctx, s.e.newSchedules(id, g.Activities), agreement)
		if err != nil {
			return err
		}
		b := &storage.Batch{Files: []storage.FileCond{g.cond()}, PutSchedules: clocks,
			PutFiles: []storage.File{{Kind: fileAssignment, ID: id, Rev: 1, Parent: agreement, State: stateActive, Body: body}}}
		return a.commit(ctx, b, audit.Entry{Agreement: agreement, Objects: []string{audit.Object(fileAssignment, id)}})
	})
	if err != nil {
		return ID{}, fmt.Errorf("open assignment: %w", err)
	}
	return id, nil
}
