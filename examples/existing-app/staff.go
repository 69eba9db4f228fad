package main

import (
	"net/http"

	"github.com/gallra/gallra/gdpr"
)

// grant gives a role of the register to somebody. At first only the owner may.
func (a *app) grant(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name, Role string }
	err := read(w, r, &in)
	if err == nil {
		_, err = session(r.Context()).Grant(r.Context(), gdpr.Grant{Actor: gdpr.Person(in.Name), Role: in.Role})
	}
	a.answer(w, r, http.StatusNoContent, nil, err)
}
