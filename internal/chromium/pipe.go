package chromium

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// pipe speaks the DevTools protocol: JSON messages that end in a zero byte, one question at a time.
type pipe struct {
	in     *os.File
	out    *os.File
	last   int
	answer chan message
}

type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func newPipe(in, out *os.File) *pipe {
	p := &pipe{in: in, out: out, answer: make(chan message, 1)}
	go p.listen()
	return p
}

// listen hands on the answers, and passes over what the browser tells of itself. It ends with the browser.
func (p *pipe) listen() {
	defer close(p.answer)
	r := bufio.NewReaderSize(p.in, 1<<16)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) == nil && m.ID > 0 {
			p.answer <- m
		}
	}
}

func (p *pipe) call(ctx context.Context, session, method string, params map[string]any) (json.RawMessage, error) {
	p.last++
	question := map[string]any{"id": p.last, "method": method}
	if params != nil {
		question["params"] = params
	}
	if session != "" {
		question["sessionId"] = session
	}
	text, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	if _, err := p.out.Write(append(text, 0)); err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case m, ok := <-p.answer:
			switch {
			case !ok:
				return nil, io.ErrUnexpectedEOF
			case m.ID != p.last: // to a question that was given up
			case m.Error != nil:
				return nil, errors.New(m.Error.Message)
			default:
				return m.Result, nil
			}
		}
	}
}

func (p *pipe) close() error {
	err := errors.Join(p.out.Close(), p.in.Close())
	for range p.answer { // until listen has ended
	}
	return err
}
