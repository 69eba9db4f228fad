package civil

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrHours is the error of a text that is not a number of hours.
var ErrHours = errors.New("not a number of hours")

// Hours is a length of time in elapsed hours, ISO 8601's PT24H. Only notices
// of a breach are counted in hours (Art. 33(1): 72). Hours run over weekends,
// holidays and changes of the clock and are never rolled (Regulation 1182/71
// Art. 3(4)).
type Hours int

// ParseHours reads PT and one to four digits and H. All else is ErrHours. The
// error does not repeat the text.
func ParseHours(s string) (Hours, error) {
	rest, ok := strings.CutPrefix(s, "PT")
	n, rest, whole := cutUnit(rest, 'H')
	if !ok || !whole || rest != "" {
		return 0, fmt.Errorf("parse hours: %w: want whole hours, such as PT24H", ErrHours)
	}
	return Hours(n), nil
}

// String returns the ISO 8601 text, PT24H.
func (h Hours) String() string { return "PT" + strconv.Itoa(int(h)) + "H" }
