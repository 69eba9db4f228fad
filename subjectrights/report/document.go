package report

import (
	"encoding/json"

	"github.com/gallra/gallra/gdpr/civil"
)

// document is a report in one language: what JSON writes as it stands and HTML puts on a page. doc.go describes it.
type document struct {
	Format     int          `json:"format"`
	Language   string       `json:"language"`
	Case       string       `json:"case"`
	Received   string       `json:"received"`
	AnswerBy   string       `json:"answer_by"`
	Made       string       `json:"made"`
	Controller organization `json:"controller"`
	Authority  string       `json:"authority"`
	Register   edition      `json:"register"`
	HoldsData  bool         `json:"holds_data"`
	Activities []activity   `json:"activities"`
	PassedOn   *passedOn    `json:"passed_on,omitempty"`
	Rights     []rightText  `json:"rights"`
	Backups    string       `json:"backups,omitempty"`
	CaseFile   string       `json:"case_file"`

	count int // of records
	w     *words
}

type organization struct {
	Name    string `json:"name"`
	Contact string `json:"contact"`
	Number  string `json:"number,omitempty"`
	Address string `json:"address,omitempty"`
	Country coded  `json:"country"`
	DPO     string `json:"dpo,omitempty"`
}

type edition struct {
	Version int    `json:"version"`
	From    string `json:"from"`
}

// coded is a code and its words.
type coded struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// phrase is words of the register, which may be in another language than the report when it has no others.
type phrase struct {
	Words string
	Lang  string // "" when it is that of the report, or unknown
}

// MarshalJSON writes the words.
func (p phrase) MarshalJSON() ([]byte, error) { return json.Marshal(p.Words) }

// IsZero reports whether there are no words.
func (p phrase) IsZero() bool { return p.Words == "" }

type activity struct {
	ID       string    `json:"id"`
	Title    phrase    `json:"title"`
	Purposes []purpose `json:"purposes"`
	Records  []record  `json:"records"`

	until string // for the summary: by when the last of it goes, in words
}

type purpose struct {
	ID              string         `json:"id"`
	Purpose         phrase         `json:"purpose"`
	Basis           []coded        `json:"basis"`
	Interest        phrase         `json:"interest,omitzero"`
	Compatible      phrase         `json:"compatible,omitzero"`
	DirectMarketing bool           `json:"direct_marketing,omitempty"`
	Categories      []coded        `json:"categories"`
	JointWith       []recipient    `json:"joint_with,omitempty"`
	Recipients      []recipient    `json:"recipients"`
	Period          []periodText   `json:"period"`
	Reference       phrase         `json:"reference,omitzero"`
	Rights          []purposeRight `json:"rights"`
	Automated       automated      `json:"automated_decisions"`
}

type recipient struct {
	Name       string  `json:"name"`
	Contact    string  `json:"contact"`
	Role       coded   `json:"role"`
	Country    coded   `json:"country"`
	Categories []coded `json:"categories"`
	Transfer   *coded  `json:"transfer,omitempty"`
}

// periodText is a rule of the register in words; an event of the register's own stands after them.
type periodText struct {
	Rule  string `json:"rule"`
	Text  string `json:"text"`
	Event phrase `json:"event,omitzero"`
}

type purposeRight struct {
	Article string `json:"article"`
	Limited bool   `json:"limited,omitempty"`
}

type automated struct {
	Taken bool   `json:"taken"`
	Text  phrase `json:"text"`
}

type record struct {
	Number     int     `json:"number"`
	ID         string  `json:"id"`
	Collected  string  `json:"collected"`
	Source     string  `json:"source,omitempty"`
	Restricted bool    `json:"restricted,omitempty"`
	Fields     []field `json:"fields"`
	Until      string  `json:"until,omitempty"`
	Kept       []kept  `json:"kept"`
	Others     *others `json:"others,omitempty"`

	day   string     // collected, in words
	last  civil.Date // never when no end is known, zero when it is erased shortly
	until string     // last in words
}

type field struct {
	Name     string `json:"name"`
	Category coded  `json:"category"`
	value

	showName bool // the category alone does not tell the fields of the activity apart
}

type value struct {
	Type  string `json:"type"`
	Value any    `json:"value"`

	lines string // for the page
	items []value
}

// kept says how long a record, or some fields of it, stays for one purpose.
type kept struct {
	Purpose string   `json:"purpose"`
	Fields  []string `json:"fields,omitempty"`
	Until   string   `json:"until,omitempty"`
	Text    string   `json:"text"`
	Event   phrase   `json:"event,omitzero"`

	title phrase // of the purpose, when the part serves several
	first bool   // of the lines about these fields
}

type others struct {
	Count int    `json:"count"`
	Text  string `json:"text"`
}

type passedOn struct {
	To   []string `json:"to,omitempty"`
	Text string   `json:"text"`
}

type rightText struct {
	Article    string   `json:"article"`
	Name       string   `json:"name"`
	Text       string   `json:"text"`
	Purposes   []string `json:"purposes"`
	LimitedFor []string `json:"limited_for,omitempty"`

	titles []purposeTitle
	all    bool // it is for every purpose
}

type purposeTitle struct {
	Title   phrase
	Limited bool
}
