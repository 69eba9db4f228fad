package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// mixTown is Gallra under the mixes.
type mixTown struct {
	*town
	m       mixPlan
	of      []mixRecord // by key
	rights  *gdpr.Session
	desks   []*gdpr.Session // by purpose
	sweeper sync.Mutex      // one job sweeps
}

var _ keeper = (*mixTown)(nil)

// mixRegister has an activity for each purpose, with a further purpose that a person may object to, and a time to live from a day that may move.
func mixRegister(m mixPlan) string {
	var b strings.Builder
	b.WriteString(register[:strings.Index(register, "activities:")] + "events: {renewed: The day from which the record is kept for a year}\nactivities:\n")
	for i := range m.purposes() {
		fmt.Fprintf(&b, `  p%d:
    role: controller
    class: internal
    subjects: [prospect]
    fields: {data: user.content}
    purpose: Purpose %d
    basis: A6-1-f
    interest: To measure
    erase: P%dD after renewed
  s%d:
    records-of: p%d
    fields: [data]
    purpose: Statistics of purpose %d
    basis: A6-1-f
    interest: To count
    compatible: Nothing about one person comes out
    erase: P%dD after renewed
`, i, i, ttl, i, i, i, ttl)
	}
	return b.String()
}

// mixRecord is where a record is, and whose it is.
type mixRecord struct {
	id   gdpr.ID
	user int
}

func newMixTown(t *town, m mixPlan, of []mixRecord) *mixTown {
	k := &mixTown{town: t, m: m, of: of, rights: t.As(gdpr.Job("bench"), gdpr.SubjectRights)}
	for i := range m.purposes() {
		k.desks = append(k.desks, t.As(gdpr.Job("bench"), purpose(i)))
	}
	t.now = sweeping
	return k
}

func purpose(i int) string { return fmt.Sprintf("p%d", i) }

// load stores the records of all persons, while nothing is due, and erases those who are to be erased.
func (k *mixTown) load(ctx context.Context) error {
	k.now = filling
	for i, desk := range k.desks {
		if _, err := desk.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
			for user := i; user < k.m.records/perUser; user += len(k.desks) {
				for key := user * perUser; key < (user+1)*perUser; key++ {
					if !yield(k.record(user, data(key, 0)), nil) {
						return
					}
				}
			}
		}, nil); err != nil {
			return err
		}
	}
	for _, desk := range k.desks {
		for r, err := range desk.Records(ctx, gdpr.Query{}) {
			if err != nil {
				return err
			}
			var key int
			if _, err := fmt.Sscanf(r.Text("data"), "uppgift %d", &key); err != nil {
				return err
			}
			k.of[key] = mixRecord{r.ID, key / perUser}
		}
	}
	k.now = sweeping
	for user := k.m.users + k.m.due; user < k.m.records/perUser; user++ {
		if err := k.eraseUser(ctx, user); err != nil {
			return err
		}
	}
	_, err := k.Verify(ctx)
	return err
}

func (k *mixTown) record(user int, data string) gdpr.Record {
	r := gdpr.Record{Subject: gdpr.Email(person(user)), Fields: gdpr.Fields{"data": data}, Source: "bench",
		CollectedAt: november, Events: map[retention.Event]civil.Date{"renewed": firstDay}}
	if user >= k.m.users && user < k.m.users+k.m.due {
		r.CollectedAt, r.Events["renewed"] = winter, civil.Date{Year: 2025, Month: 1, Day: 10}
	}
	return r
}

func (k *mixTown) deskOf(user int) *gdpr.Session { return k.desks[k.m.purposeOf(user)] }

func (k *mixTown) create(ctx context.Context, key, user int, data string) error {
	id, err := k.deskOf(user).Put(ctx, k.record(user, data))
	k.of[key] = mixRecord{id, user}
	return err
}

func (k *mixTown) dataOfKey(ctx context.Context, key int) (string, error) {
	r, err := k.deskOf(k.of[key].user).Get(ctx, k.of[key].id)
	if err != nil {
		return "", err
	}
	return r.Text("data"), nil
}

func (k *mixTown) dataOfUser(ctx context.Context, user int) (out []string, err error) {
	for r, err := range k.deskOf(user).Find(ctx, gdpr.Email(person(user))) {
		if err != nil {
			return nil, err
		}
		out = append(out, r.Text("data"))
	}
	return out, nil
}

