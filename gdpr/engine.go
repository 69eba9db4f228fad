package gdpr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gallra/gallra/crypto"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// Options change what Open does. The zero value and nil are safe.
type Options struct {
	// Owner may grant the register's roles, and nothing else, before anybody holds one. The first Open of a register with
	// roles is refused without it; later it may be left out.
	Owner Actor
	// Keys is a store for keys alone, so that they are backed up apart from data and shorter (package register, backups). Defaults to the store itself:
	// then a full copy of the store holds old keys too.
	Keys storage.Keys
	// Ledger keeps the proofs of erasure outside the backup set. Defaults to the one beside an insecurekeyfile; any other KEK needs it.
	Ledger audit.Ledger
	// NoLedger goes without one: a restored store is then not noticed. Health reports it for as long as it lasts.
	NoLedger bool
	// RecoveryKEK wraps the same keysets a second time. Defaults to none.
	RecoveryKEK crypto.KEK
	// Now is the clock, read once an operation. Defaults to time.Now.
	Now func() time.Time
	// CacheTTL is for how long another process may go on with a key that was destroyed here. Defaults to 60 s.
	CacheTTL time.Duration
	// CacheSize bounds the opened subject keys, about 1.5 KB each. Defaults to 10,000.
	CacheSize int
	// MaxValue bounds one value, in bytes. Defaults to 1 MiB.
	MaxValue int
	// Adopt approves a version of the register by which something lives longer; without it Open refuses that version and says what. Defaults to none.
	Adopt *Approval
	// SweepEvery is how often the sweep runs. Defaults to 24 h. Ceilings are met with a lead of two of it, at least three days.
	SweepEvery time.Duration
	// Anonymize keeps what is not personal of what goes, by activity: each that says anonymize needs one.
	Anonymize map[string]Anonymizer
	// ApproveAbove is how many parts a sweep may erase without a second person's approval of its plan (ApprovePlan); more halts a sweep without a plan. 0: any number.
	ApproveAbove int
	// Logger hears of starts, sweeps and trouble; never personal data. Defaults to none.
	Logger *slog.Logger
	// Observer hears of every sweep. Defaults to none.
	Observer Observer
}

// Engine is the front door. It is safe for concurrent use.
type Engine struct {
	store   storage.Store
	keys    storage.Keys
	apart   bool // keys live in a store of their own
	ring    *crypto.Ring
	trail   *audit.Writer
	ledger  audit.Ledger
	ownsLdg bool
	reg     *Register
	layouts map[string]*layout
	id      ID // of the store
	self    ID // the organization as a controller
	zone    *time.Location
	owner   Actor
	now     func() time.Time
	opt     Options
	log     *slog.Logger

	restored atomic.Bool
	closed   atomic.Bool
	chain    *chain
	traces   *together
	cache    cache
	watch    watch

	caseKinds  sync.Map // kinds of files of cases that the store is known to have
	suppressed suppressed
	restricted restricted
}

const (
	metaFormat     = "format"
	metaStore      = "store"
	metaGeneration = "generation"
	metaSelf       = "self"
	metaRegister   = "register"
	metaOwner      = "owner"
	metaCount      = "count"
)

// Open opens an engine over a store. A new store is set up: its keysets are made and wrapped by kek.
//
// It fails with an error that says what to do when the register was changed under a stored version, when a new version lets something live longer and
// Options.Adopt does not approve it, when kek is not the one of the store, or when it has neither ledger nor Options.NoLedger. A version by which stored
// dates may change is carried out by the next sweep; stop the programs with the earlier one before. For a store behind its ledger it returns the engine,
// but every act except Verify and Health fails with ErrRestored.
func Open(ctx context.Context, store storage.Store, kek crypto.KEK, reg *Register, opt *Options) (*Engine, error) {
	e, err := open(ctx, store, kek, reg, opt)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	return e, nil
}

