package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

func fullEntry() Entry {
	return Entry{
		At: start, Actor: Actor{Kind: Job, Name: "sök \"webben\" \\ <b>&", Run: "v0.1.0/17"}, Grant: "dpo", Action: "read", Purpose: "subject-rights",
		Agreement: testID(0xa1), Case: "Ärende 2026/12", Objects: []string{Object("record", testID(1)), Object("case-file", testID(2))},
		Fields: []string{"email", "user.contact.email"}, Count: 2, Outcome: Refused, Why: "ändamålet upphörde 2026-02-28",
		Proof: strings.Repeat("0f", 32),
	}
}

func TestEntryReadsBack(t *testing.T) {
	t.Parallel()
	for _, e := range []Entry{fullEntry(), testEntry(0)} {
		require.NoError(t, e.Check())
		body := EncodeEntry(&e)
		require.True(t, json.Valid(body))
		back, err := DecodeEntry(body)
		require.NoError(t, err)
		assert.Equal(t, e, back)
	}
}

// Any JSON reader reads the same: an auditor needs no library of ours.
func TestEntryIsPlainJSON(t *testing.T) {
	t.Parallel()
	e := fullEntry()
	var m map[string]any
	require.NoError(t, json.Unmarshal(EncodeEntry(&e), &m))
	assert.Equal(t, map[string]any{
		"v": 1.0, "at": "2026-03-02T09:30:00.123456Z", "actor": map[string]any{"kind": "job", "name": e.Actor.Name, "run": "v0.1.0/17"},
		"grant": "dpo", "action": "read", "purpose": "subject-rights", "agreement": testID(0xa1).String(), "case": e.Case,
		"objects": []any{e.Objects[0], e.Objects[1]}, "fields": []any{"email", "user.contact.email"}, "count": 2.0,
		"outcome": "refused", "why": e.Why, "proof": e.Proof,
	}, m)
}

func TestEntryKeepsMicrosecondsInUTC(t *testing.T) {
	t.Parallel()
	e := testEntry(0)
	e.At = time.Date(2026, 7, 1, 1, 0, 0, 1999, time.FixedZone("CEST", 7200))
	back, err := DecodeEntry(EncodeEntry(&e))
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, 6, 30, 23, 0, 0, 1000, time.UTC), back.At)
}

func TestDecodeEntryTakesOneFormOnly(t *testing.T) {
	t.Parallel()
	e := fullEntry()
	body := string(EncodeEntry(&e))
	for _, other := range []string{
		"", "null", "{}", "[]", body + " ", " " + body, body[:len(body)-1], body + body,
		strings.Replace(body, `"v":1`, `"v":2`, 1),
		strings.Replace(body, `"v":1,`, ``, 1),
		strings.Replace(body, `"action"`, `"Action"`, 1),
		strings.Replace(body, `"count":2`, `"count":2,"more":1`, 1),
		strings.Replace(body, `"count":2`, `"count":2,"count":2`, 1),
		strings.Replace(body, `"count":2`, `"count":2.0`, 1),
		strings.Replace(body, `"outcome":"refused"`, `"outcome":"refuse\u0064"`, 1),
		strings.Replace(body, "2026-03-02T09:30:00.123456Z", "2026-03-02T10:30:00.123456+01:00", 1),
		strings.Replace(body, "Ä", "\xc3", 1),
		strings.Replace(body, `,"why":"`, `,"why":"","why":"`, 1),
	} {
		_, err := DecodeEntry([]byte(other))
		require.ErrorIs(t, err, errForm, "%.60q", other)
	}
}

