package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
)

// Approval is a person's decision to adopt a version of the register by which something lives longer (REQUIREMENTS 4.18). It stands in the trail, in the
// entry AdoptRegister: the approver as the actor, the reason as why.
type Approval struct {
	// Version is the version of the register that is approved. An approval that is left in the program approves no later one.
	Version int
	// Reason says why, in one line of at most 200 bytes that names no data subject.
	Reason string
	// Approver is the person who decides; a job cannot.
	Approver Actor
}

func (p *Approval) check() error {
	if p == nil {
		return nil
	}
	const field = "Options.Adopt."
	if p.Version < 1 {
		return refuse(field+"Version", "missing: which version of the register is approved")
	}
	if why := badReason(p.Reason); why != "" {
		return refuse(field+"Reason", "%s", why)
	}
	if strings.Contains(p.Reason, "@") {
		return refuse(field+"Reason", "has an '@': no address of anybody belongs in the trail")
	}
	if !p.Approver.IsPerson() {
		return refuse(field+"Approver", "not a person: only a person decides")
	}
	if why := badLine(p.Approver.name, 200); why != "" {
		return refuse(field+"Approver", "%s", why)
	}
	return nil
}

// ErrOldRegister says that another process has adopted a newer version of the register: start this program with that one.
var ErrOldRegister = errors.New("a newer version of the register was adopted; start the program with that one")

// metaRules are the rules of the register in force.
const metaRules = "rules"

// checkRegister refuses a register that no engine can be opened with.
func checkRegister(reg *Register) error {
	if reg == nil {
		return refuse("register", "missing")
	}
	if err := reg.Check(); err != nil {
		return err
	}
	for _, builtIn := range []string{SubjectRights, Retention} {
		if _, taken := reg.Activity(builtIn); taken {
			return refuse("register", "an activity has the name of a built-in purpose: %s", builtIn)
		}
	}
	return nil
}

// stampOf is the stamp of the register in force; zero for a new store.
func stampOf(meta map[string][]byte) (register.Stamp, error) {
	var have register.Stamp
	if b := meta[metaRegister]; len(b) > 0 && json.Unmarshal(b, &have) != nil {
		return have, ErrSchemaOutdated
	}
	return have, nil
}

// inForce says whether the engine's register is still the one in force. What it is not, no sweep and no plan goes by.
func (e *Engine) inForce(meta map[string][]byte) error {
	have, err := stampOf(meta)
	if err == nil && have.Version > e.reg.Version {
		err = fmt.Errorf("%w (version %d, not %d)", ErrOldRegister, have.Version, e.reg.Version)
	}
	return err
}

// adopt puts the engine's register in force. Changed content under a stored version is refused, and so is an older version, one that cannot be adopted, and
// one by which something lives longer without an approval.
func (e *Engine) adopt(ctx context.Context, meta map[string][]byte) error {
	if err := e.opt.Adopt.check(); err != nil {
		return err
	}
	if have, err := stampOf(meta); err != nil || have == e.reg.Stamp() && len(meta[metaRules]) > 0 {
		return err
	}
	return again(ctx, func() error {
		// Every batch of a sweep has this row's revision as a condition: one that is under way by the earlier rules stops. And whoever adopts revises it: of
		// two, one begins again.
		waiting, err := e.overdue(ctx)
		if err != nil {
			return err
		}
		meta, err := e.store.Meta(ctx)
		if err != nil {
			return err
		}
		return e.adoptOver(ctx, meta, waiting)
	})
}

// adoptOver adopts it where that is stored.
func (e *Engine) adoptOver(ctx context.Context, meta map[string][]byte, waiting overdue) error {
	have, err := stampOf(meta)
	if err != nil {
		return err
	}
	if err := e.reg.Follows(have); err != nil && have != (register.Stamp{}) {
		return err
	}
	now := e.reg.Stamp()
	if now == have && len(meta[metaRules]) > 0 {
		return nil
	}
	row, err := waiting.next(waiting.parts)
	if err != nil {
		return err
	}
	b := &storage.Batch{PutMeta: map[string][]byte{}, PutFiles: []storage.File{row}}
	if b.PutMeta[metaRegister], err = json.Marshal(now); err != nil {
		return errors.New("encode register's stamp: not JSON")
	}
	if b.PutMeta[metaRules], err = rulesOf(e.reg).encode(); err != nil {
		return err
	}
	actor, entry := e.programActor(), audit.Entry{Count: now.Version}
	if have != (register.Stamp{}) {
		change, err := e.changeFrom(ctx, have, meta[metaRules])
		if err != nil {
			return err
		}
		if len(change.Longer) > 0 {
			actor, entry.Why = e.opt.Adopt.Approver, e.opt.Adopt.Reason
		}
		if change.dates() || undated(meta, have.Version) != nil {
			b.PutMeta[undatedKey(now.Version)] = encodePlace(storage.PartRef{})
		}
		if shorter, err := change.shortens(meta, e.instant()); err != nil {
			return err
		} else if shorter != nil {
			b.PutMeta[metaShortened] = shorter
		}
	}
	a := &act{s: e.As(actor, Retention), now: e.instant(), action: "AdoptRegister", grant: grantBuiltIn}
	if err := a.commit(ctx, b, entry); err != nil {
		return err
	}
	e.log.InfoContext(ctx, "gallra: register adopted", "version", now.Version, "from_version", have.Version,
		"dated_anew_by_next_sweep", b.PutMeta[undatedKey(now.Version)] != nil)
	return nil
}

