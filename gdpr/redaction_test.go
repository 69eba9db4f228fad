package gdpr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// specimen is a value of an exported type with the secret wherever something about a person can stand.
type specimen struct {
	name string
	v    any
	// forms are the value, a pointer to it, and both in exported fields of a caller's struct.
	forms []any
	// hidden is the value in a caller's unexported field; nil where Go's fmt asks no method and the documentation says so.
	hidden any
}

type shown[T any] struct {
	Title string
	V     T
	P     *T
	L     []T
	M     map[string]T
	A     any
}

type hidden[T any] struct {
	title string
	v     T
	l     []T
	a     any
}

func of[T any](name string, v T) specimen {
	s := literal(name, v)
	s.hidden = hidden[T]{"fall 1", v, []T{v}, v}
	return s
}

// literal is a type whose values a caller writes down: in an unexported field they show, as the documentation of Fields says.
func literal[T any](name string, v T) specimen {
	in := shown[T]{"fall 1", v, &v, []T{v}, map[string]T{"ett": v}, v}
	return specimen{name: name, v: v, forms: []any{v, &v, in, &in, []T{v}, map[string]any{"v": v}}}
}

// specimens are all exported types of the package.
func specimens(t *testing.T) []specimen {
	t.Helper()
	h := newHouse(t, "epm.yaml", memory.New(), nil)
	f := newFirm(h)
	ctx := t.Context()
	who := gdpr.Email(secret + "@kund.example").And(gdpr.Ref(secret)).And(gdpr.Phone("070-1740699"))
	fields := gdpr.Fields{"name": secret, "message": []any{secret}, "attachments": []byte(secret)}
	record := gdpr.Record{Subject: who, Fields: fields, Also: []gdpr.Share{{Subject: gdpr.Ref(secret + "2"), Fields: gdpr.Fields{"message": secret}}}, Source: secret}
	id, err := f.support.Put(ctx, record)
	require.NoError(t, err)
	stored, err := f.support.Get(ctx, id)
	require.NoError(t, err)
	require.Equal(t, secret, stored.Text("name"))
	hold := gdpr.Hold{Subject: who, Ground: "rättstvist", ReviewBy: day(t, "2026-09-01"), Note: secret}
	_, err = h.As(dpo, gdpr.Retention).Hold(ctx, hold)
	require.NoError(t, err)
	explanation, err := f.support.Explain(ctx, id)
	require.NoError(t, err)
	require.NotEmpty(t, explanation.Parts[0].Holds)
	_, err = f.support.Put(ctx, gdpr.Record{Subject: who, Fields: gdpr.Fields{"message": secret + "\x00", secret: secret}})
	var in *gdpr.InputError
	require.ErrorAs(t, err, &in)
	imported, err := f.support.PutAll(ctx, func(yield func(gdpr.Record, error) bool) {
		yield(gdpr.Record{Subject: gdpr.Email(secret), Fields: fields, Origin: "ärenden.csv:2"}, nil)
	}, nil)
	require.NoError(t, err)
	require.Len(t, imported.Refused, 1)
	h.clock.set("2027-03-01")
	plan, err := h.Plan(ctx)
	require.NoError(t, err)
	adoption, err := h.PlanAdoption(ctx, h.version("epm.yaml", epmFirst, epmSecond, "P1Y after collected", "P2Y after collected", "phone: user", "tel: user"))
	require.NoError(t, err)
	health, err := h.Health(ctx)
	require.NoError(t, err)
	erased := gdpr.Erasure{Records: []gdpr.ID{id}, Kept: []gdpr.Kept{{Record: id, Activity: "invoice", Why: "en plikt"}}}
	restriction := gdpr.Restriction{Subject: who, Ground: gdpr.AccuracyContested, Note: secret}
	_, err = f.rights.Restrict(ctx, restriction)
	require.NoError(t, err)
	restrictions, err := f.rights.Restrictions(ctx, who)
	require.NoError(t, err)
	require.Equal(t, secret, restrictions[0].Note())
	h.grant(web, "sales")
	_, err = h.As(web, "sales-contact").RecordEvidence(ctx, gdpr.Evidence{Subject: who, Condition: "open-talks", Source: secret})
	require.NoError(t, err)
	evidence, err := h.As(web, "sales-contact").MarketingEvidence(ctx, who)
	require.NoError(t, err)
	require.Equal(t, secret, evidence[0].Source())
	activity, ok := h.reg.Activity("support-ticket")
	require.True(t, ok)
	return []specimen{
		of("Actor", dpo), of("Activity", *activity), of("Adoption", *adoption), of("AdoptionLine", adoption.Lines[0]), literal("Agreement", gdpr.Agreement{ID: id, Ref: secret}),
		of("Approval", gdpr.Approval{Version: 2, Reason: "Beslut 2026-17", Approver: dpo}), literal("Change", gdpr.Change{Fields: fields, Statement: secret}),
		of("Cause", gdpr.SweptLate), of("ClockNotStarted", gdpr.ClockNotStarted{Activity: "invoice", Records: []gdpr.ID{id}}),
		of("Deviation", gdpr.Deviation{ID: id, Cause: gdpr.SweptLate, Activity: "invoice"}), of("Limit", gdpr.HoldReview), of[gdpr.Observer]("Observer", nobody{}),
		of("Manifest", gdpr.Manifest{Store: id}), of("Copied", gdpr.Copied{Whole: true}), of("Outcome", gdpr.SweepDone), of("OverduePart", gdpr.OverduePart{Record: id, Part: 1, Why: gdpr.OnHold, Hold: &explanation.Parts[0].Holds[0]}),
		of("Stay", gdpr.NotSwept), of("SweepReport", gdpr.SweepReport{Outcome: gdpr.SweepDone}), of("Warning", gdpr.Warning{Limit: gdpr.HoldReview}),
		of("FieldChange", adoption.Fields[0]), of("RuleChange", adoption.Longer[0]),
		of("Anonymizer", gdpr.Anonymizer{Assessment: "Örjan 2026"}), literal("Departing", gdpr.Departing{Activity: "ticket", Fields: fields}),
		{name: "Engine", v: h.Engine, forms: []any{h.Engine, shown[*gdpr.Engine]{V: h.Engine, A: h.Engine}}, hidden: hidden[*gdpr.Engine]{v: h.Engine}},
		of("Erasure", erased), of("ErasureProof", gdpr.ErasureProof{ID: id, Ground: "A17-1-a"}), literal("Event", gdpr.Event{Kind: gdpr.PurposeEnded, Subject: who, Note: secret}),
		of("Explanation", *explanation), of("Explained", gdpr.Explained{Stored: stored, Why: explanation}), literal("Fields", fields), literal("Grant", gdpr.Grant{Actor: dpo, Role: "privacy", Reason: secret, Supervisor: secret}),
		of("Ground", gdpr.Objected), of("Health", health), literal("Hold", hold), of("HoldInfo", explanation.Parts[0].Holds[0]), of("ID", id), of("Identity", who),
		of("ImportOptions", gdpr.ImportOptions{Key: "ärenden 2016", Batch: 10}), of("Imported", imported), of("InputError", *in), of("Kept", erased.Kept[0]), of("Options", gdpr.Options{Owner: boss}), of("PartExplanation", explanation.Parts[0]),
		literal("Party", gdpr.Party{ID: id, Name: secret, Contact: secret, Number: secret}), of("Plan", *plan), of("Query", gdpr.Query{Agreement: id}),
		literal("Record", record), of("Refusal", imported.Refused[0]), of("Register", *h.reg), of("Replayed", gdpr.Replayed{Proofs: 1}), of("Returned", gdpr.Returned{Parts: 1}), of("Review", gdpr.Review{Of: "restore-test", Outcome: "godkänt"}), of("ReviewInfo", gdpr.ReviewInfo{Of: "restore-test"}), of("Role", gdpr.Role("controller")),
		literal("CaseFile", gdpr.CaseFile{Kind: "request", Number: "1", State: "received", Secret: []byte(secret), Who: who}), of("CaseAct", gdpr.CaseAct{Action: "Receive", May: "read"}),
		of("Freeze", gdpr.Freeze{Subject: id}),
		literal("Restriction", restriction), of("RestrictionInfo", restrictions[0]), of("RestrictionGround", restriction.Ground), of("Lift", gdpr.Lift{}),
		literal("Consent", gdpr.Consent{Subject: who, Activity: "newsletter", Text: secret, How: secret, By: secret}), of("ConsentInfo", newsletterConsent(t)),
		literal("Evidence", gdpr.Evidence{Subject: who, Condition: "open-talks", Source: secret}), of("EvidenceInfo", evidence[0]), of("Denial", gdpr.DeniedObjection),
		of("MarketingAnswer", gdpr.MarketingAnswer{May: true, Condition: "open-talks"}), of("Read", gdpr.Read{Purpose: "support-ticket"}),
		literal("Suppression", gdpr.Suppression{Subject: who, Activity: "sales-contact", Reason: secret}), of("SuppressionInfo", gdpr.SuppressionInfo{ID: id, Activity: "sales-contact"}),
		{name: "Session", v: f.support, forms: []any{f.support, shown[*gdpr.Session]{V: f.support, A: f.support}}, hidden: hidden[*gdpr.Session]{v: f.support}},
		literal("Share", record.Also[0]), of("Stored", *stored), {name: "*Stored", v: stored, forms: []any{stored, shown[*gdpr.Stored]{V: stored, A: stored}}, hidden: hidden[*gdpr.Stored]{v: stored}},
		of("SweepOptions", gdpr.SweepOptions{Plan: plan, Actor: dpo}),
	}
}

