package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// maxBody is the largest body that a receiver reads.
const maxBody = 1 << 20

// body is what is sent.
type body struct {
	Type        string           `json:"type"`
	V           int              `json:"v"`
	ID          gdpr.ID          `json:"id"`
	Message     *sentMessage     `json:"message,omitempty"`
	Instruction *sentInstruction `json:"instruction,omitempty"`
}

const (
	typeMessage     = "message"
	typeInstruction = "instruction"
)

type sentMessage struct {
	Kind       string                    `json:"kind"`
	Case       string                    `json:"case"`
	Party      string                    `json:"party"`
	To         sentAddress               `json:"to"`
	Language   string                    `json:"language"`
	Subject    string                    `json:"subject"`
	Text       string                    `json:"text"`
	Attachment *subjectrights.Attachment `json:"attachment,omitempty"`
}

type sentAddress struct {
	Name    string `json:"name,omitempty"`
	Contact string `json:"contact"`
}

type sentInstruction struct {
	Action    Action            `json:"action"`
	Agreement gdpr.ID           `json:"agreement"`
	Subject   *sentSubject      `json:"subject,omitempty"`
	Records   []gdpr.ID         `json:"records,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	Received  time.Time         `json:"received"`
}

type sentSubject struct {
	Email          string `json:"email,omitempty"`
	Phone          string `json:"phone,omitempty"`
	NationalNumber string `json:"national_number,omitempty"`
	Ref            string `json:"ref,omitempty"`
}

func bodyOfMessage(m *subjectrights.Message) body {
	return body{Type: typeMessage, V: 1, ID: m.ID, Message: &sentMessage{Kind: m.Kind, Case: m.Case, Party: m.Party, To: sentAddress(m.To),
		Language: m.Language, Subject: m.Subject, Text: m.Text, Attachment: m.Attachment}}
}

func (s *sentMessage) message(id gdpr.ID) subjectrights.Message {
	return subjectrights.Message{ID: id, Kind: s.Kind, Case: s.Case, To: subjectrights.Address(s.To), Party: s.Party, Language: s.Language,
		Subject: s.Subject, Text: s.Text, Attachment: s.Attachment}
}

// decode reads a verified body. Its errors repeat nothing.
func decode(text []byte) (*body, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var b body
	if err := d.Decode(&b); err != nil {
		return nil, errors.New("body: not JSON of this form, or with keys that are not known")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("body: more than one object")
	}
	switch {
	case b.V != 1:
		return nil, errors.New("v: not 1")
	case b.ID.IsZero():
		return nil, errors.New("id: missing")
	case b.Type == typeMessage && b.Message != nil && b.Instruction == nil:
		if b.Message.Kind == "" || b.Message.Case == "" {
			return nil, errors.New("message: kind or case is missing")
		}
		return &b, nil
	case b.Type == typeInstruction && b.Instruction != nil && b.Message == nil:
		return &b, b.Instruction.instruction(b.ID).check()
	}
	return nil, errors.New("type: not message or instruction, or without what it names")
}
