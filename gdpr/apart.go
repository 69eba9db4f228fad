package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
)

// Keys in a store of their own: no batch spans both stores. New keys are written before the rows that need them, and keys are destroyed after
// their rows are gone. What must still be destroyed stands in the store with the batch that asked for it, as an unconfirmed proof or as a
// file of this kind, so that the next Open or erasing act finishes what a crash left. A key whose rows never came protects nothing and stays.
const fileShred = "keys to destroy"

// shred is what must be destroyed in the key store after a batch.
type shred struct {
	keys storage.KeyBatch
	put  []storage.PartKeyRef // written before the rows
	mark storage.FileRef      // of the file that says so; none when a proof does
}

// keysFirst takes the keys out of a batch: it writes the new ones, and notes in the batch what must be destroyed.
func (e *Engine) keysFirst(ctx context.Context, b *storage.Batch) (shred, error) {
	if !e.apart || b.Keys.Empty() {
		return shred{}, nil
	}
	k := b.Keys
	b.Keys = storage.KeyBatch{}
	after := shred{keys: storage.KeyBatch{DestroyControllers: k.DestroyControllers, DestroySubjects: k.DestroySubjects,
		DestroyParts: k.DestroyParts, DestroyAllOf: k.DestroyAllOf}}
	if len(b.Proofs) == 0 && !after.keys.Empty() {
		body, err := json.Marshal(after.keys.DestroyParts)
		if err != nil {
			return shred{}, errors.New("encode keys to destroy: not JSON")
		}
		after.mark = storage.FileRef{Kind: fileShred, ID: storage.NewID()}
		b.PutFiles = append(b.PutFiles, storage.File{Kind: fileShred, ID: after.mark.ID, Rev: 1, State: stateActive, Body: body})
	}
	put := storage.KeyBatch{PutStore: k.PutStore, PutControllers: k.PutControllers, PutSubjects: k.PutSubjects, PutParts: k.PutParts}
	if put.Empty() {
		return after, nil
	}
	for _, p := range put.PutParts {
		after.put = append(after.put, p.PartKeyRef)
	}
	return after, e.keys.ApplyKeys(e.ofKeys(ctx), &put)
}

// keysBack removes the part keys of a batch that was refused: its rows will never come.
func (e *Engine) keysBack(ctx context.Context, s shred) {
	if len(s.put) > 0 {
		_ = e.keys.ApplyKeys(e.ofKeys(context.WithoutCancel(ctx)), &storage.KeyBatch{DestroyParts: s.put}) // if it fails they stay, and protect nothing
	}
}

// keysAfter destroys keys once their rows are gone. An erasure is acknowledged only when its keys are; another act is stored by now, and if its old keys
// cannot be destroyed yet, the next erasing act or Open goes on from the file.
func (e *Engine) keysAfter(ctx context.Context, s shred) error {
	if s.keys.Empty() {
		return nil
	}
	err := e.destroyNoted(ctx, s)
	if err != nil && !s.mark.ID.IsZero() {
		e.log.WarnContext(ctx, "gallra: keys that are not needed any more were not destroyed yet", "error", err)
		return nil
	}
	return err
}

// destroy destroys keys, and tries again when that fails or nobody knows the outcome: what is destroyed stays so.
func (e *Engine) destroy(ctx context.Context, k *storage.KeyBatch) error {
	var err error
	for try := range destroyTries {
		if err = e.keys.ApplyKeys(ctx, k); err == nil || errors.Is(err, storage.ErrClosed) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try*try) * 20 * time.Millisecond):
		}
	}
	return err
}

const destroyTries = 3

// destroyNoted destroys keys, and then takes away the file that says so.
func (e *Engine) destroyNoted(ctx context.Context, s shred) error {
	ctx = context.WithoutCancel(ctx)
	if err := e.destroy(ctx, &s.keys); err != nil || s.mark.ID.IsZero() {
		return err
	}
	return e.store.Apply(ctx, &storage.Batch{EraseFiles: []storage.FileRef{s.mark}})
}

// shredAgain destroys the old versions that a crash left.
func (e *Engine) shredAgain(ctx context.Context) error {
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileShred, Limit: 1000})
	if err != nil {
		return err
	}
	for _, f := range files {
		s := shred{mark: storage.FileRef{Kind: fileShred, ID: f.ID}}
		if json.Unmarshal(f.Body, &s.keys.DestroyParts) != nil {
			return errors.New("decode keys to destroy: not of format 1")
		}
		if err := e.destroyNoted(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