func open(ctx context.Context, store storage.Store, kek crypto.KEK, reg *Register, opt *Options) (*Engine, error) {
	switch {
	case store == nil:
		return nil, refuse("store", "missing")
	case kek == nil:
		return nil, refuse("kek", "missing")
	}
	if err := checkRegister(reg); err != nil {
		return nil, err
	}
	if opt == nil {
		opt = &Options{}
	}
	e := &Engine{store: store, keys: store, reg: reg, layouts: layouts(reg), now: opt.Now, opt: *opt, log: opt.Logger, owner: opt.Owner, chain: newChain(), traces: newTogether()}
	e.defaults()
	if opt.Keys != nil {
		e.keys, e.apart = opt.Keys, true
	}
	if opt.Owner != (Actor{}) {
		if err := opt.Owner.check(); err != nil {
			return nil, err
		}
	}
	var err error
	if e.zone, err = civil.LoadZone(reg.Organization.Zone); err != nil {
		return nil, err
	}
	if err := e.checkAnonymizers(); err != nil {
		return nil, err
	}
	for id, terms := range reg.Terms {
		if why := e.copiesFit(terms.Erase); why != "" {
			return nil, refuse("Terms."+id, "%s", why)
		}
	}
	meta, err := store.Meta(ctx)
	if err != nil {
		return nil, err
	}
	fresh := len(meta[metaStore]) == 0
	if fresh {
		if err = e.setUp(ctx, kek); err != nil { // unless another process was first, or it is done up to the keys
			if again, failed := store.Meta(ctx); failed == nil && len(again[metaStore]) > 0 {
				meta, fresh = again, false
			}
		}
	}
	if !fresh {
		err = e.resume(ctx, kek, meta)
	}
	if err != nil {
		return nil, err
	}
	if err := e.openLedger(ctx, kek); err != nil {
		return nil, err
	}
	if e.restored.Load() {
		return e, nil
	}
	if err := e.destroyRevived(ctx); err != nil {
		return nil, err
	}
	if err := e.finishErasures(ctx); err != nil {
		return nil, err
	}
	if err := e.finishReplay(ctx); err != nil {
		return nil, err
	}
	if err := e.settleIn(ctx, meta, fresh); err != nil {
		return nil, err
	}
	if len(reg.Roles) == 0 {
		e.log.WarnContext(ctx, "gallra: the register declares no roles: the program is trusted, every named actor may act")
	}
	return e, nil
}

// settleIn notes what register and options say that the store does not know yet.
func (e *Engine) settleIn(ctx context.Context, meta map[string][]byte, fresh bool) error {
	if err := e.adopt(ctx, meta); err != nil || fresh {
		return err
	}
	return e.changeOwner(ctx, string(meta[metaOwner]))
}

func (e *Engine) defaults() {
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.opt.MaxValue == 0 {
		e.opt.MaxValue = 1 << 20
	}
	if e.opt.SweepEvery == 0 {
		e.opt.SweepEvery = 24 * time.Hour
	}
}

// instant is the clock's instant, as a store keeps it.
func (e *Engine) instant() time.Time { return e.now().UTC().Truncate(time.Microsecond) }

func (e *Engine) cryptoOptions() *crypto.Options {
	return &crypto.Options{Recovery: e.opt.RecoveryKEK, CacheSize: e.opt.CacheSize, TTL: e.opt.CacheTTL, Now: e.opt.Now}
}

// setUp makes the id of a new store, its keysets and the organization's own controller keyset. Where keys live apart they are written second: an
// Open that finds a store without keys and without a trail goes on from there.
func (e *Engine) setUp(ctx context.Context, kek crypto.KEK) error {
	if len(e.reg.Roles) > 0 && e.opt.Owner == (Actor{}) {
		return refuse("Options.Owner", "missing: the register declares roles, and somebody must be the first to grant them")
	}
	e.id, e.self = storage.NewID(), storage.NewID()
	generation := storage.NewID()
	ring, keys, err := e.newKeys(ctx, kek)
	if err != nil {
		return err
	}
	b := &storage.Batch{
		PutMeta: map[string][]byte{metaFormat: []byte("1"), metaStore: e.id[:], metaGeneration: generation[:], metaSelf: e.self[:]},
		// Of two processes that set up one store, one fails here.
		PutFiles: []storage.File{{Kind: fileStore, ID: e.id, Rev: 1, State: stateActive, Name: []byte(fileStore), Unique: true}},
	}
	if e.owner != (Actor{}) {
		b.PutMeta[metaOwner] = []byte(e.owner.String())
	}
	if !e.apart {
		b.Keys = *keys
	} else if have, err := e.keys.StoreKeys(ctx); err != nil {
		return err
	} else if len(have) > 0 {
		return refuse("Options.Keys", "already holds the keys of another store")
	}
	if err := e.store.Apply(ctx, b); err != nil {
		return err
	}
	if e.apart {
		if err := e.keys.ApplyKeys(ctx, keys); err != nil {
			return err
		}
	}
	e.ring = ring
	e.trail = audit.NewWriter(ring.MAC(), trailLanes)
	return nil
}

const fileStore = "store"

// newKeys makes the keysets of the store and that of the organization itself.
func (e *Engine) newKeys(ctx context.Context, kek crypto.KEK) (*crypto.Ring, *storage.KeyBatch, error) {
	ring, rows, err := crypto.Create(ctx, kek, e.id, e.cryptoOptions())
	if err != nil {
		return nil, nil, err
	}
	_, own, err := ring.NewController(ctx, e.self)
	return ring, &storage.KeyBatch{PutStore: rows, PutControllers: []storage.ControllerKey{own}}, err
}

