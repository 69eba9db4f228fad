package gdpr_test

import (
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// planted is a value that must not be found at rest, with what it is normalized to.
type planted struct {
	name  string
	value string
	also  []string // normalized forms, by hand: the scanner knows nothing of the code under test
}

// form is one way in which a marker could lie somewhere.
type form struct {
	marker, how string
	bytes       []byte
}

// shortest is the length of the shortest form that is looked for: shorter ones would be found by chance.
const shortest = 8

// forms are all ways in which the scanner knows a marker.
func (m planted) forms() []form {
	var out []form
	seen := map[string]bool{}
	add := func(how string, b []byte) {
		if len(b) >= shortest && !seen[string(b)] {
			seen[string(b)] = true
			out = append(out, form{m.name, how, b})
		}
	}
	for _, text := range append([]string{m.value}, m.also...) {
		for _, n := range []struct{ how, text string }{{"", text}, {" NFC", norm.NFC.String(text)}, {" NFD", norm.NFD.String(text)}} {
			for _, c := range []struct{ how, text string }{{"", n.text}, {" lower", strings.ToLower(n.text)}, {" upper", strings.ToUpper(n.text)}} {
				encodings(c.text, func(how string, b []byte) { add(how+n.how+c.how, b) })
			}
		}
	}
	return out
}

func encodings(text string, add func(how string, b []byte)) {
	add("utf-8", []byte(text))
	add("json", []byte(escaped(text)))
	add("hex", []byte(hex.EncodeToString([]byte(text))))
	add("HEX", []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))))
	for offset := range 3 {
		// Six bits a character: those that the value alone decides, wherever it begins.
		from, to := (8*offset+5)/6, 8*(offset+len(text))/6
		padded := append(make([]byte, offset), text...)
		add(fmt.Sprintf("base64+%d", offset), []byte(base64.RawStdEncoding.EncodeToString(padded)[from:to]))
		add(fmt.Sprintf("base64url+%d", offset), []byte(base64.RawURLEncoding.EncodeToString(padded)[from:to]))
	}
	var le, be []byte
	for _, u := range utf16.Encode([]rune(text)) {
		le, be = binary.LittleEndian.AppendUint16(le, u), binary.BigEndian.AppendUint16(be, u)
	}
	add("utf-16le", le)
	add("utf-16be", be)
}

// escaped writes what is not ASCII as JSON may.
func escaped(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		if u < 0x80 {
			b.WriteByte(byte(u))
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, u)
	}
	return b.String()
}

// scanner looks for many forms at once: by their first eight bytes.
type scanner struct {
	by    map[[shortest]byte][]form
	first [1 << 16]bool // the first two bytes of some form
}

func newScanner(markers ...planted) *scanner {
	s := &scanner{by: map[[shortest]byte][]form{}}
	for _, m := range markers {
		for _, f := range m.forms() {
			key := [shortest]byte(f.bytes)
			s.by[key] = append(s.by[key], f)
			s.first[binary.BigEndian.Uint16(f.bytes)] = true
		}
	}
	return s
}

// find returns what of the markers stands in b, once each.
func (s *scanner) find(b []byte) []string {
	var out []string
	seen := map[string]bool{}
	for i := 0; i+shortest <= len(b); i++ {
		if !s.first[binary.BigEndian.Uint16(b[i:])] {
			continue
		}
		for _, f := range s.by[[shortest]byte(b[i:])] {
			what := f.marker + " as " + f.how
			if !seen[what] && len(b)-i >= len(f.bytes) && string(b[i:i+len(f.bytes)]) == string(f.bytes) {
				seen[what] = true
				out = append(out, what)
			}
		}
	}
	return out
}

// look searches every file of a folder, byte by byte, and every value of every table of its databases: a value that lies
// over two pages of a file is in one piece there.
func (s *scanner) look(t *testing.T, at *site, step string) {
	t.Helper()
	files, err := os.ReadDir(at.dir)
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(at.path(f.Name()))
		require.NoError(t, err)
		require.Empty(t, s.find(b), "%s: in the bytes of %s", step, f.Name())
	}
	for _, name := range []string{dataFile, keysFile} {
		if _, err := os.Stat(at.path(name)); err != nil {
			continue
		}
		for _, row := range tables(t, at.raw(t, name)) {
			require.Empty(t, s.find(row.bytes), "%s: in table %s of %s", step, row.table, name)
		}
	}
}

