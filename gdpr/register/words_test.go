package register

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWordsAreClosed(t *testing.T) {
	t.Parallel()
	for _, r := range []Role{Controller, JointController, Processor, SubProcessor, Authority} {
		assert.True(t, r.Valid(), r)
		assert.Equal(t, r == Processor || r == SubProcessor, r.ForOther(), r)
	}
	assert.False(t, Role("").Valid())
	for _, c := range []Class{Public, Internal, Confidential, CustomerData} {
		assert.True(t, c.Valid(), c)
	}
	assert.False(t, Class("").Valid())
	for _, b := range []Basis{"A6-1-a", "A6-1-f", "A9-2-a", "A9-2-j", "A10"} {
		assert.True(t, b.Valid(), b)
	}
	for _, b := range []Basis{"", "A6-1-g", "A9-2-k", "A6", "a6-1-a"} {
		assert.False(t, b.Valid(), b)
	}
	assert.True(t, Transfer("A45-3").Valid())
	assert.False(t, Transfer("A45").Valid())
	assert.True(t, AtEndReturn.Valid())
	assert.False(t, AtEnd("").Valid())
	for _, p := range []Permission{MayRead, MayWrite, MayExport, MayErase, MayHold, MayDecide, MayDisclose} {
		assert.True(t, p.Valid() && p.OnData(), p)
	}
	for _, p := range []Permission{MayGrant, MayKeys, MayLog} {
		assert.True(t, p.Valid() && !p.OnData(), p)
	}
	assert.False(t, Permission("delete").Valid())
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"a": true, "support-ticket": true, "a1-": true, strings.Repeat("a", 40): true,
		"": false, "1a": false, "-a": false, "A": false, "a_b": false, "å": false, "a b": false, "a.b": false, strings.Repeat("a", 41): false,
	} {
		assert.Equal(t, want, isID(id), id)
	}
	assert.True(t, isCategoryID("next_of_kin"))
	assert.False(t, isCategoryID("next-of-kin"))
}

func TestCountries(t *testing.T) {
	t.Parallel()
	codes := strings.Fields(countryCodes)
	assert.Len(t, codes, 249)
	assert.IsIncreasing(t, codes)
	for _, code := range strings.Fields(eeaCodes) {
		assert.True(t, Country(code).Valid() && Country(code).InEEA(), code)
	}
	assert.Len(t, strings.Fields(eeaCodes), 27+3+7)
	for _, code := range []Country{"", "S", "se", "UK", "EU", "XX", "SE ", " S", "E\n", "SWE"} {
		assert.False(t, code.Valid(), "%q", code)
		assert.False(t, code.InEEA(), "%q", code)
	}
	for _, code := range []Country{"GB", "CH", "US", "FO", "GL", "SJ"} {
		assert.True(t, code.Valid() && !code.InEEA(), code)
	}
}

func TestCategories(t *testing.T) {
	t.Parallel()
	assert.Len(t, categories, 101)
	for c, k := range categories {
		if up := Category(parent(string(c))); up != "" {
			assert.True(t, up.Valid(), "parent of %s", c)
			if up.Special() {
				assert.Equal(t, special, k, "%s is under a special category", c)
			}
		}
		assert.NotContains(t, renamed, c)
	}
	for old, now := range renamed {
		assert.False(t, old.Valid(), old)
		assert.True(t, now.Valid(), now)
	}
	assert.Len(t, renamed, 22)
	assert.Equal(t, Category("user.professional_information.job_title"), renamed["user.job_title"])
	assert.Equal(t, Category("user.professional_information.workplace"), renamed["user.workplace"])
	for _, c := range []Category{"user.health", "user.health.medications", "user.biometrics.voice", "user.demographic.union_membership",
		"user.demographic.political_opinion", "user.demographic.religious_belief", "user.demographic.philosophical_belief",
		"user.demographic.race_ethnicity", "user.demographic.sexual_orientation", "user.health.genetic"} {
		assert.True(t, c.Special() && !c.Criminal(), c)
	}
	assert.True(t, Category("user.criminal_history").Criminal())
	assert.False(t, Category("user.name").Special())
	assert.False(t, Category("user.nickname").Valid())
	assert.Len(t, knownSubjects, 15)
	assert.IsIncreasing(t, knownSubjects)
	assert.True(t, KnownSubject("employee"))
	assert.False(t, KnownSubject("customer_contact"))
}

func TestExampleCategory(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]Category{
		"name": "user.name", "email": CategoryEmail, "phone": CategoryPhone, "title": "user.professional_information.job_title",
		"address": "user.contact.address", "password": "user.authorization.password", "message": CategoryEmail, "": CategoryEmail,
	} {
		assert.Equal(t, want, exampleCategory(field), field)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	two := Text{{"sv", "Bokföring"}, {"en", "Bookkeeping"}}
	assert.Equal(t, "Bookkeeping", two.In("en"))
	assert.Equal(t, "Bokföring", two.In("sv"))
	assert.Equal(t, "Bokföring", two.In("de"), "the first")
	assert.Equal(t, "Bokföring", two.String())
	assert.Equal(t, "Lön", Plain("Lön").In("en"))
	assert.Empty(t, Text{}.In("sv"))
	assert.True(t, Text(nil).IsZero())
	assert.False(t, two.IsZero())

	r := parse(t, "epm.yaml")
	assert.Equal(t, "Arbeta med ärendet och ge god service", r.Activities["support-ticket"].Purpose.In("fi"))
}

func TestNearest(t *testing.T) {
	t.Parallel()
	list := []string{"role", "with", "terms", "records-of", "subjects"}
	for text, want := range map[string]string{
		"rolle": "role", "rol": "role", "rloe": "role", "recordsof": "records-of", "subject": "subjects",
		"": "", "ro": "", "x": "", "anna.berg@kund.example": "", strings.Repeat("role", 100): "",
	} {
		got, _ := nearest(text, list)
		assert.Equal(t, want, got, text)
	}
}

func TestFamily(t *testing.T) {
	t.Parallel()
	r := parse(t, "full.yaml")
	assert.Equal(t, []string{"ticket", "ticket-statistics", "fair", "hosted", "resold", "membership", "invoice"}, r.ActivityIDs())
	assert.Equal(t, []string{"ticket", "ticket-statistics"}, r.Family("ticket"))
	assert.Equal(t, []string{"hosted"}, r.Family("hosted"))
	assert.Nil(t, r.Family("ticket-statistics"))
	assert.Nil(t, r.Family("none"))
	assert.Nil(t, r.Family(""))
	assert.Equal(t, "ticket", r.Head("ticket-statistics"))
	assert.Equal(t, "ticket", r.Head("ticket"))
	assert.Empty(t, r.Head("none"))

	hosted, ok := r.Activity("hosted")
	require.True(t, ok)
	assert.True(t, hosted.Processor())
	assert.Empty(t, hosted.LawfulBasis())
	assert.Equal(t, []string{"key", "content"}, hosted.FieldNames())
	assert.Equal(t, Category("user.unique_id"), hosted.Category("key"))
	assert.Empty(t, hosted.Category("none"))
	assert.Equal(t, LegalObligation, r.Activities["membership"].LawfulBasis())
	_, ok = r.Activity("none")
	assert.False(t, ok)
}
