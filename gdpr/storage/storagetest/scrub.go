package storagetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

const scrubs = "Scrub must return only when no copy of an erased row of an earlier Apply is left anywhere in the store's own files"

// RunWithFiles looks into the files of a store that is a [storage.Scrubber]. open must return an empty store that keeps
// all its files below dir.
func RunWithFiles(t *testing.T, open func(t *testing.T, dir string) storage.Store) {
	t.Helper()
	t.Run(scrubs, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		scrubber, ok := s.(storage.Scrubber)
		require.True(t, ok, "the store is no Scrubber")
		testResidue(t, s, dir, scrubber.Scrub)
	})
}

// testResidue erases every second of some hundred persons, and looks for what was theirs alone.
func testResidue(t *testing.T, s storage.Store, dir string, clean func(context.Context) error) {
	ctx := context.Background()
	const n = 120
	// No two are alike, and none begins another.
	mark := func(i int, what string) []byte { return fmt.Appendf(nil, "residue%dof%sx", i, what) }
	var erased storage.Batch
	for i := range n {
		sub := newSubject()
		p := newPart(sub)
		p.Version, p.Sealed = 1, bytes.Repeat(mark(i, "sealed"), 1+i%20)
		find := storage.IndexRow{Subject: sub.ID, Record: p.Record, Part: 1, Kind: "find-by", Token: mark(i, "token"), Controller: sub.Controller}
		email := identifierRow(sub, "user.contact.email", string(mark(i, "email")))
		email.Sealed = mark(i, "identifier")
		file := storage.File{Kind: "request", ID: sub.ID, Rev: 1, Parent: sub.ID, Name: mark(i, "name"), Body: mark(i, "body")}
		key := storage.SubjectKey{ID: sub.ID, Controller: sub.Controller, Wrapped: mark(i, "subjectkey")}
		apply(t, s, storage.Batch{
			PutSubjects: []storage.Subject{sub}, PutParts: []storage.Part{p}, PutIndex: []storage.IndexRow{find, email}, PutFiles: []storage.File{file},
			Keys: storage.KeyBatch{PutSubjects: []storage.SubjectKey{key},
				PutParts: []storage.PartKey{{PartKeyRef: storage.PartKeyRef{PartRef: p.PartRef, Version: 1}, Wrapped: mark(i, "partkey")}}},
		})
		if i%2 == 0 {
			erased.EraseParts = append(erased.EraseParts, erase(p)...)
			erased.EraseSubjects = append(erased.EraseSubjects, storage.SubjectErase{ID: sub.ID})
			erased.EraseFiles = append(erased.EraseFiles, storage.FileRef{Kind: file.Kind, ID: file.ID})
			erased.Keys.DestroyAllOf = append(erased.Keys.DestroyAllOf, p.PartRef)
			erased.Keys.DestroySubjects = append(erased.Keys.DestroySubjects, key)
		} else { // what another version replaced is erased as well
			p.Rev, p.Version, p.Sealed = 2, 2, mark(i, "secondversion")
			apply(t, s, storage.Batch{RevisePart: []storage.Part{p}})
		}
	}
	apply(t, s, erased)
	require.NoError(t, clean(ctx), "nobody reads")

	files := contents(t, dir)
	everything := []string{"sealed", "token", "email", "identifier", "name", "body", "subjectkey", "partkey"}
	for i := range n {
		for _, what := range everything {
			kept := i%2 == 1 && what != "sealed"
			require.Equal(t, kept, found(files, mark(i, what)), "%s of person %d", what, i)
		}
		require.Equal(t, i%2 == 1, found(files, mark(i, "secondversion")))
	}
	left, err := s.Parts(ctx, storage.PartQuery{Limit: n})
	require.NoError(t, err)
	assert.Len(t, left, n/2, "the others are whole")
	apply(t, s, storage.Batch{PutSubjects: []storage.Subject{newSubject()}})
}

// contents reads every file below dir.
func contents(t *testing.T, dir string) (out [][]byte) {
	t.Helper()
	files := os.DirFS(dir)
	require.NoError(t, fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		out = append(out, content)
		return err
	}))
	return out
}

// found looks for a mark as it is, and as text of any common kind.
func found(files [][]byte, mark []byte) bool {
	forms := [][]byte{mark, []byte(hex.EncodeToString(mark))}
	for shift := range 3 { // what stands before it in its field
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, shift), mark...))
		forms = append(forms, []byte(whole[4:len(whole)-4]))
	}
	for _, content := range files {
		for _, form := range forms {
			if bytes.Contains(content, form) {
				return true
			}
		}
	}
	return false
}
