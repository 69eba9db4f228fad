package report

import (
	"context"
	"fmt"
	"io"
)

// PDFRenderer prints a page. Package chromium below this one has one on headless Chromium.
type PDFRenderer interface {
	// PDF must read the page to its end and write it as a tagged PDF in the page's language, and may fetch nothing.
	PDF(ctx context.Context, w io.Writer, html io.Reader) error
}

// PDF writes a report as the page of HTML, printed. ErrLanguage is as with HTML.
func PDF(ctx context.Context, w io.Writer, r *Report, lang string, renderer PDFRenderer) error {
	if _, err := r.builder(lang); err != nil {
		return fmt.Errorf("write PDF report: %w", err)
	}
	if renderer == nil {
		return fmt.Errorf("write PDF report: %w", refuse("PDF", "missing: a renderer"))
	}
	html, page := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := HTML(page, r, lang)
		_ = page.CloseWithError(err)
		done <- err
	}()
	err := renderer.PDF(ctx, w, html)
	_ = html.CloseWithError(io.ErrClosedPipe) // whatever the renderer left unread
	if failed := <-done; failed != nil && err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("write PDF report: %w", err)
	}
	return nil
}
