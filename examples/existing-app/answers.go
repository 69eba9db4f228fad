package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gallra/gallra/gdpr"
)

// problem is the body of an answer that is none. It never repeats what was sent.
type problem struct {
	Error string `json:"error"`
	Field string `json:"field,omitempty"`
}

const maxBody = 1 << 20

// read reads the body of a request.
func read(w http.ResponseWriter, r *http.Request, in any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(in)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		return &gdpr.InputError{Field: wrong.Field, Reason: "of the wrong type"}
	}
	return &gdpr.InputError{Field: "body", Reason: "not the JSON object that belongs here"}
}

// answer sends a body, or what went wrong.
func (a *app) answer(w http.ResponseWriter, r *http.Request, status int, body any, err error) {
	switch {
	case err != nil:
		a.fail(w, r, err)
	case body == nil:
		w.WriteHeader(status)
	default:
		a.send(w, r, status, body)
	}
}

// fail says what went wrong. The order matters: what was erased is also not found.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	var input *gdpr.InputError
	switch {
	case r.Context().Err() != nil: // nobody is there to read it
	case errors.As(err, &input):
		a.send(w, r, http.StatusUnprocessableEntity, problem{input.Reason, input.Field})
	case errors.Is(err, gdpr.ErrNotAllowed), errors.Is(err, gdpr.ErrPurposeEnded):
		a.send(w, r, http.StatusForbidden, problem{Error: "not allowed"})
	case errors.Is(err, gdpr.ErrErased):
		a.send(w, r, http.StatusGone, problem{Error: "erased"})
	case errors.Is(err, gdpr.ErrNotFound), errors.Is(err, sql.ErrNoRows):
		a.send(w, r, http.StatusNotFound, problem{Error: "not found"})
	case errors.Is(err, gdpr.ErrConflict):
		a.send(w, r, http.StatusConflict, problem{Error: "changed meanwhile: read it again"})
	case errors.Is(err, gdpr.ErrOnHold):
		a.send(w, r, http.StatusConflict, problem{Error: "on hold"})
	case errors.Is(err, gdpr.ErrRestricted):
		a.send(w, r, http.StatusConflict, problem{Error: "restricted"})
	default:
		a.log.ErrorContext(r.Context(), "request failed", "route", r.Pattern, "error", err)
		a.send(w, r, http.StatusInternalServerError, problem{Error: "internal error"})
	}
}

func (a *app) send(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.log.WarnContext(r.Context(), "answer not sent", "error", err)
	}
}
