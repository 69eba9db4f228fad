package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
)

const (
	fileGrant    = "grant"
	stateActive  = "active"
	stateRevoked = "revoked"
	stateEnded   = "ended"
)

// Grant gives an actor a role of the register for a time (EPM-5, EPM-11, ELA-LP).
type Grant struct {
	Actor Actor
	Role  string
	// From defaults to now, Until to no end; a role with at-most in the register always ends.
	From, Until time.Time
	// Supervisor watches a supervised role (EPM-11).
	Supervisor string
	// Reason says why, in words that name no data subject.
	Reason string
}

// String names the role and hides who holds it.
func (g Grant) String() string { return "grant of " + g.Role + " " + redacted }

// Format prints String for every verb.
func (g Grant) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(g.String())) }

// LogValue is String.
func (g Grant) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalJSON fails.
func (Grant) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// grant is a grant in force.
type grant struct {
	id          ID
	rev         int64
	role        string
	from, until time.Time
}

type grantBody struct {
	Actor      string    `json:"actor"`
	Role       string    `json:"role"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until,omitzero"`
	Supervisor string    `json:"supervisor,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Approver   string    `json:"approver"`
	Revoked    time.Time `json:"revoked,omitzero"` // sealed, so that a changed state revives nothing
}

func (g grant) inForce(now time.Time) bool {
	return !now.Before(g.from) && (g.until.IsZero() || now.Before(g.until))
}

func (g grant) covers(reg *Register, ability string, activities []string, now time.Time) bool {
	role, ok := reg.Roles[g.role]
	if !ok || !g.inForce(now) || !slices.Contains(role.May, register.Permission(ability)) {
		return false
	}
	if role.All {
		return true
	}
	for _, a := range activities {
		if !slices.Contains(role.For, a) {
			return false
		}
	}
	return len(activities) > 0 || ability == mayGrant
}

// Grant gives a role to an actor. It needs the ability "grant"; the owner has it from the start. Nobody grants to himself but the owner.
func (s *Session) Grant(ctx context.Context, g Grant) (ID, error) {
	id := storage.NewID()
	err := again(ctx, func() error {
		a, err := s.begin("Grant")
		if err != nil {
			return err
		}
		if err := g.check(s.e.reg, a.now); err != nil {
			return err
		}
		if err := a.may(ctx, mayGrant); err != nil {
			return err
		}
		if a.grant != grantOwner && a.grant != grantTrusted && g.Actor.kind == s.actor.kind && g.Actor.name == s.actor.name {
			return a.refused(ctx, fmt.Errorf("%w: nobody grants a role to himself", ErrNotAllowed), nil)
		}
		if g.From.IsZero() {
			g.From = a.now
		}
		if most := s.e.reg.Roles[g.Role].AtMost; !most.IsZero() {
			end := most.After(s.e.day(g.From)).Start(s.e.zone)
			if g.Until.IsZero() || g.Until.After(end) {
				g.Until = end
			}
		}
		name, err := s.e.actorToken(g.Actor)
		if err != nil {
			return err
		}
		body, err := s.e.sealBody(ctx, s.e.self, fileGrant, id, 1, grantBody{Actor: g.Actor.String(), Role: g.Role,
			From: g.From.UTC(), Until: g.Until.UTC(), Supervisor: g.Supervisor, Reason: g.Reason, Approver: s.actor.String()})
		if err != nil {
			return err
		}
		b := &storage.Batch{PutFiles: []storage.File{{Kind: fileGrant, ID: id, Rev: 1, State: stateActive, Name: name, Due: g.Until.UTC(), Body: body}}}
		return a.commit(ctx, b, audit.Entry{Objects: []string{audit.Object(fileGrant, id)}, Fields: []string{g.Role}})
	})
	if err != nil {
		return ID{}, fmt.Errorf("grant: %w", err)
	}
	s.e.cache.dropGrants()
	return id, nil
}

func (g Grant) check(reg *Register, now time.Time) error {
	if err := g.Actor.check(); err != nil {
		return err
	}
	role, ok := reg.Roles[g.Role]
	if !ok {
		return refuse("Grant.Role", "not a role of the register")
	}
	if !g.Until.IsZero() && (!g.Until.After(now) || !g.Until.After(g.From)) {
		return refuse("Grant.Until", "not after its beginning and now")
	}
	if role.Supervised && g.Supervisor == "" {
		return refuse("Grant.Supervisor", "missing: the role is supervised")
	}
	for field, text := range map[string]string{"Grant.Supervisor": g.Supervisor, "Grant.Reason": g.Reason} {
		if text == "" {
			continue
		}
		if why := badLine(text, 200); why != "" {
			return refuse(field, "%s", why)
		}
	}
	for field, at := range map[string]time.Time{"Grant.From": g.From, "Grant.Until": g.Until} {
		if !at.IsZero() && (at.Year() < 1900 || at.Year() > 2200) {
			return refuse(field, "not between 1900 and 2200")
		}
	}
	return nil
}

// Revoke ends a grant at once, in every process.
func (s *Session) Revoke(ctx context.Context, id ID) error {
	err := again(ctx, func() error {
		a, err := s.begin("Revoke")
		if err != nil {
			return err
		}
		if err := a.may(ctx, mayGrant); err != nil {
			return err
		}
		f, err := s.e.store.File(ctx, fileGrant, id)
		if err != nil {
			return err
		}
		if f.State == stateRevoked {
			return nil
		}
		var body grantBody
		if err := s.e.openBody(ctx, s.e.self, f, &body); err != nil {
			return err
		}
		f.Rev++
		f.State, body.Revoked = stateRevoked, a.now
		if f.Body, err = s.e.sealBody(ctx, s.e.self, fileGrant, id, f.Rev, body); err != nil {
			return err
		}
		return a.commit(ctx, &storage.Batch{PutFiles: []storage.File{f}}, audit.Entry{Objects: []string{audit.Object(fileGrant, id)}})
	})
	s.e.cache.dropGrants()
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// actorToken is how an actor's grants are found.
func (e *Engine) actorToken(a Actor) ([]byte, error) {
	return e.ring.Token(e.self, "actor", a.kind+" "+a.name)
}

// grantsOf returns the actor's grants, from memory unless fresh. A batch that leans on one names its revision, so a stale one is never used.
func (e *Engine) grantsOf(ctx context.Context, actor Actor, fresh bool) ([]grant, error) {
	key := actor.kind + " " + actor.name
	if !fresh {
		if got, ok := e.cache.grantsOf(key); ok {
			return got, nil
		}
	}
	token, err := e.actorToken(actor)
	if err != nil {
		return nil, err
	}
	q := storage.FileQuery{Kind: fileGrant, State: stateActive, Names: [][]byte{token}, Limit: 1000}
	var out []grant
	for {
		files, err := e.store.Files(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			var body grantBody
			if err := e.openBody(ctx, e.self, f, &body); err != nil {
				return nil, err
			}
			if body.Actor != actor.String() || !body.Revoked.IsZero() {
				continue // the row was changed past the library: neither the name it is found by nor its state is sealed
			}
			out = append(out, grant{id: f.ID, rev: f.Rev, role: body.Role, from: body.From, until: body.Until})
		}
		if len(files) < q.Limit {
			break
		}
		q.After = files[len(files)-1].ID
	}
	e.cache.keepGrants(key, out)
	return out, nil
}

// sealBody encodes and seals the body of a file under a controller's keyset.
func (e *Engine) sealBody(ctx context.Context, controller ID, kind string, id ID, rev int64, body any) ([]byte, error) {
	c, err := e.controller(ctx, controller)
	if err != nil {
		return nil, err
	}
	return sealWith(c, kind, id, rev, body)
}

// sealWith is sealBody with a keyset in hand.
func sealWith(c *crypto.Controller, kind string, id ID, rev int64, body any) ([]byte, error) {
	plain, err := json.Marshal(body)
	if err != nil {
		return nil, errors.New("encode file: not JSON")
	}
	return c.SealText(kind, id, rev, plain)
}

// openBody is the reverse of sealBody.
func (e *Engine) openBody(ctx context.Context, controller ID, f storage.File, body any) error {
	c, err := e.controller(ctx, controller)
	if err != nil {
		return err
	}
	plain, err := c.OpenText(f.Kind, f.ID, f.Rev, f.Body)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, body) != nil {
		return errors.New("decode file: not of format 1")
	}
	return nil
}
