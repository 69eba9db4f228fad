package gdpr

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// CaseFile is a file about a case, such as a request of a data subject, which a package above the engine keeps beside the data: package subjectrights does. What is
// personal in it is sealed under a key of the case's own, which goes with the case (accountability.case-files).
type CaseFile struct {
	// Kind is what it is, such as "request": a word of small letters.
	Kind string
	// ID is set when the file is first stored, unless the caller has chosen one with NewID.
	ID ID
	// Rev is the revision as read: 0 for a new file.
	Rev int64
	// Case is the case that the file belongs to: it is sealed under its key, and goes with it at the latest. Zero for the case's own file.
	Case ID
	// Number is how people name it: one line that names nobody, unique among open files of its kind; "" for none.
	Number string
	// State and Due are for lists of open files. A closed one is erased when Due has come.
	State  string
	Due    time.Time
	Closed bool
	// Public is JSON without personal data, Secret what is sealed.
	Public, Secret []byte
	// Who is the person by whose identifiers the case is found again, sealed with the file: of a case's own file. It cannot be changed later.
	Who Identity
}

// String names the kind and the number.
func (f CaseFile) String() string { return strings.TrimSpace(f.Kind + " " + f.Number) }

// Format prints String for every verb.
func (f CaseFile) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(f.String())) }

// LogValue is String.
func (f CaseFile) LogValue() slog.Value { return slog.StringValue(f.String()) }

// MarshalJSON fails.
func (CaseFile) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// CaseAct is what is done to the files of one case together. It prints what is done.
type CaseAct struct {
	// Action is what the trail calls it, such as "Receive"; Why is its reason, in one line that names nobody.
	Action, Why string
	// May is the ability that it takes, a word of the register's roles, for all activities.
	May string
	// Put are files to write, new or changed; each gets its ID and revision. Drop are open files to remove.
	Put, Drop []*CaseFile
	// Freeze and Thaw are about the person whose data must not go before the case is answered.
	Freeze *Freeze
	Thaw   bool
	// Missed is the last day of the answer, when it is over: that is a deviation.
	Missed civil.Date
}

// String is the action.
func (a CaseAct) String() string { return a.Action }

// Format prints String for every verb.
func (a CaseAct) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(a.Action)) }

// MarshalJSON fails.
func (CaseAct) MarshalJSON() ([]byte, error) { return nil, errMarshal }

const (
	fileClosedCase = "closed case" // of any kind; its state is the kind
	fileCaseOf     = "case of"     // leads from a keyed hash to a case, its parent
)

func openKind(kind string) string { return "open " + kind }

// caseBody is the body of a file: u8 1, then the state of a closed file and what is public, each behind its length as u32, then what is sealed. Lists of open
// files read it without decoding anything.
type caseBody struct{ state, public, sealed []byte }

func (b *caseBody) encode() []byte {
	out := make([]byte, 0, 9+len(b.state)+len(b.public)+len(b.sealed))
	out = append(out, 1)
	for _, s := range [][]byte{b.state, b.public} {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(s))), s...)
	}
	return append(out, b.sealed...)
}

func (b *caseBody) decode(row []byte) error {
	if len(row) < 9 || row[0] != 1 {
		return errCaseFormat
	}
	row = row[1:]
	for _, s := range []*[]byte{&b.state, &b.public} {
		if len(row) < 4 || uint64(len(row)-4) < uint64(binary.BigEndian.Uint32(row)) {
			return errCaseFormat
		}
		n := 4 + int(binary.BigEndian.Uint32(row))
		*s, row = row[4:n], row[n:]
	}
	b.sealed = row
	return nil
}

var errCaseFormat = errors.New("decode file of a case: not of format 1")

// caseSecret is what is sealed of a file.
type caseSecret struct {
	Who  *savedIdentity `json:"who,omitempty"`
	Text []byte         `json:"text,omitempty"`
}

// caseValues is how many of the largest values a file of a case may hold: it can name very many records.
const caseValues = 64

