package gdpr

import (
	"context"
	"errors"
	"strconv"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// metaSwept is the number of the last proof whose persons a sweep has looked at. Where that is the last proof of all, the rows of every party that was
// off-boarded are gone too: so an idle sweep need not ask.
const metaSwept = "swept"

// progress is the mark that the persons of every erasing batch up to this one were looked at.
func (w *sweepWork) progress() map[string][]byte {
	return map[string][]byte{metaSwept: strconv.AppendUint(nil, w.swept, 10)}
}

// sweptUpTo is the number of the last proof whose persons were looked at.
func sweptUpTo(meta map[string][]byte) uint64 {
	mark, _ := strconv.ParseUint(string(meta[metaSwept]), 10, 64)
	return mark
}

// resume does the second step of sweeps that were killed between erasing and looking at the persons: of every proof past the mark.
func (w *sweepWork) resume(ctx context.Context) error {
	e := w.a.s.e
	meta, err := e.store.Meta(ctx) // another sweep may have come further
	if err != nil {
		return err
	}
	w.mark = sweptUpTo(meta)
	for w.swept = w.mark; ; {
		rows, err := e.store.Proofs(ctx, w.swept, 100)
		if err != nil {
			return err
		}
		for _, row := range rows {
			proof, err := audit.DecodeProof(row.Body)
			if err != nil {
				return err
			}
			erased, err := e.erasedOf(ctx, &proof)
			if err != nil {
				return err
			}
			persons, err := w.persons(ctx, erased)
			w.resumed += persons
			if err != nil {
				return err
			}
			w.swept = row.N
		}
		if len(rows) < 100 {
			w.swept = max(w.swept, w.a.proved)
			return nil
		}
	}
}

// erasedOf are the parts of a proof whose persons are still there, as far as the proof tells.
func (e *Engine) erasedOf(ctx context.Context, proof *audit.Proof) ([]*storage.Part, error) {
	if proof.Kind != audit.ErasedParts {
		return nil, nil
	}
	var out []*storage.Part
	there := map[ID]*storage.Subject{}
	for _, p := range proof.Parts {
		row, asked := there[p.Subject]
		if !asked {
			got, err := e.store.Subject(ctx, p.Subject)
			switch {
			case err == nil:
				row = &got
			case !errors.Is(err, storage.ErrNotFound):
				return nil, err
			}
			there[p.Subject] = row
		}
		if row != nil {
			why := proof.Because[p.Because]
			out = append(out, &storage.Part{Subject: p.Subject, Controller: row.Controller, Family: why.Family, Purposes: why.Purposes})
		}
	}
	return out, nil
}
