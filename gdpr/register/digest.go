package register

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/retention"
)

// Digest returns a fingerprint of what the register means, as "sha256:" and 64
// hexadecimal digits. Comments, the order of keys and of lists, the way a value
// is quoted, and whether a default is written out make no difference, nor does
// it whether the register came from a file or was built in Go.
//
// It is the SHA-256 of a line "gallra register 1" and the meaning as JSON: keys
// as in the file, sorted; lists sorted; texts by language, "" for a single
// string; what is empty or false left out.
func (r *Register) Digest() string {
	c := r.clone()
	c.fillIn()
	text, err := json.Marshal(c.meaning())
	if err != nil { // maps, slices, strings, numbers and booleans cannot fail
		return ""
	}
	sum := sha256.Sum256(append([]byte("gallra register 1\n"), text...))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// An object is a JSON object that leaves out what is empty.
type object map[string]any

func (o object) set(key string, value any) object {
	switch v := value.(type) {
	case string:
		if v == "" {
			return o
		}
	case bool:
		if !v {
			return o
		}
	case []string:
		if len(v) == 0 {
			return o
		}
		value = slices.Sorted(slices.Values(v))
	case object:
		if len(v) == 0 {
			return o
		}
	}
	o[key] = value
	return o
}

func (r *Register) meaning() object {
	register := object{"format": r.Format, "version": r.Version, "from": r.From.String()}.
		set("author", r.Author.meaning()).set("owner", r.Owner.meaning()).set("change", r.Change.meaning())
	o := r.Organization
	organization := who(o.Name, o.Contact, o.Country, o.Number, o.Address, o.DPO).
		set("zone", o.Zone).set("authority", o.Authority)
	all := object{
		"register": register, "organization": organization,
		"accountability": object{"audit-log": r.Accountability.AuditLog.String(), "case-files": r.Accountability.CaseFiles.String()},
	}
	if b := r.Backups; b != nil {
		all["backups"] = object{"kept": b.Kept.String(), "keys-kept": b.KeysKept.String()}
	}
	return all.set("security", r.Security.meaning()).
		set("subjects", each(r.Subjects, Text.meaning)).
		set("elsewhere", each(r.Elsewhere, Text.meaning)).
		set("events", each(r.Events, Text.meaning)).
		set("parties", each(r.Parties, Party.meaning)).
		set("terms", each(r.Terms, Terms.meaning)).
		set("activities", each(r.Activities, (*Activity).meaning)).
		set("roles", each(r.Roles, AccessRole.meaning)).
		set("reviews", each(r.Reviews, Cadence.meaning))
}

func each[K ~string, V any, M any](m map[K]V, meaning func(V) M) object {
	o := object{}
	for k, v := range m {
		o[string(k)] = meaning(v)
	}
	return o
}

func (t Text) meaning() object {
	o := object{}
	for _, p := range t {
		o[p.Lang] = p.Words
	}
	return o
}

func who(name, contact string, country Country, number, address, dpo string) object {
	return object{"name": name, "contact": contact, "country": string(country)}.
		set("number", number).set("address", address).set("dpo", dpo)
}

func (p Party) meaning() object {
	return who(p.Name, p.Contact, p.Country, p.Number, p.Address, p.DPO).
		set("role", string(p.Role)).set("ref", p.Ref.meaning()).set("transfer", string(p.Transfer))
}

func (t Terms) meaning() object {
	return object{"breach-notice": t.BreachNotice.String()}.set("ref", t.Ref.meaning()).set("erase", rules(t.Erase)).
		set("at-end", string(t.AtEnd)).set("name-controller", t.NameController)
}

func (a *Activity) meaning() object {
	if a == nil {
		return nil
	}
	fields := object{}
	for _, f := range a.Fields {
		fields[f.Name] = string(f.Category)
	}
	labels := object{}
	for name, values := range a.Labels {
		labels.set(name, values)
	}
	o := object{}.set("role", string(a.Role)).set("with", a.With).set("terms", a.Terms).set("records-of", a.RecordsOf).
		set("class", string(a.Class)).set("subjects", a.Subjects).set("fields", fields).set("find-by", a.FindBy).
		set("labels", labels).set("purpose", a.Purpose.meaning()).set("basis", asStrings(a.Basis)).
		set("interest", a.Interest.meaning()).set("compatible", a.Compatible.meaning()).
		set("recipients", each(a.Recipients, Share.meaning)).set(ceiling(a), rules(a.Erase)).
		set("ref", a.Ref.meaning()).set("automated-decisions", a.AutomatedDecisions.meaning())
	if a.Keep != nil {
		o["keep"] = a.Keep.String()
	}
	if a.DirectMarketing != nil {
		o["direct-marketing"] = each(a.DirectMarketing, Condition.meaning)
	}
	if a.Accuracy != nil {
		o["accuracy"] = a.Accuracy.meaning()
	}
	return o
}

func (s Share) meaning() any {
	if s.All {
		return "all"
	}
	return slices.Sorted(slices.Values(s.Fields))
}

func (c Condition) meaning() object {
	return object{"evidence": c.Evidence.String()}.set("text", c.Text.meaning())
}

func (r AccessRole) meaning() object {
	o := object{}.set("may", asStrings(r.May)).set("supervised", r.Supervised)
	if r.All {
		o["for"] = "all"
	} else {
		o.set("for", r.For)
	}
	if r.AtMost != (civil.Period{}) {
		o["at-most"] = r.AtMost.String()
	}
	return o
}

func (c Cadence) meaning() string {
	if c.By == "" {
		return c.Every.String()
	}
	return c.Every.String() + " by " + c.By
}

func rules(list []retention.Rule) []string {
	var texts []string
	for _, rule := range list {
		texts = append(texts, rule.String())
	}
	return texts
}

func asStrings[K ~string](list []K) []string {
	var texts []string
	for _, k := range list {
		texts = append(texts, string(k))
	}
	return texts
}
