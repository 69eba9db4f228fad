package gdpr

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// Returned says what a package holds.
type Returned struct {
	Parts int
	// Digest is the SHA-256, in hexadecimal, of the lines before the last, which names it too: the customer confirms what arrived by it.
	Digest string
}

const fileReturn = "return"

type returnBody struct {
	V       int    `json:"v"`
	Digest  string `json:"digest"`
	Parts   int    `json:"parts"`
	Rev     int64  `json:"rev"`  // of the agreement
	Held    []byte `json:"held"` // over exactly the parts that were returned, with their versions
	By      string `json:"by"`
	Confirm string `json:"confirmed,omitempty"` // by whom on our side the customer's confirmation was noted
}

// Return writes everything that is held under the session's agreement, which has ended, to w: sealed for the recipients, public keys of age (age1...), and for nobody
// else (Art. 28(3)(g), ELA-XFER). Inside are JSON lines: a head, one line for each part with the person's identifiers and the fields, and a last line with the number
// of parts and a digest. It streams; each page is in the trail before it is written. A package without its last line is not whole.
//
// It needs the right to export. Nothing is erased: ConfirmReturn does that, once the customer has what is theirs.
func (s *Session) Return(ctx context.Context, w io.Writer, recipients ...string) (*Returned, error) {
	out, err := s.giveBack(ctx, w, recipients)
	if err != nil {
		return nil, fmt.Errorf("return: %w", translate(err))
	}
	return out, nil
}

func (s *Session) giveBack(ctx context.Context, w io.Writer, recipients []string) (*Returned, error) {
	g, err := s.toReturn(ctx, "Return")
	if err != nil {
		return nil, err
	}
	sealed, err := crypto.SealPackage(w, recipients...)
	if err != nil {
		return nil, refuse("Recipients", "%s", err)
	}
	p := &returning{s: s, g: g, w: sealed, sum: sha256.New(), persons: map[ID]map[string][]string{}, out: &Returned{}}
	if err := p.line(map[string]any{"gallra": "return", "v": 1, "store": s.e.id.String(), "agreement": g.ID.String(), "party": g.Party.String(), "at": s.e.instant()}); err != nil {
		return nil, err
	}
	if err := s.e.heldFor(ctx, g, false, p.page); err != nil {
		return nil, err
	}
	p.out.Digest = hex.EncodeToString(p.sum.Sum(nil))
	if err := p.line(map[string]any{"parts": p.out.Parts, "sha256": p.out.Digest}); err != nil {
		return nil, err
	}
	if err := sealed.Close(); err != nil {
		return nil, err
	}
	return p.out, p.note(ctx, g)
}

// toReturn is the session's agreement, which must have ended; whoever acts may export.
func (s *Session) toReturn(ctx context.Context, action string) (*agreement, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, err
	}
	l := s.e.layouts[s.e.reg.Head(s.purpose)]
	if l == nil || !l.head.Processor() {
		return nil, refuse("Purpose", "what is given back is a customer's: the purpose is a processor's activity")
	}
	g, err := a.covering(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := a.may(ctx, mayExport, g.Activities...); err != nil {
		return nil, err
	}
	if g.state != stateEnded {
		return nil, refuse("Agreement", "is in force: it is returned when it has ended")
	}
	return g, nil
}

// returning is a package under way.
type returning struct {
	s       *Session
	g       *agreement
	w       io.Writer
	sum     hash.Hash
	held    [sha256.Size]byte
	persons map[ID]map[string][]string // identifiers by kind, of the persons of this page
	out     *Returned
}

func (p *returning) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return errors.New("encode package: not JSON")
	}
	text = append(text, '\n')
	_, _ = p.sum.Write(text)
	_, err = p.w.Write(text)
	return err
}

// heldFor hands on what is held for the customer under an agreement and its assignments, page by page. What we hold of our own about the customer's people is not theirs.
func (e *Engine) heldFor(ctx context.Context, g *agreement, light bool, each func(context.Context, []storage.Part) error) error {
	assignments, err := e.assignmentsOf(ctx, g.ID)
	if err != nil {
		return err
	}
	for _, owner := range append([]ID{g.ID}, assignments...) {
		q := storage.PartQuery{Owner: owner, Light: light, Limit: page}
		for {
			parts, err := e.store.Parts(ctx, q)
			if err != nil {
				return err
			}
			last := len(parts) < q.Limit
			if len(parts) > 0 {
				q.After = parts[len(parts)-1].PartRef
			}
			theirs := slices.DeleteFunc(parts, func(p storage.Part) bool { return !Role(p.Role).ForOther() })
			if len(theirs) > 0 {
				if err := each(ctx, theirs); err != nil {
					return err
				}
			}
			if last {
				break
			}
		}
	}
	return nil
}

// addHeld adds a part to the sum over what is held.
func addHeld(sum *[sha256.Size]byte, p *storage.Part) {
	add(sum, sha256.Sum256(fmt.Appendf(nil, "%s %d %d", p.Record, p.PartRef.Part, p.Version)))
}

// erasedMeanwhile reports whether a part that does not open was erased since it was read. One that is still there lacks its key: that must not pass for whole.
func (e *Engine) erasedMeanwhile(ctx context.Context, part *storage.Part, why error) (bool, error) {
	if !errors.Is(why, crypto.ErrDestroyed) && !errors.Is(why, storage.ErrNotFound) {
		return false, nil
	}
	now, err := e.store.Record(ctx, part.Record)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(now, func(p storage.Part) bool { return p.PartRef == part.PartRef }), nil
}

