package subjectrights

// english are the words of notices in English.
var english = words{
	subject: map[string]string{
		noticeReceived: "We have your request (%s)", noticeIdentity: "Your request %s: please show who you are", noticeClarification: "Your request %s: a question",
		noticeNotIdentified: "Your request %s: we could not establish who you are", noticeExtension: "Your request %s takes longer", noticeRefusal: "Your request %s: what we do not do, and why",
		noticeFee: "Your request %s: a fee", noticeAnswer: "The answer to your request %s",
		noticeForward: "A data subject's request about your data (%s)", noticeReport: "Your instruction %s is carried out", noticeDisputed: "Your instruction %s seems unlawful to us",
		noticeRectified: "Data that you received from us was rectified (%s)", noticeErased: "Data that you received from us was erased (%s)", noticeRestricted: "Data that you received from us is restricted (%s)",
	},
	body: map[string]string{
		noticeReceived:      "We have received your request about your personal data. You will have our answer by the end of %s.",
		noticeIdentity:      "So that nobody else gets at your data we must know that it is you who asks. Please reply from an address that we know, or log in with us. Do not send a copy of an identity document. The time to answer rests until then (Article 12(6) of the GDPR).",
		noticeClarification: "We hold much data about you. Please tell us what your request is about: which matters, which time. The time to answer rests until then.",
		noticeNotIdentified: "We cannot deal with your request, since we could not establish that it is you who asks:\n\n%s\n\nIf you can show it later, write to us: we take the request up again.",
		noticeExtension:     "Your request takes longer than a month. You will have our answer by the end of %s (Article 12(3) of the GDPR). The reason:\n\n%s",
		noticeRefusal:       "We do not do the following of what you have asked for:",
		noticeFee:           "We find your request excessive, and will deal with it for a fee of %s (Article 12(5) of the GDPR). The reason:\n\n%s",
		noticeAnswer:        "We have carried out what you asked for.",
		noticeForward:       "On %s we received the request of a person whose data we process for you. You decide about it and answer it; we carry out your instructions (Article 28(3)(e) of the GDPR). We were to pass it on by %s. The person uses the following rights, about the records listed below.",
		noticeReport:        "Your instruction (%s) is carried out: %s. Proof: %s",
		noticeDisputed:      "We hold back your instruction (%s), since we believe that it infringes the law (Article 28(3) of the GDPR):\n\n%s\n\nPlease tell us whether you stand by it.",
		noticeRectified:     "Please correct it with you, too (Article 19 of the GDPR). Fields: %s. Which person it is we tell you over a protected channel: write to us with the number above.",
		noticeErased:        "Please erase it with you, too, unless a law obliges you to keep it (Article 19 of the GDPR). Fields: %s. Which person it is we tell you over a protected channel: write to us with the number above.",
		noticeRestricted:    "Please do no more than store it (Article 19 of the GDPR). Fields: %s. Which person it is we tell you over a protected channel: write to us with the number above.",
	},
	right: map[Right]string{Access: "access to the data (Article 15)", Rectification: "rectification (Article 16)", Erasure: "erasure (Article 17)", Restriction: "restriction of processing (Article 18)",
		Portability: "data portability (Article 20)", Objection: "objection (Article 21)", AutomatedDecisions: "review of an automated decision (Article 22)", ConsentWithdrawal: "withdrawal of consent (Article 7(3))"},
	ground: map[string]string{Excessive: "manifestly unfounded or excessive, Article 12(5)", NoSuchRight: "the conditions of the right are not met", OthersRights: "the rights of others, Article 15(4)",
		FreeExpression: "freedom of expression, Article 17(3)(a)", LegalTask: "a legal obligation or public task, Article 17(3)(b)", PublicHealth: "public health, Article 17(3)(c)",
		Archiving: "archiving, research or statistics, Article 17(3)(d)", LegalClaims: "legal claims, Article 17(3)(e)", Compelling: "compelling legitimate grounds, Article 21(1)"},
	sign:   "%s\n%s",
	remedy: "You may lodge a complaint with the supervisory authority (%s), and you may go to court.",
	kept:   "This we must keep for now. It is only stored, and goes by itself:", keptUntil: "%s: until the end of %s, as a law demands", keptWhile: "%s: as long as it is needed for legal claims or kept on hold",
	attached: "What is attached can be opened by you alone.",
	passed:   "Part of what you ask about we process on behalf of others, who decide about it. We have passed your request on to them.",
}
