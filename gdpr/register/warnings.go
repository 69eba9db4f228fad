package register

import (
	"github.com/gallra/gallra/retention"
)

// Warnings returns what does not stop a load and should be known all the same,
// in order of position: an agreement's clock under A6-1-b, and what is not
// declared of backups, security and roles. Call it on a register that Load,
// Parse or Check has passed.
func (r *Register) Warnings() []Problem {
	w := newReport(r.source)
	if r.Backups == nil {
		w.atKey("backups", "not declared", `Proofs of erasure will say "copies: unknown".`, "Add backups: with kept and keys-kept.")
	}
	if r.Security.IsZero() {
		w.atKey("security", "not declared", "Art. 30(1)(g) and 30(2)(d) want a general description of the measures.", "Add security: with a text.")
	}
	if len(r.Roles) == 0 {
		w.atKey("roles", "not declared", "The program is trusted: every named actor may do everything.", "Add roles: with what each may do.")
	}
	for _, id := range r.ActivityIDs() {
		if a := r.Activities[id]; a.LawfulBasis() == Contract && onAgreement(a.Erase) {
			w.atValue(join("activities", id)+".basis", "A6-1-b with an agreement's clock",
				"An agreement with the employer is none with the person.", "Consider A6-1-f, with an interest.")
		}
	}
	return w.sorted()
}

// onAgreement reports whether an agreement decides when the data goes.
func onAgreement(rules []retention.Rule) bool {
	for _, rule := range rules {
		if rule.Event == retention.AgreementEnded || rule.Event == retention.AssignmentEnded || rule.Case == retention.WithAgreement {
			return true
		}
	}
	return false
}
