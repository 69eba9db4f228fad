package main

import (
	"context"
	"net/http"

	"github.com/gallra/gallra/gdpr"
)

type actorKey struct{}

type sessionKey struct{}

// authenticated puts the actor into the context.
//
// THIS IS A STAND-IN. It believes the header whoever sends it. Put your own authentication here: a session cookie, an OIDC token, a client certificate;
// or a proxy that authenticates, sets this header itself and lets nobody else come here.
func authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("X-Forwarded-User")
		if name == "" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, gdpr.Person(name))))
	})
}

// purpose puts a session of the actor into the context. The purpose belongs to the route: no request chooses its own.
func (a *app) purpose(purpose string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, _ := r.Context().Value(actorKey{}).(gdpr.Actor)
		next(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, a.As(actor, purpose))))
	})
}

// session is that of the request. Without the middleware it is nil, and every act of a nil session is refused.
func session(ctx context.Context) *gdpr.Session {
	s, _ := ctx.Value(sessionKey{}).(*gdpr.Session)
	return s
}

// routes is the whole service: each route with the purpose that it serves.
func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /tickets", a.purpose("ticket", a.openTicket))
	mux.Handle("GET /tickets", a.purpose("ticket", a.listTickets))
	mux.Handle("GET /tickets/{id}", a.purpose("ticket", a.getTicket))
	mux.Handle("PATCH /tickets/{id}", a.purpose("ticket", a.rectifyTicket))
	mux.Handle("POST /tickets/{id}/close", a.purpose("ticket", a.closeTicket))
	mux.Handle("POST /persons/erase", a.purpose(gdpr.SubjectRights, a.erasePerson))
	mux.Handle("POST /grants", a.purpose(gdpr.Retention, a.grant))
	return authenticated(mux)
}
