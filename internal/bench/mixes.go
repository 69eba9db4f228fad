package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
)

// The mixes of GDPRbench (VLDB 2020): records with a key, a person, a purpose, a time to live, and data of 100 bytes, and four roles that ask of
// them what the GDPR lets them ask. 100,000 records, ten of a person, a thousand of a purpose; four clients, 1,000 queries (100 where every
// fifth reads all of a purpose). Persons are drawn evenly or by Zipf with exponent 1.01.
//
// What a query is to the library, and to the plain table that it is compared with:
//
//	create-record              Put                                                INSERT
//	delete-record-by-KEY       the events that its purposes have ended *          DELETE
//	delete-record-by-PUR       the same for one person *                          DELETE of that purpose and person
//	delete-record-by-USR       Erase                                              DELETE
//	delete-record-by-TTL       Sweep of ten that are due                          DELETE of ten that are due
//	read-data-by-KEY           Get                                                SELECT
//	read-data-by-USR           Find                                               SELECT
//	read-data-by-PUR           Records: a thousand                                SELECT
//	update-data-by-KEY         Update                                             UPDATE
//	read-metadata-by-KEY       Explain                                            SELECT
//	read-metadata-by-USR       Find as SubjectRights, which opens the data too    SELECT
//	update-metadata-by-KEY     an event that moves the time to live               UPDATE
//	update-metadata-by-USR     the event that an objection was upheld             UPDATE
//	get-system-logs            the last hundred entries of the trail              SELECT from a log that nobody writes to
//	verify-deletion            Explain of what was erased: its proof              SELECT
//
// * The use ends at once, and the next sweep erases; a last one is part of the time.
//
// Left out on both sides, since the library cannot say it: to read by objection or automated decision, and to update whom a purpose's data was
// shared with (the register says that of an activity, not of a record). Their share goes to the others of the same kind. To delete or update by a
// purpose alone is left out too, as in other ports: a few hundred such queries empty the table.
//
// Each client keeps to persons of its own, so that it knows the right answer to each of its queries.

// keeper is one side: what the roles ask. Keys and persons are numbers.
type keeper interface {
	create(ctx context.Context, key, user int, data string) error
	dataOfKey(ctx context.Context, key int) (string, error)
	dataOfUser(ctx context.Context, user int) ([]string, error)
	dataOfPurpose(ctx context.Context, purpose int) ([]string, error)
	changeData(ctx context.Context, key int, data string) error
	// until is the day to which the time to live is counted.
	until(ctx context.Context, key int) (civil.Date, error)
	changeUntil(ctx context.Context, key int, from civil.Date) error
	// purposes reads the metadata of a person's records: for how many purposes each was collected.
	purposes(ctx context.Context, user int) ([]int, error)
	// usable is for how many it may be used now.
	usable(ctx context.Context, key int) (int, error)
	object(ctx context.Context, user int) error
	eraseKey(ctx context.Context, key int) error
	erasePurpose(ctx context.Context, user int) error
	eraseUser(ctx context.Context, user int) error
	eraseDue(ctx context.Context) (int, error)
	// finish erases what was asked for and not erased at once.
	finish(ctx context.Context) error
	logs(ctx context.Context) (int, error)
	isGone(ctx context.Context, key int) (bool, error)
}

const (
	perUser    = 10
	perPurpose = 1000
	clients    = 4
	dueEach    = 10 // that one delete-record-by-TTL erases
	logEach    = 100
)

// mixPlan is how large the mixes are.
type mixPlan struct {
	records, ops int
	users        int // first persons whose records nobody but their client touches
	due          int // persons after them, all of whose records are due
	erased       int // persons after those, who are erased before the measurement
}

func (p plan) mixPlan() mixPlan {
	m := mixPlan{records: p.of(100_000, 2_000), ops: p.of(1_000, 100)}
	all := m.records / perUser
	m.due = max(all/10, 1)
	m.erased = all / 20
	m.users = all - m.due - m.erased
	return m
}

func (m mixPlan) purposes() int { return max(m.records/perPurpose, 1) }

// purposeOf is the purpose of all of a person's records.
func (m mixPlan) purposeOf(user int) int { return user % m.purposes() }

// data is a record's data in a version.
func data(key, version int) string {
	s := fmt.Sprintf("uppgift %d i lydelse %d, ", key, version)
	return strings.Repeat(s, 100/len(s)+1)[:100]
}

// firstDay is from when the time to live of a record counts.
var firstDay = civil.Date{Year: 2025, Month: 11, Day: 20}

