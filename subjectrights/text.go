package subjectrights

import (
	"fmt"
	"strings"
)

// words are what notices say in one language.
type words struct {
	subject map[string]string // by kind; %s is the number of the case
	body    map[string]string
	right   map[Right]string
	ground  map[string]string
	sign    string // %s: name, contact
	remedy  string // Art. 12(4); %s: the authority
	passed  string
}

// text composes the subject line and the text of a notice. What it says is what the case knew when the notice was made.
func (d *Desk) text(n notice, l letter) (subject, text string) {
	w := wordsOf[l.Language]
	if w == nil {
		w = wordsOf["en"]
	}
	data := func(key string) string { return l.Data[key] }
	subject = fmt.Sprintf(w.subject[n.Kind], n.Number)
	body := w.body[n.Kind]
	switch n.Kind {
	case noticeReceived:
		body = fmt.Sprintf(body, data("due"))
		if data("passed on") != "" {
			body += "\n\n" + w.passed
		}
	case noticeExtension:
		body = fmt.Sprintf(body, data("until"), data("reasons"))
	case noticeFee:
		body = fmt.Sprintf(body, data("amount"), data("reasons")) + "\n\n" + fmt.Sprintf(w.remedy, d.reg.Organization.Authority)
	case noticeNotIdentified:
		body = fmt.Sprintf(body, data("reasons")) + "\n\n" + fmt.Sprintf(w.remedy, d.reg.Organization.Authority)
	case noticeRefusal:
		body += w.refused(data("refused")) + "\n\n" + fmt.Sprintf(w.remedy, d.reg.Organization.Authority)
	case noticeAnswer:
		body += "\n\n" + w.list(data("done"))
	case noticeForward:
		body = fmt.Sprintf(body, data("received"), data("by")) + "\n\n" + w.list(data("rights")) + "\n\n" + data("records")
	case noticeReport:
		body = fmt.Sprintf(body, data("action"), data("done"), data("proof"))
	case noticeDisputed:
		body = fmt.Sprintf(body, data("action"), data("reasons"))
	case noticeRectified, noticeErased, noticeRestricted:
		body = fmt.Sprintf(body, data("fields"))
	}
	o := d.reg.Organization
	return subject, body + "\n\n" + fmt.Sprintf(w.sign, o.Name, o.Contact) + "\n"
}

// list is one line for each right.
func (w *words) list(codes string) string {
	var lines []string
	for _, r := range strings.Fields(codes) {
		lines = append(lines, "- "+w.right[Right(r)])
	}
	return strings.Join(lines, "\n")
}

// refused says what is refused, on which ground and why.
func (w *words) refused(rows string) string {
	var b strings.Builder
	for _, row := range strings.Split(rows, "\n") {
		part := strings.SplitN(row, "\t", 3)
		if len(part) == 3 {
			fmt.Fprintf(&b, "\n\n- %s (%s): %s", w.right[Right(part[0])], w.ground[part[1]], part[2])
		} else {
			b.WriteString("\n  " + row) // a further line of the reasons before
		}
	}
	return b.String()
}

