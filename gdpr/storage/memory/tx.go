package memory

import "github.com/gallra/gallra/gdpr/storage"

// tx is one batch: how to undo what it has changed so far, and the conditions that failed.
type tx struct {
	undo   []func()
	failed []storage.Failure
}

func (t *tx) fail(f storage.Failure) { t.failed = append(t.failed, f) }

// end undoes everything when a condition failed.
func (t *tx) end() error {
	if len(t.failed) == 0 {
		return nil
	}
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
	return &storage.ConditionError{Failures: t.failed}
}

func set[T any](t *tx, p *T, v T) {
	old := *p
	t.undo = append(t.undo, func() { *p = old })
	*p = v
}

func put[K comparable, V any](t *tx, m map[K]V, k K, v V) {
	old, had := m[k]
	t.undo = append(t.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

func drop[K comparable, V any](t *tx, m map[K]V, k K) {
	if old, had := m[k]; had {
		t.undo = append(t.undo, func() { m[k] = old })
		delete(m, k)
	}
}

// sets leads from a key to many others.
type sets[K, E comparable] map[K]map[E]struct{}

func (s sets[K, E]) add(t *tx, k K, e E) {
	if _, there := s[k][e]; !there {
		t.undo = append(t.undo, func() { s.out(k, e) })
		s.in(k, e)
	}
}

func (s sets[K, E]) remove(t *tx, k K, e E) {
	if _, there := s[k][e]; there {
		t.undo = append(t.undo, func() { s.in(k, e) })
		s.out(k, e)
	}
}

func (s sets[K, E]) in(k K, e E) {
	if s[k] == nil {
		s[k] = map[E]struct{}{}
	}
	s[k][e] = struct{}{}
}

func (s sets[K, E]) out(k K, e E) {
	delete(s[k], e)
	if len(s[k]) == 0 {
		delete(s, k)
	}
}
