package subjectrights

import (
	"slices"

	"github.com/gallra/gallra/gdpr"
)

// Recipient is somebody who may have data that was rectified or erased, and is told of it unless that is impossible or takes a disproportionate
// effort (Art. 19). It comes from the register, which says who may be given what.
type Recipient struct {
	Party   string // id in the register
	Name    string
	Contact string
	Fields  []string // of those concerned, what the party may have, sorted
}

// recipients are who may have any of the fields of the families' records, in the order of their ids; nil fields are all of them.
func recipients(reg *gdpr.Register, fields []string, families ...string) []Recipient {
	have := map[string][]string{}
	for _, head := range families {
		for _, id := range reg.Family(head) {
			act, _ := reg.Activity(id)
			for party, share := range act.Recipients {
				for _, f := range share.Fields {
					if (fields == nil || slices.Contains(fields, f)) && !slices.Contains(have[party], f) {
						have[party] = append(have[party], f)
					}
				}
			}
		}
	}
	var out []Recipient
	for id, given := range have {
		slices.Sort(given)
		p := reg.Parties[id]
		out = append(out, Recipient{Party: id, Name: p.Name, Contact: p.Contact, Fields: given})
	}
	slices.SortFunc(out, func(x, y Recipient) int {
		if x.Party < y.Party {
			return -1
		}
		return 1
	})
	return out
}
