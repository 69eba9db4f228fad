package report

import (
	"github.com/gallra/gallra/gdpr/register"
)

// The articles of the rights, in the order in which they are told. What Art. 22 gives stands with what is said of automated decisions.
var articles = []string{register.ArticleAccess, register.ArticleRectify, register.ArticleErase, register.ArticleRestrict, register.ArticlePortability, register.ArticleObject,
	register.ArticleMarketing, register.ArticleWithdraw}

// rightsOf are the rights under an activity that are told.
func rightsOf(a *register.Activity) []register.RightUnder {
	var out []register.RightUnder
	for _, r := range a.Rights() {
		if r.Article != register.ArticleAutomated {
			out = append(out, r)
		}
	}
	return out
}
