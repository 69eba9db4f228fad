package subjectrights_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// Over random stores, of a person in our own records and in those of some customers: the report holds all and only our own, each customer gets one message of its own,
// and nobody hears of another (EPM-D1, REQUIREMENTS 4.10).
func TestBothRolesOverRandomStores(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(seed, 20181))
			h := newHouse(t, epm)
			h.set("2026-03-02")
			p := h.posted()
			people := []string{annas, "bo@kund.example", "cia.åberg@kund.example"}
			own := map[string][]string{}               // whose: what is in our own records
			theirs := map[string]map[string][]string{} // whose: which customer: what it holds
			customers := map[string]gdpr.ID{}          // by name
			for i := range 3 + draw.IntN(3) {
				name := fmt.Sprintf("Kund %c AB", 'A'+i)
				for _, who := range people {
					if draw.IntN(2) == 0 {
						continue
					}
					secret := fmt.Sprintf("hemligt-%d-%s-hos-%c", seed, strings.SplitN(who, "@", 2)[0], 'A'+i)
					party, _ := h.customer(name, "hosted-customer-data", "service-agreement", gdpr.Email(who), gdpr.Fields{"content": secret})
					if theirs[who] == nil {
						theirs[who] = map[string][]string{}
					}
					customers[party.String()] = party
					theirs[who][party.String()] = append(theirs[who][party.String()], secret)
				}
			}
			for _, who := range people {
				for i := range draw.IntN(6) {
					text := fmt.Sprintf("eget-%d-%s-%d", seed, strings.SplitN(who, "@", 2)[0], i)
					activity, fields := "support-ticket", gdpr.Fields{"name": "N", "message": text}
					if draw.IntN(2) == 0 {
						activity, fields = "sales-contact", gdpr.Fields{"name": text}
					}
					h.put(activity, gdpr.Record{Subject: gdpr.Email(who), Fields: fields})
					own[who] = append(own[who], text)
				}
			}
			for _, who := range people {
				p.sent = nil
				c := h.approved(gdpr.Email(who), subjectrights.Access)
				r := h.access(c)
				text := pageOf(t, r, "sv") + asJSON(t, r, "en")
				assert.Equal(t, len(own[who]), r.Records())
				for _, other := range people {
					for _, word := range own[other] {
						assert.Equal(t, other == who, strings.Contains(text, word), word)
					}
					for party, words := range theirs[other] {
						assert.NotContains(t, text, party)
						for _, word := range words {
							assert.NotContains(t, text, word)
						}
					}
				}
				_, err := h.desk.Deliver(t.Context(), dpo)
				require.NoError(t, err)
				to := map[string]int{}
				for _, m := range p.sent {
					if m.Kind != "forward" {
						continue
					}
					to[m.Party]++
					assert.NotContains(t, m.Text, who)
					for party := range customers {
						assert.False(t, party != m.Party && strings.Contains(m.Text+m.Subject+m.To.Name, party))
					}
					for _, words := range theirs {
						for _, list := range words {
							for _, word := range list {
								assert.NotContains(t, m.Text, word)
							}
						}
					}
				}
				for party := range theirs[who] {
					assert.Equal(t, 1, to[party], "one message of its own")
				}
				assert.Len(t, to, len(theirs[who]))
			}
		})
	}
}
