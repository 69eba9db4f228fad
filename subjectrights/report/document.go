package report

import (
	"encoding/json"

	"github.com/gallra/gallra/gdpr"
)

// document is a report in one language, but for the records and items, which are read as they are written. JSON writes it as it stands and HTML puts it
// on a page. doc.go describes it.
type document struct {
	head
	Activities []activity
	Sources    []source
	tail

	count int // of records
	w     *words
}

// head comes before the records.
type head struct {
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
}

// tail comes after them.
type tail struct {
	Erased       []erasedText      `json:"erased,omitempty"`
	Reads        []readText        `json:"reads,omitempty"`
	Consents     []consentText     `json:"consents,omitempty"`
	Suppressions []suppressionText `json:"suppressions,omitempty"`
	Restrictions []restrictionText `json:"restrictions,omitempty"`
	PassedOn     *passedOn         `json:"passed_on,omitempty"`
	Rights       []rightText       `json:"rights"`
	Backups      string            `json:"backups,omitempty"`
	CaseFile     string            `json:"case_file"`
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

	count int    // of records
	kinds string // that are held
	until string // by when the last of it goes, in words
}

// source is another place where data is held.
type source struct {
	Name     string `json:"name"`
	Complete bool   `json:"complete"`
	Text     string `json:"text,omitempty"` // what follows

	count int // of items
}

type item struct {
	Activity  string  `json:"activity"`
	Title     phrase  `json:"title"`
	Collected string  `json:"collected,omitempty"`
	Fields    []field `json:"fields"`

	day string // collected, in words
}

type erasedText struct {
	Day      string      `json:"day"`
	Activity string      `json:"activity"`
	Title    phrase      `json:"title"`
	Records  int         `json:"records,omitempty"`
	Rule     string      `json:"rule,omitempty"`
	Ground   gdpr.Ground `json:"ground,omitempty"`
	Text     string      `json:"text"`
	Event    phrase      `json:"event,omitzero"`
}

type readText struct {
	Day     string `json:"day"`
	Purpose string `json:"purpose"`
	Title   phrase `json:"title"`
	Count   int    `json:"count"`
}

type consentText struct {
	Activity  string `json:"activity"`
	Title     phrase `json:"title"`
	Given     string `json:"given"`
	Withdrawn string `json:"withdrawn,omitempty"`
	Version   string `json:"version,omitempty"`
	How       string `json:"how,omitempty"`
}

type suppressionText struct {
	Activity string `json:"activity"`
	Title    phrase `json:"title"`
	Since    string `json:"since"`
}

type restrictionText struct {
	Ground string `json:"ground"`
	Text   string `json:"text"`
	Since  string `json:"since"`
	Record string `json:"record,omitempty"`
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
	Supplement *value  `json:"supplement,omitempty"`
	Until      string  `json:"until,omitempty"`
	Kept       []kept  `json:"kept"`
	Others     *others `json:"others,omitempty"`

	day string // collected, in words
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
