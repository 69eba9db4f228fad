package subjectrights

// swedish are the words of notices in Swedish.
//
//nolint:gosec,misspell // Swedish words, none of them a credential
var swedish = words{
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
		noticeAnswer:        "Det här är svaret på din begäran.",
		noticeForward:       "Den %s tog vi emot en begäran från en person vars uppgifter vi behandlar för er. Det är ni som bedömer och besvarar den; vi utför era instruktioner (artikel 28.3 e i GDPR). Personen använder följande rättigheter, om posterna som räknas upp nedan.",
		noticeReport:        "Er instruktion (%s) är utförd: %s. Bevis: %s",
		noticeDisputed:      "Vi väntar med er instruktion (%s), eftersom vi anser att den strider mot lagen (artikel 28.3 i GDPR):\n\n%s\n\nMeddela oss om ni står fast vid den.",
		noticeRectified:     "Rätta dem även i era register (artikel 19 i GDPR). Fält: %s. Vilken person det är berättar vi i en skyddad kanal: skriv till oss med numret ovan.",
		noticeErased:        "Radera dem även i era register, om ingen lag kräver att ni sparar dem (artikel 19 i GDPR). Fält: %s. Vilken person det är berättar vi i en skyddad kanal: skriv till oss med numret ovan.",
		noticeRestricted:    "Gör inte mer än att lagra dem (artikel 19 i GDPR). Fält: %s. Vilken person det är berättar vi i en skyddad kanal: skriv till oss med numret ovan.",
	},
	right: map[Right]string{Access: "tillgång till uppgifterna (artikel 15)", Rectification: "rättelse (artikel 16)", Erasure: "radering (artikel 17)", Restriction: "begränsning av behandling (artikel 18)",
		Portability: "dataportabilitet (artikel 20)", Objection: "invändning (artikel 21)", AutomatedDecisions: "prövning av ett automatiserat beslut (artikel 22)", ConsentWithdrawal: "återkallat samtycke (artikel 7.3)"},
	ground: map[string]string{Excessive: "uppenbart ogrundad eller orimlig, artikel 12.5", NoSuchRight: "rättens villkor är inte uppfyllda", OthersRights: "andras rättigheter, artikel 15.4",
		FreeExpression: "yttrandefrihet, artikel 17.3 a", LegalTask: "rättslig förpliktelse eller uppgift av allmänt intresse, artikel 17.3 b", PublicHealth: "folkhälsa, artikel 17.3 c",
		Archiving: "arkiv, forskning eller statistik, artikel 17.3 d", LegalClaims: "rättsliga anspråk, artikel 17.3 e", Compelling: "tvingande berättigade skäl, artikel 21.1"},
	sign:   "%s\n%s",
	remedy: "Du kan klaga hos tillsynsmyndigheten (%s), och du kan gå till domstol.",
	kept:   "Det här måste vi spara tills vidare. Det lagras bara, och raderas av sig självt:", keptUntil: "%s: till och med %s, eftersom lagen kräver det", keptWhile: "%s: så länge det behövs för rättsliga anspråk eller är spärrat från radering",
	late:    "Vi har tagit emot din begäran om dina personuppgifter. Den skulle redan ha varit besvarad: vi beklagar, och svarar så snart vi kan.",
	nothing: "Vi har själva inga uppgifter om dig.", done: "Det här har vi gjort:",
	attached: "Det som är bifogat kan bara du öppna.",
	passed:   "En del av det du frågar om behandlar vi för andras räkning, och det är de som bestämmer om det. Vi lämnar din begäran vidare till dem.",
}
