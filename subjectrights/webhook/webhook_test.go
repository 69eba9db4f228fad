package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/webhook"
)

const annas = "anna.lindqvist@kund.example"

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func message() subjectrights.Message {
	return subjectrights.Message{ID: gdpr.NewID(), Kind: "forward", Case: "2026-17", Party: "kund",
		To: subjectrights.Address{Name: "Anna Lindqvist", Contact: annas}, Language: "sv", Subject: "En registrerads begäran", Text: "Hej Anna\n\nåäö <script>",
		Attachment: &subjectrights.Attachment{Name: "svar.zip.age", Data: []byte{0, 1, 255}}}
}

func instruction() webhook.Instruction {
	return webhook.Instruction{ID: gdpr.NewID(), Action: webhook.Erase, Agreement: gdpr.NewID(), Subject: webhook.Subject{Email: annas},
		Records: []gdpr.ID{gdpr.NewID()}, Received: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
}

// end is the other end: a receiver behind TLS, its clock, and what it has taken.
type end struct {
	*httptest.Server
	now  time.Time
	log  bytes.Buffer
	fail error

	mu           sync.Mutex
	messages     []subjectrights.Message
	instructions []webhook.Instruction
}

func newEnd(t *testing.T, memory webhook.Memory, secrets ...[]byte) *end {
	t.Helper()
	e := &end{now: time.Now()}
	r, err := webhook.NewReceiver(secrets, &webhook.Options{
		Message: func(_ context.Context, m subjectrights.Message) (string, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.messages = append(e.messages, m)
			return "m-" + strconv.Itoa(len(e.messages)), e.fail
		},
		Instruction: func(_ context.Context, in webhook.Instruction) (string, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.instructions = append(e.instructions, in)
			return "", e.fail
		},
		Memory: memory, Now: func() time.Time { return e.now }, Logger: slog.New(slog.NewTextHandler(&e.log, nil)),
	})
	require.NoError(t, err)
	e.Server = httptest.NewTLSServer(r)
	t.Cleanup(e.Close)
	return e
}

func (e *end) sender(t *testing.T, secrets ...[]byte) *webhook.Sender {
	t.Helper()
	return senderTo(t, e.Server, func() time.Time { return e.now }, secrets...)
}

func senderTo(t *testing.T, s *httptest.Server, now func() time.Time, secrets ...[]byte) *webhook.Sender {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	out, err := webhook.NewSender(s.URL+"/gallra", secrets, &webhook.SenderOptions{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Now: now,
		Timeout: 10 * time.Second})
	require.NoError(t, err)
	return out
}

func TestAMessageArrivesOnceAndWhole(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, secret(1))
	s, m := e.sender(t, secret(1)), message()
	receipt, err := s.Send(t.Context(), m)
	require.NoError(t, err)
	assert.Equal(t, "m-1", receipt)
	require.Len(t, e.messages, 1)
	assert.True(t, assert.ObjectsAreEqual(m, e.messages[0]), "all of it")

	e.now = e.now.Add(time.Minute) // the sender has not heard it, and tries again
	receipt, err = s.Send(t.Context(), m)
	require.NoError(t, err)
	assert.Equal(t, m.ID.String(), receipt)
	assert.Len(t, e.messages, 1, "taken once")
	_, err = s.Send(t.Context(), m)
	require.ErrorContains(t, err, "status 409", "the same timestamp again is a copy")
	assert.NotContains(t, e.log.String(), "indqvist")
}

