package gdpr

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gallra/gallra/gdpr/storage"
)

// moved is what became of a field of an identifier's category in a change.
type moved struct {
	kind string
	part storage.PartRef // where it was
	was  []byte          // token; nil: there was none
	now  []byte          // nil: the value is gone, or identifies nobody
	form string
}

// reindex moves the find-by rows of a part from its old to its new values, and notes the values that may be identifiers of the person.
func (u *update) reindex(p *storage.Part, old, next Fields) error {
	e := u.a.s.e
	before, err := e.findRows(u.l, p, old)
	if err != nil {
		return err
	}
	after, err := e.findRows(u.l, p, next)
	if err != nil {
		return err
	}
	among := func(rows []storage.IndexRow) func(storage.IndexRow) bool {
		return func(r storage.IndexRow) bool {
			return slices.ContainsFunc(rows, func(o storage.IndexRow) bool { return o.Kind == r.Kind && bytes.Equal(o.Token, r.Token) })
		}
	}
	u.b.EraseIndex = append(u.b.EraseIndex, slices.DeleteFunc(slices.Clone(before), among(after))...)
	u.b.PutIndex = append(u.b.PutIndex, slices.DeleteFunc(slices.Clone(after), among(before))...)
	for name, kind := range u.l.category {
		if !identifies(kind) {
			continue
		}
		was, _, err := u.token(p.Controller, kind, old[name])
		if err != nil {
			return err
		}
		now, form, err := u.token(p.Controller, kind, next[name])
		if err != nil {
			return err
		}
		// A field may leave one part and come into another.
		m := u.moved[name]
		m.kind = kind
		if was != nil {
			m.was, m.part = was, p.PartRef
		}
		if now != nil {
			m.now, m.form = now, form
		}
		u.moved[name] = m
	}
	return nil
}

// token is the keyed hash of a value and its normal form; nil for one that identifies nobody.
func (u *update) token(controller ID, kind string, value any) (token []byte, form string, err error) {
	text, ok := value.(string)
	if !ok {
		return nil, "", nil
	}
	form, why := normalize(kind, text, u.a.s.e.country())
	if why != "" {
		return nil, "", nil
	}
	token, err = u.a.s.e.ring.Token(controller, kind, form)
	return token, form, err
}

// identifiers moves those of the person's identifiers that the changed fields carried. One whose value is gone goes too, unless it is the last.
func (u *update) identifiers(ctx context.Context) error {
	holds := map[string]bool{} // what the changed parts hold still
	for _, m := range u.moved {
		holds[string(m.now)] = true
	}
	maps.DeleteFunc(u.moved, func(_ string, m moved) bool { return m.was == nil || holds[string(m.was)] })
	if len(u.moved) == 0 {
		return nil
	}
	rows, err := u.a.s.e.store.IndexOf(ctx, u.subject)
	if err != nil {
		return err
	}
	var carried map[string]bool
	left := 0
	for _, r := range rows {
		if r.Part == 0 {
			left++
		}
	}
	for _, field := range slices.Sorted(maps.Keys(u.moved)) {
		m := u.moved[field]
		identifier := func(token []byte) int {
			return slices.IndexFunc(rows, func(r storage.IndexRow) bool { return r.Part == 0 && bytes.Equal(r.Token, token) })
		}
		was := identifier(m.was)
		if was < 0 {
			continue
		}
		if m.now != nil && identifier(m.now) < 0 {
			row, err := u.identifier(ctx, field, m, rows[was].Controller)
			if err != nil {
				return err
			}
			rows = append(rows, row)
			u.b.PutIndex = append(u.b.PutIndex, row)
			left++
		}
		if left > 1 && carried == nil {
			if carried, err = u.carried(ctx); err != nil {
				return err
			}
		}
		if left > 1 && !carried[string(m.was)] {
			u.b.EraseIndex = append(u.b.EraseIndex, rows[was])
			rows = slices.Delete(rows, was, was+1)
			left--
		}
	}
	return nil
}

// carried are the tokens of the find-by fields of all that the person has besides what this update changes; the batch will demand that no more comes.
// A part that the register does not know any more may carry any.
func (u *update) carried(ctx context.Context) (map[string]bool, error) {
	e := u.a.s.e
	out := map[string]bool{}
	for _, p := range u.b.PutParts {
		u.left = append(u.left, p.PartRef)
	}
	q := storage.PartQuery{Subjects: []ID{u.subject}, Limit: page}
	for {
		parts, err := e.store.Parts(ctx, q)
		if err != nil {
			return nil, err
		}
		if err := e.withKeys(ctx, parts); err != nil {
			return nil, err
		}
		for i := range parts {
			p := &parts[i]
			u.left = append(u.left, p.PartRef)
			if slices.ContainsFunc(u.b.RevisePart, func(r storage.Part) bool { return r.PartRef == p.PartRef }) {
				continue
			}
			l := e.layouts[p.Family]
			if l == nil {
				for _, m := range u.moved {
					out[string(m.was)] = true
				}
				continue
			}
			c, err := e.openPart(ctx, p)
			if err != nil {
				return nil, err
			}
			rows, err := e.findRows(l, p, c.fields)
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				out[string(r.Token)] = true
			}
		}
		if len(parts) < q.Limit {
			return out, nil
		}
		q.After = parts[len(parts)-1].PartRef
	}
}

// identifier is the row of a new identifier of the person, which must be nobody else's.
func (u *update) identifier(ctx context.Context, field string, m moved, controller ID) (storage.IndexRow, error) {
	found, err := u.a.s.e.lookup(ctx, [][]byte{m.now}, u.a.s.e.store.Lookup)
	if err != nil {
		return storage.IndexRow{}, err
	}
	if slices.ContainsFunc(found, func(r storage.IndexRow) bool { return r.Part == 0 && r.Subject != u.subject }) {
		return storage.IndexRow{}, fmt.Errorf("%w: Fields.%s: it identifies another person", ErrConflict, field)
	}
	sealed, err := u.key.SealIdentifier(m.kind, m.form)
	if err != nil {
		return storage.IndexRow{}, err
	}
	return storage.IndexRow{Subject: u.subject, Kind: m.kind, Token: m.now, Controller: controller, Sealed: sealed}, nil
}
