package gdpr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// newCase is a case about somebody, due in some days.
func newCase(h *house, number string, days int, who gdpr.Identity) *gdpr.CaseFile {
	return &gdpr.CaseFile{Kind: "request", Number: number, State: "received", Due: h.clock.at.AddDate(0, 0, days), Public: []byte(`{"rights":["A15"]}`),
		Secret: []byte(`{"who":"Åsa Öberg"}`), Who: who}
}

func putCase(h *house, files ...*gdpr.CaseFile) error {
	return h.As(dpo, gdpr.SubjectRights).PutCase(h.t.Context(), gdpr.CaseAct{Action: "Receive", May: "decide", Put: files})
}

// A case is written, listed by what is due, found by number and by person, closed, and gone with its period: its key is destroyed, with a proof.
func TestCaseFile(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		newFirm(h)
		ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
		later, sooner := newCase(h, "2026-ö2", 9, asa.And(gdpr.Phone("070-1740606"))), newCase(h, "2026-1", 3, gdpr.Email("bo@kund.example"))
		later.ID = gdpr.NewID()
		note := &gdpr.CaseFile{Kind: "notice", Case: later.ID, State: "waiting", Due: h.clock.at, Secret: []byte("till Åsa")}
		require.NoError(t, putCase(h, later, note))
		require.NoError(t, putCase(h, sooner))
		assert.EqualValues(t, 1, later.Rev)

		open, err := desk.OpenCaseFiles(ctx, "request", gdpr.ID{})
		require.NoError(t, err)
		require.Len(t, open, 2)
		assert.Equal(t, sooner.ID, open[0].ID)
		assert.Empty(t, open[0].Secret)
		assert.JSONEq(t, `{"rights":["A15"]}`, string(open[0].Public))
		notes, err := desk.OpenCaseFiles(ctx, "notice", later.ID)
		require.NoError(t, err)
		require.Len(t, notes, 1)
		got, err := desk.CaseFile(ctx, "notice", notes[0].ID)
		require.NoError(t, err)
		assert.Equal(t, "till Åsa", string(got.Secret))

		got, err = desk.CaseFileOf(ctx, "request", "2026-ö2")
		require.NoError(t, err)
		assert.JSONEq(t, string(later.Secret), string(got.Secret))
		again, err := desk.CaseFilesAbout(ctx, "request", got.Who)
		require.NoError(t, err)
		assert.Len(t, again, 1, "whose it is stays with it")
		_, err = desk.CaseFileOf(ctx, "request", "")
		require.ErrorIs(t, err, gdpr.ErrNotFound)
		about, err := desk.CaseFilesAbout(ctx, "request", gdpr.Phone("070-1740606"))
		require.NoError(t, err)
		require.Len(t, about, 1)
		assert.Equal(t, later.ID, about[0].ID)

		require.ErrorIs(t, putCase(h, newCase(h, "2026-1", 1, asa)), gdpr.ErrConflict, "its number is taken")
		stale := *got
		stale.Rev = 7
		require.ErrorIs(t, putCase(h, &stale), gdpr.ErrConflict)

		require.NoError(t, desk.PutCase(ctx, gdpr.CaseAct{Action: "Deliver", May: "disclose", Put: []*gdpr.CaseFile{got}, Drop: []*gdpr.CaseFile{note}}))
		got.State, got.Closed, got.Due = "closed", true, h.clock.at.AddDate(3, 0, 0)
		require.NoError(t, putCase(h, got))
		open, err = desk.OpenCaseFiles(ctx, "request", gdpr.ID{})
		require.NoError(t, err)
		assert.Len(t, open, 1)
		closed, err := desk.CaseFileOf(ctx, "request", "2026-ö2")
		require.NoError(t, err)
		assert.True(t, closed.Closed)
		assert.Equal(t, "closed", closed.State)
		assert.JSONEq(t, string(later.Secret), string(closed.Secret))

		h.clock.at = h.clock.at.AddDate(3, 0, -1)
		require.NoError(t, sweepAll(h))
		_, err = desk.CaseFile(ctx, "request", later.ID)
		require.NoError(t, err, "a day early")
		h.clock.at = h.clock.at.AddDate(0, 0, 1)
		require.NoError(t, sweepAll(h))
		_, err = desk.CaseFile(ctx, "request", later.ID)
		require.ErrorIs(t, err, gdpr.ErrNotFound)
		about, err = desk.CaseFilesAbout(ctx, "request", asa)
		require.NoError(t, err)
		assert.Empty(t, about)
		var in storage.Keys = h.store
		if h.keys != nil {
			in = h.keys
		}
		keys, err := in.SubjectKeys(ctx, []storage.ID{later.ID, sooner.ID})
		require.NoError(t, err)
		for _, k := range keys {
			assert.Equal(t, k.ID == later.ID, k.Destroyed)
		}
		assert.Len(t, keys, 2)
		h.verified()
	})
}

func sweepAll(h *house) error {
	_, err := h.Sweep(h.t.Context(), &gdpr.SweepOptions{MaxShare: 1})
	return err
}

