package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// open takes a request in.
func open(ctx context.Context, h *house, set *settings) error {
	received, err := instant(set.received, h.zone)
	if err != nil {
		return err
	}
	if now := h.now(); received.IsZero() || set.received == h.today().String() && received.After(now) { // today, before noon
		received = now
	}
	var who gdpr.Identity
	for name, of := range map[string]func(string) gdpr.Identity{
		"email": gdpr.Email, "phone": gdpr.Phone, "national-number": gdpr.NationalNumber, "ref": gdpr.Ref,
	} {
		switch v := set.who[name]; {
		case v == "":
		case who.IsZero():
			who = of(v)
		default:
			who = who.And(of(v))
		}
	}
	if set.reply == "" {
		set.reply = set.who["email"]
	}
	c, err := h.desk.Receive(ctx, set.as, subjectrights.Request{Rights: set.rights, Channel: subjectrights.Channel(set.channel), Received: received,
		Subject: who, Language: set.lang, Reply: subjectrights.Address{Name: set.name, Contact: set.reply}})
	if err != nil {
		return err
	}
	h.printf("%s: received; answer by %s\n", c.ID(), h.desk.Due(c))
	return nil
}

// identify notes that it is established who asks.
func identify(ctx context.Context, h *house, set *settings) error {
	c, err := h.theCase(ctx, set)
	if err != nil {
		return err
	}
	to := subjectrights.Address{Name: set.name, Contact: set.to}
	return h.then(c, h.desk.Identify(ctx, set.as, c, subjectrights.Method(set.how), to))
}

// then says where a case stands after an act.
func (h *house) then(c *subjectrights.Case, err error) error {
	if err != nil {
		return err
	}
	by := ""
	if answerRuns(c.State()) {
		by = "; answer by " + h.desk.Due(c).String()
	}
	h.printf("%s: %s%s\n", c.ID(), c.State(), by)
	return nil
}

func extend(ctx context.Context, h *house, set *settings) error {
	told, err := instant(set.told, h.zone)
	if err != nil {
		return err
	}
	c, err := h.theCase(ctx, set)
	if err != nil {
		return err
	}
	if err := h.then(c, h.desk.Extend(ctx, set.as, c, subjectrights.ExtensionGround(set.ground), set.reasons, told)); err != nil {
		return err
	}
	if told.IsZero() {
		h.printf("The extension counts when its notice is delivered inside the first month: run deliver.\n")
	}
	return nil
}

func decide(ctx context.Context, h *house, set *settings) error {
	c, err := h.theCase(ctx, set)
	if err != nil {
		return err
	}
	for i := range set.decisions {
		if !set.decisions[i].Grant {
			set.decisions[i].Reasons = set.reasons
		}
	}
	return h.then(c, h.desk.Decide(ctx, set.as, c, set.decisions...))
}

// execute carries out what was granted and is not done: the copy first, erasure last.
func execute(ctx context.Context, h *house, set *settings) error {
	c, err := h.theCase(ctx, set)
	if err != nil {
		return err
	}
	steps := []struct {
		right subjectrights.Right
		do    func(context.Context, *house, *settings, *subjectrights.Case) error
	}{
		{subjectrights.Access, seal},
		{subjectrights.Rectification, rectify},
		{subjectrights.Restriction, func(ctx context.Context, h *house, set *settings, c *subjectrights.Case) error {
			_, err := h.desk.Restrict(ctx, set.as, c, civil.Date{})
			return err
		}},
		{subjectrights.Objection, func(ctx context.Context, h *house, set *settings, c *subjectrights.Case) error {
			return h.desk.Object(ctx, set.as, c)
		}},
		{subjectrights.ConsentWithdrawal, func(ctx context.Context, h *house, set *settings, c *subjectrights.Case) error {
			return h.desk.WithdrawConsent(ctx, set.as, c)
		}},
		{subjectrights.Erasure, erase},
	}
	left := granted(c)
	if len(left) == 0 {
		return misuse("nothing waits to be carried out: a request is identified and decided on first")
	}
	for _, s := range steps {
		if !slices.Contains(left, s.right) {
			continue
		}
		if err := s.do(ctx, h, set, c); err != nil {
			return fmt.Errorf("%s: %w", nameOf(s.right), err)
		}
		left = slices.DeleteFunc(left, func(r subjectrights.Right) bool { return r == s.right })
		h.printf("%s: %s carried out\n", c.ID(), nameOf(s.right))
	}
	for _, r := range left {
		h.printf("%s: %s is not for this program: the desk has it\n", c.ID(), nameOf(r))
	}
	return nil
}

