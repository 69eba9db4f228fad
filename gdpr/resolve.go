package gdpr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/storage"
)

// resolve finds the person behind every identity of the batch, or makes one. Identifiers that a known person did not have yet are added.
//
// What is remembered of identifiers may be old. The batch's conditions tell, but not when there is no batch because they lead to nobody or to too many:
// then the store is asked.
func (in *intake) resolve(ctx context.Context, b *storage.Batch) error {
	before := *b // with what must hold besides
	remembered, err := in.persons(ctx, b, true)
	if err == nil || !remembered {
		return err
	}
	in.e.cache.dropPersons()
	*b = before
	in.fresh, in.named, in.opened = map[string]ID{}, map[ID][][]byte{}, map[ID]*crypto.Subject{}
	_, err = in.persons(ctx, b, false)
	return err
}

// persons does it; remembered says that it leaned on what the engine remembers.
func (in *intake) persons(ctx context.Context, b *storage.Batch, remember bool) (remembered bool, err error) {
	e := in.e
	tokens := map[string]ID{}          // every identifier that leads to somebody, stored or new in this batch
	kept := map[*normalized]([]byte){} // the token of each identifier
	var ask [][]byte
	for _, d := range in.records {
		for i := range d.persons {
			for j := range d.persons[i].identity {
				n := &d.persons[i].identity[j]
				all, err := e.ring.Tokens(in.controller, n.kind, n.value)
				if err != nil {
					return remembered, err
				}
				kept[n] = all[0]
				// Whom it led to before is right if the batch's conditions hold; the key must be at hand, so that one that is destroyed is not used.
				if id, ok := e.cache.person(all[0]); ok && remember {
					if key, ok := e.ring.Subject(in.controller, id); ok {
						tokens[string(all[0])], in.opened[id], remembered = id, key, true
						continue
					}
				}
				ask = append(ask, all...)
			}
		}
	}
	found, err := e.lookup(ctx, ask, e.store.Identifiers)
	if err != nil {
		return remembered, err
	}
	for _, row := range found {
		if row.Part == 0 {
			tokens[string(row.Token)] = row.Subject
			if !inTx(ctx) { // else it may never be committed
				e.cache.keepPerson(row.Token, row.Subject)
			}
		}
	}
	if in.ahead != nil {
		for token, id := range in.ahead.fresh {
			tokens[token] = id
		}
	}
	known, fresh := map[ID]bool{}, map[ID]bool{}
	leaned := map[string]storage.IndexCond{} // identifiers that led to somebody: they must still be there
	for _, d := range in.records {
		for i := range d.persons {
			p := &d.persons[i]
			if p.subject, err = in.who(ctx, p, tokens, kept); err != nil {
				return remembered, err
			}
			if !p.subject.IsZero() && slices.ContainsFunc(d.persons[:i], func(other person) bool { return other.subject == p.subject }) {
				return remembered, refuse(fmt.Sprintf("Also[%d].Subject", i), "a person who is in the record already")
			}
			if p.subject.IsZero() {
				p.subject = storage.NewID()
				fresh[p.subject] = true
				b.PutSubjects = append(b.PutSubjects, storage.Subject{ID: p.subject, Controller: in.controller, Rev: 1, Created: in.a.now})
			} else if !fresh[p.subject] {
				known[p.subject] = true
			}
			for j := range p.identity {
				n := &p.identity[j]
				if !in.leads(p, kept[n]) {
					in.named[p.subject] = append(in.named[p.subject], kept[n])
				}
				if _, has := tokens[string(kept[n])]; has {
					if _, here := in.fresh[string(kept[n])]; !here {
						leaned[string(kept[n])] = storage.IndexCond{Subject: p.subject, Kind: n.kind, Token: kept[n]}
					}
					continue
				}
				tokens[string(kept[n])] = p.subject
				in.fresh[string(kept[n])] = p.subject
				b.PutIndex = append(b.PutIndex, storage.IndexRow{Subject: p.subject, Kind: n.kind, Token: kept[n], Controller: in.controller, Sealed: []byte(n.value)})
			}
		}
	}
	for id := range known {
		b.Subjects = append(b.Subjects, storage.SubjectCond{ID: id})
	}
	b.Index = slices.AppendSeq(b.Index, maps.Values(leaned))
	return remembered, in.keys(ctx, b, known, fresh)
}

// who is the stored person behind an identity; zero for a new one.
func (in *intake) who(ctx context.Context, p *person, tokens map[string]ID, kept map[*normalized][]byte) (ID, error) {
	who := p.given
	if !who.IsZero() {
		row, err := in.e.store.Subject(ctx, who)
		if errors.Is(err, storage.ErrNotFound) {
			err = in.e.goneSubject(ctx, who)
		}
		if errors.Is(err, ErrNotFound) && !errors.Is(err, ErrErased) || err == nil && row.Controller != in.controller {
			return ID{}, refuse("Subject", "no such person of this controller")
		}
		if err != nil {
			return ID{}, err
		}
	}
	for j := range p.identity {
		got, ok := tokens[string(kept[&p.identity[j]])]
		switch {
		case !ok:
		case who.IsZero():
			who = got
		case who != got:
			return ID{}, fmt.Errorf("%w: Subject: the identifiers lead to two different persons", ErrConflict)
		}
	}
	return who, nil
}

// keys opens the keys of known persons, makes those of new ones, and seals the identifiers.
func (in *intake) keys(ctx context.Context, b *storage.Batch, known, fresh map[ID]bool) error {
	e := in.e
	ctl, err := e.controller(ctx, in.controller)
	if err != nil {
		return err
	}
	for id := range fresh {
		key, row, err := ctl.NewSubject(id)
		if err != nil {
			return err
		}
		in.opened[id] = key
		b.Keys.PutSubjects = append(b.Keys.PutSubjects, row)
	}
	var cold []ID
	for id := range known {
		if in.opened[id] != nil {
			continue
		}
		if key, ok := e.ring.Subject(in.controller, id); ok {
			in.opened[id] = key
		} else if in.ahead != nil && in.ahead.opened[id] != nil {
			in.opened[id] = in.ahead.opened[id]
		} else {
			cold = append(cold, id)
		}
	}
	if len(cold) > 0 {
		rows, err := e.keys.SubjectKeys(e.ofKeys(ctx), cold)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if in.opened[row.ID], err = ctl.OpenSubject(row); err != nil {
				return err
			}
		}
	}
	for id := range known {
		if in.opened[id] == nil {
			return crypto.ErrDestroyed
		}
	}
	for i := range b.PutIndex {
		row := &b.PutIndex[i]
		if row.Sealed, err = in.opened[row.Subject].SealIdentifier(row.Kind, string(row.Sealed)); err != nil {
			return err
		}
	}
	return nil
}

const lookupChunk = 500

// lookup asks the blind index, in chunks.
func (e *Engine) lookup(ctx context.Context, tokens [][]byte, read func(context.Context, [][]byte) ([]storage.IndexRow, error)) ([]storage.IndexRow, error) {
	var out []storage.IndexRow
	for chunk := range slices.Chunk(tokens, lookupChunk) {
		rows, err := read(ctx, chunk)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}