// lateKeys makes the keys of a store whose setting up was broken off before any: nothing is sealed in it yet, not even a trail.
func (e *Engine) lateKeys(ctx context.Context, kek crypto.KEK) ([]storage.StoreKey, error) {
	lanes, err := e.store.Lanes(ctx)
	if err != nil {
		return nil, err
	}
	if len(lanes) > 0 {
		return nil, fmt.Errorf("%w: the key store holds no keys of this store", ErrKeysUnavailable)
	}
	_, keys, err := e.newKeys(ctx, kek)
	if err != nil {
		return nil, err
	}
	var cond *storage.ConditionError
	if err := e.keys.ApplyKeys(ctx, keys); err != nil && !errors.As(err, &cond) { // else another process made them
		return nil, err
	}
	return e.keys.StoreKeys(ctx)
}

// trailLanes is how many acts commit at the same time in one process. A lane is started when all others are in use.
const trailLanes = 32

// resume reads what an earlier Open has set up.
func (e *Engine) resume(ctx context.Context, kek crypto.KEK, meta map[string][]byte) error {
	if string(meta[metaFormat]) != "1" {
		return ErrSchemaOutdated
	}
	copy(e.id[:], meta[metaStore])
	copy(e.self[:], meta[metaSelf])
	rows, err := e.keys.StoreKeys(ctx)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		if rows, err = e.lateKeys(ctx, kek); err != nil {
			return err
		}
	}
	if e.ring, err = crypto.Open(ctx, kek, e.id, rows, e.cryptoOptions()); err != nil {
		return fmt.Errorf("the KEK does not open this store's keys; use the one that it was set up with (of insecurekeyfile, the same file): %w", err)
	}
	e.trail = audit.NewWriter(e.ring.MAC(), trailLanes)
	return e.resumeOwner(string(meta[metaOwner]))
}

// resumeOwner keeps the first owner, unless the options name one.
func (e *Engine) resumeOwner(stored string) error {
	switch {
	case e.owner == (Actor{}) && stored == "" && len(e.reg.Roles) > 0:
		return refuse("Options.Owner", "missing: the register declares roles, and somebody must be the first to grant them")
	case e.owner == (Actor{}):
		for _, kind := range []string{"person", "job"} {
			if n := len(kind) + 1; len(stored) > n && stored[:n] == kind+" " {
				e.owner = Actor{kind: kind, name: stored[n:]}
			}
		}
	}
	return nil
}

// changeOwner notes another owner than the stored one, with its trace.
func (e *Engine) changeOwner(ctx context.Context, stored string) error {
	if e.owner == (Actor{}) || e.owner.String() == stored {
		return nil
	}
	a := &act{s: e.As(e.owner, Retention), now: e.instant(), action: "ChangeOwner", grant: grantBuiltIn}
	return a.commit(ctx, &storage.Batch{PutMeta: map[string][]byte{metaOwner: []byte(e.owner.String())}}, audit.Entry{})
}

// openLedger finds the ledger and compares it with the store.
func (e *Engine) openLedger(ctx context.Context, kek crypto.KEK) error {
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return err
	}
	var generation ID
	copy(generation[:], meta[metaGeneration])
	e.ledger = e.opt.Ledger
	if beside, ok := kek.(interface{ LedgerPath() string }); ok && e.ledger == nil && !e.opt.NoLedger {
		if e.ledger, err = audit.OpenLedger(beside.LedgerPath(), e.id, generation); err != nil {
			return err
		}
		e.ownsLdg = true
	}
	if e.ledger == nil {
		if !e.opt.NoLedger {
			return refuse("Options.Ledger", "missing: without a ledger outside the backups a restored copy brings erased people back unseen. "+
				"Give audit.OpenLedger of a path outside the backup set, or set Options.NoLedger")
		}
		return nil
	}
	state, err := audit.Reconcile(ctx, e.store, e.ledger, e.ring.MAC())
	if err != nil {
		return err
	}
	if state == audit.StoreBehind || state == audit.Forked || len(meta[metaReplaying]) > 0 {
		e.restored.Store(true)
		e.log.ErrorContext(ctx, "gallra: the store is behind its ledger: it was restored from a copy, and stays closed until Replay")
	}
	return nil
}

// country is where telephone and identity numbers are read.
func (e *Engine) country() string { return string(e.reg.Organization.Country) }

// ready says why no act may begin; nil if it may.
func (e *Engine) ready() error {
	switch {
	case e.closed.Load():
		return ErrClosed
	case e.restored.Load():
		return ErrRestored
	}
	return nil
}

// Register returns the register in force.
func (e *Engine) Register() *Register { return e.reg }

// Self is the organization's own id as a controller.
func (e *Engine) Self() ID { return e.self }

// StoreID is the id of the store, which its ledger and checkpoints name.
func (e *Engine) StoreID() ID { return e.id }

// String names the store. An engine is never printed as the struct that it is: others change it meanwhile.
func (e *Engine) String() string { return "engine of store " + e.id.String() }

// Format prints String for every verb.
func (e *Engine) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(e.String())) }

// Close ends the engine: no act may follow. It leaves the store open; who opened it closes it.
func (e *Engine) Close() error {
	e.closed.Store(true)
	if e.ownsLdg && e.ledger != nil {
		return e.ledger.Close()
	}
	return nil
}
