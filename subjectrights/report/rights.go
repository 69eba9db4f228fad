package report

import (
	"github.com/gallra/gallra/gdpr/register"
)

// right is a right that exists under a basis.
type right struct {
	article string
	limited bool
}

// The articles of the rights, in the order in which they are told.
const (
	artAccess      = "15"
	artRectify     = "16"
	artErase       = "17"
	artRestrict    = "18"
	artPortability = "20"
	artObject      = "21"
	artMarketing   = "21(2)"
	artWithdraw    = "7(3)"
)

var articles = []string{artAccess, artRectify, artErase, artRestrict, artPortability, artObject, artMarketing, artWithdraw}

// rightsUnder is which right exists under which basis of Art. 6(1): Art. 7(3), 17(1), 17(3)(b), 20(1), 21(1). Erasure is limited where a duty or
// task needs the data; what is processed unlawfully is erased under every basis, Art. 17(1)(d).
var rightsUnder = map[register.Basis][]right{
	register.Consent:            {{artAccess, false}, {artRectify, false}, {artErase, false}, {artRestrict, false}, {artPortability, false}, {artWithdraw, false}},
	register.Contract:           {{artAccess, false}, {artRectify, false}, {artErase, false}, {artRestrict, false}, {artPortability, false}},
	register.LegalObligation:    {{artAccess, false}, {artRectify, false}, {artErase, true}, {artRestrict, false}},
	register.VitalInterest:      {{artAccess, false}, {artRectify, false}, {artErase, false}, {artRestrict, false}},
	register.PublicTask:         {{artAccess, false}, {artRectify, false}, {artErase, true}, {artRestrict, false}, {artObject, false}},
	register.LegitimateInterest: {{artAccess, false}, {artRectify, false}, {artErase, false}, {artRestrict, false}, {artObject, false}},
}

// rightsOf are the rights under an activity. Against direct marketing there is one more, and it is absolute (Art. 21(2)-(3)).
func rightsOf(a *register.Activity) []right {
	out := rightsUnder[a.LawfulBasis()]
	if a.DirectMarketing != nil {
		out = append(out[:len(out):len(out)], right{article: artMarketing})
	}
	return out
}
