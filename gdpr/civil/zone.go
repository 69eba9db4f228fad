package civil

import (
	"errors"
	"fmt"
	"time"
)

// ErrZone is the error of a name that is not a zone of the IANA database.
var ErrZone = errors.New("unknown time zone")

// LoadZone returns the zone of an IANA name such as Europe/Stockholm. It
// refuses the empty name and "Local" with ErrZone: a deadline must not depend
// on the machine that computes it. A program that runs where no zone database
// is installed imports time/tzdata.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("load zone: %w: want an IANA name such as Europe/Stockholm", ErrZone)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load zone: %w: no such name in the zone database", ErrZone)
	}
	return loc, nil
}

// zone lets nil stand for UTC, as it does elsewhere in time, instead of the
// panic of Time.In.
func zone(loc *time.Location) *time.Location {
	if loc == nil {
		return time.UTC
	}
	return loc
}
