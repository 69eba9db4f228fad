package crypto

import (
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache holds opened keys. A key that was forgotten must not come back from an opening that began before, nor from a row that was read
// before: the first must still stand in opening, the second is refused by forgotten.
type cache struct {
	mu          sync.Mutex
	ttl         time.Duration
	controllers *simplelru.LRU[storage.ID, held[*Controller]]
	subjects    *simplelru.LRU[subjectRef, held[*Subject]]
	opening     map[storage.ID]*opening
	forgotten   recent
}

type subjectRef struct{ controller, id storage.ID }

type held[V any] struct {
	value V
	since time.Time
}

// fresh also refuses what lies in the future: a clock that was set back must not lengthen a life.
func (h held[V]) fresh(now time.Time, ttl time.Duration) bool {
	age := now.Sub(h.since)
	return age >= 0 && age < ttl
}

// opening is a controller that is being opened; whoever comes meanwhile waits for done.
type opening struct {
	id         storage.ID
	since      time.Time
	done       chan struct{}
	controller *Controller
	err        error
}

func newCache(size int, ttl time.Duration) (*cache, error) {
	controllers, err := simplelru.NewLRU[storage.ID, held[*Controller]](size, nil)
	if err != nil {
		return nil, err
	}
	subjects, err := simplelru.NewLRU[subjectRef, held[*Subject]](size, nil)
	if err != nil {
		return nil, err
	}
	return &cache{
		ttl: ttl, controllers: controllers, subjects: subjects, opening: map[storage.ID]*opening{},
		forgotten: recent{ttl: ttl, limit: size},
	}, nil
}

func (c *cache) controller(id storage.ID, now time.Time) (*Controller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.liveController(id, now)
}

func (c *cache) liveController(id storage.ID, now time.Time) (*Controller, bool) {
	h, ok := c.controllers.Get(id)
	if !ok {
		return nil, false
	}
	if !h.fresh(now, c.ttl) {
		c.controllers.Remove(id)
		return nil, false
	}
	return h.value, true
}

// subject needs a live controller too: else a subject could outlive a controller that another process destroyed.
func (c *cache) subject(ref subjectRef, now time.Time) (*Subject, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.liveController(ref.controller, now); !ok {
		return nil, false
	}
	h, ok := c.subjects.Get(ref)
	if !ok {
		return nil, false
	}
	if !h.fresh(now, c.ttl) {
		c.subjects.Remove(ref)
		return nil, false
	}
	return h.value, true
}

// putSubject keeps a subject that was opened under this very controller, if that one still stands here.
func (c *cache) putSubject(by *Controller, s *Subject, since time.Time) {
	ref := subjectRef{by.id, s.id}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.controllers.Peek(by.id); !ok || h.value != by || c.forgotten.has(ref, since) {
		return
	}
	c.subjects.Add(ref, held[*Subject]{s, since})
}

// open returns the controller if it is live, else the opening of it that is under way, else a new opening, which the caller must end by opened.
func (c *cache) open(id storage.ID, now time.Time) (ctrl *Controller, o *opening, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctrl, ok := c.liveController(id, now); ok {
		return ctrl, nil, false
	}
	if o, ok := c.opening[id]; ok {
		return nil, o, false
	}
	o = &opening{id: id, since: now, done: make(chan struct{})}
	c.opening[id] = o
	return nil, o, true
}

// opened runs f, keeps what it opened unless that was forgotten meanwhile, and tells those who wait.
func (c *cache) opened(o *opening, f func() (*Controller, error)) {
	o.controller, o.err = f()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opening[o.id] == o {
		delete(c.opening, o.id)
		if o.err == nil && !c.forgotten.has(subjectRef{controller: o.id}, o.since) {
			c.controllers.Add(o.id, held[*Controller]{o.controller, o.since})
		}
	}
	close(o.done)
}

func (c *cache) forget(id storage.ID, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.controllers.Remove(id)
	delete(c.opening, id)
	for _, ref := range c.subjects.Keys() {
		if ref.controller == id {
			c.subjects.Remove(ref)
		}
	}
	c.forgotten.add(subjectRef{controller: id}, now)
}

func (c *cache) forgetSubject(ref subjectRef, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subjects.Remove(ref)
	c.forgotten.add(ref, now)
}

// recent remembers what was forgotten for at least one TTL and at most two. Past its limit it takes everything as forgotten for that long.
type recent struct {
	ttl        time.Duration
	limit      int
	since      time.Time // when young was begun
	young, old map[subjectRef]struct{}
	flooded    time.Time // when the limit was last passed
}

func (r *recent) add(ref subjectRef, now time.Time) {
	r.turn(now)
	if len(r.young) >= r.limit {
		r.flooded = now
		return
	}
	if r.young == nil {
		r.young = map[subjectRef]struct{}{}
	}
	r.young[ref] = struct{}{}
}

func (r *recent) has(ref subjectRef, now time.Time) bool {
	r.turn(now)
	if !r.flooded.IsZero() && now.Sub(r.flooded) < r.ttl {
		return true
	}
	_, young := r.young[ref]
	_, old := r.old[ref]
	return young || old
}

func (r *recent) turn(now time.Time) {
	switch age := now.Sub(r.since); {
	case age >= 2*r.ttl:
		r.young, r.old, r.since = nil, nil, now
	case age >= r.ttl:
		r.young, r.old, r.since = nil, r.young, r.since.Add(r.ttl)
	}
}