func (k *mixTown) dataOfPurpose(ctx context.Context, purpose int) (out []string, err error) {
	for r, err := range k.desks[purpose].Records(ctx, gdpr.Query{}) {
		if err != nil {
			return nil, err
		}
		out = append(out, r.Text("data"))
	}
	return out, nil
}

func (k *mixTown) changeData(ctx context.Context, key int, data string) error {
	return k.deskOf(k.of[key].user).Update(ctx, k.of[key].id, gdpr.Change{Fields: gdpr.Fields{"data": data}})
}

func (k *mixTown) until(ctx context.Context, key int) (civil.Date, error) {
	x, err := k.deskOf(k.of[key].user).Explain(ctx, k.of[key].id)
	if err != nil {
		return civil.Date{}, err
	}
	return x.Parts[0].Until, nil
}

func (k *mixTown) changeUntil(ctx context.Context, key int, from civil.Date) error {
	return k.deskOf(k.of[key].user).RecordEvent(ctx, gdpr.Event{Kind: "renewed", Day: from, Record: k.of[key].id, Approver: gdpr.Person("Åsa Ägare")})
}

func (k *mixTown) purposes(ctx context.Context, user int) (out []int, err error) {
	for r, err := range k.rights.Find(ctx, gdpr.Email(person(user))) {
		if err != nil {
			return nil, err
		}
		out = append(out, len(r.Purposes))
	}
	return out, nil
}

func (k *mixTown) usable(ctx context.Context, key int) (n int, err error) {
	x, err := k.rights.Explain(ctx, k.of[key].id)
	if err != nil {
		return 0, err
	}
	for _, s := range x.Parts[0].Verdict.Standings {
		if s.Ended == nil {
			n++
		}
	}
	return n, nil
}

func (k *mixTown) object(ctx context.Context, user int) error {
	return k.end(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Subject: gdpr.Email(person(user))}, user, "s")
}

// end notes an event for some of a person's two purposes.
func (k *mixTown) end(ctx context.Context, ev gdpr.Event, user int, which ...string) error {
	for _, w := range which {
		ev.Purpose = fmt.Sprintf("%s%d", w, k.m.purposeOf(user))
		if err := k.deskOf(user).RecordEvent(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}

func (k *mixTown) eraseKey(ctx context.Context, key int) error {
	return k.end(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Record: k.of[key].id}, k.of[key].user, "p", "s")
}

func (k *mixTown) erasePurpose(ctx context.Context, user int) error {
	return k.end(ctx, gdpr.Event{Kind: gdpr.PurposeEnded, Subject: gdpr.Email(person(user))}, user, "p", "s")
}

func (k *mixTown) eraseUser(ctx context.Context, user int) error {
	_, err := k.rights.Erase(ctx, gdpr.Email(person(user)), gdpr.NoLongerNeeded)
	return err
}

func (k *mixTown) eraseDue(ctx context.Context) (int, error) {
	k.sweeper.Lock()
	defer k.sweeper.Unlock()
	res, err := k.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1, MaxParts: dueEach})
	return res.Erased, err
}

func (k *mixTown) finish(ctx context.Context) error {
	_, err := k.Sweep(ctx, &gdpr.SweepOptions{MaxShare: 1})
	return err
}

// logs reads the end of the longest lane of the trail.
func (k *mixTown) logs(ctx context.Context) (int, error) {
	lanes, err := k.store.Lanes(ctx)
	if err != nil {
		return 0, err
	}
	var longest storage.Lane
	for _, l := range lanes {
		if l.Last > longest.Last {
			longest = l
		}
	}
	rows, err := k.store.Entries(ctx, longest.ID, max(longest.Last, logEach)-logEach, logEach)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		if _, err := audit.DecodeEntry(r.Body); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

func (k *mixTown) isGone(ctx context.Context, key int) (bool, error) {
	x, err := k.deskOf(k.of[key].user).Explain(ctx, k.of[key].id)
	if err != nil && !errors.Is(err, gdpr.ErrErased) {
		return false, err
	}
	return len(x.Parts) == 0 && len(x.Proofs) == 1, nil
}
