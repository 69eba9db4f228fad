package invented

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	greetings = []string{"Hej!", "Hej,", "God morgon,", "Hejsan supporten 🙂", "Hej igen,", "Tjena!", "Hi,", "Till supporten:"}

	troubles = []string{
		"Det går inte att logga in i {system} sedan i morse.",
		"{system} är så segt att ingen här orkar vänta.",
		"Skrivaren på plan {count} hittar inte {system} längre.",
		"Vi får felet \"{fault}\" när vi sparar i {system}.",
		"{system} visar fel siffror för förra månaden.",
		"Efter uppdateringen är alla å, ä och ö borta i {system}, det står \"?\" i stället.",
		"Kan ni lägga upp {count} nya konton i {system}? Namn kommer i ett eget mejl.",
		"Jag kom åt att ta bort en mapp i {system}, går den att få tillbaka?",
		"Säkerhetskopian av {system} har inte gått sedan i fredags.",
		"We cannot open {system} from the Oslo office, the page says \"{fault}\".",
		"Kassan stannar när vi skannar \"Smörgåsgurka, 720 g\", och sedan svarar inte {system}.",
	}
	questions = []string{
		"Vad skulle det kosta att ni tog hand om {system} åt oss?",
		"Vi är {count} personer och funderar på att byta från {system}. Kan ni ringa?",
		"Har ni plats för en kund till i höst? Det gäller mest {system}.",
		"Jag läste om er \"öppet hus\"-dag, går det fortfarande att anmäla sig?",
	}
	details = []string{
		"Det började ungefär kl. {hour}:15, efter lunchen.",
		"Jag har startat om {count} gånger, utan resultat.",
		"Kollegan Pär i rum {number} får samma fel, men inte Åsa.",
		"Som jag skrev sist: \"det är bråttom\", vi har {count} som väntar.",
		"Det gäller bara datorn med klistermärket nr {number}.",
		"Ring helst före kl. {hour}, jag hämtar på förskolan sedan.",
		"Jag är hemma med sjukt barn i dag, så svara hit. Ärende {number}, tror jag det var.",
	}
	wishes = []string{
		"Tack på förhand!", "Vore toppen om det gick att lösa i dag 🙏", "Mvh", "Med vänlig hälsning", "Hälsningar", "Allt gott ☀️", "Best regards",
		"/", "Tack som alltid, ni är bäst 👍",
	}
	systems = []string{
		"ekonomisystemet", "lönesystemet", "e-posten", "intranätet", "kassan", "lagersystemet", "VPN-klienten", "kalendern", "ärendehanteringen",
		"tidrapporten", "filservern", "webbutiken", "växeln", "bokningen",
	}
	faults = []string{
		"Något gick fel (0x80070005)", "timeout, försök igen", "Åtkomst nekad", "Error 500", "fältet mängd saknas", "disk full: 0 B kvar",
	}
)

// message is free text over several lines, as people write to a support desk.
func message(r *rand.Rand, p *person, offer bool) string {
	given, _, _ := strings.Cut(p.name, " ")
	about := troubles
	if offer && p.customer < 0 {
		about = questions
	}
	lines := []string{pick(r, greetings), "", sentence(r, about)}
	for _, at := range r.Perm(len(details))[:r.IntN(4)] {
		lines = append(lines, fill(r, details[at]))
	}
	if chance(r, 15) {
		lines = append(lines, "", "Så här ser det ut:", "\t1. "+pick(r, systems)+", öppna", "\t2. klicka \"Spara\"", "\t3. "+pick(r, faults))
	}
	lines = append(lines, "", pick(r, wishes))
	switch r.IntN(4) {
	case 0:
		lines = append(lines, given)
	case 1:
		lines = append(lines, p.name)
	default:
		lines = append(lines, p.name)
		if p.employer != "" {
			lines = append(lines, p.employer)
		}
	}
	return strings.Join(lines, "\n")
}

// short is the same on one line.
func short(r *rand.Rand) string {
	return sentence(r, troubles)
}

func sentence(r *rand.Rand, from []string) string {
	text := fill(r, pick(r, from))
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// fill puts words and figures into a text.
func fill(r *rand.Rand, text string) string {
	return strings.NewReplacer(
		"{system}", pick(r, systems), "{fault}", pick(r, faults),
		"{count}", strconv.Itoa(2+r.IntN(9)), "{number}", strconv.Itoa(100+r.IntN(900)), "{hour}", strconv.Itoa(8+r.IntN(9)),
	).Replace(text)
}