var kindForm = regexp.MustCompile(`^[a-z][a-z-]{0,30}$`)

// NewID returns a new random id.
func NewID() ID { return storage.NewID() }

// PutCase writes files of one case, all or none. It is an act of SubjectRights. Files that somebody else has changed since they were read, and a number that an open file
// of the kind has, fail with ErrConflict.
func (s *Session) PutCase(ctx context.Context, act CaseAct) error {
	action := act.Action
	if badLine(action, 40) != "" {
		action = "PutCase"
	}
	err := again(ctx, func() error {
		a, err := s.begin(action)
		if err != nil {
			return err
		}
		if s.purpose != SubjectRights {
			return refuse("Purpose", "the file of a case is kept for SubjectRights")
		}
		if err := act.check(s.e); err != nil {
			return err
		}
		if err := a.may(ctx, act.May, s.e.heads()...); err != nil {
			return err
		}
		return a.putCase(ctx, &act)
	})
	if err != nil {
		return fmt.Errorf("put case: %w", err)
	}
	return nil
}

func (a *CaseAct) check(e *Engine) error {
	if why := badLine(a.Action, 40); why != "" {
		return refuse("CaseAct.Action", "%s", why)
	}
	if a.Why != "" {
		if why := badReason(a.Why); why != "" {
			return refuse("CaseAct.Why", "%s", why)
		}
	}
	if !slices.Contains([]string{mayRead, mayWrite, mayExport, mayErase, mayDecide, "disclose"}, a.May) {
		return refuse("CaseAct.May", "not an ability of roles for activities")
	}
	if len(a.Put) == 0 {
		return refuse("CaseAct.Put", "no file")
	}
	for _, f := range slices.Concat(a.Put, a.Drop) {
		if f == nil || !kindForm.MatchString(f.Kind) {
			return refuse("CaseFile.Kind", "not a word of small letters")
		}
	}
	for _, f := range a.Put {
		if err := f.check(e); err != nil {
			return err
		}
	}
	return a.Freeze.check()
}

func (f *CaseFile) check(e *Engine) error {
	if f.Number != "" {
		if why := badReason(f.Number); why != "" {
			return refuse("CaseFile.Number", "%s", why)
		}
	}
	if why := badLine(f.State, 60); why != "" {
		return refuse("CaseFile.State", "%s", why)
	}
	switch {
	case f.Due.IsZero():
		return refuse("CaseFile.Due", "missing: nothing waits, and no file is kept, for ever")
	case len(f.Public)+len(f.Secret) > caseValues*e.opt.MaxValue:
		return refuse("CaseFile", "larger than %d bytes", caseValues*e.opt.MaxValue)
	case len(f.Public) > 0 && !json.Valid(f.Public):
		return refuse("CaseFile.Public", "not JSON")
	case f.Rev > 0 && f.ID.IsZero():
		return refuse("CaseFile.ID", "missing: the file was not read")
	case !f.Who.IsZero() && !f.Case.IsZero():
		return refuse("CaseFile.Who", "is for a case's own file")
	}
	return nil
}

// of is the case whose key seals a file.
func (f *CaseFile) of() ID {
	if f.Case.IsZero() {
		return f.ID
	}
	return f.Case
}

// metaCaseKind goes before a kind of file of which there are some.
const metaCaseKind = "case kind "

