package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// window is how far the timestamp of a request may lie from the receiver's clock.
const window = 5 * time.Minute

// Options say what a Receiver takes.
type Options struct {
	// Message takes a message in, such as a request that was passed on; nil: none are taken. It returns a receipt: one word of letters, digits and -._: that
	// names nobody; by default it is the id. With an error the sender tries again. A message comes more than once if the process ends before it is remembered,
	// so what was done under its ID is not done again.
	Message func(ctx context.Context, m subjectrights.Message) (receipt string, err error)
	// Instruction takes an instruction in, as Message does.
	Instruction func(ctx context.Context, in Instruction) (receipt string, err error)
	// Memory remembers what was taken. Defaults to NewInProcess(0, Now), which is for a single process.
	Memory Memory
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Logger hears of what was refused and why: ids, nothing of bodies. Defaults to slog.Default.
	Logger *slog.Logger
}

// Receiver is an http.Handler that takes what one other party sends. It is safe for concurrent use.
type Receiver struct {
	keys   []signer
	opt    Options
	mu     sync.Mutex
	taking map[gdpr.ID]bool // those that are being carried out
}

// NewReceiver returns a receiver of what is signed with any of the secrets. It fails with *gdpr.InputError.
func NewReceiver(secrets [][]byte, opt *Options) (*Receiver, error) {
	keys, err := signers(secrets)
	switch {
	case err != nil:
	case opt == nil || opt.Message == nil && opt.Instruction == nil:
		err = refuse("Options", "takes neither messages nor instructions")
	}
	if err != nil {
		return nil, fmt.Errorf("webhook receiver: %w", err)
	}
	r := &Receiver{keys: keys, opt: *opt, taking: map[gdpr.ID]bool{}}
	if r.opt.Now == nil {
		r.opt.Now = time.Now
	}
	if r.opt.Memory == nil {
		r.opt.Memory = NewInProcess(0, r.opt.Now)
	}
	if r.opt.Logger == nil {
		r.opt.Logger = slog.Default()
	}
	return r, nil
}

// String names what it is.
func (*Receiver) String() string { return "webhook receiver" }

// Format prints String for every verb.
func (r *Receiver) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// refusal is why a request is not taken. It repeats nothing of it.
type refusal struct {
	status int
	why    string
}

// ServeHTTP takes a request, or says why not.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	receipt, no := r.serve(w, req)
	status, says := http.StatusOK, answer{Receipt: receipt}
	if no != nil {
		status, says = no.status, answer{Error: no.why}
		r.opt.Logger.WarnContext(req.Context(), "gallra: a webhook was refused", "status", no.status, "why", no.why)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(says) // who does not hear it tries again
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) (string, *refusal) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return "", &refusal{http.StatusMethodNotAllowed, "method: only POST"}
	}
	if is, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || is != contentType {
		return "", &refusal{http.StatusUnsupportedMediaType, "Content-Type: only application/json"}
	}
	if req.Header.Get("Content-Encoding") != "" {
		return "", &refusal{http.StatusUnsupportedMediaType, "Content-Encoding: none is known"}
	}
	b, at, no := r.verify(w, req)
	if no != nil {
		return "", no
	}
	return r.take(req.Context(), b, at)
}

var timestampForm = regexp.MustCompile(`^[0-9]{1,12}$`)

// verify reads a request and returns its body once it is known who sent it, and when.
func (r *Receiver) verify(w http.ResponseWriter, req *http.Request) (*body, time.Time, *refusal) {
	var at time.Time
	no := func(status int, why string) (*body, time.Time, *refusal) { return nil, at, &refusal{status, why} }
	for _, name := range []string{headerID, headerTimestamp, headerSignature} {
		if len(req.Header.Values(name)) != 1 || len(req.Header.Get(name)) > 1000 {
			return no(http.StatusBadRequest, name+": not there once")
		}
	}
	timestamp := req.Header.Get(headerTimestamp)
	if !timestampForm.MatchString(timestamp) {
		return no(http.StatusBadRequest, headerTimestamp+": not in seconds")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return no(http.StatusBadRequest, headerTimestamp+": not in seconds")
	}
	at = time.Unix(seconds, 0)
	switch now := r.opt.Now(); {
	case at.Before(now.Add(-window)):
		return no(http.StatusUnauthorized, headerTimestamp+": older than five minutes")
	case at.After(now.Add(window)):
		return no(http.StatusUnauthorized, headerTimestamp+": more than five minutes ahead")
	case req.ContentLength > maxBody:
		w.Header().Set("Connection", "close") // it is not read to its end
		return no(http.StatusRequestEntityTooLarge, "body: over 1 MiB")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return no(http.StatusRequestEntityTooLarge, "body: over 1 MiB")
		}
		return no(http.StatusBadRequest, "body: not read to its end")
	}
	if !signed(r.keys, req.Header.Get(headerID), timestamp, req.Header.Get(headerSignature), text) {
		return no(http.StatusUnauthorized, headerSignature+": not of a secret that is known here")
	}
	b, err := decode(text)
	if err != nil {
		return no(http.StatusUnprocessableEntity, err.Error())
	}
	if b.ID.String() != req.Header.Get(headerID) {
		return no(http.StatusUnprocessableEntity, headerID+": not the id of the body")
	}
	return b, at, nil
}

// take hands a verified message over, once.
func (r *Receiver) take(ctx context.Context, b *body, at time.Time) (string, *refusal) {
	again := &refusal{http.StatusServiceUnavailable, "not carried out: try again"}
	if b.Type == typeMessage && r.opt.Message == nil || b.Type == typeInstruction && r.opt.Instruction == nil {
		return "", &refusal{http.StatusNotImplemented, "type: not taken here"}
	}
	if !r.begin(b.ID) {
		return "", &refusal{http.StatusConflict, "the same message is being taken: try again"}
	}
	defer r.end(b.ID)
	before, err := r.opt.Memory.Taken(ctx, b.ID)
	switch {
	case err != nil:
		return "", again
	case !before.IsZero() && !at.After(before):
		return "", &refusal{http.StatusConflict, "a copy of a request that was taken before"}
	}
	receipt := b.ID.String()
	if before.IsZero() {
		var is string
		if is, err = r.hand(ctx, b); err == nil && receiptForm.MatchString(is) {
			receipt = is
		}
	}
	if err == nil {
		err = r.opt.Memory.Take(context.WithoutCancel(ctx), b.ID, at) // it is done, whether the sender still listens or not
	}
	if err != nil {
		r.opt.Logger.WarnContext(ctx, "gallra: a webhook was not carried out; the sender tries again", "id", b.ID, "type", b.Type)
		return "", again
	}
	return receipt, nil
}

// hand hands a message to who takes it. Who panics has not taken it.
func (r *Receiver) hand(ctx context.Context, b *body) (receipt string, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("panic in %s", b.Type)
		}
	}()
	if b.Type == typeMessage {
		return r.opt.Message(ctx, b.Message.message(b.ID))
	}
	return r.opt.Instruction(ctx, *b.Instruction.instruction(b.ID))
}

func (r *Receiver) begin(id gdpr.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taking[id] {
		return false
	}
	r.taking[id] = true
	return true
}

func (r *Receiver) end(id gdpr.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.taking, id)
}
