package gdpr

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
)

// controller returns the opened keyset of a controller: one call of the key service while it is cached.
func (e *Engine) controller(ctx context.Context, id ID) (*crypto.Controller, error) {
	if c, ok := e.ring.Controller(id); ok {
		return c, nil
	}
	row, err := e.keys.ControllerKey(e.ofKeys(ctx), id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, crypto.ErrKeysUnavailable
	}
	if err != nil {
		return nil, err
	}
	return e.ring.OpenController(ctx, row)
}

// subject returns the opened key of a data subject; wrapped is its row's key when a read brought it along.
func (e *Engine) subject(ctx context.Context, controller, id ID, wrapped []byte) (*crypto.Subject, error) {
	if s, ok := e.ring.Subject(controller, id); ok {
		return s, nil
	}
	row := storage.SubjectKey{ID: id, Controller: controller, Wrapped: wrapped}
	if wrapped == nil {
		rows, err := e.keys.SubjectKeys(e.ofKeys(ctx), []ID{id})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, crypto.ErrDestroyed
		}
		row = rows[0]
	}
	c, err := e.controller(ctx, controller)
	if err != nil {
		return nil, err
	}
	return c.OpenSubject(row)
}

// withKeys adds the wrapped keys to parts, where the store that keeps the parts keeps no keys. A part that was revised between the two reads has
// lost the key of the version that was read: it is read anew.
func (e *Engine) withKeys(ctx context.Context, parts []storage.Part) error {
	if !e.apart {
		return nil
	}
	ask := make([]*storage.Part, len(parts))
	for i := range parts {
		ask[i] = &parts[i]
	}
	for tries := 0; len(ask) > 0 && tries < 8; tries++ {
		if err := e.fetchKeys(ctx, ask); err != nil {
			return err
		}
		var revised []*storage.Part
		for _, p := range ask {
			if p.Key != nil || p.SubjectKey == nil {
				continue
			}
			now, err := e.store.Record(ctx, p.Record)
			if err != nil {
				return err
			}
			at := slices.IndexFunc(now, func(n storage.Part) bool { return n.PartRef == p.PartRef && n.Version != p.Version })
			if at >= 0 {
				*p = now[at]
				revised = append(revised, p)
			}
		}
		ask = revised
	}
	return nil
}

func (e *Engine) fetchKeys(ctx context.Context, parts []*storage.Part) error {
	refs := make([]storage.PartKeyRef, len(parts))
	ids := map[ID]bool{}
	for i, p := range parts {
		refs[i] = storage.PartKeyRef{PartRef: p.PartRef, Version: p.Version}
		ids[p.Subject] = true
	}
	keys, err := e.keys.PartKeys(e.ofKeys(ctx), refs)
	if err != nil {
		return err
	}
	byRef := make(map[storage.PartKeyRef][]byte, len(keys))
	for _, k := range keys {
		byRef[k.PartKeyRef] = k.Wrapped
	}
	subjects, err := e.keys.SubjectKeys(e.ofKeys(ctx), slices.Collect(maps.Keys(ids)))
	if err != nil {
		return err
	}
	bySubject := make(map[ID]storage.SubjectKey, len(subjects))
	for _, s := range subjects {
		bySubject[s.ID] = s
	}
	for i, p := range parts {
		p.Key = byRef[refs[i]]
		if s := bySubject[p.Subject]; !s.Destroyed {
			p.SubjectKey = s.Wrapped
		}
	}
	return nil
}

// place binds a part's ciphertext and key to their row.
func place(p *storage.Part) crypto.Place {
	return crypto.Place{Record: p.Record, Part: p.PartRef.Part, Version: p.Version, Family: p.Family}
}

// openPart decrypts one part.
func (e *Engine) openPart(ctx context.Context, p *storage.Part) (content, error) {
	if p.Key == nil || p.SubjectKey == nil {
		return content{}, crypto.ErrDestroyed
	}
	// The controller first: a destroyed customer must not open from a subject's cached key.
	if _, err := e.controller(ctx, p.Controller); err != nil {
		return content{}, err
	}
	s, err := e.subject(ctx, p.Controller, p.Subject, p.SubjectKey)
	if err != nil {
		return content{}, err
	}
	plain, err := s.OpenPart(place(p), p.Key, p.Sealed)
	if err != nil {
		return content{}, err
	}
	return decodeContent(plain)
}
