package gdpr

import (
	"sync"

	"github.com/gallra/gallra/gdpr/storage"
)

// cache remembers rows that every act leans on. It is never trusted by itself: a batch names the revisions it was made with,
// and when one is refused the row is forgotten.
type cache struct {
	mu         sync.Mutex
	grants     map[string][]grant
	agreements map[ID]*agreement
}

const cacheRows = 10_000

func (c *cache) grantsOf(key string) ([]grant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.grants[key]
	return g, ok
}

func (c *cache) keepGrants(key string, g []grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.grants == nil || len(c.grants) > cacheRows {
		c.grants = map[string][]grant{}
	}
	c.grants[key] = g
}

func (c *cache) dropGrants() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grants = nil
}

func (c *cache) agreement(id ID) *agreement {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agreements[id]
}

func (c *cache) keepAgreement(id ID, a *agreement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agreements == nil || len(c.agreements) > cacheRows {
		c.agreements = map[ID]*agreement{}
	}
	c.agreements[id] = a
}

func (c *cache) dropAgreement(ids ...ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.agreements, id)
	}
}

// forget drops what a refused batch was made with.
func (c *cache) forget(e *storage.ConditionError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range e.Failures {
		if f.Kind == storage.KindFile || f.Kind == storage.KindSchedule {
			c.grants, c.agreements = nil, nil
			return
		}
	}
}
