// Package chromium starts a headless Chromium and speaks to it over a pipe: it is handed a page, and gives back what becomes of it. The page comes
// from memory and goes to memory; no file of it is written, and nothing is fetched. It runs where a process inherits pipes: not on Windows.
package chromium

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// ErrMissing says that there is no Chromium to start.
var ErrMissing = errors.New("not installed")

// names are what the program is called, in the order in which it is looked for.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// Find returns the path of a Chromium; ErrMissing when there is none.
func Find() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("chromium is %w", ErrMissing)
}

// Options say how to start one.
type Options struct {
	// Path is the program; the first that Find finds when empty.
	Path string
	// Proxy takes the requests that a page would make, as host:port. Defaults to a port on which nobody listens.
	Proxy string
	// NoScript turns scripts off.
	NoScript bool
}

// Page is one page, open in a browser of its own. It is not for concurrent use.
type Page struct {
	cmd     *exec.Cmd
	pipe    *pipe
	dir     string
	session string
}

// limit is how long a browser may take to end.
const limit = 5 * time.Second

// arguments keep it still: no window, no profile that stays, no request of its own, and none of the page.
var arguments = []string{
	"--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--hide-scrollbars",
	"--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability", "--disable-sync",
	"--disable-extensions", "--disable-breakpad", "--disable-crash-reporter", "--metrics-recording-only", "--no-pings", "--disk-cache-size=1",
	"--force-color-profile=srgb", "--font-render-hinting=none", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
}

// Open starts a browser and shows it a page. The browser ends with Close, or with the context.
func Open(ctx context.Context, html io.Reader, opt *Options) (*Page, error) {
	text, err := io.ReadAll(html)
	if err != nil {
		return nil, fmt.Errorf("chromium: read page: %w", err)
	}
	if opt == nil {
		opt = &Options{}
	}
	p, err := start(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("chromium: %w", err)
	}
	if err := p.show(ctx, string(text), opt); err != nil {
		return nil, fmt.Errorf("chromium: %w", errors.Join(err, p.Close()))
	}
	return p, nil
}

func start(ctx context.Context, opt *Options) (p *Page, err error) {
	path := opt.Path
	if path == "" {
		if path, err = Find(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "chromium-") // of mode 0700
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	p = &Page{dir: dir}
	proxy := opt.Proxy
	if proxy == "" {
		proxy = "127.0.0.1:9"
	}
	args := append(arguments[:len(arguments):len(arguments)], "--user-data-dir="+dir, "--proxy-server="+proxy, "--proxy-bypass-list=<-loopback>")
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // its sandbox refuses root
	}
	hear, say, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answer, speak, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, hear.Close(), say.Close())
	}
	p.cmd = exec.CommandContext(ctx, path, append(args, "about:blank")...) //nolint:gosec // the caller says which browser to start
	p.cmd.ExtraFiles = []*os.File{hear, speak}                             // 3 and 4
	p.cmd.Env = environment(dir)
	p.cmd.WaitDelay = limit
	err = p.cmd.Start()
	_, _ = hear.Close(), speak.Close()
	if err != nil {
		return nil, errors.Join(err, say.Close(), answer.Close())
	}
	p.pipe = newPipe(answer, say)
	return p, nil
}

// environment is what a browser needs to know, and nothing that an application's environment holds besides: passwords, say.
func environment(dir string) []string {
	env := []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_CACHE_HOME=" + dir, "DBUS_SESSION_BUS_ADDRESS=disabled:"}
	for _, name := range []string{"PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// show opens a tab and puts the page in it.
func (p *Page) show(ctx context.Context, html string, opt *Options) error {
	var target struct{ TargetID string }
	if err := p.call(ctx, "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return err
	}
	var attached struct{ SessionID string }
	if err := p.call(ctx, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return err
	}
	p.session = attached.SessionID
	if opt.NoScript {
		if err := p.call(ctx, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil); err != nil {
			return err
		}
	}
	if err := p.call(ctx, "Page.enable", nil, nil); err != nil {
		return err
	}
	var tree struct {
		FrameTree struct{ Frame struct{ ID string } }
	}
	if err := p.call(ctx, "Page.getFrameTree", nil, &tree); err != nil {
		return err
	}
	if err := p.call(ctx, "Page.setDocumentContent", map[string]any{"frameId": tree.FrameTree.Frame.ID, "html": html}, nil); err != nil {
		return err
	}
	return nil
}

func (p *Page) call(ctx context.Context, method string, params map[string]any, out any) error {
	answer, err := p.pipe.call(ctx, p.session, method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: not the answer that was expected", method)
	}
	return nil
}

// Eval runs an expression in the page and decodes its value into out; a promise is waited for.
func (p *Page) Eval(ctx context.Context, expression string, out any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	if err := p.call(ctx, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer); err != nil {
		return fmt.Errorf("chromium: %w", err)
	}
	if answer.ExceptionDetails != nil {
		return fmt.Errorf("chromium: the expression failed: %s", answer.ExceptionDetails.Text)
	}
	if err := json.Unmarshal(answer.Result.Value, out); err != nil {
		return fmt.Errorf("chromium: the expression has another type: %w", err)
	}
	return nil
}

// Picture returns a PNG of the top of the page, of so many CSS pixels.
func (p *Page) Picture(ctx context.Context, width, height int) ([]byte, error) {
	size := map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}
	if err := p.call(ctx, "Emulation.setDeviceMetricsOverride", size, nil); err != nil {
		return nil, fmt.Errorf("chromium: %w", err)
	}
	var shot struct{ Data []byte }
	if err := p.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png", "optimizeForSpeed": false}, &shot); err != nil {
		return nil, fmt.Errorf("chromium: %w", err)
	}
	return shot.Data, nil
}

// PDF writes the page as it prints: tagged, with its outline, title and language.
func (p *Page) PDF(ctx context.Context, w io.Writer) error {
	var printed struct{ Stream string }
	if err := p.call(ctx, "Page.printToPDF", map[string]any{"generateTaggedPDF": true, "generateDocumentOutline": true, "preferCSSPageSize": true,
		"printBackground": true, "transferMode": "ReturnAsStream"}, &printed); err != nil {
		return fmt.Errorf("chromium: %w", err)
	}
	for {
		var piece struct {
			Data          string
			Base64Encoded bool
			EOF           bool
		}
		if err := p.call(ctx, "IO.read", map[string]any{"handle": printed.Stream, "size": 1 << 20}, &piece); err != nil {
			return fmt.Errorf("chromium: %w", err)
		}
		data := []byte(piece.Data)
		if piece.Base64Encoded {
			var err error
			if data, err = base64.StdEncoding.DecodeString(piece.Data); err != nil {
				return errors.New("chromium: IO.read: not base64")
			}
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		if piece.EOF {
			return p.call(ctx, "IO.close", map[string]any{"handle": printed.Stream}, nil)
		}
	}
}

// Close ends the browser and removes what it kept.
func (p *Page) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	p.session = ""
	if p.call(ctx, "Browser.close", nil, nil) != nil {
		_ = p.cmd.Process.Kill()
	}
	stop := time.AfterFunc(limit, func() { _ = p.cmd.Process.Kill() })
	defer stop.Stop()
	_ = p.cmd.Wait() // however it ended
	err := p.pipe.close()
	for range 20 { // its children may write for a moment yet
		if err2 := os.RemoveAll(p.dir); err2 == nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}