// newsletterConsent is a consent as it comes out.
func newsletterConsent(t *testing.T) gdpr.ConsentInfo {
	t.Helper()
	h := newHouse(t, "newsletter.yaml", memory.New(), nil)
	ctx, news := t.Context(), h.As(web, "newsletter")
	_, err := news.Put(ctx, gdpr.Record{Subject: asa, Fields: gdpr.Fields{"taste": "lyrik"}})
	require.NoError(t, err)
	_, err = news.RecordConsent(ctx, gdpr.Consent{Subject: asa, Text: secret, How: secret, By: secret})
	require.NoError(t, err)
	all, err := news.Consents(ctx, asa)
	require.NoError(t, err)
	require.Equal(t, secret, all[0].By())
	return all[0]
}

// nobody watches.
type nobody struct{}

func (nobody) Swept(context.Context, gdpr.SweepReport) {}

// A type that is added to the package must be added here.
func TestEverySpecimenIsThere(t *testing.T) {
	t.Parallel()
	var want []string
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
					want = append(want, s.Name.Name)
				}
			}
		}
	}
	var have []string
	for _, s := range specimens(t) {
		if !strings.HasPrefix(s.name, "*") {
			have = append(have, s.name)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	assert.Equal(t, want, have)
}

func TestNothingPrints(t *testing.T) {
	t.Parallel()
	for _, s := range specimens(t) {
		for _, v := range append(slices.Clone(s.forms), s.hidden) {
			if v == nil {
				continue
			}
			what := fmt.Sprintf("%s as %s", s.name, reflect.TypeOf(v))
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%e"} {
				unmarked(t, fmt.Sprintf(verb, v), what+" under "+verb)
				unmarked(t, fmt.Errorf("fel: "+verb, v).Error(), what+" in an error")
			}
			unmarked(t, fmt.Sprint(v), what+" by Sprint")
			b, err := json.Marshal(v)
			unmarked(t, string(b), what+" as JSON")
			if err != nil {
				unmarked(t, err.Error(), what+" as JSON")
			}
			for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
				"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
				"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
			} {
				var out bytes.Buffer
				log := slog.New(handler(&out))
				log.Info("läst", "v", v, slog.Any("igen", v), slog.Group("grupp", "v", v))
				log.With("v", v).WithGroup("g").Error("fel", "lista", []any{v})
				unmarked(t, out.String(), what+" in the "+name+" log")
			}
		}
	}
}