// changeFrom compares the engine's register with the rules in force, and refuses what cannot be adopted, or not without an approval. Where an
// earlier library has not noted the rules in force, every activity counts as one that began: whether something lives longer cannot be known, and no approval is
// demanded.
func (e *Engine) changeFrom(ctx context.Context, have register.Stamp, stored []byte) (*Adoption, error) {
	old, next := rules{}, rulesOf(e.reg)
	if len(stored) > 0 {
		var err error
		if old, err = decodeRules(stored); err != nil {
			return nil, err
		}
	}
	change := compare(old, next)
	change.From, change.To = have.Version, e.reg.Version
	unfit, err := e.unfit(ctx)
	if err != nil {
		return nil, err
	}
	if change.Obstacles = append(change.Obstacles, unfit...); len(change.Obstacles) > 0 {
		return nil, refuse("register", "version %d cannot be adopted, and nothing was changed: %s", change.To, strings.Join(change.Obstacles, "; "))
	}
	if len(change.Longer) == 0 || e.opt.Adopt != nil && e.opt.Adopt.Version == change.To {
		return change, nil
	}
	what := "missing"
	if e.opt.Adopt != nil {
		what = fmt.Sprintf("approves version %d", e.opt.Adopt.Version)
	}
	longer := make([]string, len(change.Longer))
	for i, c := range change.Longer {
		longer[i] = c.String()
	}
	return nil, refuse("Options.Adopt", "%s: by version %d of the register data may live longer than by version %d: %s. Nothing was changed. "+
		"Look at Engine.PlanAdoption, then give a reason and a person who approves, or open with the earlier version",
		what, change.To, change.From, strings.Join(longer, "; "))
}

// unfitShown bounds an error.
const unfitShown = 20

// unfit are the agreements that do not keep within the register: no record of theirs could be judged. One that has ended and holds nothing is of no concern.
func (e *Engine) unfit(ctx context.Context) (out []string, err error) {
	gone, err := e.leaving(ctx)
	if err != nil {
		return nil, err
	}
	q := storage.FileQuery{Kind: fileAgreement, Limit: 1000}
	for {
		files, err := e.store.Files(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			var body agreementBody
			if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
				return nil, errors.New("decode agreement: not of format 1")
			}
			if body.Terms == "" || gone[body.Party] {
				continue
			}
			rules, why := e.complete(&Agreement{Activities: body.Activities, Terms: body.Terms, Erase: body.Erase, AtEnd: body.AtEnd})
			if why == nil && e.copiesFit(rules) != "" {
				why = refuse("Agreement.Erase", "%s", e.copiesFit(rules))
			}
			if why == nil {
				continue
			}
			holds := f.State != stateEnded
			if !holds {
				if holds, err = e.holdsParts(ctx, f.ID); err != nil {
					return nil, err
				}
			}
			if holds && len(out) == unfitShown {
				return append(out, "and other agreements"), nil
			}
			if holds {
				out = append(out, fmt.Sprintf("agreement %s: %v", f.ID, why))
			}
		}
		if len(files) < q.Limit {
			return out, nil
		}
		q.After = files[len(files)-1].ID
	}
}

// holdsParts reports whether anything is stored under an agreement or its assignments.
func (e *Engine) holdsParts(ctx context.Context, agreement ID) (bool, error) {
	owners, err := e.assignmentsOf(ctx, agreement)
	if err != nil {
		return false, err
	}
	for _, owner := range append(owners, agreement) {
		parts, err := e.store.Parts(ctx, storage.PartQuery{Owner: owner, Light: true, Limit: 1})
		if err != nil || len(parts) > 0 {
			return len(parts) > 0, err
		}
	}
	return false, nil
}

// programActor is who acts when the program itself opens the store.
func (e *Engine) programActor() Actor {
	if e.owner != (Actor{}) {
		return e.owner
	}
	return Job("open")
}
