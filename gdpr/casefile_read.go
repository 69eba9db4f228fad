package gdpr

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// CaseFile returns a file of a case, open or closed, with what is sealed in it. It needs the ability to read all activities, and stands in the trail.
func (s *Session) CaseFile(ctx context.Context, kind string, id ID) (*CaseFile, error) {
	return s.caseFile(ctx, "CaseFile", kind, func() (storage.File, error) {
		for _, k := range []string{openKind(kind), fileClosedCase} {
			f, err := s.e.store.File(ctx, k, id)
			if err == nil && (k != fileClosedCase || f.State == kind) {
				return f, nil
			}
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return f, err
			}
		}
		return storage.File{}, ErrNotFound
	})
}

// CaseFileOf is CaseFile by its number.
func (s *Session) CaseFileOf(ctx context.Context, kind, number string) (*CaseFile, error) {
	return s.caseFile(ctx, "CaseFileOf", kind, func() (storage.File, error) {
		for _, q := range []storage.FileQuery{
			{Kind: openKind(kind), Names: [][]byte{[]byte(number)}, Limit: 1},
			{Kind: fileClosedCase, Names: [][]byte{[]byte(kind + " " + number)}, Limit: 1},
		} {
			files, err := s.e.store.Files(ctx, q)
			if err != nil || len(files) > 0 && number != "" {
				return append(files, storage.File{})[0], err
			}
		}
		return storage.File{}, ErrNotFound
	})
}

func (s *Session) caseFile(ctx context.Context, action, kind string, find func() (storage.File, error)) (*CaseFile, error) {
	var out *CaseFile
	err := again(ctx, func() error {
		a, err := s.beginCases(ctx, action)
		if err != nil {
			return err
		}
		row, err := find()
		if err != nil {
			return err
		}
		if out, err = s.e.openCase(ctx, kind, row); err != nil {
			return err
		}
		return a.trace(ctx, audit.Entry{Objects: []string{audit.Object(kind, row.ID)}})
	})
	if err != nil {
		return nil, fmt.Errorf("case file: %w", err)
	}
	return out, nil
}

func (s *Session) beginCases(ctx context.Context, action string) (*act, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, err
	}
	if s.purpose != SubjectRights {
		return nil, refuse("Purpose", "the file of a case is kept for SubjectRights")
	}
	return a, a.may(ctx, mayRead, s.e.heads()...)
}

// OpenCaseFiles lists the open files of a kind, those of one case if it is not zero, with what is public of them: what is due first comes first. What is closed
// costs it nothing.
func (s *Session) OpenCaseFiles(ctx context.Context, kind string, of ID) ([]CaseFile, error) {
	var out []CaseFile
	err := again(ctx, func() error {
		a, err := s.beginCases(ctx, "OpenCaseFiles")
		if err != nil {
			return err
		}
		var found []*CaseFile
		q := storage.FileQuery{Kind: openKind(kind), Limit: 5000}
		if !of.IsZero() {
			q.Parents = []ID{of}
		}
		for {
			rows, err := s.e.store.Files(ctx, q)
			if err != nil {
				return err
			}
			for i := range rows {
				f, _, err := decodeCase(kind, &rows[i])
				if err != nil {
					return err
				}
				found = append(found, f)
			}
			if len(rows) < q.Limit {
				break
			}
			q.After = rows[len(rows)-1].ID
		}
		slices.SortFunc(found, func(x, y *CaseFile) int { return cmp.Or(x.Due.Compare(y.Due), bytes.Compare(x.ID[:], y.ID[:])) })
		out = make([]CaseFile, len(found))
		for i, f := range found {
			out[i] = *f
		}
		return a.trace(ctx, audit.Entry{Count: len(out)})
	})
	if err != nil {
		return nil, fmt.Errorf("open case files: %w", err)
	}
	return out, nil
}

// CaseFilesAbout returns the cases of a kind, open and closed, that are found by any of the identifiers, in no order. It needs the ability to read all activities.
func (s *Session) CaseFilesAbout(ctx context.Context, kind string, who Identity) ([]CaseFile, error) {
	var out []CaseFile
	err := again(ctx, func() error {
		a, err := s.beginCases(ctx, "CaseFilesAbout")
		if err != nil {
			return err
		}
		out = nil
		names, err := s.e.caseNames(who, false)
		if err != nil {
			return err
		}
		var links []storage.File
		for _, name := range names { // a person has few cases, and several may have one name
			q := storage.FileQuery{Kind: fileCaseOf, Names: [][]byte{name}, Limit: 1000}
			found, err := s.e.store.Files(ctx, q)
			if err != nil {
				return err
			}
			links = append(links, found...)
		}
		entry := audit.Entry{}
		seen := map[ID]bool{}
		for _, link := range links {
			if seen[link.Parent] {
				continue
			}
			seen[link.Parent] = true
			f, err := s.e.caseBehind(ctx, kind, link.Parent)
			if err != nil {
				return err
			}
			if f != nil {
				out = append(out, *f)
				entry.Objects = append(entry.Objects, audit.Object(kind, f.ID))
			}
		}
		return a.trace(ctx, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("case files: %w", err)
	}
	return out, nil
}

// caseBehind is the case of a kind, if it is one and still there.
func (e *Engine) caseBehind(ctx context.Context, kind string, id ID) (*CaseFile, error) {
	for _, k := range []string{openKind(kind), fileClosedCase} {
		row, err := e.store.File(ctx, k, id)
		if errors.Is(err, storage.ErrNotFound) || err == nil && k == fileClosedCase && row.State != kind {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err := e.openCase(ctx, kind, row)
		if errors.Is(err, crypto.ErrDestroyed) {
			return nil, nil
		}
		return f, err
	}
	return nil, nil
}

// openCase decodes and opens a file.
func (e *Engine) openCase(ctx context.Context, kind string, row storage.File) (*CaseFile, error) {
	f, sealed, err := decodeCase(kind, &row)
	if err != nil {
		return nil, err
	}
	key, err := e.subject(ctx, e.self, f.of(), nil)
	if err != nil {
		return nil, err
	}
	plain, err := key.OpenText(row.Kind, row.ID, row.Rev, sealed)
	if err != nil {
		return nil, err
	}
	var is caseSecret
	if json.Unmarshal(plain, &is) != nil {
		return nil, errCaseFormat
	}
	f.Who, f.Secret = is.Who.identity(), is.Text
	return f, nil
}

func decodeCase(kind string, row *storage.File) (f *CaseFile, sealed []byte, err error) {
	var body caseBody
	if err := body.decode(row.Body); err != nil {
		return nil, nil, err
	}
	f = &CaseFile{Kind: kind, ID: row.ID, Rev: row.Rev, Case: row.Parent, Number: string(row.Name), State: row.State, Due: row.Due, Public: body.public}
	if row.Kind == fileClosedCase {
		f.Closed, f.State = true, string(body.state)
		if len(row.Name) > 0 {
			f.Number = string(row.Name[len(kind)+1:])
		}
	}
	return f, body.sealed, nil
}
