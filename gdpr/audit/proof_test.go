package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// testChain is a chain of n proofs, the same on every call.
func testChain(n int) []storage.Proof {
	var chain []storage.Proof
	var last *storage.Proof
	for i := range n {
		row, err := NextProof(newMAC(), last, testProof(i+1))
		if err != nil {
			panic(err)
		}
		chain = append(chain, row)
		last = &chain[i]
	}
	return chain
}

func TestProofReadsBack(t *testing.T) {
	t.Parallel()
	full := testProof(1)
	full.Because = append(full.Because, Because{}, Because{Ground: "begäran", Purposes: []string{"a", "b"}})
	full.Parts = append(full.Parts, ErasedPart{Record: testID(9), Part: 70, Version: 3, Subject: testID(8), Because: 2})
	subject := Proof{ID: testID(2), At: start, Actor: Actor{Kind: Person, Name: "dso"}, Kind: ErasedSubjects, Controller: testID(3), Subjects: []storage.ID{testID(4)}}
	controller := Proof{ID: testID(2), At: start, Actor: Actor{Kind: Person, Name: "dso"}, Kind: ErasedController, Controller: testID(3)}
	for _, p := range []Proof{full, subject, controller} {
		row, err := NextProof(newMAC(), nil, p)
		require.NoError(t, err)
		require.True(t, json.Valid(row.Body))
		back, err := DecodeProof(row.Body)
		require.NoError(t, err)
		p.N = 1
		assert.Equal(t, p, back)
	}
	assert.Contains(t, string(EncodeProof(&subject)), `"copies":"unknown"`)
}

func TestNextProof(t *testing.T) {
	t.Parallel()
	chain := testChain(3)
	assert.Equal(t, make([]byte, 32), chain[0].Prev)
	for i, row := range chain {
		assert.EqualValues(t, i+1, row.N)
		assert.Equal(t, testID(byte(0x81+i)), row.ID)
		assert.False(t, row.Confirmed)
		if i > 0 {
			assert.Equal(t, chain[i-1].Digest, row.Prev)
			require.NoError(t, VerifyProof(newMAC(), &chain[i-1], row))
		}
	}
	require.NoError(t, VerifyProof(newMAC(), nil, chain[0]))
	requireBroken(t, VerifyProof(newMAC(), nil, chain[1]), KindProof, storage.ID{}, 1)
	requireBroken(t, VerifyProof(newMAC(), &chain[0], chain[2]), KindProof, storage.ID{}, 2)
	requireBroken(t, VerifyProof(newMAC(), &chain[1], chain[1]), KindProof, storage.ID{}, 2)
	_, err := NextProof(brokenMAC{}, nil, testProof(1))
	require.ErrorContains(t, err, "next proof: no key")
}

func TestDecodeProofTakesOneFormOnly(t *testing.T) {
	t.Parallel()
	p := testProof(1)
	p.N = 1
	body := string(EncodeProof(&p))
	part := fmt.Sprintf(`["%s",1,2,"%s",0]`, p.Parts[0].Record, p.Parts[0].Subject)
	require.Contains(t, body, part)
	for _, other := range []string{
		"", "null", "{}", body + "\n", body[1:],
		strings.Replace(body, `"v":1`, `"v":2`, 1),
		strings.Replace(body, `"copies":"2026-04-01"`, `"copies":"2026-04-31"`, 1),
		strings.Replace(body, `"copies":"2026-04-01"`, `"copies":"soon"`, 1),
		strings.Replace(body, `,"copies":"2026-04-01"`, ``, 1),
		strings.Replace(body, `"start":"2025-02-28"`, `"start":"2025-02-30"`, 1),
		strings.Replace(body, part, `["",1,2,"",0]`, 1),
		strings.Replace(body, part, `[1,2,3,4,5]`, 1),
		strings.Replace(body, part, `[]`, 1),
		strings.Replace(body, part, `null`, 1),
		strings.Replace(body, part, strings.Replace(part, "1,2", "01,2", 1), 1),
		strings.Replace(body, part, strings.Replace(part, "1,2", "1,2,2", 1), 1),
		strings.Replace(body, part, strings.Replace(part, "1,2", `"1",2`, 1), 1),
		strings.Replace(body, part, strings.Replace(part, "1,2", `1,9999999999999999999999`, 1), 1),
		strings.Replace(body, part, "["+part+"]", 1),
		strings.Replace(body, part, strings.ToUpper(part), 1),
	} {
		require.NotEqual(t, body, other)
		_, err := DecodeProof([]byte(other))
		require.ErrorIs(t, err, errForm, "%.200s", other)
	}
}

func TestCheckProof(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*Proof){
		"ID":                     func(p *Proof) { p.ID = storage.ID{} },
		"At":                     func(p *Proof) { p.At = time.Time{} },
		"Actor.Kind":             func(p *Proof) { p.Actor = Actor{} },
		"Actor.Name":             func(p *Proof) { p.Actor.Name = "" },
		"Case":                   func(p *Proof) { p.Case = "anna@kund.example" },
		"Kind":                   func(p *Proof) { p.Kind = "" },
		"Controller":             func(p *Proof) { p.Kind, p.Controller = ErasedController, storage.ID{} },
		"Subjects":               func(p *Proof) { p.Kind = ErasedSubjects },
		"Parts":                  func(p *Proof) { p.Parts = nil },
		"Parts[0]":               func(p *Proof) { p.Parts[0].Because = 1 },
		"Because[0].Ground":      func(p *Proof) { p.Because[0].Ground = "anna@kund.example" },
		"Because[0].Purposes[0]": func(p *Proof) { p.Because[0].Purposes = []string{""} },
		"Because[0].Register":    func(p *Proof) { p.Because[0].Register = -1 },
		"Because[0].Start":       func(p *Proof) { p.Because[0].Start = date(2026, 2, 30) },
		"Because[0].Last":        func(p *Proof) { p.Because[0].Last = civil.Date{Year: 2026} },
		"Method[1]":              func(p *Proof) { p.Method[1] = "a\nb" },
		"Copies":                 func(p *Proof) { p.Copies = date(2026, 13, 1) },
	} {
		p := testProof(1)
		change(&p)
		requireRefused(t, field, p.Check(), 0)
		_, err := NextProof(newMAC(), nil, p)
		requireRefused(t, field, err, 1)
	}
}

func FuzzDecodeProof(f *testing.F) {
	p := testProof(1)
	f.Add(EncodeProof(&p))
	f.Add(EncodeProof(&Proof{}))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := DecodeProof(body)
		if err == nil && string(EncodeProof(&p)) != string(body) {
			t.Fatal("two forms of one proof")
		}
	})
}