func TestAnInstructionArrives(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, secret(1))
	s := e.sender(t, secret(1))
	in := instruction()
	receipt, err := s.Instruct(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, in.ID.String(), receipt)
	require.Len(t, e.instructions, 1)
	assert.True(t, assert.ObjectsAreEqual(in, e.instructions[0]))
	assert.True(t, assert.ObjectsAreEqual(gdpr.Email(annas), e.instructions[0].Subject.Identity()))
	assert.True(t, webhook.Subject{}.Identity().IsZero())
	assert.False(t, webhook.Subject{Ref: "17", Phone: "070-1740605"}.Identity().IsZero())

	for field, spoil := range map[string]func(*webhook.Instruction){
		"action":    func(in *webhook.Instruction) { in.Action = "keep" },
		"agreement": func(in *webhook.Instruction) { in.Agreement = gdpr.ID{} },
		"received":  func(in *webhook.Instruction) { in.Received = time.Time{} },
		"subject": func(in *webhook.Instruction) {
			in.Action, in.Subject, in.Records = webhook.Restrict, webhook.Subject{}, nil
		},
		"fields":  func(in *webhook.Instruction) { in.Fields = map[string]string{"name": "Anna"} },
		"records": func(in *webhook.Instruction) { in.Records = []gdpr.ID{{}} },
		"ID":      func(in *webhook.Instruction) { in.ID = gdpr.ID{} },
	} {
		in := instruction()
		spoil(&in)
		_, err := s.Instruct(t.Context(), in)
		require.ErrorContains(t, err, field)
		assert.NotContains(t, err.Error(), "nna")
	}
	in = instruction()
	in.Action, in.Fields = webhook.Rectify, map[string]string{"name": "Anna Åkerlund"}
	_, err = s.Instruct(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, in.Fields, e.instructions[1].Fields)
}

func TestSecretsAreChanged(t *testing.T) {
	t.Parallel()
	old, both, fresh := newEnd(t, nil, secret(1)), newEnd(t, nil, secret(2), secret(1)), newEnd(t, nil, secret(2))
	for _, tt := range []struct {
		to      *end
		secrets [][]byte
		ok      bool
	}{
		{old, [][]byte{secret(1)}, true}, {old, [][]byte{secret(2)}, false}, {old, [][]byte{secret(2), secret(1)}, true},
		{both, [][]byte{secret(1)}, true}, {both, [][]byte{secret(2)}, true}, {both, [][]byte{secret(3)}, false},
		{fresh, [][]byte{secret(1)}, false}, {fresh, [][]byte{secret(1), secret(2)}, true},
	} {
		_, err := tt.to.sender(t, tt.secrets...).Send(t.Context(), message())
		assert.Equal(t, tt.ok, err == nil)
		if err != nil {
			assert.ErrorContains(t, err, "status 401")
		}
	}
}

// request is one signed by hand, as the documentation says.
func (e *end) request(t *testing.T, id, body string, at time.Time, key []byte) *http.Request {
	t.Helper()
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "." + body))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", timestamp)
	req.Header.Set("Webhook-Signature", "v1a,ignored v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return req
}

