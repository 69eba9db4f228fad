package webhook

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// Memory remembers which messages were taken. In a database it is one table: id as primary key, and the timestamp. What carries a message out can write that
// row in its own transaction; then nothing is done twice even after a crash, and Take finds it there. Rows may go when no sender tries any more: after a month,
// say.
type Memory interface {
	// Taken must return the timestamp under which a message was last taken, or the zero time.
	Taken(ctx context.Context, id gdpr.ID) (time.Time, error)
	// Take must remember a message under a timestamp, for at least an hour; it may be there already.
	Take(ctx context.Context, id gdpr.ID, at time.Time) error
}

// InProcess is a Memory that forgets with the process. When it is full it forgets the oldest first, but none that is young enough to be sent by somebody who
// has listened: rather, it takes nothing new. A sender's own second try after that is carried out again.
type InProcess struct {
	mu    sync.Mutex
	max   int
	now   func() time.Time
	taken map[gdpr.ID]time.Time
}

// NewInProcess returns a memory of at most so many messages; below 1 it is 100 000, some 10 MB. now defaults to time.Now.
func NewInProcess(most int, now func() time.Time) *InProcess {
	if most < 1 {
		most = 100_000
	}
	if now == nil {
		now = time.Now
	}
	return &InProcess{max: most, now: now, taken: map[gdpr.ID]time.Time{}}
}

var errFull = errors.New("too many messages in a short time")

// Taken fails when a new message would not be remembered.
func (p *InProcess) Taken(_ context.Context, id gdpr.ID) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.taken[id]
	if !ok && len(p.taken) >= p.max && !p.forget() {
		return time.Time{}, errFull
	}
	return at, nil
}

// Take remembers a message.
func (p *InProcess) Take(_ context.Context, id gdpr.ID, at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.taken[id]; !ok && len(p.taken) >= p.max { // several came at once
		p.forget()
	}
	p.taken[id] = at
	return nil
}

// forget drops the older half of the time before any signature that is still good, and reports whether there is room now.
func (p *InProcess) forget() bool {
	old := p.now().Add(-2 * window)
	var oldest time.Time
	for _, at := range p.taken {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	if !oldest.Before(old) {
		return false
	}
	until := oldest.Add(old.Sub(oldest) / 2)
	for id, at := range p.taken {
		if !at.After(until) {
			delete(p.taken, id)
		}
	}
	return true
}
