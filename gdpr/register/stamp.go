package register

import (
	"fmt"

	"github.com/gallra/gallra/gdpr/civil"
)

// Stamp is what a store remembers of the register that it was last opened with.
type Stamp struct {
	Version int
	From    civil.Date
	Digest  string
}

// Stamp returns what to remember of the register.
func (r *Register) Stamp() Stamp {
	return Stamp{Version: r.Version, From: r.From, Digest: r.Digest()}
}

// Follows checks that the register may take the place of the stored one: it is
// the same, or a later version in force no earlier. Every deadline names the
// version that it was computed by, so content under a number never changes
// (ELA-DOC). The error is Problems.
func (r *Register) Follows(stored Stamp) error {
	now := r.Stamp()
	switch {
	case now.Version < stored.Version:
		return Problems{{Path: "register", What: fmt.Sprintf("version %d is lower than the stored version %d", now.Version, stored.Version),
			Why: "Every deadline names its version.", Mend: "Load the newer register, or raise register.version."}}
	case now.Version == stored.Version && now.Digest != stored.Digest:
		return Problems{{Path: "register", What: fmt.Sprintf("version %d is stored with other content", now.Version),
			Why: "Every deadline names its version.", Mend: "Raise register.version and say why in register.change."}}
	case now.Version > stored.Version && now.From.Before(stored.From):
		return Problems{{Path: "register.from", What: fmt.Sprintf("before that of version %d", stored.Version),
			Why: "A version is in force from its day until the next one.", Mend: "Write that day or a later one."}}
	}
	return nil
}
