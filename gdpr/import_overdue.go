package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// What imports bring in overdue is planned before it is erased (EPM-LOSS, REQUIREMENTS 4.18). One row of the store says how much came since
// the last plan that was run. A batch of an import that brings more revises it; every batch of a sweep has its revision as a condition. So no
// sweep without a plan erases what came in overdue, not even one that is under way, and none has to ask of a part where it came from.
const (
	fileOverdue  = "overdue"
	stateWaiting = "waiting" // for a plan
	stateClear   = "clear"
)

// overdue is that row as it was read; without one it is zero.
type overdue struct {
	file  storage.File
	parts int // 0: nothing waits
}

type overdueBody struct {
	V     int `json:"v"`
	Parts int `json:"parts"`
}

// overdue reads the row.
func (e *Engine) overdue(ctx context.Context) (overdue, error) {
	f, err := e.store.File(ctx, fileOverdue, e.id)
	if errors.Is(err, storage.ErrNotFound) {
		return overdue{file: storage.File{Kind: fileOverdue, ID: e.id}}, nil
	}
	if err != nil {
		return overdue{}, err
	}
	var body overdueBody
	if json.Unmarshal(f.Body, &body) != nil || body.V != 1 {
		return overdue{}, errors.New("decode overdue: not of format 1")
	}
	o := overdue{file: f}
	if f.State == stateWaiting {
		o.parts = body.Parts
	}
	return o, nil
}

// next is the row's next revision.
func (o overdue) next(parts int) (storage.File, error) {
	f := o.file
	f.Rev++
	f.State = stateClear
	if parts > 0 {
		f.State = stateWaiting
	}
	var err error
	if f.Body, err = json.Marshal(overdueBody{1, parts}); err != nil {
		return storage.File{}, errors.New("encode overdue: not JSON")
	}
	return f, nil
}

// overdueNow is the row for a sweep, whose batches need it to be there.
func (e *Engine) overdueNow(ctx context.Context) (overdue, error) {
	o, err := e.overdue(ctx)
	if err != nil || o.file.Rev > 0 {
		return o, err
	}
	f, err := o.next(0)
	if err != nil {
		return overdue{}, err
	}
	if err := e.store.Apply(ctx, &storage.Batch{PutFiles: []storage.File{f}}); err != nil && !failedOn(err, fileOverdue) { // else another process made it
		return overdue{}, err
	}
	return e.overdue(ctx)
}

// cond is the condition that no import has brought in more since.
func (o overdue) cond() storage.FileCond {
	return storage.FileCond{Kind: fileOverdue, ID: o.file.ID, Rev: o.file.Rev}
}

// halts says why a sweep without a plan halts; nil if it does not.
func (o overdue) halts() error {
	if o.parts == 0 {
		return nil
	}
	return fmt.Errorf("%w (overdue parts that an import brought in: %d)", ErrHalted, o.parts)
}

// planned notes that a plan was run that showed all that came in overdue. If more came meanwhile, that waits for the next.
func (a *act) planned(ctx context.Context, o overdue) error {
	if o.parts == 0 {
		return nil
	}
	f, err := o.next(0)
	if err != nil {
		return err
	}
	err = a.commit(ctx, &storage.Batch{PutFiles: []storage.File{f}}, audit.Entry{Why: "what imports brought in overdue was planned", Count: o.parts})
	if failedOn(err, fileOverdue) {
		return nil
	}
	return err
}