// While a request is open nothing that it is about goes; with the answer it goes at once, and without one when the last day is over.
func TestFreeze(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{true, false} {
		t.Run(fmt.Sprintf("answered %t", answered), func(t *testing.T) {
			t.Parallel()
			eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
				f := newFirm(h)
				ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
				ticket := f.ticket(gdpr.ID{}, gdpr.ID{})
				got, err := f.support.Get(ctx, ticket)
				require.NoError(t, err)
				h.clock.at = h.clock.at.AddDate(1, 0, -10)
				c := newCase(h, "1", 30, asa)
				until := civil.DateOf(h.clock.at.AddDate(0, 0, 30), time.UTC)
				act := gdpr.CaseAct{Action: "Receive", May: "read", Put: []*gdpr.CaseFile{c}, Freeze: &gdpr.Freeze{Subject: got.Subject(), Until: until}}
				require.NoError(t, desk.PutCase(ctx, act))
				h.clock.at = h.clock.at.AddDate(0, 0, 12)
				require.NoError(t, sweepAll(h))
				_, err = f.support.Get(ctx, ticket)
				require.ErrorIs(t, err, gdpr.ErrPurposeEnded, "its time is up; it is there for the copy")
				why, err := desk.Explain(ctx, ticket)
				require.NoError(t, err)
				require.NotEmpty(t, why.Parts)
				if answered {
					c.State = "answered"
					require.NoError(t, desk.PutCase(ctx, gdpr.CaseAct{Action: "Answer", May: "export", Put: []*gdpr.CaseFile{c}, Thaw: true}))
				} else {
					h.clock.at = h.clock.at.AddDate(0, 0, 20)
				}
				require.NoError(t, sweepAll(h))
				_, err = f.support.Get(ctx, ticket)
				require.ErrorIs(t, err, gdpr.ErrErased)
			})
		})
	}
}

// What is wrong in a case file is refused with its name, before anything is written; a role without the ability does not get at it.
func TestCaseFileBadInput(t *testing.T) {
	t.Parallel()
	h := sqliteHouse(t, "epm.yaml", false)
	newFirm(h)
	ctx, desk := t.Context(), h.As(dpo, gdpr.SubjectRights)
	for field, change := range map[string]func(*gdpr.CaseFile, *gdpr.CaseAct){
		"CaseFile.Kind":   func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.Kind = "Begäran" },
		"CaseFile.Number": func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.Number = "åsa@kund.example" },
		"CaseFile.State":  func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.State = "" },
		"CaseFile.Due":    func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.Due = time.Time{} },
		"CaseFile.Public": func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.Public = []byte("{") },
		"CaseFile":        func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.Secret = make([]byte, 65<<20) },
		"CaseFile.ID":     func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.Rev = 1 },
		"CaseFile.Who":    func(f *gdpr.CaseFile, _ *gdpr.CaseAct) { f.Case = gdpr.NewID() },
		"CaseAct.Action":  func(_ *gdpr.CaseFile, a *gdpr.CaseAct) { a.Action = "" },
		"CaseAct.Why":     func(_ *gdpr.CaseFile, a *gdpr.CaseAct) { a.Why = "åsa@kund.example" },
		"CaseAct.May":     func(_ *gdpr.CaseFile, a *gdpr.CaseAct) { a.May = "grant" },
		"CaseAct.Put":     func(_ *gdpr.CaseFile, a *gdpr.CaseAct) { a.Put = nil },
		"Freeze.Subject":  func(_ *gdpr.CaseFile, a *gdpr.CaseAct) { a.Freeze = &gdpr.Freeze{Until: day(t, "2026-12-01")} },
		"Freeze.Until":    func(_ *gdpr.CaseFile, a *gdpr.CaseAct) { a.Freeze = &gdpr.Freeze{Subject: gdpr.NewID()} },
	} {
		f := newCase(h, "1", 1, asa)
		act := gdpr.CaseAct{Action: "Receive", May: "read", Put: []*gdpr.CaseFile{f}}
		change(f, &act)
		err := desk.PutCase(ctx, act)
		var bad *gdpr.InputError
		if assert.ErrorAs(t, err, &bad, field) {
			assert.Equal(t, field, bad.Field)
			assert.NotContains(t, err.Error(), "åsa@")
		}
	}
	open, err := desk.OpenCaseFiles(ctx, "request", gdpr.ID{})
	require.NoError(t, err)
	assert.Empty(t, open)
	act := gdpr.CaseAct{Action: "Receive", May: "read", Put: []*gdpr.CaseFile{newCase(h, "1", 1, asa)}}
	require.ErrorIs(t, h.As(web, gdpr.SubjectRights).PutCase(ctx, act), gdpr.ErrNotAllowed)
	require.NoError(t, putCase(h, act.Put[0]))
	for _, read := range []func(*gdpr.Session) error{
		func(s *gdpr.Session) error { _, err := s.CaseFile(ctx, "request", act.Put[0].ID); return err },
		func(s *gdpr.Session) error { _, err := s.CaseFileOf(ctx, "request", "1"); return err },
		func(s *gdpr.Session) error { _, err := s.OpenCaseFiles(ctx, "request", gdpr.ID{}); return err },
		func(s *gdpr.Session) error { _, err := s.CaseFilesAbout(ctx, "request", asa); return err },
	} {
		require.ErrorIs(t, read(h.As(web, gdpr.SubjectRights)), gdpr.ErrNotAllowed)
	}
}

// An erasure of named records leaves the others alone, and the person with them.
func TestEraseSomeRecords(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		ctx := t.Context()
		one, two := f.ticket(gdpr.ID{}, gdpr.ID{}), f.ticket(gdpr.ID{}, gdpr.ID{})
		out, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.Unlawful, one)
		require.NoError(t, err)
		assert.Equal(t, []gdpr.ID{one}, out.Records)
		assert.False(t, out.Whole)
		assert.Empty(t, out.Kept)
		_, err = f.support.Get(ctx, one)
		require.ErrorIs(t, err, gdpr.ErrErased)
		got, err := f.support.Get(ctx, two)
		require.NoError(t, err)
		assert.False(t, got.Restricted)
		out, err = h.As(dpo, gdpr.SubjectRights).Erase(ctx, asa, gdpr.Unlawful, two)
		require.NoError(t, err)
		assert.True(t, out.Whole)
	})
}
