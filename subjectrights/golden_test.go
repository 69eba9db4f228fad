package subjectrights_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/internal/golden"
	"github.com/gallra/gallra/retention"
	"github.com/gallra/gallra/subjectrights"
	"github.com/gallra/gallra/subjectrights/report"
)

// The reports that a person and an auditor can read: testdata/epm.* and testdata/orangery.*, each in both languages and forms.

func TestGoldenEPM(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	own, _ := annaEverywhere(h)
	c := h.approved(gdpr.Email(annas), subjectrights.Access)
	h.set("2026-03-10")
	assertGolden(t, "epm", h.access(c), own)
}

func TestGoldenOrangery(t *testing.T) {
	t.Parallel()
	h := newHouse(t, orangery)
	own := orangeryPerson(h)
	c := h.approved(gdpr.Email("ake.oberg@post.example"), subjectrights.Access)
	h.set("2026-03-10")
	assertGolden(t, "orangery", h.access(c), own)
}

// orangeryPerson puts every kind of value, a record with three persons, one on hold, and data of two customers of which one may be named.
func orangeryPerson(h *house) []gdpr.ID {
	h.t.Helper()
	ctx, who := h.t.Context(), gdpr.Email("ake.oberg@post.example")
	h.set("2025-05-06")
	family := h.put("membership", gdpr.Record{
		Subject: who.And(gdpr.NationalNumber("19121212-1212")), Source: "Anmälan på papper",
		Fields: gdpr.Fields{"name": "Åke Öberg", "joined": time.Date(2025, time.May, 6, 7, 30, 0, 0, time.UTC), "paid": true,
			"card": []byte("en liten bild"), "interests": []string{"Rosor", "Äpplen & päron"}, "notes": "Betalar för hela familjen.\nVill ha brev."},
		Also: []gdpr.Share{
			{Subject: gdpr.Ref("familj-2"), Fields: gdpr.Fields{"name": "Elsa Öberg", "notes": "Elsas egen rad"}},
			{Subject: gdpr.Ref("familj-3"), Fields: gdpr.Fields{"name": "Olle Öberg"}},
		},
	})
	h.set("2025-05-09")
	left := h.put("membership", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Åke Öberg", "notes": "Äldre medlemskap"},
		Events: map[retention.Event]civil.Date{"membership-ended": date(h.t, "2025-06-30")}})
	h.set("2025-08-20")
	festival := h.put("festival", gdpr.Record{Subject: who, Fields: gdpr.Fields{"name": "Åke Öberg"}})
	_, err := h.As(dpo, gdpr.SubjectRights).Hold(ctx, gdpr.Hold{Record: left, Ground: "Tvist 17/2025", ReviewBy: date(h.t, "2026-06-30")})
	if err != nil {
		h.t.Fatal(err)
	}
	h.customer("Kanalbolaget AB", "hosted-open", "open", who, gdpr.Fields{"content": "hos Kanalbolaget"})
	h.customer("Dolda Gården AB", "hosted-closed", "closed", who, gdpr.Fields{"content": "hos Dolda Gården"})
	h.set("2026-03-05")
	return []gdpr.ID{family, left, festival}
}

// assertGolden compares a report with its files; the random ids of its records are replaced by fixed ones.
func assertGolden(t *testing.T, name string, r *report.Report, ids []gdpr.ID) {
	t.Helper()
	for _, lang := range []string{report.Swedish, report.English} {
		for ext, text := range map[string]string{"html": pageOf(t, r, lang), "json": asJSON(t, r, lang)} {
			for i, id := range ids {
				assert.Contains(t, text, id.String())
				text = strings.ReplaceAll(text, id.String(), fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1))
			}
			golden.Assert(t, fmt.Sprintf("testdata/%s.%s.%s", name, lang, ext), []byte(text))
		}
	}
}
