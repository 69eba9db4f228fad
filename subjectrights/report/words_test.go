package report

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/retention"
)

func TestPeriodsInWords(t *testing.T) {
	t.Parallel()
	for period, want := range map[string][2]string{
		"P1Y": {"ett år", "one year"}, "P2Y": {"två år", "two years"}, "P1M": {"en månad", "one month"}, "P3M": {"tre månader", "three months"},
		"P7Y3M": {"sju år och tre månader", "seven years and three months"}, "P35D": {"35 dagar", "35 days"}, "P1D": {"en dag", "one day"},
		"P2W": {"två veckor", "two weeks"}, "P1Y2M3D": {"ett år, två månader och tre dagar", "one year, two months and three days"},
		"P0D": {"noll dagar", "no days"},
	} {
		p, err := civil.ParsePeriod(period)
		require.NoError(t, err)
		assert.Equal(t, want[0], swedish.period(p))
		assert.Equal(t, want[1], english.period(p))
	}
}

func TestDatesInWords(t *testing.T) {
	t.Parallel()
	d := civil.Date{Year: 2026, Month: time.May, Day: 1}
	assert.Equal(t, "1 maj 2026", swedish.day(d))
	assert.Equal(t, "1 May 2026", english.day(d))
	assert.Empty(t, swedish.day(civil.Date{}))
	zone, err := civil.LoadZone("Europe/Stockholm")
	require.NoError(t, err)
	at := time.Date(2026, time.April, 30, 22, 15, 0, 0, time.UTC)
	assert.Equal(t, "1 maj 2026 kl. 00:15", swedish.instant(at, zone))
	assert.Equal(t, "1 May 2026 at 00:15", english.instant(at, zone))
}

func TestRulesInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule            string
		keep, anonymize bool
		sv, en          string
		own             bool
	}{
		{rule: "P1Y after assignment-ended with agreement",
			sv: "Om uppgifterna hör till ett avtal: raderas senast ett år efter att uppdraget har avslutats.",
			en: "If the data belongs to an agreement: erased at the latest one year after the assignment has ended."},
		{rule: "P1Y after collected without agreement",
			sv: "Om uppgifterna inte hör till något avtal: raderas senast ett år efter att uppgifterna har registrerats.",
			en: "If the data belongs to no agreement: erased at the latest one year after the data was recorded."},
		{rule: "P0D after purpose-ended",
			sv: "Raderas samma dag som de inte längre behövs för detta.",
			en: "Erased on the day that it is no longer needed for this."},
		{rule: "P2Y after collected", anonymize: true,
			sv: "Görs anonyma senast två år efter att uppgifterna har registrerats.",
			en: "Made anonymous at the latest two years after the data was recorded."},
		{rule: "P7Y after year-end of year-closed", keep: true, own: true,
			sv: "Måste sparas i sju år efter utgången av det år som den här dagen ligger i:",
			en: "Must be kept for seven years after the end of the year that this day lies in:"},
		{rule: "P1M after year-end of agreement-ended",
			sv: "Raderas senast en månad efter utgången av det år då avtalet har upphört.",
			en: "Erased at the latest one month after the end of the year in which the agreement has ended."},
		{rule: "P10D after term-ended", own: true,
			sv: "Raderas senast tio dagar efter den här dagen:",
			en: "Erased at the latest ten days after this day:"},
		{rule: "P0D after term-ended", own: true,
			sv: "Raderas senast den här dagen:",
			en: "Erased at the latest on this day:"},
	} {
		r, err := retention.ParseRule(c.rule)
		require.NoError(t, err)
		text, own := swedish.ruleText(r, c.keep, c.anonymize)
		assert.Equal(t, c.sv, text)
		assert.Equal(t, c.own, own, c.rule)
		text, _ = english.ruleText(r, c.keep, c.anonymize)
		assert.Equal(t, c.en, text)
	}
}

func TestCategoriesInWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "E-postadress", swedish.categoryName(register.CategoryEmail))
	assert.Equal(t, "Uppgifter om hälsa", swedish.categoryName("user.health.medical_diagnosis"), "the words of the wider kind")
	assert.Equal(t, "something.else", english.categoryName("something.else"))
	for c := range swedish.category {
		assert.True(t, c.Valid(), c)
		assert.Contains(t, english.category, c)
	}
	assert.Len(t, english.category, len(swedish.category))
}

// TestBothLanguagesAreWhole: no word is missing in either, and both fill in the same things.
func TestBothLanguagesAreWhole(t *testing.T) {
	t.Parallel()
	compareWords(t, "words", reflect.ValueOf(swedish), reflect.ValueOf(english))
	for _, article := range articles {
		assert.NotEmpty(t, swedish.rights[article][1], article)
	}
}

func compareWords(t *testing.T, path string, sv, en reflect.Value) {
	t.Helper()
	switch sv.Kind() {
	case reflect.Struct:
		for i := range sv.NumField() {
			compareWords(t, path+"."+sv.Type().Field(i).Name, sv.Field(i), en.Field(i))
		}
	case reflect.Array:
		for i := range sv.Len() {
			compareWords(t, path, sv.Index(i), en.Index(i))
		}
	case reflect.Map:
		assert.Equal(t, sv.Len(), en.Len(), path)
		for _, key := range sv.MapKeys() {
			if assert.True(t, en.MapIndex(key).IsValid(), "%s[%s]", path, key) {
				compareWords(t, path, sv.MapIndex(key), en.MapIndex(key))
			}
		}
	case reflect.String:
		assert.NotEmpty(t, sv.String(), path)
		assert.NotEmpty(t, en.String(), path)
		for _, verb := range []string{"%s", "%d"} {
			assert.Equal(t, strings.Count(sv.String(), verb), strings.Count(en.String(), verb), path)
		}
	default:
		assert.Fail(t, "neither text nor made of texts", path)
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "rad ett\nrad två\n\ttabb ␛[31m ␡ �", printable("rad ett\r\nrad två\r\ttabb \x1b[31m \x7f \u0085"))
}
