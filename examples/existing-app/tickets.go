package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/gallra/gallra/gdpr"
)

// ticketTable is the application's own. It knows which ticket is which and how urgent, and never whose it is.
const ticketTable = `CREATE TABLE IF NOT EXISTS public.tickets (
	number   BIGINT GENERATED ALWAYS AS IDENTITY,
	record   UUID PRIMARY KEY,
	state    TEXT NOT NULL DEFAULT 'open',
	priority TEXT NOT NULL CHECK (priority IN ('low', 'high'))
)`

// ticket is one as the service shows it: its row, and what the library keeps.
type ticket struct {
	ID       string `json:"id"`
	Number   int64  `json:"number"`
	State    string `json:"state"`
	Priority string `json:"priority"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
	Message  string `json:"message,omitempty"`
	Version  int    `json:"version,omitempty"`
}

func (t *ticket) fill(r *gdpr.Stored) {
	t.Name, t.Email, t.Message, t.Version = r.Text("name"), r.Text("email"), r.Text("message"), r.Version
}

// openTicket writes a ticket: its row and its personal data, with one commit.
func (a *app) openTicket(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name, Email, Message, Priority string }
	if err := read(w, r, &in); err != nil {
		a.fail(w, r, err)
		return
	}
	t := ticket{State: "open", Priority: in.Priority}
	err := checkPriority(in.Priority)
	if err == nil {
		err = a.inTx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
			fields := gdpr.Fields{"message": in.Message}
			if in.Name != "" {
				fields["name"] = in.Name
			}
			id, err := session(ctx).Put(ctx, gdpr.Record{Subject: gdpr.Email(in.Email), Fields: fields})
			if err != nil {
				return err
			}
			t.ID = id.String()
			return tx.QueryRowContext(ctx, `INSERT INTO public.tickets (record, priority) VALUES ($1, $2) RETURNING number`, t.ID, t.Priority).Scan(&t.Number)
		})
	}
	a.answer(w, r, http.StatusCreated, t, err)
}

// getTicket shows one ticket. The library is asked first: it also knows what was erased, and leaves a trace of who looked.
func (a *app) getTicket(w http.ResponseWriter, r *http.Request) {
	var t ticket
	id, err := ticketID(r)
	if err == nil {
		t, err = a.ticket(r.Context(), id)
	}
	a.answer(w, r, http.StatusOK, t, err)
}

func (a *app) ticket(ctx context.Context, id gdpr.ID) (ticket, error) {
	got, err := session(ctx).Get(ctx, id)
	if err != nil {
		return ticket{}, err
	}
	t := ticket{ID: id.String()}
	t.fill(got)
	err = a.db.QueryRowContext(ctx, `SELECT number, state, priority FROM public.tickets WHERE record = $1`, t.ID).Scan(&t.Number, &t.State, &t.Priority)
	return t, err
}

// listTickets shows all tickets with who sent them: one page of rows would do the same with a query of the application's own.
func (a *app) listTickets(w http.ResponseWriter, r *http.Request) {
	all, err := a.tickets(r.Context())
	a.answer(w, r, http.StatusOK, all, err)
}

func (a *app) tickets(ctx context.Context) ([]ticket, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT record, number, state, priority FROM public.tickets ORDER BY number`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all, at := []ticket{}, map[string]int{}
	for rows.Next() {
		var t ticket
		if err := rows.Scan(&t.ID, &t.Number, &t.State, &t.Priority); err != nil {
			return nil, err
		}
		at[t.ID] = len(all)
		all = append(all, t)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for record, err := range session(ctx).Records(ctx, gdpr.Query{}) {
		if err != nil {
			return nil, err
		}
		if i, ok := at[record.ID.String()]; ok { // or it came after the first query
			all[i].fill(record)
		}
	}
	return all, nil
}

// rectifyTicket changes what is wrong (Art. 16): fields that are given. A version, if given, must be the one that was read.
func (a *app) rectifyTicket(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name, Message, Priority *string
		Version                 int
	}
	err := read(w, r, &in)
	id, wrong := ticketID(r)
	if err = errors.Join(err, wrong); err != nil {
		a.fail(w, r, err)
		return
	}
	change := gdpr.Change{Fields: gdpr.Fields{}, Version: in.Version}
	for name, value := range map[string]*string{"name": in.Name, "message": in.Message} {
		if value != nil {
			change.Fields[name] = *value
		}
	}
	if in.Priority != nil {
		err = checkPriority(*in.Priority)
	}
	if err == nil {
		err = a.inTx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if in.Priority != nil {
				if err := changeRow(ctx, tx, `UPDATE public.tickets SET priority = $2 WHERE record = $1`, id.String(), *in.Priority); err != nil {
					return err
				}
			}
			if len(change.Fields) == 0 && in.Priority != nil {
				return nil
			}
			return session(ctx).Update(ctx, id, change)
		})
	}
	a.answer(w, r, http.StatusNoContent, nil, err)
}

// closeTicket closes a ticket. The event starts its period: see register.yaml.
func (a *app) closeTicket(w http.ResponseWriter, r *http.Request) {
	id, err := ticketID(r)
	if err == nil {
		err = a.inTx(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if err := session(ctx).RecordEvent(ctx, gdpr.Event{Kind: "ticket-closed", Record: id}); err != nil {
				return err
			}
			return changeRow(ctx, tx, `UPDATE public.tickets SET state = 'closed' WHERE record = $1`, id.String())
		})
	}
	a.answer(w, r, http.StatusNoContent, nil, err)
}

// changeRow changes the row of one ticket, which must be there.
func changeRow(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, gdpr.ErrNotFound)
	}
	return nil
}

func ticketID(r *http.Request) (gdpr.ID, error) {
	id, err := gdpr.ParseID(r.PathValue("id"))
	if err != nil {
		return id, gdpr.ErrNotFound
	}
	return id, nil
}

func checkPriority(p string) error {
	if p != "low" && p != "high" {
		return &gdpr.InputError{Field: "priority", Reason: "neither low nor high"}
	}
	return nil
}