func TestCheckEntry(t *testing.T) {
	t.Parallel()
	id := testID(1).String()
	for field, change := range map[string][]func(*Entry){
		"At": {
			func(e *Entry) { e.At = time.Time{} },
			func(e *Entry) { e.At = time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC) },
			func(e *Entry) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		},
		"Actor.Kind": {func(e *Entry) { e.Actor.Kind = "" }, func(e *Entry) { e.Actor.Kind = "robot" }},
		"Actor.Name": {
			func(e *Entry) { e.Actor.Name = "" },
			func(e *Entry) { e.Actor.Name = "  " },
			func(e *Entry) { e.Actor.Name = "å\xff" },
			func(e *Entry) { e.Actor.Name = "a\x00b" },
			func(e *Entry) { e.Actor.Name = strings.Repeat("å", 251) },
		},
		"Actor.Run": {func(e *Entry) { e.Actor.Run = "a\nb" }},
		"Grant":     {func(e *Entry) { e.Grant = "dpo@kund.example" }},
		"Action":    {func(e *Entry) { e.Action = "" }, func(e *Entry) { e.Action = "put record" }, func(e *Entry) { e.Action = strings.Repeat("a", 201) }},
		"Purpose":   {func(e *Entry) { e.Purpose = "" }, func(e *Entry) { e.Purpose = "-" }, func(e *Entry) { e.Purpose = "stöd" }},
		"Case":      {func(e *Entry) { e.Case = "anna.berg@kund.example" }, func(e *Entry) { e.Case = "a\tb" }},
		"Why":       {func(e *Entry) { e.Why = "bad av anna.berg@kund.example" }, func(e *Entry) { e.Why = "\x7f" }, func(e *Entry) { e.Why = strings.Repeat("x", 501) }},
		"Count":     {func(e *Entry) { e.Count = -1 }},
		"Outcome":   {func(e *Entry) { e.Outcome = "" }, func(e *Entry) { e.Outcome = "maybe" }},
		"Proof":     {func(e *Entry) { e.Proof = "0f" }, func(e *Entry) { e.Proof = strings.Repeat("0F", 32) }},
	} {
		for i, c := range change {
			e := fullEntry()
			c(&e)
			requireRefused(t, field, e.Check(), i)
		}
	}
	for i, bad := range []string{
		"", "record", id, ":" + id, "record:", "record:" + id[:35], "record:" + id + "0", "record:anna.berg@kund.example", "Anna Åberg:" + id,
		"Record:" + id, "record:" + strings.ToUpper(testID(0xab).String()), "record:" + strings.Replace(id, "-", "0", 1), "record :" + id,
		"-:" + id, "rec0rd:" + id, strings.Repeat("a", 201) + ":" + id, "record:01000000x0000-0000-0000-000000000001",
	} {
		e := testEntry(0)
		e.Objects = []string{Object("record", testID(1)), bad}
		requireRefused(t, "Objects[1]", e.Check(), i)
	}
	for i, bad := range []string{
		"", "Anna", "anna berg", "anna.berg@kund.example", "070-1740605", "e-post:x", ".email", "email.", "user..email", "user.1", "Å", "åke", "_x", "-x",
		strings.Repeat("a", 201),
	} {
		e := testEntry(0)
		e.Fields = []string{"email", bad}
		requireRefused(t, "Fields[1]", e.Check(), i)
	}
	e := testEntry(0)
	e.Fields = []string{"a", "e-mail2", "subject_reference", "user.government_id.national_identification_number"}
	e.Objects = append(e.Objects, Object("case-file", storage.NewID()), Object("x", storage.ID{}))
	e.Actor.Name = "asa.oberg@firma.example" // staff: an address says unambiguously who acted
	require.NoError(t, e.Check())
}

func requireRefused(t *testing.T, field string, err error, i int) {
	t.Helper()
	var bad *EntryError
	require.ErrorAs(t, err, &bad, "%s %d", field, i)
	require.Equal(t, field, bad.Field, "%d", i)
	for _, value := range []string{"anna", "Anna", "Åberg", "kund"} {
		require.NotContains(t, err.Error(), value, "the value is not repeated")
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for _, e := range []Entry{fullEntry(), testEntry(1), {}} {
		f.Add(EncodeEntry(&e))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := DecodeEntry(body)
		if err == nil && string(EncodeEntry(&e)) != string(body) {
			t.Fatal("two forms of one entry")
		}
	})
}

// What is written is read back, whatever text stands in it.
func FuzzEntryText(f *testing.F) {
	f.Add("Åsa \"\\ \u2028 <&> \U0001f600")
	f.Fuzz(func(t *testing.T, s string) {
		e := testEntry(1)
		e.Actor.Name, e.Why = s, s
		if e.Check() != nil {
			t.Skip()
		}
		back, err := DecodeEntry(EncodeEntry(&e))
		require.NoError(t, err)
		require.Equal(t, e, back)
	})
}