const ttl = 365 // days

// client is one that asks. It knows what its persons' records must be.
type client struct {
	keeper
	m        mixPlan
	rnd      *rand.Rand
	zipf     *rand.Zipf // nil: evenly
	users    []int
	keys     map[int][]int
	version  map[int]int
	from     map[int]civil.Date
	concerns map[int]bool // by key: somebody objected
	next     int          // number of the next key
	asked    int
	right    int
	wrong    string // the first query that was answered wrongly
	took     map[string]*tally
}

// tally is how often a query was asked, and how long its answers took together.
type tally struct {
	n    int
	wall time.Duration
}

func newClient(k keeper, m mixPlan, number, round int, zipfian bool) *client {
	c := &client{keeper: k, m: m, rnd: rand.New(rand.NewPCG(uint64(number), uint64(round))), //nolint:gosec // both sides must draw the same
		keys: map[int][]int{}, version: map[int]int{}, from: map[int]civil.Date{}, concerns: map[int]bool{}, next: m.records + number, took: map[string]*tally{}}
	for u := number; u < m.users; u += clients {
		c.users = append(c.users, u)
		for k := range perUser {
			c.keys[u] = append(c.keys[u], u*perUser+k)
		}
	}
	if zipfian {
		c.zipf = rand.NewZipf(c.rnd, 1.01, 1, uint64(len(c.users)-1))
	}
	return c
}

// user draws a person, with records if live.
func (c *client) user(live bool) int {
	for {
		i := c.rnd.IntN(len(c.users))
		if c.zipf != nil {
			i = int(c.zipf.Uint64())
		}
		for range c.users { // a person who has gone gives way to the next
			if u := c.users[i]; !live || len(c.keys[u]) > 0 {
				return u
			}
			i = (i + 1) % len(c.users)
		}
	}
}

// key draws a record.
func (c *client) key() (user, key int) {
	user = c.user(true)
	all := c.keys[user]
	return user, all[c.rnd.IntN(len(all))]
}

// is notes whether an answer is right.
func (c *client) is(right bool) {
	c.asked++
	if right {
		c.right++
	}
}

// query asks one thing, and errs only when it could not be asked.
type query func(ctx context.Context, c *client) error

// share is a query with its part of a mix, in percent.
type share struct {
	percent float64
	name    string
	query   query
}

// mix is what one role asks.
type mix struct {
	name, target string
	zipfian      bool
	changes      bool // the records
	dear         int  // ask that many times less, since it reads a thousand records at a time; 0 is 1
	shares       []share
}

// roles are those of the paper.
var roles = []mix{
	{name: "controller", target: ">= 0.60", changes: true, shares: []share{
		{25, "create-record", create},
		{25. / 3, "delete-record-by-PUR", erasePurpose},
		{25. / 3, "delete-record-by-TTL", eraseDue},
		{25. / 3, "delete-record-by-USR", eraseUser},
		{50, "update-metadata-by-USR", object},
	}},
	{name: "customer", target: ">= 0.50", zipfian: true, changes: true, shares: []share{
		{20, "read-data-by-USR", readUser},
		{20, "read-metadata-by-KEY", readMeta},
		{20, "update-data-by-KEY", changeData},
		{20, "update-metadata-by-KEY", changeMeta},
		{20, "delete-record-by-KEY", eraseKey},
	}},
	{name: "processor", target: ">= 0.70", zipfian: true, dear: 10, shares: []share{
		{80, "read-data-by-KEY", readKey},
		{20, "read-data-by-PUR", readPurpose},
	}},
	{name: "regulator", target: ">= 0.80", zipfian: true, shares: []share{
		{46, "read-metadata-by-USR", readMetas},
		{31, "get-system-logs", readLogs},
		{23, "verify-deletion", verifyGone},
	}},
}

// queries is how many of a mix the clients ask together.
func (x *mix) queries(m mixPlan) int { return m.ops / max(x.dear, 1) }

// ask asks n queries of a mix.
func (c *client) ask(ctx context.Context, m *mix, n int) error {
	for range n {
		at := c.rnd.Float64() * 100
		for i, s := range m.shares {
			if at -= s.percent; at < 0 || i == len(m.shares)-1 {
				began := time.Now()
				if err := s.query(ctx, c); err != nil {
					return fmt.Errorf("%s: %s: %w", m.name, s.name, err)
				}
				t := c.took[s.name]
				if t == nil {
					t = &tally{}
					c.took[s.name] = t
				}
				t.n++
				t.wall += time.Since(began)
				if c.right < c.asked && c.wrong == "" {
					c.wrong = s.name
				}
				break
			}
		}
	}
	return nil
}