func (e *end) do(t *testing.T, req *http.Request) (status int, says string) {
	t.Helper()
	res, err := e.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

func TestReceiverRefuses(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, secret(1))
	id := gdpr.NewID().String()
	whole := `{"type":"message","v":1,"id":"` + id + `","message":{"kind":"forward","case":"17","party":"p","to":{"contact":"` + annas + `"},"language":"sv","subject":"s","text":"Anna"}}`
	signed := func(body string) *http.Request { return e.request(t, id, body, e.now, secret(1)) }
	with := func(name, value string) *http.Request {
		req := signed(whole)
		req.Header.Set(name, value)
		return req
	}
	get := signed("")
	get.Method = http.MethodGet
	forged := signed(whole)
	forged.Body = io.NopCloser(strings.NewReader(strings.Replace(whole, "Anna", "Olle", 1)))
	twice := signed(whole)
	twice.Header.Add("Webhook-Id", id)
	other := e.request(t, gdpr.NewID().String(), whole, e.now, secret(1))
	for name, tt := range map[string]struct {
		req    *http.Request
		status int
		says   string
	}{
		"GET":               {get, 405, "only POST"},
		"text":              {with("Content-Type", "text/plain"), 415, "only application/json"},
		"compressed":        {with("Content-Encoding", "gzip"), 415, "Content-Encoding"},
		"without id":        {with("Webhook-Id", ""), 401, "Webhook-Signature"},
		"two ids":           {twice, 400, "Webhook-Id: not there once"},
		"no time":           {with("Webhook-Timestamp", annas), 400, "not in seconds"},
		"negative time":     {with("Webhook-Timestamp", "-5"), 400, "not in seconds"},
		"too old":           {e.request(t, id, whole, e.now.Add(-5*time.Minute-time.Second), secret(1)), 401, "older than five minutes"},
		"too new":           {e.request(t, id, whole, e.now.Add(5*time.Minute+2*time.Second), secret(1)), 401, "five minutes ahead"},
		"another secret":    {e.request(t, id, whole, e.now, secret(2)), 401, "not of a secret"},
		"forged body":       {forged, 401, "not of a secret"},
		"time moved":        {with("Webhook-Timestamp", strconv.FormatInt(e.now.Unix()+1, 10)), 401, "not of a secret"},
		"id moved":          {with("Webhook-Id", gdpr.NewID().String()), 401, "not of a secret"},
		"unsigned":          {with("Webhook-Signature", "v1,"), 401, "not of a secret"},
		"long signature":    {with("Webhook-Signature", strings.Repeat("v1,x ", 300)), 400, "Webhook-Signature"},
		"id of another":     {other, 422, "not the id of the body"},
		"no JSON":           {signed("Anna"), 422, "not JSON"},
		"unknown key":       {signed(strings.Replace(whole, `"text"`, `"anna":1,"text"`, 1)), 422, "not JSON of this form"},
		"two objects":       {signed(whole + whole), 422, "more than one object"},
		"version 2":         {signed(strings.Replace(whole, `"v":1`, `"v":2`, 1)), 422, "v: not 1"},
		"another type":      {signed(strings.Replace(whole, `"type":"message"`, `"type":"anna"`, 1)), 422, "type: not"},
		"type without body": {signed(`{"type":"instruction","v":1,"id":"` + id + `"}`), 422, "type: not"},
		"no kind":           {signed(strings.Replace(whole, "forward", "", 1)), 422, "kind"},
		"bad instruction": {signed(`{"type":"instruction","v":1,"id":"` + id + `","instruction":{"action":"anna","agreement":"` + id + `","received":"2026-01-01T00:00:00Z"}}`),
			422, "instruction.action"},
	} {
		status, says := e.do(t, tt.req)
		assert.Equal(t, tt.status, status, name)
		assert.Contains(t, says, tt.says, name)
		for _, personal := range []string{"anna", "Anna", "indqvist"} {
			assert.NotContains(t, says+e.log.String(), personal, name)
		}
	}
	assert.Empty(t, e.messages)
	status, _ := e.do(t, e.request(t, id, whole, e.now.Add(-5*time.Minute+2*time.Second), secret(1)))
	assert.Equal(t, 200, status, "nearly too old")
	status, says := e.do(t, e.request(t, id, whole, e.now.Add(-5*time.Minute+2*time.Second), secret(1)))
	assert.Equal(t, 409, status, "replayed")
	assert.Contains(t, says, "a copy")
	status, _ = e.do(t, e.request(t, id, whole, e.now.Add(-5*time.Minute+3*time.Second), secret(1)))
	assert.Equal(t, 200, status, "the sender's own second try")
	assert.Len(t, e.messages, 1)
}

// counted is an endless body that counts what is read of it.
type counted struct{ n int }

func (c *counted) Read(p []byte) (int, error) {
	if c.n >= 10<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	c.n += len(p)
	return len(p), nil
}

