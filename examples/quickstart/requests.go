package main

import (
	"context"
	"crypto/sha256"
	"io"
	"path/filepath"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// receive takes in a request by e-mail, on the day on which it arrives; Anna is known by that address, and what she asks for is granted.
func (h *house) receive(ctx context.Context, day civil.Date, number string, right subjectrights.Right) (*subjectrights.Case, error) {
	h.turnTo(day)
	c, err := h.desk.Receive(ctx, privacy, subjectrights.Request{
		Case: number, Rights: []subjectrights.Right{right}, Channel: subjectrights.Email, Received: h.clock.now(), Subject: gdpr.Email(anna),
	})
	if err != nil {
		return nil, err
	}
	if err := h.desk.Identify(ctx, privacy, c, subjectrights.KnownAddress, subjectrights.Address{Contact: anna}); err != nil {
		return nil, err
	}
	decision := subjectrights.Decision{Right: right, Grant: true}
	if right == subjectrights.Erasure {
		decision.Ground = string(gdpr.Objected)
	}
	return c, h.desk.Decide(ctx, privacy, c, decision)
}

// access answers a request for access with reports: two to read, in Swedish and in English, and one for programs.
func (h *house) access(ctx context.Context, c *subjectrights.Case) (*report.Report, error) {
	r, err := h.desk.Access(ctx, privacy, c)
	if err != nil {
		return nil, err
	}
	for name, write := range map[string]func(io.Writer) error{
		"-sv.html": func(w io.Writer) error { return report.HTML(w, r, report.Swedish) },
		"-en.html": func(w io.Writer) error { return report.HTML(w, r, report.English) },
		"-en.json": func(w io.Writer) error { return report.JSON(w, r, report.English) },
	} {
		if err := writeFile(h.path(filepath.Join(reportsDir, c.ID()+name)), write); err != nil {
			return nil, err
		}
	}
	digest, err := h.sealed(ctx, c, r)
	if err != nil {
		return nil, err
	}
	if err := h.desk.SealedCopy(ctx, privacy, c, digest); err != nil {
		return nil, err
	}
	return r, h.desk.Answer(ctx, privacy, c, subjectrights.Answer{Told: h.clock.now()})
}

// sealed writes the package that Anna gets, which her passphrase alone opens, and returns its digest.
func (h *house) sealed(ctx context.Context, c *subjectrights.Case, r *report.Report) ([]byte, error) {
	sum := sha256.New()
	err := writeFile(h.path(filepath.Join(reportsDir, c.ID()+".zip.age")), func(w io.Writer) error {
		_, err := report.Package(ctx, io.MultiWriter(w, sum), r, report.PackageOptions{Passphrase: "korrekt häst batteri häfta", Signer: h.Engine}) //nolint:gosec // invented, as everything in the story
		return err
	})
	return sum.Sum(nil), err
}

// rectify corrects the telephone number of a sales contact, and returns it as it was and as it is.
func (h *house) rectify(ctx context.Context, c *subjectrights.Case, phone string) (was, is string, err error) {
	var record gdpr.ID
	for _, held := range c.Own() {
		if held.Activity == contact {
			record = held.Records[0]
		}
	}
	desk := h.As(sales, contact)
	before, err := desk.Get(ctx, record)
	if err != nil {
		return "", "", err
	}
	if _, err := h.desk.Rectify(ctx, privacy, c, record, gdpr.Change{Fields: gdpr.Fields{"phone": phone}}); err != nil {
		return "", "", err
	}
	after, err := desk.Get(ctx, record)
	if err != nil {
		return "", "", err
	}
	return before.Text("phone"), after.Text("phone"), nil
}
