package gdpr_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// The report names place, field and reason of each line that was left out, and no value, whoever reported it.
func TestImportReport(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	f := newFirm(h)
	_, bad := strconv.Atoi(secret)
	require.ErrorContains(t, bad, secret)
	out, err := f.support.PutAll(t.Context(), func(yield func(gdpr.Record, error) bool) {
		mended := with(func(r *gdpr.Record) { r.CollectedAt, r.Origin = on("2016-05-10").at, "arkiv.csv:2" })
		_ = yield(mended, nil) &&
			yield(about(gdpr.Email(secret)), nil) &&
			yield(gdpr.Record{Origin: "arkiv.csv:4"}, fmt.Errorf("rad 4: %w", bad)) &&
			yield(gdpr.Record{Origin: "arkiv.csv:5\nsvår"}, fmt.Errorf("rad 5: %w", &gdpr.InputError{Field: "ålder", Reason: "inte ett tal"})) &&
			yield(with(func(r *gdpr.Record) { r.Fields[secret] = 1 }), nil)
	}, nil)
	require.NoError(t, err)
	got := said(out)
	assert.Equal(t, `record 2: Subject.email: not an e-mail address
arkiv.csv:4: an error in the sequence (*fmt.wrapError)
arkiv.csv:5 svår: ålder: inte ett tal
record 5: Fields: has a field that activity support-ticket does not declare (Art. 5(1)(c)); it declares name, email, phone, message, attachments
5 read, 1 stored, 4 left out; overdue parts: 1
`, got)
	silent(t, got, "report")
	require.ErrorIs(t, out.Report(full{}), errFull)
}

var errFull = errors.New("skivan är full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// A sequence of which every line is left out is counted to the end, and held in memory no further than its first ten thousand.
func TestImportOfNothingGood(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "idel fel"} {
		h := newHouse(t, "epm.yaml", memory.New(), nil)
		f := newFirm(h)
		const n = 25_000
		out, err := f.support.PutAll(t.Context(), func(yield func(gdpr.Record, error) bool) {
			for i := range n {
				var err error
				if i%3 > 0 {
					err = errTorn
				}
				if !yield(gdpr.Record{Subject: gdpr.Email("ingen"), Fields: gdpr.Fields{"message": "Hej"}}, err) {
					return
				}
			}
		}, &gdpr.ImportOptions{Key: key})
		require.NoError(t, err)
		assert.Equal(t, n, out.Read)
		assert.Equal(t, n, out.LeftOut)
		require.Len(t, out.Refused, 10_000)
		for i, r := range out.Refused {
			require.Equal(t, i+1, r.N)
		}
		lines := strings.Split(strings.TrimSpace(said(out)), "\n")
		require.Len(t, lines, 10_002)
		assert.Equal(t, "and 15000 more", lines[10_000])
		assert.Zero(t, h.count())
		entries, _ := h.trail()
		imports := 0
		for _, e := range entries {
			if e.Action == "PutAll" {
				imports++
			}
		}
		assert.Equal(t, len(key)/len("idel fel"), imports, "only that a keyed one is finished")
	}
}
