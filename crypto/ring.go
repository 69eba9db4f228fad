package crypto

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/signature"
)

// Options of a ring; nil means the defaults.
type Options struct {
	// Recovery wraps every keyset a second time. Should the KEK be lost, give it to [Open] in the KEK's place. Default: none.
	Recovery KEK
	// CacheSize bounds how many subject keys, and how many controller keysets, are kept open. Default 10,000.
	CacheSize int
	// TTL bounds how long a key is kept open, and with it how long another process can use one that was destroyed. Default 60 s.
	TTL time.Duration
	// Now is the clock of the cache. Default [time.Now].
	Now func() time.Time
}

// The defaults of Options.
const (
	defaultCacheSize = 10_000
	defaultTTL       = time.Minute
)

// Ring is the keyring of one store. It does no I/O but the call to the KEK. Safe for concurrent use.
type Ring struct {
	redacted
	kek         KEK
	recovery    KEK
	store       storage.ID
	now         func() time.Time
	cache       *cache
	mac         *MAC
	signer      *Signer
	index       *index
	suppression *index
	scratches   scratches
}

// The names of the store's own keysets.
const (
	nameCheckpoint  = "checkpoint"
	nameIndex       = "index"
	nameSuppression = "suppression"
	nameTrail       = "trail"
)

// storeKeysets in the order of their names. The checkpoint key has no output prefix: a signed note takes bare Ed25519 signatures.
var storeKeysets = []struct {
	name     string
	template func() *tinkpb.KeyTemplate
}{
	{nameCheckpoint, signature.ED25519KeyWithoutPrefixTemplate},
	{nameIndex, prf.AESCMACPRFKeyTemplate},
	{nameSuppression, prf.AESCMACPRFKeyTemplate},
	{nameTrail, mac.HMACSHA256Tag256KeyTemplate},
}

// Create makes the keysets of a new store and returns their rows, ordered by name, for the caller to store. It asks the KEK once for each.
func Create(ctx context.Context, kek KEK, store storage.ID, opt *Options) (*Ring, []storage.StoreKey, error) {
	r, err := newRing(kek, store, opt)
	if err != nil {
		return nil, nil, fmt.Errorf("create keys: %w", err)
	}
	handles := make(map[string]*keyset.Handle, len(storeKeysets))
	rows := make([]storage.StoreKey, 0, len(storeKeysets))
	for _, k := range storeKeysets {
		h, err := keyset.NewHandle(k.template())
		if err != nil {
			return nil, nil, fmt.Errorf("create keys: %s: %w", k.name, err)
		}
		row := storage.StoreKey{Name: k.name}
		if row.Wrapped, row.Recovery, err = r.wrapTwice(ctx, h, r.boundStore(k.name)); err != nil {
			return nil, nil, fmt.Errorf("create keys: %s: %w", k.name, err)
		}
		handles[k.name] = h
		rows = append(rows, row)
	}
	if err := r.use(handles); err != nil {
		return nil, nil, fmt.Errorf("create keys: %w", err)
	}
	return r, rows, nil
}

// Open opens the keysets of a store from their rows. It asks the KEK once for each. A missing row, a KEK that fails and a KEK that does not
// fit give [ErrKeysUnavailable].
func Open(ctx context.Context, kek KEK, store storage.ID, rows []storage.StoreKey, opt *Options) (*Ring, error) {
	r, err := newRing(kek, store, opt)
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	byName := make(map[string]storage.StoreKey, len(rows))
	for _, row := range rows {
		byName[row.Name] = row
	}
	handles := make(map[string]*keyset.Handle, len(storeKeysets))
	for _, k := range storeKeysets {
		row, ok := byName[k.name]
		if !ok {
			return nil, fmt.Errorf("open keys: %s: %w: no row", k.name, ErrKeysUnavailable)
		}
		if handles[k.name], err = unwrap(ctx, kek, row.Wrapped, row.Recovery, r.boundStore(k.name)); err != nil {
			return nil, fmt.Errorf("open keys: %s: %w", k.name, err)
		}
	}
	if err := r.use(handles); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	return r, nil
}