// page opens some parts, writes that to the trail, and then them to the package.
func (p *returning) page(ctx context.Context, parts []storage.Part) error {
	e := p.s.e
	if err := e.withKeys(ctx, parts); err != nil {
		return err
	}
	entry := audit.Entry{Count: len(parts)}
	lines := make([]map[string]any, 0, len(parts))
	clear(p.persons)
	for i := range parts {
		part := &parts[i]
		c, err := e.openPart(ctx, part)
		if err != nil {
			if erased, failed := e.erasedMeanwhile(ctx, part, err); failed != nil || !erased {
				return errors.Join(err, failed)
			}
			continue
		}
		content, err := c.encode()
		if err != nil {
			return err
		}
		who, ok := p.persons[part.Subject]
		if !ok {
			if who, err = p.who(ctx, part); err != nil {
				if erased, failed := e.erasedMeanwhile(ctx, part, err); failed != nil || !erased {
					return errors.Join(err, failed)
				}
				continue
			}
			p.persons[part.Subject] = who
		}
		lines = append(lines, map[string]any{"record": part.Record.String(), "part": part.PartRef.Part, "activity": part.Family, "person": part.Subject.String(),
			"identifiers": who, "content": json.RawMessage(content)})
		if object := audit.Object("record", part.Record); !slices.Contains(entry.Objects, object) {
			entry.Objects = append(entry.Objects, object)
		}
	}
	a, err := p.s.start("Return")
	if err != nil {
		return err
	}
	if err := a.may(ctx, mayExport, p.g.Activities...); err != nil {
		return err
	}
	if err := a.commit(ctx, &storage.Batch{}, entry); err != nil {
		return err
	}
	for _, line := range lines {
		if err := p.line(line); err != nil {
			return err
		}
	}
	for i := range parts {
		addHeld(&p.held, &parts[i])
	}
	p.out.Parts += len(lines)
	return nil
}

// who are a person's identifiers.
func (p *returning) who(ctx context.Context, part *storage.Part) (map[string][]string, error) {
	ids, err := p.s.e.identifiersOf(ctx, part.Controller, part.Subject)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, id := range ids {
		out[id.kind] = append(out[id.kind], id.value)
	}
	return out, nil
}

// note files that the package was made.
func (p *returning) note(ctx context.Context, g *agreement) error {
	return again(ctx, func() error {
		a, err := p.s.start("Return")
		if err != nil {
			return err
		}
		f, err := p.s.e.returnOf(ctx, g.ID)
		if err != nil {
			return err
		}
		body, err := json.Marshal(returnBody{V: 1, Digest: p.out.Digest, Parts: p.out.Parts, Rev: g.file.Rev, Held: p.held[:], By: p.s.actor.String()})
		if err != nil {
			return errors.New("encode return: not JSON")
		}
		f.Rev++
		f.State, f.Body = stateActive, body
		return a.commit(ctx, &storage.Batch{PutFiles: []storage.File{f}}, audit.Entry{Why: "sha256 " + p.out.Digest, Count: p.out.Parts, Objects: []string{audit.Object(fileAgreement, g.ID)}})
	})
}

// returnOf is the file of an agreement's return; a new one while there is none.
func (e *Engine) returnOf(ctx context.Context, agreement ID) (storage.File, error) {
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileReturn, Parents: []ID{agreement}, Limit: 1})
	if err != nil || len(files) == 0 {
		return storage.File{Kind: fileReturn, ID: storage.NewID(), Parent: agreement, Name: []byte(agreement.String()), Unique: true}, err
	}
	return files[0], nil
}

// ConfirmReturn notes that the customer has what was returned, by the digest of the package that arrived, and instructs to erase: the next sweep does (Art. 28(3)(g)).
// It needs the right to export. Another digest than that of the last package is refused.
func (s *Session) ConfirmReturn(ctx context.Context, digest string) error {
	err := again(ctx, func() error {
		g, err := s.toReturn(ctx, "ConfirmReturn")
		if err != nil {
			return err
		}
		f, err := s.e.returnOf(ctx, g.ID)
		if err != nil {
			return err
		}
		var body returnBody
		if f.Rev == 0 || json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
			return refuse("Digest", "nothing was returned yet")
		}
		if body.Digest != digest {
			return refuse("Digest", "not that of the package that was made last")
		}
		if f.State == stateEnded {
			return nil
		}
		var held [sha256.Size]byte
		if err := s.e.heldFor(ctx, g, true, func(_ context.Context, parts []storage.Part) error {
			for i := range parts {
				addHeld(&held, &parts[i])
			}
			return nil
		}); err != nil {
			return err
		}
		if body.Rev != g.file.Rev || !bytes.Equal(body.Held, held[:]) {
			return refuse("Digest", "what is held under the agreement has changed since: return it again")
		}
		body.Confirm = s.actor.String()
		if f.Body, err = json.Marshal(body); err != nil {
			return errors.New("encode return: not JSON")
		}
		f.Rev++
		f.State = stateEnded
		a, err := s.start("ConfirmReturn")
		if err != nil {
			return err
		}
		if err := a.may(ctx, mayExport, g.Activities...); err != nil {
			return err
		}
		ev := Event{Kind: ErasureInstructed, Agreement: g.ID, Day: s.e.day(a.now)}
		b := &storage.Batch{PutFiles: []storage.File{f}}
		return a.instruct(ctx, b, g, ev)
	})
	if err != nil {
		return fmt.Errorf("confirm return: %w", err)
	}
	return nil
}
