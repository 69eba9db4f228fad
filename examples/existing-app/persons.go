package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/lib/pq"

	"github.com/gallra/gallra/gdpr"
)

// erased is the answer to an erasure.
type erased struct {
	Proof string `json:"proof,omitempty"`
	Count int    `json:"tickets"`
	Kept  []kept `json:"kept,omitempty"`
}

// kept is what must stay, and why.
type kept struct {
	Ticket string `json:"ticket"`
	Why    string `json:"why"`
}

// erasePerson erases a person once somebody has decided to (Art. 17): personal data, keys and the rows of the tickets, all of it or nothing. The
// ledger has the proof after the next sweep. What is on hold is kept, and the answer says so.
func (a *app) erasePerson(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email  string
		Ground gdpr.Ground
		Case   string
	}
	if err := read(w, r, &in); err != nil {
		a.fail(w, r, err)
		return
	}
	var out erased
	err := a.inTx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		result, err := session(ctx).Case(in.Case).Erase(ctx, gdpr.Email(in.Email), in.Ground)
		if err != nil && (result == nil || !errors.Is(err, gdpr.ErrOnHold)) {
			return err
		}
		out = erased{Count: len(result.Records)} // none where holds keep everything: it is restricted then, and that must be committed, too
		if !result.Proof.IsZero() {
			out.Proof = result.Proof.String()
		}
		for _, k := range result.Kept {
			out.Kept = append(out.Kept, kept{k.Record.String(), k.Why})
		}
		ids := make([]string, len(result.Records))
		for i, id := range result.Records {
			ids[i] = id.String()
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM public.tickets WHERE record = ANY($1::uuid[])`, pq.Array(ids))
		return err
	})
	a.answer(w, r, http.StatusOK, out, err)
}
