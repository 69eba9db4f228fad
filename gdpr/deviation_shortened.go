package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// metaShortened is when a version of the register was last adopted by which data of an activity ends earlier, by activity.
const metaShortened = "shortened"

type shortened map[string]time.Time

func decodeShortened(meta map[string][]byte) (shortened, error) {
	out := shortened{}
	if b := meta[metaShortened]; len(b) > 0 && json.Unmarshal(b, &out) != nil {
		return nil, errors.New("decode " + metaShortened + ": not of format 1")
	}
	return out, nil
}

// shortens is that setting after an adoption; nil if that shortens nothing.
func (a *Adoption) shortens(meta map[string][]byte, at time.Time) ([]byte, error) {
	if len(a.Shorter)+len(a.Began) == 0 {
		return nil, nil
	}
	out, err := decodeShortened(meta)
	if err != nil {
		return nil, err
	}
	for _, c := range a.Shorter {
		out[c.Activity] = at
	}
	for _, id := range a.Began { // what the register did not know had no end
		out[id] = at
	}
	return json.Marshal(out)
}

// since reports whether a deadline was over when a version was adopted that shortened a rule of one of the purposes.
func (s shortened) since(purposes []string, by time.Time) bool {
	for _, p := range purposes {
		if at := s[p]; !at.IsZero() && !at.Before(by) {
			return true
		}
	}
	return false
}

// shortened reads the setting.
func (e *Engine) shortened(ctx context.Context) (shortened, error) {
	meta, err := e.store.Meta(ctx)
	if err != nil {
		return nil, err
	}
	return decodeShortened(meta)
}
