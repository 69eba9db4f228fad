package crypto

import (
	"fmt"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Subject is the opened key of one data subject of one controller (Art. 4(1)). Hold it for one operation and no longer. Safe for
// concurrent use.
type Subject struct {
	redacted
	ring       *Ring
	controller storage.ID
	id         storage.ID
	aead       tink.AEAD
}

// ID returns the subject's id.
func (s *Subject) ID() storage.ID { return s.id }

// Controller returns the id of the subject's controller.
func (s *Subject) Controller() storage.ID { return s.controller }

// NewSubject makes the key of a new data subject, whose id no other may have, and returns its row for the caller to store. The
// subject is not kept open until its stored row comes to OpenSubject.
func (c *Controller) NewSubject(id storage.ID) (*Subject, storage.SubjectKey, error) {
	if err := checkID("subject", id); err != nil {
		return nil, storage.SubjectKey{}, fmt.Errorf("new subject: %w", err)
	}
	tmp := c.ring.scratches.get()
	defer c.ring.scratches.put(tmp)
	a, wrapped, err := newKey(subjectKeyID, c.aead, c.boundSubject(id, tmp), tmp)
	if err != nil {
		return nil, storage.SubjectKey{}, fmt.Errorf("new subject %s: %w", id, err)
	}
	s := &Subject{ring: c.ring, controller: c.id, id: id, aead: a}
	return s, storage.SubjectKey{ID: id, Controller: c.id, Wrapped: wrapped}, nil
}

// OpenSubject opens a subject's key and keeps it open. A tombstone gives [ErrDestroyed] and is as good as [Ring.ForgetSubject]; a
// row of another controller gives [ErrSealed].
func (c *Controller) OpenSubject(row storage.SubjectKey) (*Subject, error) {
	if row.Destroyed {
		c.ring.ForgetSubject(c.id, row.ID)
		return nil, fmt.Errorf("open subject %s: %w", row.ID, ErrDestroyed)
	}
	if row.Controller != c.id {
		return nil, fmt.Errorf("open subject %s: %w", row.ID, ErrSealed)
	}
	now := c.ring.now()
	if s, ok := c.ring.cache.subject(subjectRef{c.id, row.ID}, now); ok {
		return s, nil
	}
	tmp := c.ring.scratches.get()
	defer c.ring.scratches.put(tmp)
	a, err := openKey(subjectKeyID, c.aead, row.Wrapped, c.boundSubject(row.ID, tmp))
	if err != nil {
		return nil, fmt.Errorf("open subject %s: %w", row.ID, err)
	}
	s := &Subject{ring: c.ring, controller: c.id, id: row.ID, aead: a}
	c.ring.cache.putSubject(c, s, now)
	return s, nil
}

func (c *Controller) boundSubject(id storage.ID, tmp *scratch) []byte {
	at := bound{kind: kindSubject, controller: c.id, subject: id}
	return at.in(tmp)
}

// SealIdentifier seals the normalized form of an identifier, bound to its subject and kind.
func (s *Subject) SealIdentifier(kind, normalized string) ([]byte, error) {
	if err := checkName("kind of identifier", kind); err != nil {
		return nil, fmt.Errorf("seal identifier: %w", err)
	}
	tmp := s.ring.scratches.get()
	defer s.ring.scratches.put(tmp)
	ad := s.boundIdentifier(kind, tmp)
	plain := append(ad[len(ad):], normalized...) // behind it, where it fits
	defer clear(plain)
	sealed, err := s.aead.Encrypt(plain, ad)
	if err != nil {
		return nil, fmt.Errorf("seal identifier of %s: %w", s.id, err)
	}
	return sealed, nil
}

// OpenIdentifier opens what SealIdentifier sealed for the same subject and kind, else [ErrSealed].
func (s *Subject) OpenIdentifier(kind string, sealed []byte) (string, error) {
	if err := checkName("kind of identifier", kind); err != nil {
		return "", fmt.Errorf("open identifier: %w", err)
	}
	tmp := s.ring.scratches.get()
	defer s.ring.scratches.put(tmp)
	plain, err := s.aead.Decrypt(sealed, s.boundIdentifier(kind, tmp))
	if err != nil {
		return "", fmt.Errorf("open identifier of %s: %w", s.id, ErrSealed)
	}
	return string(plain), nil
}

func (s *Subject) boundIdentifier(kind string, tmp *scratch) []byte {
	at := bound{kind: kindIdentifier, controller: s.controller, subject: s.id, name: kind}
	return at.in(tmp)
}

// SealText seals the text of a file under the key of a case, bound to the file's kind, id and revision (from 1).
func (s *Subject) SealText(kind string, file storage.ID, rev int64, plain []byte) ([]byte, error) {
	at, err := boundText(s.controller, s.id, kind, file, rev)
	if err != nil {
		return nil, fmt.Errorf("seal text: %w", err)
	}
	tmp := s.ring.scratches.get()
	defer s.ring.scratches.put(tmp)
	sealed, err := s.aead.Encrypt(plain, at.in(tmp))
	if err != nil {
		return nil, fmt.Errorf("seal text of %s %s: %w", kind, file, err)
	}
	return sealed, nil
}

// OpenText opens what SealText sealed for the same kind, file and revision, else [ErrSealed].
func (s *Subject) OpenText(kind string, file storage.ID, rev int64, sealed []byte) ([]byte, error) {
	at, err := boundText(s.controller, s.id, kind, file, rev)
	if err != nil {
		return nil, fmt.Errorf("open text: %w", err)
	}
	tmp := s.ring.scratches.get()
	defer s.ring.scratches.put(tmp)
	plain, err := s.aead.Decrypt(sealed, at.in(tmp))
	if err != nil {
		return nil, fmt.Errorf("open text of %s %s: %w", kind, file, ErrSealed)
	}
	return plain, nil
}