func create(ctx context.Context, c *client) error {
	user, key := c.user(false), c.next
	c.next += clients
	if err := c.create(ctx, key, user, data(key, 0)); err != nil {
		return err
	}
	c.keys[user] = append(c.keys[user], key)
	c.is(true) // whether it is there shows when it is read
	return nil
}

func erasePurpose(ctx context.Context, c *client) error {
	user := c.user(true)
	c.keys[user] = nil
	c.is(true)
	return c.erasePurpose(ctx, user)
}

func eraseUser(ctx context.Context, c *client) error {
	user := c.user(true)
	c.keys[user] = nil
	c.is(true)
	return c.eraseUser(ctx, user)
}

func eraseDue(ctx context.Context, c *client) error {
	n, err := c.eraseDue(ctx)
	c.is(n == dueEach)
	return err
}

func eraseKey(ctx context.Context, c *client) error {
	user, key := c.key()
	all := c.keys[user]
	c.keys[user] = slices.Delete(all, slices.Index(all, key), slices.Index(all, key)+1)
	c.is(true)
	return c.eraseKey(ctx, key)
}

func object(ctx context.Context, c *client) error {
	user := c.user(true)
	for _, key := range c.keys[user] {
		c.concerns[key] = true
	}
	c.is(true)
	return c.object(ctx, user)
}

func readUser(ctx context.Context, c *client) error {
	user := c.user(true)
	got, err := c.dataOfUser(ctx, user)
	c.is(sameText(got, c.dataOf(user)))
	return err
}

func (c *client) dataOf(user int) (want []string) {
	for _, key := range c.keys[user] {
		want = append(want, data(key, c.version[key]))
	}
	return want
}

func sameText(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func readKey(ctx context.Context, c *client) error {
	_, key := c.key()
	got, err := c.dataOfKey(ctx, key)
	c.is(got == data(key, c.version[key]))
	return err
}

func readPurpose(ctx context.Context, c *client) error {
	purpose := c.m.purposeOf(c.user(true))
	got, err := c.dataOfPurpose(ctx, purpose)
	var want []string
	for user := range c.m.users {
		if c.m.purposeOf(user) == purpose {
			for k := range perUser {
				want = append(want, data(user*perUser+k, 0))
			}
		}
	}
	c.is(sameText(got, want))
	return err
}

func changeData(ctx context.Context, c *client) error {
	_, key := c.key()
	c.version[key]++
	c.is(true)
	return c.changeData(ctx, key, data(key, c.version[key]))
}

func readMeta(ctx context.Context, c *client) error {
	_, key := c.key()
	from, ok := c.from[key]
	if !ok {
		from = firstDay
	}
	got, err := c.until(ctx, key)
	c.is(got == from.AddDays(ttl))
	return err
}

func changeMeta(ctx context.Context, c *client) error {
	_, key := c.key()
	c.from[key] = firstDay.AddDays(1 + c.rnd.IntN(90))
	c.is(true)
	return c.changeUntil(ctx, key, c.from[key])
}

func readMetas(ctx context.Context, c *client) error {
	user := c.user(true)
	got, err := c.purposes(ctx, user)
	right := len(got) == len(c.keys[user])
	for _, n := range got {
		right = right && n == 2
	}
	c.is(right)
	return err
}

func readLogs(ctx context.Context, c *client) error {
	n, err := c.logs(ctx)
	c.is(n == logEach)
	return err
}

func verifyGone(ctx context.Context, c *client) error {
	user := c.m.users + c.m.due + c.rnd.IntN(c.m.erased)
	gone, err := c.isGone(ctx, user*perUser+c.rnd.IntN(perUser))
	c.is(gone)
	return err
}

// after reads some of what a client has changed, to see that it is as it should be, and that nothing is left of what it erased.
func (c *client) after(ctx context.Context) error {
	for range min(50, len(c.users)/10) {
		user := c.users[c.rnd.IntN(len(c.users))]
		if c.zipf != nil {
			user = c.users[int(c.zipf.Uint64())]
		}
		got, err := c.dataOfUser(ctx, user)
		if err != nil {
			return err
		}
		c.is(sameText(got, c.dataOf(user)))
		for _, key := range c.keys[user] {
			n, err := c.usable(ctx, key)
			if err != nil {
				return err
			}
			c.is(n == 1 && c.concerns[key] || n == 2 && !c.concerns[key])
		}
	}
	return nil
}