func TestALargeBodyIsNotRead(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, secret(1))
	for _, length := range []int64{10 << 20, -1} { // said, and not said
		c := &counted{}
		req := e.request(t, gdpr.NewID().String(), "", e.now, secret(1))
		req.Body, req.ContentLength = io.NopCloser(c), length
		w := httptest.NewRecorder()
		e.Config.Handler.ServeHTTP(w, req)
		assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
		assert.Contains(t, w.Body.String(), "over 1 MiB")
		assert.LessOrEqual(t, c.n, 1<<20+64<<10)
		if length > 0 {
			assert.Zero(t, c.n)
		}
	}
	m := message()
	m.Text = strings.Repeat("å", 5<<20)
	_, err := e.sender(t, secret(1)).Send(t.Context(), m)
	require.Error(t, err)
	assert.Empty(t, e.messages)
}

func TestWhatIsNotCarriedOutIsTriedAgain(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, secret(1))
	s, m := e.sender(t, secret(1)), message()
	e.fail = errors.New("Anna is busy")
	_, err := s.Send(t.Context(), m)
	require.ErrorContains(t, err, "status 503")
	e.fail, e.now = nil, e.now.Add(time.Minute)
	_, err = s.Send(t.Context(), m)
	require.NoError(t, err)
	assert.Len(t, e.messages, 2)
	assert.NotContains(t, e.log.String(), "Anna")

	_, err = webhook.NewReceiver([][]byte{secret(1)}, nil)
	require.Error(t, err)
	_, err = webhook.NewReceiver([][]byte{secret(1)[:31]}, &webhook.Options{})
	require.ErrorContains(t, err, "32 bytes")
	_, err = webhook.NewReceiver(nil, &webhook.Options{})
	require.ErrorContains(t, err, "missing")

	deaf, err := webhook.NewReceiver([][]byte{secret(1)}, &webhook.Options{Logger: slog.New(slog.DiscardHandler),
		Instruction: func(context.Context, webhook.Instruction) (string, error) { panic("Anna") }})
	require.NoError(t, err)
	server := httptest.NewTLSServer(deaf)
	t.Cleanup(server.Close)
	s = senderTo(t, server, nil, secret(1))
	_, err = s.Send(t.Context(), message())
	require.ErrorContains(t, err, "status 501", "it takes no messages")
	_, err = s.Instruct(t.Context(), instruction())
	require.ErrorContains(t, err, "status 503", "who panics has not taken it")
}

func TestTheSameTwiceAtATime(t *testing.T) {
	t.Parallel()
	began, goOn := make(chan bool), make(chan bool)
	n := 0
	slow := func(context.Context, subjectrights.Message) (string, error) {
		n++
		began <- true
		<-goOn
		return "", nil
	}
	r, err := webhook.NewReceiver([][]byte{secret(1)}, &webhook.Options{Logger: slog.New(slog.DiscardHandler), Message: slow})
	require.NoError(t, err)
	server := httptest.NewTLSServer(r)
	t.Cleanup(server.Close)
	m := message()
	first := make(chan error, 1)
	go func() {
		_, err := senderTo(t, server, nil, secret(1)).Send(context.Background(), m)
		first <- err
	}()
	<-began
	_, err = senderTo(t, server, nil, secret(1)).Send(t.Context(), m)
	require.ErrorContains(t, err, "status 409")
	close(goOn)
	require.NoError(t, <-first)
	assert.Equal(t, 1, n)
}

func TestInProcessMemoryIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := webhook.NewInProcess(3, func() time.Time { return now })
	var ids []gdpr.ID
	for i := range 3 {
		ids = append(ids, gdpr.NewID())
		require.NoError(t, p.Take(t.Context(), ids[i], now.Add(time.Duration(i)*time.Minute)))
	}
	_, err := p.Taken(t.Context(), gdpr.NewID())
	require.Error(t, err, "all of them could still be replayed")
	at, err := p.Taken(t.Context(), ids[0])
	require.NoError(t, err)
	assert.False(t, at.IsZero(), "what is known is known")
	now = now.Add(12 * time.Minute)
	at, err = p.Taken(t.Context(), gdpr.NewID())
	require.NoError(t, err)
	assert.True(t, at.IsZero())
	at, err = p.Taken(t.Context(), ids[2])
	require.NoError(t, err)
	assert.False(t, at.IsZero(), "the youngest stays")

	e := newEnd(t, broken{}, secret(1))
	_, err = e.sender(t, secret(1)).Send(t.Context(), message())
	require.ErrorContains(t, err, "status 503", "what cannot be remembered is not taken")
	assert.Empty(t, e.messages)
}

