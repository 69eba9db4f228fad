package gdpr_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// tickets reads a file of tickets as an application would: each record with its place.
func tickets(t *testing.T, name string) iter.Seq2[gdpr.Record, error] {
	t.Helper()
	return func(yield func(gdpr.Record, error) bool) {
		file, err := os.Open(filepath.Join("..", "testdata", "tickets", name))
		require.NoError(t, err)
		defer file.Close()
		in := csv.NewReader(file)
		header, err := in.Read()
		require.NoError(t, err)
		for {
			row, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			line, _ := in.FieldPos(0)
			r := gdpr.Record{Origin: fmt.Sprintf("%s:%d", name, line)}
			if err != nil {
				if !yield(r, err) {
					return
				}
				continue
			}
			r.Fields = gdpr.Fields{}
			for i, v := range row {
				switch header[i] {
				case "opened":
					opened, err := time.Parse(time.DateOnly, v)
					require.NoError(t, err)
					r.CollectedAt = opened.Add(9 * time.Hour)
				case "email":
					r.Subject = r.Subject.And(gdpr.Email(v))
				case "name", "message", "phone":
					if v != "" {
						r.Fields[header[i]] = v
					}
				}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Line 4,711 is broken: it is named, and no good line is lost.
func TestImportOfABrokenFile(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		h.clock.set("2026-11-22")
		var good, bad int
		for _, err := range tickets(t, "broken.csv") {
			if err != nil {
				bad++
			} else {
				good++
			}
		}
		require.Equal(t, 1, bad)
		require.Greater(t, good, 4000)
		res, err := f.support.PutAll(t.Context(), tickets(t, "broken.csv"), nil)
		require.NoError(t, err)
		assert.Equal(t, good, res.Stored)
		assert.Equal(t, good, h.count())
		require.Len(t, res.Refused, 1)
		refusal := res.Refused[0]
		assert.Equal(t, "broken.csv:4711", refusal.Origin)
		require.ErrorIs(t, refusal.Err, csv.ErrFieldCount)
		assert.Equal(t, "broken.csv:4711: record on line 4711: wrong number of fields", refusal.String())
		assert.NotEmpty(t, find(t, f.rights, gdpr.Email("Tuva.Nguyen@adalens-bygg.example")), "the line before")
		assert.NotEmpty(t, find(t, f.rights, gdpr.Email("piotr.petrovic@tallbackens-vardcentral.example")), "the line after")
		f.verified()
	})
}

// A right that is taken back in the middle of an import ends it; what it counts is stored.
func TestImportLosesItsRight(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		grant := h.grant(web, "support")
		two := h.second()
		res, err := h.As(web, "support-ticket").PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for i := range 3500 {
				if i == 2500 {
					assert.NoError(t, two.As(boss, gdpr.Retention).Revoke(ctx, grant))
				}
				if !yield(gdpr.Record{Subject: gdpr.Ref(fmt.Sprintf("kund %d", i)), Fields: gdpr.Fields{"message": "Hej"}}, nil) {
					return
				}
			}
		}, nil)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		assert.Empty(t, res.Refused, "no record is at fault")
		assert.Equal(t, h.count(), res.Stored)
		assert.LessOrEqual(t, res.Stored, 2000)
		assert.Equal(t, 1, h.refusals("PutAll"))
		h.verified()
	})
}

// The same new person in many records, in one batch and over several: one person, whatever the order of the identifiers.
func TestImportKnowsPersonsAgain(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		ctx := t.Context()
		f := newFirm(h)
		res, err := f.support.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for i := range 2500 {
				who := gdpr.Email(fmt.Sprintf("kund%d@kund.example", i%300))
				if i%3 == 0 {
					who = gdpr.Ref(fmt.Sprintf("K-%d", i%300)).And(who)
				}
				if !yield(gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": "Hej på dig"}}, nil) {
					return
				}
			}
			// This one joins two who are known apart: one bad record, which must not take its batch along.
			yield(gdpr.Record{Subject: gdpr.Email("kund1@kund.example").And(gdpr.Email("kund2@kund.example")), Fields: gdpr.Fields{"message": "Vem?"}}, nil)
		}, nil)
		require.NoError(t, err)
		assert.Equal(t, 2500, res.Stored)
		require.Len(t, res.Refused, 1)
		require.ErrorIs(t, res.Refused[0].Err, gdpr.ErrConflict)
		assert.Equal(t, 2500, h.count())
		persons := map[gdpr.ID]bool{}
		for _, r := range records(t, f.support, gdpr.Query{}) {
			persons[r.Subject()] = true
		}
		assert.Len(t, persons, 300)
		assert.Equal(t, len(find(t, f.support, gdpr.Ref("k-0"))), len(find(t, f.support, gdpr.Email("kund0@kund.example"))))
		entries, _ := h.trail()
		for _, e := range entries {
			assert.Equal(t, "done", e.Outcome)
		}
		f.verified()
	})
}