// unmarked says that a text shows no marked value, however a verb may write it.
func unmarked(t *testing.T, s, where string) {
	t.Helper()
	silent(t, s, where)
	for _, form := range []string{fmt.Sprintf("%x", "HEMLIG"), fmt.Sprintf("%X", "HEMLIG"), "72 69 77 76 73 71", "0701740699", "70-1740699"} {
		assert.NotContains(t, s, form, where)
	}
}

// What the redaction is for, the other way round: a value that is meant to be read can be.
func TestMarkedValuesAreThere(t *testing.T) {
	t.Parallel()
	for _, s := range specimens(t) {
		switch v := s.v.(type) {
		case gdpr.Fields:
			assert.Equal(t, secret, v["name"])
		case *gdpr.Stored:
			assert.Equal(t, secret, v.Fields()["name"])
			assert.Equal(t, secret, v.Source())
		case gdpr.Party:
			assert.Equal(t, secret, v.Contact)
		}
	}
}

const panicEnv = "GALLRA_TEST_PANIC"

// TestPanicChild panics with the specimen that its parent names.
func TestPanicChild(t *testing.T) {
	name := os.Getenv(panicEnv)
	if name == "" {
		t.Skip("only in a child process")
	}
	for _, s := range specimens(t) {
		if s.name == name {
			panic(s.v)
		}
	}
}

// A panic that nobody recovers prints its value in its own way, and a stack with arguments.
func TestPanicMessages(t *testing.T) {
	t.Parallel()
	for _, s := range specimens(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicChild$")
			child.Env = append(os.Environ(), panicEnv+"="+s.name, "GOTRACEBACK=all")
			child.WaitDelay = time.Minute
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			require.True(t, errors.As(err, &exit), "it panics")
			require.Contains(t, string(out), "panic: ")
			unmarked(t, string(out), "panic")
		})
	}
}
