package register

// RightUnder is a right of the data subject that exists under a legal basis.
type RightUnder struct {
	// Article is the article, such as "17" or "7(3)".
	Article string
	// Limited: only beyond what a duty or a task needs (Art. 17(3)(b)).
	Limited bool
	// Source is where the Regulation says so.
	Source string
}

// The articles of the rights that depend on the basis, or do not.
const (
	ArticleAccess      = "15"
	ArticleRectify     = "16"
	ArticleErase       = "17"
	ArticleRestrict    = "18"
	ArticlePortability = "20"
	ArticleObject      = "21"
	ArticleMarketing   = "21(2)"
	ArticleAutomated   = "22"
	ArticleWithdraw    = "7(3)"
)

// always are the rights under every basis.
var always = []RightUnder{{ArticleAccess, false, "Art. 15(1)"}, {ArticleRectify, false, "Art. 16"}}

// rightsUnder is which further right exists under which basis of Art. 6(1), and why. What is processed unlawfully is erased under every basis, Art. 17(1)(d).
var rightsUnder = map[Basis][]RightUnder{
	Consent: {{ArticleErase, false, "Art. 17(1)(a), (b)"}, {ArticleRestrict, false, "Art. 18(1)"}, {ArticlePortability, false, "Art. 20(1)(a)"},
		{ArticleWithdraw, false, "Art. 7(3)"}},
	Contract:        {{ArticleErase, false, "Art. 17(1)(a)"}, {ArticleRestrict, false, "Art. 18(1)"}, {ArticlePortability, false, "Art. 20(1)(a)"}},
	LegalObligation: {{ArticleErase, true, "Art. 17(1)(d), 17(3)(b)"}, {ArticleRestrict, false, "Art. 18(1)"}},
	VitalInterest:   {{ArticleErase, false, "Art. 17(1)(a)"}, {ArticleRestrict, false, "Art. 18(1)"}},
	PublicTask: {{ArticleErase, true, "Art. 17(1)(d), 17(3)(b)"}, {ArticleRestrict, false, "Art. 18(1)"},
		{ArticleObject, false, "Art. 21(1)"}},
	LegitimateInterest: {{ArticleErase, false, "Art. 17(1)(a), (c)"}, {ArticleRestrict, false, "Art. 18(1)"}, {ArticleObject, false, "Art. 21(1)"}},
}

// Rights are the rights under an activity, in the order of their articles: they follow from its basis, from whether it is direct marketing, against which an objection is
// absolute (Art. 21(2)-(3)), and from whether it takes automated decisions (Art. 22). Of a processor's activity there are none to answer: its controller does.
func (a *Activity) Rights() []RightUnder {
	if a.Processor() {
		return nil
	}
	var out []RightUnder
	out = append(out, always...)
	under := rightsUnder[a.LawfulBasis()]
	for _, r := range under {
		if r.Article != ArticleWithdraw {
			out = append(out, r)
		}
	}
	if a.DirectMarketing != nil {
		out = append(out, RightUnder{ArticleMarketing, false, "Art. 21(2)-(3)"})
	}
	if !a.AutomatedDecisions.IsZero() {
		out = append(out, RightUnder{ArticleAutomated, false, "Art. 22(1), (3)"})
	}
	for _, r := range under {
		if r.Article == ArticleWithdraw {
			out = append(out, r)
		}
	}
	return out
}

// HasRight reports whether a right exists under an activity.
func (a *Activity) HasRight(article string) bool {
	for _, r := range a.Rights() {
		if r.Article == article {
			return true
		}
	}
	return false
}