// cells is one row of any table: its values one after the other.
type cells struct {
	table string
	bytes []byte
}

// tables reads everything that a database holds.
func tables(t *testing.T, db *sql.DB) []cells {
	t.Helper()
	defer func() { _ = db.Close() }()
	var out []cells
	for _, name := range column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`) {
		rows, err := db.Query(`SELECT * FROM "` + name + `"`)
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values := make([]sql.RawBytes, len(columns))
			dest := make([]any, len(columns))
			for i := range values {
				dest[i] = &values[i]
			}
			require.NoError(t, rows.Scan(dest...))
			c := cells{table: name}
			for _, v := range values {
				c.bytes = append(append(c.bytes, v...), 0)
			}
			out = append(out, c)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return out
}

// column reads a query of one column.
func column(t *testing.T, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(query, args...)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var v string
		require.NoError(t, rows.Scan(&v))
		out = append(out, v)
	}
	require.NoError(t, rows.Err())
	return out
}

// TestScannerFindsEachForm plants every form of a marker in the middle of other bytes, in files and in tables.
func TestScannerFindsEachForm(t *testing.T) {
	t.Parallel()
	m := planted{"name", "Åsa Öberg-Märkström", nil}
	question := planted{"question", "Vad??? Kostar??? Åsa???", nil} // the two alphabets of base64 differ in it
	mail := planted{"e-mail", "Åsa.Märkt@Kund.Example", []string{"åsa.märkt@kund.example"}}
	phone := planted{"phone", "070-174 06 05", []string{"+46701740605"}}
	scan := newScanner(m, mail, phone, question)
	hows := map[string]bool{}
	for _, m := range []planted{m, mail, phone, question} {
		for _, f := range m.forms() {
			hows[f.how] = true
			for _, before := range []int{0, 1, 2, 3, 4095} {
				b := append(append(make([]byte, before), f.bytes...), "tail"...)
				require.Contains(t, scan.find(b), f.marker+" as "+f.how)
			}
		}
	}
	for _, how := range []string{"utf-8", "utf-8 lower", "utf-8 upper", "utf-8 NFD", "utf-8 NFD upper", "hex", "HEX", "json", "base64+0", "base64+1", "base64+2",
		"base64url+1", "utf-16le", "utf-16be", "utf-16be NFD lower", "base64+2 NFD upper"} {
		require.True(t, hows[how], "no marker has the form %s", how)
	}

	// What the library could do wrong, planted by other means than the scanner's own.
	for what, b := range map[string][]byte{
		"base64 in a line":  []byte("x=" + base64.StdEncoding.EncodeToString([]byte("Kund: Åsa Öberg-Märkström, Umeå"))),
		"base64, shifted":   []byte(base64.URLEncoding.EncodeToString([]byte("1 Åsa Öberg-Märkström"))),
		"decomposed":        []byte("Åsa Öberg-Märkström"),
		"%q":                []byte(fmt.Sprintf("%+q", "Åsa Öberg-Märkström")),
		"%x":                []byte(fmt.Sprintf("%x", "Åsa Öberg-Märkström")),
		"%#v of its bytes":  []byte(strings.ReplaceAll(strings.ReplaceAll(fmt.Sprintf("% X", "Åsa Öberg-Märkström"), " ", ""), "0x", "")),
		"upper-case domain": []byte("ÅSA.MÄRKT@KUND.EXAMPLE"),
		"E.164":             []byte("tel:+46701740605;"),
	} {
		require.NotEmpty(t, scan.find(b), what)
	}
	require.Empty(t, scan.find([]byte("Åsa Öberg, 070-174 06 06, asa.oberg@kund.example")), "no false alarm")

	s := newSite(t, "epm.yaml", false)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "any"), []byte("nothing"), 0o600))
	db := s.raw(t, dataFile)
	_, err := db.Exec(`CREATE TABLE other (id INTEGER, body BLOB)`)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO other VALUES (1, ?)`, strings.Repeat("x", 4090)+"Åsa Öberg-Märkström"+strings.Repeat("y", 9000))
	require.NoError(t, err)
	found := 0
	for _, row := range tables(t, db) {
		found += len(scan.find(row.bytes))
	}
	require.NotZero(t, found, "a value over two pages")
}