type broken struct{}

func (broken) Taken(context.Context, gdpr.ID) (time.Time, error) {
	return time.Time{}, errors.New("down")
}
func (broken) Take(context.Context, gdpr.ID, time.Time) error { return errors.New("down") }

func TestOnly2xxIsDelivered(t *testing.T) {
	t.Parallel()
	var answers http.HandlerFunc
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		answers(w, r)
	}))
	t.Cleanup(server.Close)
	s := senderTo(t, server, nil, secret(1))
	says := func(status int, typ, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typ)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tt := range map[string]struct {
		answers http.HandlerFunc
		receipt string
		err     string
	}{
		"receipt":         {says(200, "application/json", `{"receipt":"k-17","x":1}`), "k-17", ""},
		"no content":      {says(204, "", ""), "status 204", ""},
		"garbage":         {says(202, "application/json", "\x00\xff{"), "status 202", ""},
		"an address":      {says(200, "application/json", `{"receipt":"`+annas+`"}`), "status 200", ""},
		"a name":          {says(200, "application/json", `{"receipt":"Anna Lindqvist"}`), "status 200", ""},
		"a page":          {says(200, "text/html", `{"receipt":"k-17"}`), "status 200", ""},
		"huge":            {says(200, "application/json", `{"receipt":"`+strings.Repeat("k", 8<<20)+`"}`), "status 200", ""},
		"500":             {says(500, "text/plain", annas), "", "status 500"},
		"400":             {says(400, "text/plain", annas), "", "status 400"},
		"nothing":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", "not delivered"},
		"half of a head":  {hijack("HTTP/1.1 2"), "", "not delivered"},
		"something else":  {hijack("220 kund.example ESMTP " + annas + "\r\n"), "", "not delivered"},
		"answers twice":   {hijack("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), "status 200", ""},
		"an endless head": {hijack("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), "", "not delivered"},
	} {
		answers = tt.answers
		receipt, err := s.Send(t.Context(), message())
		if tt.err == "" {
			require.NoError(t, err, name)
			assert.Equal(t, tt.receipt, receipt, name)
			continue
		}
		require.ErrorContains(t, err, tt.err, name)
		assert.NotContains(t, err.Error(), "lindqvist", name)
		assert.NotContains(t, err.Error(), "/gallra", name)
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		asked = 0
		answers = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", status) }
		_, err := s.Send(t.Context(), message())
		require.ErrorContains(t, err, fmt.Sprintf("status %d", status))
		assert.Equal(t, 1, asked, "not followed")
	}
}

// hijack answers with raw bytes.
func hijack(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = buf.WriteString(raw)
		_ = buf.Flush()
		_ = conn.Close()
	}
}

func TestASlowServerIsLeft(t *testing.T) {
	t.Parallel()
	done := make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-done
	}))
	t.Cleanup(server.Close)
	defer close(done)
	s, err := webhook.NewSender(server.URL, [][]byte{secret(1)}, &webhook.SenderOptions{Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	receipt, err := s.Send(t.Context(), message())
	require.NoError(t, err, "it has said 200: that is what counts")
	assert.Equal(t, "status 200", receipt)

	mute := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	t.Cleanup(mute.Close)
	s, err = webhook.NewSender(mute.URL, [][]byte{secret(1)}, &webhook.SenderOptions{Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	_, err = s.Send(t.Context(), message())
	require.Error(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s, err = webhook.NewSender(mute.URL, [][]byte{secret(1)}, nil)
	require.NoError(t, err)
	_, err = s.Send(ctx, message())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestSenderRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "kund.example", "http://kund.example/", "http://192.0.2.1/", "http://127.0.0.1.kund.example/", "ftp://kund.example/",
		"https://anna:hemligt@kund.example/",
		"https:///x", "https://kund.example/#x", "://"} {
		_, err := webhook.NewSender(address, [][]byte{secret(1)}, nil)
		require.ErrorContains(t, err, "URL", address)
		assert.NotContains(t, err.Error(), "hemligt")
	}
	for _, address := range []string{"http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/", "https://kund.example/gallra?k=1"} {
		_, err := webhook.NewSender(address, [][]byte{secret(1)}, nil)
		require.NoError(t, err, address)
	}
	_, err := webhook.NewSender("https://kund.example/", nil, nil)
	require.ErrorContains(t, err, "Secrets")
	_, err = webhook.NewSender("https://kund.example/", [][]byte{secret(1), []byte("kort")}, nil)
	require.ErrorContains(t, err, "32 bytes")
	_, err = webhook.NewSender("https://kund.example/", [][]byte{secret(1)}, &webhook.SenderOptions{TLS: &tls.Config{InsecureSkipVerify: true}})
	require.ErrorContains(t, err, "certificates")

	e := newEnd(t, nil, secret(1))
	stranger, err := webhook.NewSender(e.URL, [][]byte{secret(1)}, nil) // which does not know the root
	require.NoError(t, err)
	_, err = stranger.Send(t.Context(), message())
	require.ErrorContains(t, err, "certificate")
	m := message()
	m.ID = gdpr.ID{}
	_, err = stranger.Send(t.Context(), m)
	require.ErrorContains(t, err, "ID")
}

// TestHeadersArePlain: what is personal stands in the body alone.
func TestHeadersArePlain(t *testing.T) {
	t.Parallel()
	var head http.Header
	var url string
	var body []byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		head, url = r.Header, r.URL.String()
		body, _ = io.ReadAll(r.Body)
	}))
	t.Cleanup(server.Close)
	m := message()
	_, err := senderTo(t, server, nil, secret(1)).Send(t.Context(), m)
	require.NoError(t, err)
	assert.Equal(t, m.ID.String(), head.Get("Idempotency-Key"))
	assert.Equal(t, m.ID.String(), head.Get("Webhook-Id"))
	assert.Equal(t, "application/json", head.Get("Content-Type"))
	for _, personal := range []string{"nna", "indqvist", "2026-17", "åäö"} {
		assert.NotContains(t, fmt.Sprint(head)+url, personal)
	}
	var is map[string]any
	require.NoError(t, json.Unmarshal(body, &is))
	assert.Equal(t, "message", is["type"])
	assert.InDelta(t, 1, is["v"], 0)
}

func TestNothingPrints(t *testing.T) {
	t.Parallel()
	s, err := webhook.NewSender("https://kund.example/?k=hemligt", [][]byte{[]byte("hemligt hemligt hemligt hemligt hemligt")}, nil)
	require.NoError(t, err)
	take := func(context.Context, subjectrights.Message) (string, error) { return "", nil }
	r, err := webhook.NewReceiver([][]byte{[]byte("hemligt hemligt hemligt hemligt hemligt")}, &webhook.Options{Message: take})
	require.NoError(t, err)
	for _, v := range []any{instruction(), instruction().Subject, s, r, []any{instruction()}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, v)
			for _, personal := range []string{"anna", "hemligt", "616e6e61", "104, 101", "68656d"} {
				assert.NotContains(t, text, personal)
			}
		}
		if b, err := json.Marshal(v); err == nil {
			assert.NotContains(t, string(b), "anna")
		}
	}
}
