package gdpr

import (
	"maps"
	"slices"
	"sync"

	"github.com/gallra/gallra/gdpr/storage"
)

// cache remembers rows that every act leans on. It is never trusted by itself: a batch names the revisions it was made with,
// and when one is refused the row is forgotten. Facts are no rows: what they are decoded from is their name.
type cache struct {
	mu         sync.Mutex
	grants     map[string][]grant
	agreements map[ID]*agreement
	persons    map[string]ID    // by token of an identifier
	facts      map[string]facts // by how they are written: many parts have the same days
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

// person is whom an identifier led to when it was last looked up.
func (c *cache) person(token []byte) (ID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.persons[string(token)]
	return id, ok
}

func (c *cache) keepPerson(token []byte, id ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.persons == nil || len(c.persons) > cacheRows {
		c.persons = map[string]ID{}
	}
	c.persons[string(token)] = id
}

// factsOf are decoded facts. They are shared: nobody may change their maps.
func (c *cache) factsOf(b []byte) (facts, error) {
	c.mu.Lock()
	f, ok := c.facts[string(b)]
	c.mu.Unlock()
	if ok {
		return f, nil
	}
	f, err := decodeFacts(b)
	if err != nil {
		return facts{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.facts == nil || len(c.facts) > cacheRows {
		c.facts = map[string]facts{}
	}
	c.facts[string(b)] = f
	return f, nil
}

// dropPersons forgets to whom identifiers led.
func (c *cache) dropPersons() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.persons = nil
}

// gone forgets what led to persons that are erased.
func (c *cache) gone(subjects ...ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.persons) > 0 {
		maps.DeleteFunc(c.persons, func(_ string, id ID) bool { return slices.Contains(subjects, id) })
	}
}

// forget drops what a refused batch was made with.
func (c *cache) forget(e *storage.ConditionError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range e.Failures {
		if f.Kind == storage.KindFile || f.Kind == storage.KindSchedule {
			c.grants, c.agreements = nil, nil
		}
		if f.Kind == storage.KindIndex || f.Kind == storage.KindSubject {
			c.persons = nil
		}
	}
}
