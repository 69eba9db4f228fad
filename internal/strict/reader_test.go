package strict

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReader(t *testing.T) {
	t.Parallel()
	r := New([]byte(`{"a":"Åsa \"\\\n\r\t\u0001\u007f\"","b":-17,"c":["x","","y\\"],"d":1.5e-3}`))
	r.Must(`{"a":`)
	assert.EqualValues(t, '"', r.Next())
	assert.Equal(t, "Åsa \"\\\n\r\t\x01\x7f\"", r.Text())
	assert.False(t, r.Has(`,"x":`), "what is not there is not stepped over")
	r.Must(`,"b":`)
	assert.Equal(t, -17, r.Int())
	r.Must(`,"c":`)
	assert.Equal(t, []string{"x", "", `y\`}, r.Texts())
	r.Must(`,"d":`)
	assert.Equal(t, "1.5e-3", r.Number())
	assert.False(t, r.Done(), "there is more")
	r.Must(`}`)
	assert.True(t, r.Done())
	assert.Zero(t, r.Next())
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	text := func(r *Reader) { r.Text() }
	texts := func(r *Reader) { r.Texts() }
	number := func(r *Reader) { r.Int() }
	for body, read := range map[string]func(*Reader){
		``: text, `x`: text, `"x`: text, `"x\`: text, `"x\"`: text, `"\x"`: text, `"\u00"`: text, `"\u00e5"`: text, `"\u0161"`: text, "\"\xc3\"": text,
		`[]`: texts, `["a"`: texts, `["a",]`: texts, `["a" ,"b"]`: texts, `"a"`: texts,
		`x`[1:]: number, `a`: number, `1.5`: number, `99999999999999999999`: number,
	} {
		r := New([]byte(body))
		read(r)
		assert.True(t, r.Failed(), "%q", body)
		assert.False(t, r.Done(), "%q", body)
		assert.Zero(t, r.Next(), "%q", body)
		assert.False(t, r.Has(``), "%q: nothing fits any more", body)
		assert.Empty(t, r.Text())
		assert.Empty(t, r.Number())
	}
}

// The work grows with the length of a text: with its square this would not end before the tests' own limit.
func TestReaderOfManyEscapes(t *testing.T) {
	t.Parallel()
	const n = 1 << 21
	r := New([]byte(`"` + strings.Repeat(`\\`, n) + `"`))
	assert.Len(t, r.Text(), n)
	assert.True(t, r.Done())
}

// What it reads, any reader of JSON reads the same.
func FuzzText(f *testing.F) {
	f.Add([]byte(`"Åsa \"\\\n\u001f"`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := New(body)
		got := r.Text()
		if !r.Done() {
			t.Skip()
		}
		var want string
		if json.Unmarshal(body, &want) == nil { // which refuses control characters that are not escaped
			require.Equal(t, want, got)
		}
	})
}