// putCase writes the files of an act.
func (a *act) putCase(ctx context.Context, act *CaseAct) error {
	e := a.s.e
	b := &storage.Batch{}
	entry := audit.Entry{Why: act.Why}
	revs := make([]int64, len(act.Put))
	keys := map[ID]sealer{} // of cases that are new
	for i, f := range act.Put {
		if f.ID.IsZero() {
			f.ID = storage.NewID()
		}
		if err := a.putCaseFile(ctx, b, f, keys, &revs[i]); err != nil {
			return err
		}
		entry.Objects = append(entry.Objects, audit.Object(f.Kind, f.ID))
	}
	for _, f := range act.Drop {
		kind := openKind(f.Kind)
		b.Files = append(b.Files, storage.FileCond{Kind: kind, ID: f.ID, Rev: f.Rev})
		b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: kind, ID: f.ID})
	}
	if act.Freeze != nil {
		if err := a.freeze(ctx, b, act.Put[0].of(), act.Freeze); err != nil {
			return err
		}
	}
	if act.Thaw {
		if err := a.thaw(ctx, b, act.Put[0].of()); err != nil {
			return err
		}
	}
	if !act.Missed.IsZero() {
		if err := a.missed(b, act.Put[0].of(), act.Missed); err != nil {
			return err
		}
	}
	for _, f := range act.Put { // so that Replay knows where to look
		if _, known := e.caseKinds.LoadOrStore(f.Kind, true); !known {
			if b.PutMeta == nil {
				b.PutMeta = map[string][]byte{}
			}
			b.PutMeta[metaCaseKind+f.Kind] = []byte("1")
		}
	}
	if err := a.commit(ctx, b, entry); err != nil {
		for _, f := range act.Put {
			e.caseKinds.Delete(f.Kind)
		}
		return err
	}
	for i, f := range act.Put {
		f.Rev = revs[i]
	}
	return nil
}

// putCaseFile adds one file. One that is closed moves to where lists of open files do not look.
func (a *act) putCaseFile(ctx context.Context, b *storage.Batch, f *CaseFile, keys map[ID]sealer, rev *int64) error {
	e := a.s.e
	row := storage.File{Kind: openKind(f.Kind), ID: f.ID, Rev: f.Rev + 1, Parent: f.Case, State: f.State, Due: f.Due.UTC(), Name: []byte(f.Number), Unique: f.Number != ""}
	body := caseBody{public: f.Public}
	if f.Closed {
		row.Kind, row.Rev, row.State, row.Name, row.Unique = fileClosedCase, 1, f.Kind, []byte(f.Kind+" "+f.Number), false
		body.state = []byte(f.State)
		if f.Rev > 0 {
			b.Files = append(b.Files, storage.FileCond{Kind: openKind(f.Kind), ID: f.ID, Rev: f.Rev})
			b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: openKind(f.Kind), ID: f.ID})
		}
	}
	if f.Number == "" {
		row.Name = nil
	}
	*rev = row.Rev
	key, err := a.caseKey(ctx, b, f, keys)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(caseSecret{f.Who.save(), f.Secret})
	if err != nil {
		return errors.New("encode file of a case: not JSON")
	}
	if body.sealed, err = key.SealText(row.Kind, row.ID, row.Rev, plain); err != nil {
		return err
	}
	row.Body = body.encode()
	b.PutFiles = append(b.PutFiles, row)
	if f.Who.IsZero() || f.Rev > 0 {
		return nil
	}
	names, err := e.caseNames(f.Who, true)
	for _, name := range names {
		b.PutFiles = append(b.PutFiles, storage.File{Kind: fileCaseOf, ID: storage.NewID(), Rev: 1, Parent: f.ID, State: stateActive, Name: name})
	}
	return err
}

// caseKey is the key of a file's case; a new case gets one, and its own file comes first.
func (a *act) caseKey(ctx context.Context, b *storage.Batch, f *CaseFile, keys map[ID]sealer) (sealer, error) {
	e := a.s.e
	if key := keys[f.of()]; key != nil {
		return key, nil
	}
	if f.Rev > 0 || !f.Case.IsZero() {
		return e.subject(ctx, e.self, f.of(), nil)
	}
	c, err := e.controller(ctx, e.self)
	if err != nil {
		return nil, err
	}
	key, row, err := c.NewSubject(f.ID)
	if err != nil {
		return nil, err
	}
	b.Keys.PutSubjects = append(b.Keys.PutSubjects, row)
	keys[f.ID] = key
	return key, nil
}

// sealer seals the text of a file.
type sealer interface {
	SealText(kind string, file storage.ID, rev int64, plain []byte) ([]byte, error)
}

