package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// filePersonal is the kind of file that says something about one person and is no record: a restriction, a consent, evidence for marketing. Its parent is the
// person. Its text is sealed under the person's own key, so that it opens no longer when that is destroyed, and its row goes in the same batch. One that is over,
// a restriction that was lifted or a consent that was withdrawn, goes with the first sweep after accountability.case-files.
const filePersonal = "personal"

// The sorts of personal file.
const (
	ofRestriction = "restriction"
	ofConsent     = "consent"
	ofEvidence    = "evidence"
)

// personalHead is what the body of every personal file begins with.
type personalHead struct {
	V  int    `json:"v"`
	Of string `json:"of"`
}

// decodePersonal reads the body of a file of a sort; false for another sort.
func decodePersonal(f *storage.File, of string, body any) (bool, error) {
	var head personalHead
	if json.Unmarshal(f.Body, &head) != nil || head.V != 1 {
		return false, errors.New("decode personal file: not of format 1")
	}
	if head.Of != of {
		return false, nil
	}
	if json.Unmarshal(f.Body, body) != nil {
		return false, errors.New("decode personal file: not of format 1")
	}
	return true, nil
}

// personalFiles are the personal files of some persons, of every sort.
func (e *Engine) personalFiles(ctx context.Context, subjects []ID) (out []storage.File, err error) {
	for chunk := range slices.Chunk(subjects, lookupChunk) {
		q := storage.FileQuery{Kind: filePersonal, Parents: chunk, Limit: 1000}
		for {
			files, err := e.store.Files(ctx, q)
			if err != nil {
				return nil, err
			}
			out = append(out, files...)
			if len(files) < q.Limit {
				break
			}
			q.After = files[len(files)-1].ID
		}
	}
	return out, nil
}

// erasePersonal adds that the personal files of persons go who are erased.
func (e *Engine) erasePersonal(ctx context.Context, b *storage.Batch, subjects ...ID) error {
	files, err := e.personalFiles(ctx, subjects)
	for _, f := range files {
		b.EraseFiles = append(b.EraseFiles, storage.FileRef{Kind: f.Kind, ID: f.ID})
	}
	return err
}

// putPersonal adds a personal file of a person who has parts. It revises one of them: an erasure that has not seen the file fails on that, and begins again.
func putPersonal(b *storage.Batch, f storage.File, parts []storage.Part, body any) error {
	var err error
	if f.Body, err = json.Marshal(body); err != nil {
		return errors.New("encode personal file: not JSON")
	}
	f.Rev++
	b.PutFiles = append(b.PutFiles, f)
	if len(b.RetimeParts) == 0 && len(parts) > 0 {
		b.RetimeParts = append(b.RetimeParts, retimeOf(&parts[0]))
	}
	if !slices.ContainsFunc(b.Subjects, func(c storage.SubjectCond) bool { return c.ID == f.Parent }) {
		b.Subjects = append(b.Subjects, storage.SubjectCond{ID: f.Parent})
	}
	return nil
}

// sealPersonal seals what a personal file says in words, under the person's key.
func (e *Engine) sealPersonal(ctx context.Context, controller, subject, file ID, text any) ([]byte, error) {
	key, err := e.subject(ctx, controller, subject, nil)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(text)
	if err != nil {
		return nil, errors.New("encode personal file: not JSON")
	}
	return key.SealIdentifier(personalName(file), string(plain))
}

// openPersonal is the reverse of sealPersonal.
func (e *Engine) openPersonal(ctx context.Context, controller, subject, file ID, sealed []byte, text any) error {
	if len(sealed) == 0 {
		return nil
	}
	if _, err := e.controller(ctx, controller); err != nil { // a destroyed customer must not open from a cached key
		return err
	}
	key, err := e.subject(ctx, controller, subject, nil)
	if err != nil {
		return err
	}
	plain, err := key.OpenIdentifier(personalName(file), sealed)
	if err != nil {
		return err
	}
	if json.Unmarshal([]byte(plain), text) != nil {
		return errors.New("decode personal file: not of format 1")
	}
	return nil
}

// personalName binds a text to its file.
func personalName(file ID) string { return filePersonal + " " + file.String() }

// over is when a personal file goes that is over since a day.
func (e *Engine) over(f *storage.File, since civil.Date) {
	f.Due = e.reg.Accountability.CaseFiles.After(since).End(e.zone).UTC()
}

// dropPersonal removes the personal files whose time has run out.
func (e *Engine) dropPersonal(ctx context.Context) error {
	return e.dropFiles(ctx, filePersonal, "files about persons that have run out")
}

// aboutPerson lists what personal files say of one person of our own; the answer is in the trail before it is returned.
func aboutPerson[T any](ctx context.Context, s *Session, action string, who Identity, read func(storage.Subject, *storage.File) (T, bool, error)) (out []T, err error) {
	err = again(ctx, func() error {
		a, err := s.beginRead(ctx, action)
		if err != nil {
			return err
		}
		row, err := a.oneSubject(ctx, who)
		if err != nil {
			return err
		}
		files, err := s.e.personalFiles(ctx, []ID{row.ID})
		if err != nil {
			return err
		}
		out = nil
		for i := range files {
			x, mine, err := read(row, &files[i])
			if err != nil {
				return err
			}
			if mine {
				out = append(out, x)
			}
		}
		return a.trace(ctx, audit.Entry{Count: len(out), Objects: []string{audit.Object("subject", row.ID)}})
	})
	return out, err
}
