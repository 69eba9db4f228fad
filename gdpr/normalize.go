package gdpr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// maxIdentifier bounds an identifier, in bytes (an e-mail address has at most 254).
const maxIdentifier = 320

// normalize returns the form of a value that is hashed for look-up, or the reason why it is not of its kind.
// docs/format.md part 4.
func normalize(kind, value, country string) (form, why string) {
	if !utf8.ValidString(value) {
		return "", "not valid UTF-8"
	}
	v := strings.TrimSpace(norm.NFC.String(value))
	switch {
	case v == "":
		return "", "empty"
	case len(v) > maxIdentifier:
		return "", "too long"
	case strings.ContainsFunc(v, unicode.IsControl):
		return "", "has a control character"
	}
	switch kind {
	case kindEmail:
		return normalizeEmail(v)
	case kindPhone:
		return normalizePhone(v, country)
	case kindNational:
		return normalizeNational(v, country)
	}
	return strings.ToLower(v), ""
}

func normalizeEmail(v string) (form, why string) {
	const not = "not an e-mail address"
	at := strings.LastIndexByte(v, '@')
	if at < 1 || strings.ContainsFunc(v, unicode.IsSpace) {
		return "", not
	}
	local, domain := strings.ToLower(v[:at]), v[at+1:]
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil || ascii == "" || strings.ContainsAny(local, `@",;<>`) {
		return "", not
	}
	return local + "@" + ascii, ""
}

// dialing is how telephone numbers are written inside a country: its code and the trunk prefix that falls away.
var dialing = map[string]struct{ code, trunk string }{
	"SE": {"46", "0"}, "NO": {"47", ""}, "DK": {"45", ""}, "FI": {"358", "0"}, "IS": {"354", ""}, "DE": {"49", "0"},
	"NL": {"31", "0"}, "BE": {"32", "0"}, "FR": {"33", "0"}, "AT": {"43", "0"}, "CH": {"41", "0"}, "PL": {"48", ""},
	"EE": {"372", ""}, "LV": {"371", ""}, "LT": {"370", "0"}, "IE": {"353", "0"}, "GB": {"44", "0"}, "ES": {"34", ""},
	"PT": {"351", ""}, "IT": {"39", ""}, "LU": {"352", ""}, "CZ": {"420", ""}, "SK": {"421", "0"}, "HU": {"36", "06"},
	"RO": {"40", "0"}, "BG": {"359", "0"}, "HR": {"385", "0"}, "SI": {"386", "0"}, "GR": {"30", ""}, "CY": {"357", ""}, "MT": {"356", ""},
	"US": {"1", "1"},
}

func normalizePhone(v, country string) (form, why string) {
	const not = "not a telephone number"
	v = strings.Replace(v, "(0)", "", 1)
	var b strings.Builder
	for i, r := range v {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && i == 0, unicode.IsSpace(r), strings.ContainsRune("-–./()", r):
		default:
			return "", not
		}
	}
	digits := b.String()
	switch dial, known := dialing[country]; {
	case strings.HasPrefix(v, "+"):
	case strings.HasPrefix(digits, "00"):
		digits = digits[2:]
	case !known:
		return "", "write it in international form, with + and the country's code"
	case dial.trunk != "" && !strings.HasPrefix(digits, dial.trunk):
		return "", "write it with area code, or in international form"
	default:
		digits = dial.code + strings.TrimPrefix(digits, dial.trunk)
	}
	if len(digits) < 7 || len(digits) > 15 {
		return "", not
	}
	return "+" + digits, ""
}

func normalizeNational(v, country string) (form, why string) {
	if country != "SE" {
		return strings.ToLower(strings.Join(strings.Fields(v), "")), ""
	}
	const not = "not a personal identity number: want twelve digits, YYYYMMDD-NNNN"
	plus := strings.Contains(v, "+")
	digits := strings.Map(func(r rune) rune {
		if r == '-' || r == '+' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, v)
	for _, r := range digits {
		if r < '0' || r > '9' {
			return "", not
		}
	}
	if len(digits) == 10 {
		return "", "the century is missing: want twelve digits, YYYYMMDD-NNNN"
	}
	if len(digits) != 12 || plus || !luhn(digits[2:]) {
		return "", not
	}
	month, day := digits[4:6], digits[6:8]
	if month < "01" || month > "12" || day < "01" || day > "91" || (day > "31" && day < "61") {
		return "", not
	}
	return digits, ""
}

// luhn checks the last digit of a Swedish personal identity number (ten digits).
func luhn(digits string) bool {
	sum := 0
	for i, r := range digits {
		n := int(r - '0')
		if i%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
