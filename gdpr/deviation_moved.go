package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/retention"
)

// recorded are the events of objects, each object read once.
type recorded struct {
	e  *Engine
	of map[ID][]recordedEvent
}

type recordedEvent struct {
	eventBody
	at time.Time
}

func (r *recorded) read(ctx context.Context, object ID) ([]recordedEvent, error) {
	if have, ok := r.of[object]; ok {
		return have, nil
	}
	rows, err := r.e.store.EventsOf(ctx, object)
	if err != nil {
		return nil, err
	}
	out := make([]recordedEvent, len(rows))
	for i, row := range rows {
		out[i].at = row.At
		if json.Unmarshal(row.Body, &out[i].eventBody) != nil {
			return nil, errors.New("decode event: not of format 1")
		}
	}
	if r.of == nil || len(r.of) >= verdictRows {
		r.of = map[ID][]recordedEvent{}
	}
	r.of[object] = out
	return out, nil
}

// moved reports whether the event that dates a late part was first recorded when its last day was over. If it was late by its rule before anybody said that its
// purpose had ended, the rule's deadline is the one that was missed.
func (r *recorded) moved(ctx context.Context, p *latePart) (bool, error) {
	s := p.decides
	var kinds []retention.Event
	var day civil.Date
	purpose := ""
	clock := s.Ceiling
	if s.Floor != nil && s.Floor.End.Equal(p.by) {
		clock = s.Floor
	}
	switch {
	case clock != nil && clock.End.Equal(p.by) && clock.Rule.Event != retention.PurposeEnded:
		kinds, day = []retention.Event{clock.Rule.Event}, clock.Day
		if clock.Rule.Event == retention.AssignmentEnded { // without an assignment, or before it, the agreement's end counts
			kinds = append(kinds, retention.AgreementEnded)
		}
	case s.Ended != nil:
		kinds, day, purpose = []retention.Event{PurposeEnded, ConsentWithdrawn, ObjectionUpheld}, s.Ended.Day, s.Purpose
	default:
		return false, nil
	}
	var first time.Time // when it was first recorded
	for _, object := range objectsOf(p.part, kinds[0]) {
		events, err := r.read(ctx, object)
		if err != nil {
			return false, err
		}
		for _, ev := range events {
			for _, kind := range kinds {
				if ev.Kind == kind && ev.Day == day && (purpose == "" || ev.Purpose == purpose) && (first.IsZero() || ev.at.Before(first)) {
					first = ev.at
				}
			}
		}
	}
	if first.Before(p.by) {
		return false, nil
	}
	if purpose != "" && !s.Limit.IsZero() && !first.Before(s.Limit) { // what its rule says was over before as well
		p.by = s.Limit
		return false, nil
	}
	return true, nil
}

// objectsOf are those of whom an event can be that dates a part.
func objectsOf(p *storage.Part, kind retention.Event) []ID {
	switch kind {
	case retention.Collected:
		return nil
	case retention.AssignmentEnded, retention.AgreementEnded:
		return []ID{p.Owner, p.Agreement}
	case retention.ErasureInstructed:
		return []ID{p.Record, p.Subject, p.Agreement}
	}
	return []ID{p.Record, p.Subject}
}
