package storagetest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/gdpr/storage"
)

// Model runs the same random histories on two adapters, and asserts that they answer alike at each step and hold the same in the end: package
// memory is the reference. It calls both functions once for each history. A history that fails is shortened before it is shown.
func Model(t *testing.T, reference, open func(t *testing.T) storage.Store) {
	t.Helper()
	model(t, func() storage.Store { return reference(t) }, func() storage.Store { return open(t) })
}

func model(t rapid.TB, reference, open func() storage.Store) {
	t.Helper()
	rapid.Check(t, func(r *rapid.T) {
		h := &history{T: r, draws: newDraws(r), want: reference(), got: open()}
		defer func() {
			require.NoError(r, h.want.Close())
			require.NoError(r, h.got.Close())
		}()
		acts := []func(){ // one of twenty empties half of the store
			h.apply, h.apply, h.apply, h.apply, h.apply, h.apply, h.apply, h.apply, h.apply, h.apply,
			h.read, h.read, h.read, h.read, h.read, h.applyKeys, h.applyKeys, h.acquire, h.release, h.offboard,
		}
		r.Repeat(map[string]func(*rapid.T){"act": func(*rapid.T) { pick(h.draws, acts...)() }})
		h.equal("in the end", h.world.observe(r, h.want), h.world.observe(r, h.got))
	})
}

// history is one sequence of acts on both stores.
type history struct {
	*rapid.T
	*draws
	want, got storage.Store
}

// equal asserts that both stores say the same. What differs is worked out for the history that is shown in the end, and not for the many that
// are tried on the way to it.
func (h *history) equal(what string, want, got any) {
	h.Helper()
	if !assert.ObjectsAreEqual(want, got) {
		h.Logf("%s: %s", what, difference{want, got})
		h.FailNow()
	}
}

// same asserts that both stores refuse or do an act alike.
func (h *history) same(act string, want, got error) {
	h.Helper()
	h.equal(act, tell(want), tell(got))
}

func (h *history) apply() {
	h.look(h.want)
	b := h.batch()
	h.Logf("apply %s", shown{b})
	other := b
	if b.EraseController != nil { // each gets its own answer
		e := *b.EraseController
		other.EraseController = &e
	}
	want, got := h.want.Apply(context.Background(), &b), h.got.Apply(context.Background(), &other)
	h.same("apply", want, got)
	if want != nil {
		return
	}
	h.happened(&b)
	if e, o := b.EraseController, other.EraseController; e != nil {
		require.LessOrEqual(h, o.Erased, o.Limit)
		h.equal("rows of a controller", e.Erased+eraseAll(h, h.want, e.Controller, 5), o.Erased+eraseAll(h, h.got, o.Controller, 5))
	}
}

func (h *history) applyKeys() {
	b := h.keyBatch()
	h.Logf("apply keys %s", shown{b})
	h.same("apply keys", h.want.ApplyKeys(context.Background(), &b), h.got.ApplyKeys(context.Background(), &b))
}

// read asks one question of both.
func (h *history) read() {
	ctx := context.Background()
	name, ask := h.question()
	h.Logf("read %s", name)
	want, wantErr := ask(ctx, h.want)
	got, gotErr := ask(ctx, h.got)
	h.same(name, wantErr, gotErr)
	h.equal(name, want, got)
}

func (h *history) acquire() {
	name, owner, now := h.lease(), pick(h.draws, "a", "b"), h.instant()
	until := now.AddDate(0, 0, 2)
	h.Logf("acquire %s for %s at %s", name, owner, now)
	want, wantErr := h.want.Acquire(context.Background(), name, owner, now, until)
	got, gotErr := h.got.Acquire(context.Background(), name, owner, now, until)
	h.same("acquire", wantErr, gotErr)
	h.equal("fence", want, got)
}

func (h *history) release() {
	name, fence := h.lease(), h.fence()
	h.Logf("release %s, fence %d", name, fence)
	h.same("release", h.want.Release(context.Background(), name, fence), h.got.Release(context.Background(), name, fence))
}

// offboard erases a controller in steps: in which order is each store's own affair, so only the sums are compared.
func (h *history) offboard() {
	controller := pick(h.draws, h.controllers...)
	limit := h.number(5)
	h.Logf("off-board %s by %d", controller, limit)
	h.equal("rows of a controller", eraseAll(h, h.want, controller, limit), eraseAll(h, h.got, controller, limit))
}

// eraseAll erases a controller and returns how many rows that were.
func eraseAll(t require.TestingT, s storage.Store, controller storage.ID, limit int) (rows int) {
	for {
		step := storage.ControllerErase{Controller: controller, Limit: limit}
		apply(t, s, storage.Batch{EraseController: &step})
		require.LessOrEqual(t, step.Erased, limit)
		if step.Erased == 0 {
			return rows
		}
		rows += step.Erased
	}
}

// difference says, when it is printed, how two values differ.
type difference struct{ want, got any }

func (d difference) String() string {
	var said notes
	assert.Equal(&said, d.want, d.got)
	return strings.Join(said, "\n")
}

// notes is a test that keeps what is said of it.
type notes []string

// Errorf keeps one thing more.
func (w *notes) Errorf(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

// shown prints the fields of a batch that are set.
type shown struct{ batch any }

func (s shown) String() string {
	var b strings.Builder
	v := reflect.ValueOf(s.batch)
	for i := range v.NumField() {
		field := v.Field(i)
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		if field.IsValid() && !field.IsZero() {
			fmt.Fprintf(&b, " %s: %+v", v.Type().Field(i).Name, field)
		}
	}
	return b.String()
}