// granted are the rights that were granted and of which nothing was carried out.
func granted(c *subjectrights.Case) []subjectrights.Right {
	var out []subjectrights.Right
	for _, d := range c.Decisions() {
		done := slices.ContainsFunc(c.Done(), func(is subjectrights.Done) bool { return is.Right == d.Right })
		if d.Grant && !done && !slices.Contains(out, d.Right) {
			out = append(out, d.Right)
		}
	}
	return out
}

// packageName is the file that the sealed copy of a case lies in until it is answered.
func (h *house) packageName(c *subjectrights.Case) string {
	sum := sha256.Sum256([]byte(c.ID())) // a number can have any letters
	return filepath.Join(h.dir, "answers", hex.EncodeToString(sum[:8])+".zip.age")
}

// seal makes the report, seals it for the person and notes its digest: from then on what is due may go.
func seal(ctx context.Context, h *house, set *settings, c *subjectrights.Case) error {
	opt := report.PackageOptions{Signer: h.Engine}
	switch {
	case set.sealTo != "":
		opt.Recipients = []string{set.sealTo}
	case set.file != "":
		text, err := os.ReadFile(set.file)
		if err != nil {
			return errors.New("the file of the passphrase cannot be read")
		}
		opt.Passphrase = strings.TrimSpace(string(text))
	default:
		return misuse("a copy was asked for: give -seal-to or -passphrase-file")
	}
	r, err := h.desk.Access(ctx, set.as, c)
	if err != nil {
		return err
	}
	var sealed bytes.Buffer
	if _, err := report.Package(ctx, &sealed, r, opt); err != nil {
		return err
	}
	name := h.packageName(c)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(name, sealed.Bytes(), 0o600); err != nil {
		return err
	}
	sum := sha256.Sum256(sealed.Bytes())
	return h.desk.SealedCopy(ctx, set.as, c, sum[:])
}

func rectify(ctx context.Context, h *house, set *settings, c *subjectrights.Case) error {
	id, err := gdpr.ParseID(set.record)
	if err != nil || len(set.fields) == 0 {
		return misuse("give -record and -set: show has the ids")
	}
	_, err = h.desk.Rectify(ctx, set.as, c, id, gdpr.Change{Fields: set.fields})
	return err
}

func erase(ctx context.Context, h *house, set *settings, c *subjectrights.Case) error {
	out, err := h.desk.Erase(ctx, set.as, c)
	if err != nil {
		return err
	}
	for _, e := range out.Erasures {
		for _, k := range e.Kept {
			h.printf("%s: record %s is kept: %s\n", c.ID(), k.Record, k.Why)
		}
	}
	return nil
}

// answer answers the person, with the sealed copy where there is one.
func answer(ctx context.Context, h *house, set *settings) error {
	told, err := instant(set.told, h.zone)
	if err != nil {
		return err
	}
	c, err := h.theCase(ctx, set)
	if err != nil {
		return err
	}
	a := subjectrights.Answer{Told: told}
	if len(c.Copies()) > 0 && told.IsZero() {
		data, err := os.ReadFile(h.packageName(c))
		if sum := sha256.Sum256(data); err != nil || hex.EncodeToString(sum[:]) != c.Copies()[len(c.Copies())-1].Digest {
			return errors.New("the sealed copy is not there, or not the one that was noted")
		}
		a.Package = &subjectrights.Attachment{Name: "answer.zip.age", Data: data}
	}
	return h.then(c, h.desk.Answer(ctx, set.as, c, a))
}

func closeCase(ctx context.Context, h *house, set *settings) error {
	c, err := h.theCase(ctx, set)
	if err != nil {
		return err
	}
	if err := h.desk.Close(ctx, set.as, c); err != nil {
		return err
	}
	if err := os.Remove(h.packageName(c)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.New("the request is closed, but its sealed copy cannot be removed")
	}
	h.printf("%s: closed\n", c.ID())
	return nil
}

// deliver writes the notices that wait as drafts.
func deliver(ctx context.Context, h *house, set *settings) error {
	out, err := h.desk.Deliver(ctx, set.as)
	h.printf("%d written to %s, %d failed, %d to be tried later\n", out.Sent, filepath.Join(h.dir, "drafts"), out.Failed, out.Later)
	return err
}
