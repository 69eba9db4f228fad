// Package chromium prints access reports with a headless Chromium, which must be installed: tagged PDF with an outline, in the language of the page.
package chromium

import (
	"context"
	"errors"
	"io"

	"github.com/gallra/gallra/internal/chromium"
)

// ErrMissing says that no Chromium is installed.
var ErrMissing = chromium.ErrMissing

// Renderer is a report.PDFRenderer. Each page gets a browser of its own, which ends with the call. The page goes to it, and the PDF comes back, over
// a pipe: neither is ever a file. It has an empty profile in a folder that only this user may read and that is removed at once; its cache is off. No
// request leaves: its proxy is a port on which nobody listens, and no name resolves. Its sandbox is on, but not for root, whom Chromium refuses one:
// run as somebody else.
type Renderer struct {
	// Path is the program. Defaults to the first of chromium, chromium-browser, google-chrome that is in the PATH.
	Path string
}

// PDF prints a page. It holds the page in memory; a hundred records are a second's work or less. ErrMissing is no browser.
func (r Renderer) PDF(ctx context.Context, w io.Writer, html io.Reader) error {
	page, err := chromium.Open(ctx, html, &chromium.Options{Path: r.Path, NoScript: true})
	if err != nil {
		return err
	}
	return errors.Join(page.PDF(ctx, w), page.Close())
}
