package crypto

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Controller is the opened keyset of one controller (Art. 4(7)). Hold it for one operation and no longer. Safe for concurrent use.
type Controller struct {
	redacted
	ring *Ring
	id   storage.ID
	aead tink.AEAD
}

// ID returns the controller's id.
func (c *Controller) ID() storage.ID { return c.id }

// NewController makes the keyset of a controller and returns its row for the caller to store. It asks the KEK once, and the recovery KEK once, if
// there is one. The controller is not kept open until its stored row comes to [Ring.OpenController]: of two processes that make it, one loses.
func (r *Ring) NewController(ctx context.Context, id storage.ID) (*Controller, storage.ControllerKey, error) {
	if err := checkID("controller", id); err != nil {
		return nil, storage.ControllerKey{}, fmt.Errorf("new controller: %w", err)
	}
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, storage.ControllerKey{}, fmt.Errorf("new controller %s: %w", id, err)
	}
	row := storage.ControllerKey{ID: id}
	if row.Wrapped, row.Recovery, err = r.wrapTwice(ctx, h, boundController(id)); err != nil {
		return nil, storage.ControllerKey{}, fmt.Errorf("new controller %s: %w", id, err)
	}
	c, err := r.controllerOf(id, h)
	if err != nil {
		return nil, storage.ControllerKey{}, fmt.Errorf("new controller %s: %w", id, err)
	}
	return c, row, nil
}

// OpenController opens a controller's keyset and keeps it open. Callers that ask for one controller at the same time share one call
// to the KEK. A tombstone gives [ErrDestroyed] and is as good as [Ring.Forget].
func (r *Ring) OpenController(ctx context.Context, row storage.ControllerKey) (*Controller, error) {
	if row.Destroyed {
		r.Forget(row.ID)
		return nil, fmt.Errorf("open controller %s: %w", row.ID, ErrDestroyed)
	}
	for {
		c, o, mine := r.cache.open(row.ID, r.now())
		if c != nil {
			return c, nil
		}
		if mine {
			r.cache.opened(o, func() (*Controller, error) { return r.openController(ctx, row) })
			return o.controller, o.err
		}
		select {
		case <-o.done:
			if o.err == nil || !isContext(o.err) {
				return o.controller, o.err
			} // the other's context ended, not ours: try ourselves
		case <-ctx.Done():
			return nil, fmt.Errorf("open controller %s: %w: %w", row.ID, ErrKeysUnavailable, ctx.Err())
		}
	}
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (r *Ring) openController(ctx context.Context, row storage.ControllerKey) (*Controller, error) {
	h, err := unwrap(ctx, r.kek, row.Wrapped, row.Recovery, boundController(row.ID))
	if err != nil {
		return nil, fmt.Errorf("open controller %s: %w", row.ID, err)
	}
	c, err := r.controllerOf(row.ID, h)
	if err != nil {
		return nil, fmt.Errorf("open controller %s: %w: %w", row.ID, ErrKeysUnavailable, err)
	}
	return c, nil
}

func (r *Ring) controllerOf(id storage.ID, h *keyset.Handle) (*Controller, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, err
	}
	return &Controller{ring: r, id: id, aead: a}, nil
}

func boundController(id storage.ID) *bound { return &bound{kind: kindController, controller: id} }

// SealText seals the text of a case file, bound to the file's kind, id and revision (from 1).
func (c *Controller) SealText(kind string, file storage.ID, rev int64, plain []byte) ([]byte, error) {
	at, err := c.boundText(kind, file, rev)
	if err != nil {
		return nil, fmt.Errorf("seal text: %w", err)
	}
	tmp := c.ring.scratches.get()
	defer c.ring.scratches.put(tmp)
	sealed, err := c.aead.Encrypt(plain, at.in(tmp))
	if err != nil {
		return nil, fmt.Errorf("seal text of %s %s: %w", kind, file, err)
	}
	return sealed, nil
}

// OpenText opens what SealText sealed for the same kind, file and revision, else [ErrSealed].
func (c *Controller) OpenText(kind string, file storage.ID, rev int64, sealed []byte) ([]byte, error) {
	at, err := c.boundText(kind, file, rev)
	if err != nil {
		return nil, fmt.Errorf("open text: %w", err)
	}
	tmp := c.ring.scratches.get()
	defer c.ring.scratches.put(tmp)
	plain, err := c.aead.Decrypt(sealed, at.in(tmp))
	if err != nil {
		return nil, fmt.Errorf("open text of %s %s: %w", kind, file, ErrSealed)
	}
	return plain, nil
}

func (c *Controller) boundText(kind string, file storage.ID, rev int64) (bound, error) {
	return boundText(c.id, storage.ID{}, kind, file, rev)
}

// boundText binds a text to its file. The subject is zero for a text under the controller's keyset.
func boundText(controller, subject storage.ID, kind string, file storage.ID, rev int64) (bound, error) {
	if err := checkName("kind of file", kind); err != nil {
		return bound{}, err
	}
	if err := checkID("file", file); err != nil {
		return bound{}, err
	}
	if err := checkNumber("revision", rev, math.MaxUint32); err != nil {
		return bound{}, err
	}
	return bound{kind: kindText, controller: controller, subject: subject, record: file, version: uint32(rev), name: kind}, nil
}