var wordsOf = map[string]*words{
	"en": {
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
			noticeAnswer:        "We have carried out what you asked for. What is attached can be opened by you alone.",
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
		passed: "Part of what you ask about we process on behalf of others, who decide about it. We have passed your request on to them.",
	},
	"sv": {
		subject: map[string]string{
			noticeReceived: "Vi har fått din begäran (%s)", noticeIdentity: "Din begäran %s: visa att det är du", noticeClarification: "Din begäran %s: en fråga",
			noticeNotIdentified: "Din begäran %s: vi kunde inte fastställa vem du är", noticeExtension: "Din begäran %s tar längre tid", noticeRefusal: "Din begäran %s: vad vi inte gör, och varför",
			noticeFee: "Din begäran %s: en avgift", noticeAnswer: "Svaret på din begäran %s",
			noticeForward: "En registrerads begäran om era uppgifter (%s)", noticeReport: "Er instruktion %s är utförd", noticeDisputed: "Er instruktion %s verkar strida mot lagen",
			noticeRectified: "Uppgifter som ni har fått av oss är rättade (%s)", noticeErased: "Uppgifter som ni har fått av oss är raderade (%s)", noticeRestricted: "Uppgifter som ni har fått av oss är begränsade (%s)",
		},
		body: map[string]string{
			noticeReceived:      "Vi har tagit emot din begäran om dina personuppgifter. Du får vårt svar senast den %s.",
			noticeIdentity:      "För att ingen annan ska komma åt dina uppgifter måste vi veta att det är du som frågar. Svara från en adress som vi känner till, eller logga in hos oss. Skicka inte någon kopia av en id-handling. Tiden för svaret står stilla så länge (artikel 12.6 i GDPR).",
			noticeClarification: "Vi har många uppgifter om dig. Berätta vad din begäran gäller: vilka ärenden, vilken tid. Tiden för svaret står stilla så länge.",
			noticeNotIdentified: "Vi kan inte behandla din begäran, eftersom vi inte kunde fastställa att det är du som frågar:\n\n%s\n\nKan du visa det senare, skriv till oss: då tar vi upp den igen.",
			noticeExtension:     "Din begäran tar längre tid än en månad. Du får vårt svar senast den %s (artikel 12.3 i GDPR). Skälet:\n\n%s",
			noticeRefusal:       "Följande av det du har begärt gör vi inte:",
			noticeFee:           "Vi bedömer att din begäran är orimlig, och behandlar den mot en avgift på %s (artikel 12.5 i GDPR). Skälet:\n\n%s",
			noticeAnswer:        "Vi har gjort det du bad om. Det som är bifogat kan bara du öppna.",
			noticeForward:       "Den %s tog vi emot en begäran från en person vars uppgifter vi behandlar för er. Det är ni som bedömer och besvarar den; vi utför era instruktioner (artikel 28.3 e i GDPR). Vi skulle lämna den vidare senast den %s. Personen använder följande rättigheter, om posterna som räknas upp nedan.",
			noticeReport:        "Er instruktion (%s) är utförd: %s. Bevis: %s",
			noticeDisputed:      "Vi väntar med er instruktion (%s), eftersom vi anser att den strider mot lagen (artikel 28.3 i GDPR):\n\n%s\n\nMeddela oss om ni står fast vid den.",
			noticeRectified:     "Rätta dem även hos er (artikel 19 i GDPR). Fält: %s. Vilken person det är berättar vi i en skyddad kanal: skriv till oss med numret ovan.",
			noticeErased:        "Radera dem även hos er, om ingen lag kräver att ni sparar dem (artikel 19 i GDPR). Fält: %s. Vilken person det är berättar vi i en skyddad kanal: skriv till oss med numret ovan.",
			noticeRestricted:    "Gör inte mer än att lagra dem (artikel 19 i GDPR). Fält: %s. Vilken person det är berättar vi i en skyddad kanal: skriv till oss med numret ovan.",
		},
		right: map[Right]string{Access: "tillgång till uppgifterna (artikel 15)", Rectification: "rättelse (artikel 16)", Erasure: "radering (artikel 17)", Restriction: "begränsning av behandling (artikel 18)",
			Portability: "dataportabilitet (artikel 20)", Objection: "invändning (artikel 21)", AutomatedDecisions: "prövning av ett automatiserat beslut (artikel 22)", ConsentWithdrawal: "återkallat samtycke (artikel 7.3)"},
		ground: map[string]string{Excessive: "uppenbart ogrundad eller orimlig, artikel 12.5", NoSuchRight: "rättens villkor är inte uppfyllda", OthersRights: "andras rättigheter, artikel 15.4",
			FreeExpression: "yttrandefrihet, artikel 17.3 a", LegalTask: "rättslig förpliktelse eller uppgift av allmänt intresse, artikel 17.3 b", PublicHealth: "folkhälsa, artikel 17.3 c",
			Archiving: "arkiv, forskning eller statistik, artikel 17.3 d", LegalClaims: "rättsliga anspråk, artikel 17.3 e", Compelling: "tvingande berättigade skäl, artikel 21.1"},
		sign:   "%s\n%s",
		remedy: "Du kan klaga hos tillsynsmyndigheten (%s), och du kan gå till domstol.",
		passed: "En del av det du frågar om behandlar vi för andras räkning, och det är de som bestämmer om det. Vi har lämnat din begäran vidare till dem.",
	},
}