func newRing(kek KEK, store storage.ID, opt *Options) (*Ring, error) {
	if opt == nil {
		opt = &Options{}
	}
	if kek == nil {
		return nil, errors.New("no KEK given")
	}
	if err := checkID("store", store); err != nil {
		return nil, err
	}
	if opt.CacheSize < 0 || opt.TTL < 0 {
		return nil, errors.New("options: CacheSize and TTL must not be negative")
	}
	r := &Ring{kek: kek, recovery: opt.Recovery, store: store, now: opt.Now}
	if r.now == nil {
		r.now = time.Now
	}
	size, ttl := opt.CacheSize, opt.TTL
	if size == 0 {
		size = defaultCacheSize
	}
	if ttl == 0 {
		ttl = defaultTTL
	}
	var err error
	r.cache, err = newCache(size, ttl)
	return r, err
}

// use takes the store's keysets into use.
func (r *Ring) use(handles map[string]*keyset.Handle) (err error) {
	if r.mac, err = newMAC(handles[nameTrail]); err != nil {
		return fmt.Errorf("%s: %w: %w", nameTrail, ErrKeysUnavailable, err)
	}
	if r.signer, err = newSigner(handles[nameCheckpoint]); err != nil {
		return fmt.Errorf("%s: %w: %w", nameCheckpoint, ErrKeysUnavailable, err)
	}
	if r.index, err = newIndex(handles[nameIndex]); err != nil {
		return fmt.Errorf("%s: %w: %w", nameIndex, ErrKeysUnavailable, err)
	}
	if r.suppression, err = newIndex(handles[nameSuppression]); err != nil {
		return fmt.Errorf("%s: %w: %w", nameSuppression, ErrKeysUnavailable, err)
	}
	return nil
}

func (r *Ring) boundStore(name string) *bound {
	return &bound{kind: kindStore, controller: r.store, name: name}
}

// wrapTwice wraps a keyset by the KEK and, if there is one, by the recovery KEK.
func (r *Ring) wrapTwice(ctx context.Context, h *keyset.Handle, at *bound) (wrapped, recovery []byte, err error) {
	if wrapped, err = wrap(ctx, r.kek, h, at); err != nil || r.recovery == nil {
		return wrapped, nil, err
	}
	if recovery, err = wrap(ctx, r.recovery, h, at); err != nil {
		return nil, nil, fmt.Errorf("recovery KEK: %w", err)
	}
	return wrapped, recovery, nil
}

// MAC returns the key under which the trail is chained (Art. 5(2)).
func (r *Ring) MAC() *MAC { return r.mac }

// Signer returns the key that signs the checkpoints of the trail (Art. 5(2)).
func (r *Ring) Signer() *Signer { return r.signer }

// Controller returns a controller that is open, if its time is not up. It asks no KEK.
func (r *Ring) Controller(id storage.ID) (*Controller, bool) { return r.cache.controller(id, r.now()) }

// Subject returns a data subject that is open, if neither its time nor that of its controller is up.
func (r *Ring) Subject(controller, id storage.ID) (*Subject, bool) {
	return r.cache.subject(subjectRef{controller, id}, r.now())
}

// Forget drops a controller and all its subjects at once. Call it when the controller's key was destroyed (Art. 28(3)(g)): an opening that is
// under way, or that comes with a row read before, does not bring it back.
func (r *Ring) Forget(controller storage.ID) { r.cache.forget(controller, r.now()) }

// ForgetSubject drops a data subject at once. Call it when the subject's key was destroyed (Art. 17); as [Ring.Forget].
func (r *Ring) ForgetSubject(controller, id storage.ID) {
	r.cache.forgetSubject(subjectRef{controller, id}, r.now())
}
