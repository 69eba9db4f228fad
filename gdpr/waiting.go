package gdpr

import (
	"context"
	"fmt"
	"iter"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/storage"
)

// list hands out rows that name records or cases and open no personal data, page by page; each page is in the trail before it is handed out, and a list
// without any is, too. It needs the ability to read: of the session's activity, or of all for Retention, SubjectRights and what is of no one activity.
func list[T any](ctx context.Context, s *Session, action string, all bool, read func(page func(rows []T, objects []string) (bool, error)) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		traced, stopped := false, false
		page := func(rows []T, objects []string) (bool, error) {
			err := again(ctx, func() error {
				a, err := s.beginList(ctx, action, all)
				if err != nil {
					return err
				}
				return a.trace(ctx, audit.Entry{Count: len(rows), Objects: objects})
			})
			if err != nil {
				return false, err
			}
			traced = true
			for _, row := range rows {
				if !yield(row, nil) {
					stopped = true
					return false, nil
				}
			}
			return true, nil
		}
		_, err := s.beginList(ctx, action, all)
		if err == nil {
			err = read(page)
		}
		if err == nil && !traced {
			_, err = page(nil, nil)
		}
		if err != nil && !stopped {
			var none T
			yield(none, fmt.Errorf("%s: %w", action, translate(err)))
		}
	}
}

// beginList begins an act that lists.
func (s *Session) beginList(ctx context.Context, action string, all bool) (*act, error) {
	a, err := s.begin(action)
	if err != nil {
		return nil, err
	}
	if head := s.e.reg.Head(s.purpose); head != "" && !all {
		return a, a.may(ctx, mayRead, head)
	}
	return a, a.may(ctx, mayRead, s.e.heads()...)
}

// lists reports whether a session lists what is of a family and under an agreement.
func (s *Session) lists(family string, agreement ID) bool {
	head := s.e.reg.Head(s.purpose)
	return (head == "" || family == head) && (s.agreement.IsZero() || agreement == s.agreement)
}

// recordObjects names the records of some rows once each, for the trail.
func recordObjects(ids []ID) []string {
	var out []string
	seen := map[ID]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, audit.Object("record", id))
		}
	}
	return out
}

// ofHold selects the parts that a hold in force is on.
func (e *Engine) ofHold(ctx context.Context, h *HoldInfo, each func([]storage.Part) (bool, error)) (more bool, err error) {
	q := storage.PartQuery{Light: true, Limit: page}
	var owners []ID
	switch h.On {
	case fileAgreement:
		if owners, err = e.assignmentsOf(ctx, h.Target); err != nil {
			return false, err
		}
		owners = append(owners, h.Target)
	case "subject":
		q.Subjects = []ID{h.Target}
		owners = []ID{{}}
	default:
		parts, err := e.store.Record(ctx, h.Target)
		if err != nil {
			return false, err
		}
		return each(parts)
	}
	for _, q.Owner = range owners {
		for q.After = (storage.PartRef{}); ; {
			parts, err := e.store.Parts(ctx, q)
			if err != nil {
				return false, err
			}
			if more, err := each(parts); err != nil || !more {
				return false, err
			}
			if len(parts) < q.Limit {
				break
			}
			q.After = parts[len(parts)-1].PartRef
		}
	}
	return true, nil
}
