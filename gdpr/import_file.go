package gdpr

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// fileImport is the row of an import under a key: how far it has come. It is revised by each batch of the import.
const (
	fileImport = "import"
	stateDone  = "done"
)

// importFile is that row as it is stored, and what an earlier run had done when this one began.
type importFile struct {
	mac  audit.MAC
	file storage.File
	was  importBody
	left []Refusal // of what was then left out, as far as it is known
}

// importBody is its body; docs/format.md part 7.
type importBody struct {
	V       int          `json:"v"`
	Read    int          `json:"read"`
	Stored  int          `json:"stored"`
	LeftOut int          `json:"left_out"`
	Overdue int          `json:"overdue"`
	Lines   []importLine `json:"lines,omitempty"`
	Digest  []byte       `json:"digest"`
}

// importLine is a line that the engine refused, for the report of a later run. What the sequence reported is not stored: it comes again.
type importLine struct {
	N     int    `json:"n"`
	Field string `json:"field,omitempty"`
	Why   string `json:"why"`
}

// importLines bounds the lines in the row, which every batch writes anew.
const importLines = 100

var errTwice = stop{fmt.Errorf("%w: Key: another import under it is running; call again to go on after it", ErrConflict)}

// importFile finds the row of an import, or begins a new one.
func (a *act) importFile(ctx context.Context, key string) (*importFile, error) {
	if why := badLine(key, 200); why != "" {
		return nil, refuse("Key", "%s", why)
	}
	e, s := a.s.e, a.s
	name, err := e.ring.Token(e.self, fileImport, s.purpose+" "+s.agreement.String()+" "+key)
	if err != nil {
		return nil, err
	}
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileImport, Names: [][]byte{name}, Limit: 1})
	if err != nil {
		return nil, err
	}
	row := &importFile{mac: e.ring.MAC()}
	if len(files) == 0 {
		row.file = storage.File{Kind: fileImport, ID: storage.NewID(), Name: name, Unique: true}
		return row, nil
	}
	row.file = files[0]
	if json.Unmarshal(row.file.Body, &row.was) != nil || row.was.V != 1 {
		return nil, errors.New("decode import: not of format 1")
	}
	return row, nil
}

// next is the row's next revision, once the import has come to the given record.
func (row *importFile) next(state string, out *Imported, at *numbered) (storage.File, error) {
	body := importBody{V: 1, Read: out.Read, Stored: out.Stored, LeftOut: out.LeftOut, Overdue: out.Overdue}
	for _, r := range out.Refused {
		if len(body.Lines) == importLines {
			break
		}
		if r.told {
			continue
		}
		line := importLine{N: r.N, Why: r.Err.Error()}
		var in *InputError
		if errors.As(r.Err, &in) {
			line.Field, line.Why = in.Field, in.Reason
		}
		body.Lines = append(body.Lines, line)
	}
	f := row.file
	f.Rev++
	f.State = state
	var err error
	if body.Digest, err = row.mac.ComputeMAC(row.input(at)); err != nil {
		return storage.File{}, err
	}
	if f.Body, err = json.Marshal(body); err != nil {
		return storage.File{}, errors.New("encode import: not JSON")
	}
	return f, nil
}

// input is what the digest is computed over: the sum itself, which is a plain hash, is never stored.
func (row *importFile) input(at *numbered) []byte {
	b := append([]byte("gallra"), 1, 20)
	b = append(b, row.file.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(at.n))
	return append(b, at.sum[:]...)
}

// skip passes over what an earlier run has dealt with, and counts it.
func (im *importer) skip(ctx context.Context, at *numbered) (bool, error) {
	was := &im.row.was
	switch {
	case was.V == 0:
		return false, nil
	case at.n > was.Read:
		if im.row.file.State == stateDone {
			return false, refuse("Key", "of an import that is finished, and this sequence goes on: take another for the rest")
		}
		return false, nil
	}
	if at.n%importBatch == 0 && ctx.Err() != nil {
		return false, ctx.Err()
	}
	switch {
	case len(im.row.left) == importNames:
	case at.err != nil:
		im.row.left = append(im.row.left, Refusal{N: at.n, Origin: at.r.Origin, Err: at.err, told: true})
	case len(was.Lines) > 0 && was.Lines[0].N == at.n:
		im.row.left = append(im.row.left, was.Lines[0].refusal(at.r.Origin))
		was.Lines = was.Lines[1:]
	}
	if at.n == was.Read {
		if im.row.mac.VerifyMAC(was.Digest, im.row.input(at)) != nil {
			return false, errOther
		}
		im.out = Imported{Read: was.Read, Stored: was.Stored, LeftOut: was.LeftOut, Refused: im.row.left, Overdue: was.Overdue}
	}
	return true, nil
}

var errOther = refuse("Key", "of an import of another sequence: it begins otherwise, or is shorter")

func (l importLine) refusal(origin string) Refusal {
	r := Refusal{N: l.N, Origin: origin, Err: &InputError{Field: l.Field, Reason: l.Why}}
	if l.Field == "" {
		r.Err = errors.New(l.Why)
	}
	return r
}

// finish notes that the import has come to the end of its sequence.
func (im *importer) finish(ctx context.Context, last *numbered) error {
	row := im.row
	if last.n < row.was.Read {
		if err := ctx.Err(); err != nil { // the sequence may have been broken off with it
			return err
		}
		return errOther
	}
	if row.file.State == stateDone {
		return nil
	}
	err := again(ctx, func() error {
		if err := im.renew(ctx); err != nil {
			return err
		}
		file, err := row.next(stateDone, &im.out, last)
		if err != nil {
			return err
		}
		err = im.a.commit(ctx, &storage.Batch{PutFiles: []storage.File{file}},
			audit.Entry{Why: "import finished", Objects: []string{audit.Object(fileImport, row.file.ID)}})
		if failedOn(err, fileImport) {
			return errTwice
		}
		return err
	})
	return err
}
