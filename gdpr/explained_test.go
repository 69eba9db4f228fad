package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// explanations are what FindExplained says of an activity's records, by their ids.
func explanations(t *testing.T, s *gdpr.Session, who gdpr.Identity, activity string) map[gdpr.ID]gdpr.Explained {
	t.Helper()
	out := map[gdpr.ID]gdpr.Explained{}
	for x, err := range s.FindExplained(t.Context(), who, activity) {
		require.NoError(t, err)
		assert.NotContains(t, out, x.Stored.ID)
		out[x.Stored.ID] = x
	}
	return out
}

func TestFindExplained(t *testing.T) {
	t.Parallel()
	eachStore(t, "epm.yaml", func(t *testing.T, h *house) {
		f := newFirm(h)
		one, two, invoice := f.ticket(gdpr.ID{}, gdpr.ID{}), f.ticket(gdpr.ID{}, gdpr.ID{}), f.invoice()
		_, agreement := h.customer("Slutkund")
		theirs := f.hosted(agreement, asa)
		_, err := f.rights.Hold(t.Context(), gdpr.Hold{Record: two, Ground: "Tvist", ReviewBy: day(t, "2026-12-31")})
		require.NoError(t, err)
		entries, _ := h.trail()

		all := explanations(t, f.rights, asa, "")
		assert.Len(t, all, 4)
		for id, x := range all {
			why, err := f.rights.Explain(t.Context(), id)
			require.NoError(t, err)
			assert.Equal(t, why, x.Why, "as Explain says it")
			assert.Equal(t, id == theirs, x.Stored.Sealed())
		}
		after, _ := h.trail()
		assert.Len(t, after, len(entries)+1+len(all), "one entry for the page, and those of Explain here")

		assert.Len(t, explanations(t, f.rights, asa, "support-ticket"), 2)
		assert.Contains(t, explanations(t, f.rights, asa, "support-ticket"), one)
		assert.Len(t, explanations(t, f.rights, asa, "support-ticket")[two].Why.Parts[0].Holds, 1)
		assert.Contains(t, explanations(t, f.rights, asa, "invoice"), invoice)
		assert.Empty(t, explanations(t, f.rights, asa, "sales-contact"))
		assert.Empty(t, explanations(t, f.rights, bjorn, ""))
		for x, err := range f.rights.FindExplained(t.Context(), asa, "") { // whoever has enough stops
			require.NoError(t, err)
			assert.NotNil(t, x.Why)
			break
		}
	})
}

// TestFindExplainedOfFurtherPurposes: the records of a family under the name of any of its activities; and of each person the person's own.
func TestFindExplainedOfFurtherPurposes(t *testing.T) {
	t.Parallel()
	eachStore(t, "family.yaml", func(t *testing.T, h *house) {
		id := h.bicycle()
		s := h.As(web, gdpr.SubjectRights)
		for _, activity := range []string{"order", "warranty", "bookkeeping"} {
			assert.Contains(t, explanations(t, s, asa, activity), id, activity)
		}
		his := explanations(t, s, bjorn, "order")[id]
		assert.Len(t, his.Stored.Subjects(), 1)
		assert.Len(t, his.Why.Parts, 5, "that there are others is said, and who they are is not")
	})
}
