package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"syscall"
	"time"

	"github.com/gallra/gallra/subjectrights"
)

// SenderOptions change how a Sender works. The zero value and nil are safe.
type SenderOptions struct {
	// Timeout bounds one try, from the connection to the end of the answer. Defaults to 20 seconds.
	Timeout time.Duration
	// TLS has an organization's own roots, or a certificate of the client. Certificates are always checked, and nothing is older than TLS 1.2.
	TLS *tls.Config
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Sender posts messages to one address. It is a subjectrights.Transport, safe for concurrent use.
type Sender struct {
	url    string
	keys   []signer
	client *http.Client
	now    func() time.Time
}

var _ subjectrights.Transport = (*Sender)(nil)

// NewSender returns a sender to an https address, or an http one of this machine (127.0.0.1, ::1, localhost). Each message is signed with each of the secrets,
// of at least 32 random bytes. It fails with *gdpr.InputError.
func NewSender(address string, secrets [][]byte, opt *SenderOptions) (*Sender, error) {
	if opt == nil {
		opt = &SenderOptions{}
	}
	keys, err := signers(secrets)
	if err != nil {
		return nil, fmt.Errorf("webhook sender: %w", err)
	}
	transport, err := newTransport(address, opt)
	if err != nil {
		return nil, fmt.Errorf("webhook sender: %w", err)
	}
	s := &Sender{url: address, keys: keys, now: opt.Now}
	if s.now == nil {
		s.now = time.Now
	}
	timeout := opt.Timeout
	if timeout <= 0 {
		timeout = 20 * time.Second
	}
	s.client = &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return s, nil
}

func newTransport(address string, opt *SenderOptions) (*http.Transport, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, refuse("URL", "not the address of a host, without a user and a fragment")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, refuse("URL", "not https")
	case opt.TLS != nil && opt.TLS.InsecureSkipVerify:
		return nil, refuse("TLS", "does not check certificates")
	}
	// A connection for each message: messages are few, and package net/http logs what comes over one that is kept.
	t := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if opt.TLS != nil {
		t.TLSClientConfig = opt.TLS.Clone()
		t.TLSClientConfig.MinVersion = max(opt.TLS.MinVersion, tls.VersionTLS12)
	}
	if u.Scheme == "http" {
		ip, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
			return nil, refuse("URL", "not https: what is sent is personal data")
		}
		t.Proxy = nil
		t.DialContext = (&net.Dialer{Control: onlyLoopback}).DialContext
	}
	return t, nil
}

// onlyLoopback refuses to connect to where a name was not to lead.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().IsLoopback() {
		return errors.New("not an address of this machine")
	}
	return nil
}

// Send posts a message. The receipt is that of the answer, or its status.
func (s *Sender) Send(ctx context.Context, m subjectrights.Message) (receipt string, err error) {
	return s.post(ctx, bodyOfMessage(&m))
}

// Instruct posts an instruction. Whoever fails tries again with the same ID.
func (s *Sender) Instruct(ctx context.Context, in Instruction) (receipt string, err error) {
	if err := in.check(); err != nil {
		return "", fmt.Errorf("webhook: %w", err)
	}
	return s.post(ctx, bodyOfInstruction(&in))
}

func (s *Sender) post(ctx context.Context, b body) (string, error) {
	if b.ID.IsZero() {
		return "", fmt.Errorf("webhook: %w", refuse("ID", "missing"))
	}
	text, err := json.Marshal(b)
	if err != nil {
		return "", errors.New("webhook: encode: not JSON")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(text))
	if err != nil {
		return "", errors.New("webhook: the address is not one of a request")
	}
	timestamp, signature := sign(s.keys, b.ID, s.now(), text)
	req.Header.Set("Content-Type", contentType)
	for name, value := range map[string]string{headerID: b.ID.String(), headerTimestamp: timestamp, headerSignature: signature, headerKey: b.ID.String()} {
		req.Header.Set(name, value)
	}
	res, err := s.client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) { // without the address: who reads the error may not know it
			err = inner.Err
		}
		return "", fmt.Errorf("webhook: not delivered: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return "", fmt.Errorf("webhook: not delivered: status %d", res.StatusCode)
	}
	return receiptOf(res), nil
}

const contentType = "application/json"

// maxAnswer is how much is read of an answer.
const maxAnswer = 4 << 10

var receiptForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)

// receiptOf is the receipt of an answer, if it has one that can be kept, else its status. The status says that the message was taken, whatever else there is.
func receiptOf(res *http.Response) string {
	status := fmt.Sprintf("status %d", res.StatusCode)
	if is, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || is != contentType {
		return status
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	var answer answer
	if err != nil || len(text) > maxAnswer || json.Unmarshal(text, &answer) != nil || !receiptForm.MatchString(answer.Receipt) {
		return status
	}
	return answer.Receipt
}

// answer is what a receiver says.
type answer struct {
	Receipt string `json:"receipt,omitempty"`
	Error   string `json:"error,omitempty"`
}

// String names what it is, and not where it leads.
func (*Sender) String() string { return "webhook sender" }

// Format prints String for every verb.
func (s *Sender) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }
