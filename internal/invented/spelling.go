package invented

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The telephone numbers that PTS keeps for books and films: a country-wide mobile range, Gothenburg and Stockholm.
var phoneRanges = []struct {
	area  string // without the zero
	first int
	count int
}{
	{"70", 1740605, 95},
	{"31", 3900600, 100},
	{"8", 46500400, 100},
}

// phoneNumber returns the i-th of the 295 invented telephone numbers, in international form.
func phoneNumber(i int) string {
	for _, numbers := range phoneRanges {
		if i < numbers.count {
			return fmt.Sprintf("+46%s%d", numbers.area, numbers.first+i)
		}
		i -= numbers.count
	}
	panic("invented: PTS has no more numbers")
}

// spellPhone writes a number of phoneNumber as people do.
func spellPhone(r *rand.Rand, number string) string {
	if number == "" {
		return ""
	}
	var area, local string
	for _, numbers := range phoneRanges {
		if rest, ok := strings.CutPrefix(number, "+46"+numbers.area); ok {
			area, local = numbers.area, rest
			break
		}
	}
	grouped := local[:3] + " " + local[3:5] + " " + local[5:] // 174 06 05
	if len(local) == 8 {
		grouped = local[:3] + " " + local[3:6] + " " + local[6:] // 465 004 00
	}
	switch r.IntN(10) {
	case 0, 1, 2:
		return "0" + area + "-" + grouped
	case 3:
		return "0" + area + "-" + local
	case 4:
		return "0" + area + local
	case 5:
		return "0" + area + " " + grouped
	case 6:
		return "+46 " + area + " " + grouped
	case 7:
		return number
	case 8:
		return "0046" + area + local
	default:
		return "+46 (0)" + area + "-" + grouped
	}
}

// spellEmail writes an address as people do: most of them alike, some with capitals, some with spaces that came along when it was copied.
func spellEmail(r *rand.Rand, email string) string {
	local, at, _ := strings.Cut(email, "@")
	switch r.IntN(40) {
	case 0:
		return strings.ToUpper(email)
	case 1, 2:
		return titled(local) + "@" + at
	case 3:
		return titled(local) + "@" + titled(at)
	case 4:
		return " " + email
	case 5:
		return email + " "
	case 6:
		return "  " + titled(local) + "@" + at + " "
	}
	return email
}

// titled gives each part of a name its capital.
func titled(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, ".")
}