// caseNames are how a case is found by identifiers: keyed hashes that lead nowhere else. To be found later, those of today's key are enough.
func (e *Engine) caseNames(who Identity, today bool) ([][]byte, error) {
	ids, err := who.normalize("CaseFile.Who", e.country())
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, id := range ids {
		names, err := e.suppressionNames("case "+id.kind, id.value, "")
		if err != nil {
			return nil, err
		}
		if today {
			names = names[:1]
		}
		out = append(out, names...)
	}
	return out, nil
}

// dropEnded erases what is kept beside the data and has run out.
func (e *Engine) dropEnded(ctx context.Context) error {
	if err := e.dropPersonal(ctx); err != nil {
		return err
	}
	return e.dropCases(ctx)
}

// dropCases erases the files of cases whose time is up, with their keys and what leads to them. Each batch has a proof.
func (e *Engine) dropCases(ctx context.Context) error {
	some := false
	for tries := 0; ; tries++ {
		var cond *storage.ConditionError
		done, err := e.dropSomeCases(ctx)
		if err != nil && (!errors.As(err, &cond) || tries == carryTries) { // else another process was first
			return err
		}
		switch {
		case done && some:
			return e.scrub(ctx) // of their keys
		case done:
			return nil
		case err == nil:
			tries, some = 0, true
		}
	}
}

// dropSomeCases erases one batch of them; done when there was none.
func (e *Engine) dropSomeCases(ctx context.Context) (done bool, err error) {
	now := e.instant()
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileClosedCase, Before: now, Limit: 200})
	if err != nil || len(files) == 0 {
		return true, err
	}
	a := &act{s: e.As(Job("sweep"), Retention), now: now, action: "Sweep", grant: grantBuiltIn}
	b := &storage.Batch{}
	why := audit.Because{Family: caseFamily, Role: string(register.Controller), Rule: e.reg.Accountability.CaseFiles.String() + " after closed", Event: string(retention.Collected),
		Register: e.reg.Version}
	proof := audit.Proof{Kind: audit.ErasedSubjects, Controller: e.self, Because: []audit.Because{why}}
	var cases []ID
	for _, f := range files {
		b.Files = append(b.Files, storage.FileCond{Kind: f.Kind, ID: f.ID, Rev: f.Rev})
		b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: f.Kind, ID: f.ID})
		if f.Parent.IsZero() {
			cases = append(cases, f.ID)
			b.Keys.DestroySubjects = append(b.Keys.DestroySubjects, storage.SubjectKey{ID: f.ID, Controller: e.self})
		}
	}
	if len(cases) == 0 {
		return false, a.commit(ctx, b, audit.Entry{Why: "files of cases whose time is up", Count: len(files)})
	}
	if err := e.caseTraces(ctx, b, cases); err != nil {
		return false, err
	}
	proof.Subjects = cases
	if _, err := a.erase(ctx, b, proof, audit.Entry{Why: "files of cases whose time is up", Count: len(cases)}); err != nil {
		return false, err
	}
	for _, id := range cases {
		e.ring.ForgetSubject(e.self, id)
	}
	return false, nil
}

// caseTraces adds to a batch what belongs to cases that go: what leads to them, and files that were closed with them.
func (e *Engine) caseTraces(ctx context.Context, b *storage.Batch, cases []ID, open ...string) error {
	for _, kind := range append([]string{fileCaseOf, fileClosedCase}, open...) {
		q := storage.FileQuery{Kind: kind, Parents: cases, Limit: 1000}
		for {
			files, err := e.store.Files(ctx, q)
			if err != nil {
				return err
			}
			for _, f := range files {
				if ref := (storage.FileRef{Kind: f.Kind, ID: f.ID}); !slices.Contains(b.EraseFiles, ref) {
					b.EraseFiles = append(b.EraseFiles, ref)
				}
			}
			if len(files) < q.Limit {
				break
			}
			q.After = files[len(files)-1].ID
		}
	}
	return nil
}
