// Pictures makes the pictures of docs/for-dpos.md anew: it lets examples/access-report write the report of its demo, and a headless Chromium show it.
// Look at them before they are committed.
//
//	make pictures
package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gallra/gallra/internal/chromium"
)

const (
	folder = "docs/report"
	width  = 860
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "gallra-pictures-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "report.zip")
	args := []string{"run", "./examples/access-report", "-demo", "-plain", "-format", "html,pdf", "-out", file}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // all of it is ours
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	for _, lang := range []string{"sv", "en"} {
		page, err := z.Open("report." + lang + ".html")
		if err != nil {
			return err
		}
		if err := errors.Join(picture(ctx, page, lang), page.Close()); err != nil {
			return err
		}
	}
	pdf, err := z.Open("report.sv.pdf")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(pdf)
	if err := errors.Join(err, pdf.Close()); err != nil {
		return err
	}
	return write("report.sv.pdf", text)
}

// picture takes the top of the page, and a record.
func picture(ctx context.Context, html io.Reader, lang string) (err error) {
	p, err := chromium.Open(ctx, html, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for name, area := range map[string]string{
		"summary": `[0, document.querySelector('.summary').getBoundingClientRect().bottom]`,
		"record":  `(r => [r.top, r.bottom])(document.querySelector('.record').getBoundingClientRect())`,
	} {
		if _, err := p.Picture(ctx, width, width); err != nil { // lays it out
			return err
		}
		var height int
		if err := p.Eval(ctx, `(() => { scrollTo(0, 0); const [top, bottom] = `+area+`
			scrollTo(0, top - 12)
			return Math.ceil(bottom - Math.max(0, top - 12)) + 12 })()`, &height); err != nil {
			return err
		}
		shot, err := p.Picture(ctx, width, height)
		if err != nil {
			return err
		}
		if err := write(name+"."+lang+".png", shot); err != nil {
			return err
		}
	}
	return nil
}

func write(name string, text []byte) error {
	return os.WriteFile(filepath.Join(folder, name), text, 0o644) //nolint:gosec // it is published
}
