package register

import (
	"fmt"
	"slices"

	"github.com/gallra/gallra/retention"
)

// ids checks the names that a loaded register cannot have wrong.
func (c *checker) ids() bool {
	sound := true
	check := func(path string, names []string, valid func(string) bool, f form) {
		if slices.ContainsFunc(names, func(s string) bool { return !valid(s) }) {
			sound = false
			c.atKey(path, f.what, f.why, f.mend)
		}
	}
	r := c.register
	check("subjects", sortedKeys(r.Subjects), isCategoryID, categoryForm)
	check("elsewhere", sortedKeys(r.Elsewhere), isCategoryID, categoryForm)
	check("parties", sortedKeys(r.Parties), isID, idForm)
	check("terms", sortedKeys(r.Terms), isID, idForm)
	check("roles", sortedKeys(r.Roles), isID, idForm)
	check("reviews", sortedKeys(r.Reviews), isID, idForm)
	check("activities", sortedKeys(r.Activities), isID, idForm)
	check("events", eventIDs(r), isID, idForm)
	if !sound {
		return false
	}
	for _, id := range r.ActivityIDs() {
		a, path := r.Activities[id], join("activities", id)
		check(path+".fields", a.FieldNames(), isID, idForm)
		check(path+".labels", sortedKeys(a.Labels), isID, idForm)
		check(path+".direct-marketing", sortedKeys(a.DirectMarketing), isID, idForm)
	}
	return sound
}

// declarations are the names that may be referred to, by kind.
func declarations(r *Register) map[string][]string {
	builtIn := []string{
		string(retention.Collected), string(retention.AssignmentEnded), string(retention.AgreementEnded),
		string(retention.ErasureInstructed), string(retention.PurposeEnded),
	}
	return map[string][]string{
		"activities": r.ActivityIDs(),
		"events":     append(builtIn, eventIDs(r)...),
		"parties":    sortedKeys(r.Parties),
		"roles":      sortedKeys(r.Roles),
		"subjects":   slices.Concat(knownSubjects, sortedKeys(r.Subjects)),
		"terms":      sortedKeys(r.Terms),
	}
}

func eventIDs(r *Register) []string {
	var ids []string
	for _, e := range sortedKeys(r.Events) {
		ids = append(ids, string(e))
	}
	return ids
}

// unused reports what is declared and not referred to, unless a reference has
// been reported that may have been meant.
func (c *checker) unused() {
	c.doubt()
	r := c.register
	check := func(kind string, ids []string, why string) {
		if c.unsure[kind] || c.lost("activities") {
			return
		}
		for _, id := range ids {
			if p := join(kind, id); !c.uses[p] && !c.broken(p) {
				c.atKey(p, "declared, not used", why, "Take it away, or refer to it.")
			}
		}
	}
	check("subjects", sortedKeys(r.Subjects), "No activity is about them.")
	check("parties", sortedKeys(r.Parties), "No activity names it.")
	check("terms", sortedKeys(r.Terms), "No activity names them.")
	check("events", eventIDs(r), "No rule begins with it.")
}

// doubt finds out of which kinds something may be referred to where a problem
// has been reported.
func (c *checker) doubt() {
	doubt := func(kind, path string, keys ...string) {
		for _, key := range keys {
			if c.broken(join(path, key)) {
				c.unsure[kind] = true
			}
		}
	}
	for _, id := range c.register.ActivityIDs() {
		path := join("activities", id)
		doubt("subjects", path, "subjects")
		doubt("parties", path, "with", "recipients")
		doubt("terms", path, "terms")
		doubt("events", path, "erase", "anonymize", "keep")
	}
	for id := range c.register.Terms {
		doubt("events", join("terms", id), "erase")
	}
}

// A reference is a place where the id of something declared stands.
type reference struct {
	kind, id  string
	path      string
	key       bool   // the id is the key itself
	what, why string // if it is not declared
}

// refer checks that something is declared, and remembers its use.
func (c *checker) refer(ref reference) bool {
	declared := c.declared[ref.kind]
	switch {
	case c.broken(ref.path):
		return false
	case slices.Contains(declared, ref.id):
		c.uses[join(ref.kind, ref.id)] = true
		return true
	case c.lost(ref.kind):
		return false
	}
	mend := "Declare it under " + ref.kind + ", or take it away."
	if meant, ok := nearest(ref.id, declared); ok {
		mend = fmt.Sprintf("Did you mean %q?", meant)
	}
	if ref.key {
		c.atKey(ref.path, ref.what, ref.why, mend)
	} else {
		c.atValue(ref.path, ref.what, ref.why, mend)
	}
	return false
}

// oneOf checks a word of a closed list. Without mend it says which word was
// probably meant; codes are not guessed.
func oneOf[K ~string](c *checker, path, what, why, mend string, value K, list []K) bool {
	if c.broken(path) {
		return false
	}
	if slices.Contains(list, value) {
		return true
	}
	if mend == "" {
		mend = "Write " + enumerate(list, "or") + "."
		if meant, ok := nearest(string(value), list); ok {
			mend = fmt.Sprintf("Did you mean %q?", string(meant))
		}
	}
	c.atValue(path, what, why, mend)
	return false
}

// unique reports an element that has stood in the list before.
func unique[K ~string](c *checker, path string, list []K) {
	seen := make(map[K]bool, len(list))
	for i, v := range list {
		if p := numbered(path, i); seen[v] && !c.broken(p) {
			c.atValue(p, "twice in the list", "Once is enough.", "Take one of the two away.")
		}
		seen[v] = true
	}
}

// need checks a text that must be there.
func (c *checker) need(path, key string, t Text, why, mend string) {
	if t.IsZero() {
		c.missing(path, key, why, mend)
		return
	}
	c.text(join(path, key), t)
}

// texts checks a text that stands under a key of its own.
func (c *checker) texts(path string, t Text) {
	if t.IsZero() && !c.broken(path) {
		c.atKey(path, emptyForm.what, emptyForm.why, emptyForm.mend)
		return
	}
	c.text(path, t)
}

// text checks what a loaded text cannot have wrong.
func (c *checker) text(path string, t Text) {
	var langs []string
	for _, p := range t {
		switch {
		case c.broken(path):
		case blank(p.Words):
			c.atKey(path, emptyForm.what, emptyForm.why, emptyForm.mend)
		case p.Lang == "" && len(t) > 1, p.Lang != "" && !isLanguage(p.Lang), slices.Contains(langs, p.Lang):
			c.atKey(path, languageForm.what, languageForm.why, languageForm.mend)
		}
		langs = append(langs, p.Lang)
	}
}
