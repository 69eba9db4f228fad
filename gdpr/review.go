package gdpr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr/audit"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/gdpr/storage"
)

// Review is that somebody has looked at what the register wants looked at: the register itself, access rights, a restore that was tried, clocks that have not
// started (register: reviews; EPM-4, ELA-LOG1, REQUIREMENTS 4.17).
type Review struct {
	Of string // id of the register's reviews, such as "restore-test"
	// Day is when; defaults to today.
	Day civil.Date
	// Outcome is what came of it, in one line that names no data subject.
	Outcome string
}

// ReviewInfo is when something is to be looked at.
type ReviewInfo struct {
	Of      string
	By      string // the role that does it; "" is the register's owner
	Every   civil.Period
	Last    civil.Date // zero: not yet
	Outcome string     // of the last
	Next    civil.Date // last day in time; counted from the register's own day while there was none
	Overdue bool
}

const fileReview = "review"

type reviewBody struct {
	V       int        `json:"v"`
	Of      string     `json:"of"`
	Day     civil.Date `json:"day"`
	By      string     `json:"by"`
	Outcome string     `json:"outcome"`
}

// Reviewed notes a review. It needs a grant of the role that the register names for it, or to be the owner, for Retention. What was noted before stays in the trail.
func (s *Session) Reviewed(ctx context.Context, r Review) error {
	err := again(ctx, func() error {
		a, err := s.begin("Reviewed")
		if err != nil {
			return err
		}
		if s.purpose != Retention {
			return refuse("Purpose", "a review is an act of Retention")
		}
		cadence, ok := s.e.reg.Reviews[r.Of]
		if !ok {
			return refuse("Review.Of", "not one of the register's reviews")
		}
		if why := badReason(r.Outcome); why != "" {
			return refuse("Review.Outcome", "%s", why)
		}
		if r.Day.IsZero() {
			r.Day = s.e.day(a.now)
		}
		if err := checkDay("Review.Day", r.Day); err != nil {
			return err
		}
		if r.Day.After(s.e.day(a.now)) {
			return refuse("Review.Day", "in the future")
		}
		if err := a.mayReview(ctx, cadence); err != nil {
			return err
		}
		body, err := json.Marshal(reviewBody{1, r.Of, r.Day, s.actor.String(), r.Outcome})
		if err != nil {
			return errors.New("encode review: not JSON")
		}
		f := storage.File{Kind: fileReview, ID: storage.NewID(), State: stateActive, Name: []byte(r.Of), Unique: true}
		switch last, found, err := s.e.lastReview(ctx, r.Of); {
		case err != nil:
			return err
		case found && last.body.Day.After(r.Day):
			return refuse("Review.Day", "before the last review")
		case found:
			f = last.file
		}
		f.Rev++
		f.Body = body
		return a.commit(ctx, &storage.Batch{PutFiles: []storage.File{f}}, audit.Entry{Why: r.Outcome, Objects: []string{audit.Object(fileReview, f.ID)}})
	})
	if err != nil {
		return fmt.Errorf("reviewed: %w", err)
	}
	return nil
}

// mayReview wants a grant of the role in force.
func (a *act) mayReview(ctx context.Context, c register.Cadence) error {
	e, actor := a.s.e, a.s.actor
	switch {
	case len(e.reg.Roles) == 0:
		a.grant = grantTrusted
		return nil
	case actor.kind == e.owner.kind && actor.name == e.owner.name:
		a.grant = grantOwner
		return nil
	}
	grants, err := e.grantsOf(ctx, actor, true)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if g.role == c.By && g.inForce(a.now) {
			a.grant = g.role
			a.files = append(a.files, storage.FileCond{Kind: fileGrant, ID: g.id, Rev: g.rev})
			return nil
		}
	}
	return a.refused(ctx, fmt.Errorf("%w: the register names another role for this review", ErrNotAllowed), nil)
}

type storedReview struct {
	file storage.File
	body reviewBody
}

func (e *Engine) lastReview(ctx context.Context, of string) (r storedReview, found bool, err error) {
	files, err := e.store.Files(ctx, storage.FileQuery{Kind: fileReview, Names: [][]byte{[]byte(of)}, Limit: 1})
	if err != nil || len(files) == 0 {
		return r, false, err
	}
	r.file = files[0]
	if json.Unmarshal(r.file.Body, &r.body) != nil || r.body.V != 1 {
		return r, false, errors.New("decode review: not of format 1")
	}
	return r, true, nil
}

// Reviews returns when each of the register's reviews is to be done, the next one first.
func (e *Engine) Reviews(ctx context.Context) ([]ReviewInfo, error) {
	if err := e.ready(); err != nil {
		return nil, fmt.Errorf("reviews: %w", err)
	}
	today := civil.DateOf(e.instant(), e.zone)
	var out []ReviewInfo
	for of, c := range e.reg.Reviews {
		r := ReviewInfo{Of: of, By: c.By, Every: c.Every, Next: c.Every.After(e.reg.From)}
		switch last, found, err := e.lastReview(ctx, of); {
		case err != nil:
			return nil, fmt.Errorf("reviews: %w", translate(err))
		case found:
			r.Last, r.Outcome, r.Next = last.body.Day, last.body.Outcome, c.Every.After(last.body.Day)
		}
		r.Overdue = today.After(r.Next)
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y ReviewInfo) int {
		if n := x.Next.Start(time.UTC).Compare(y.Next.Start(time.UTC)); n != 0 {
			return n
		}
		return strings.Compare(x.Of, y.Of)
	})
	return out, nil
}
