package subjectrights_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/subjectrights"
)

// Without a transport everything is told by other means, and the case comes to its end; nothing of it is sent later.
func TestToldOtherwise(t *testing.T) {
	t.Parallel()
	h := newHouse(t, epm)
	ctx := t.Context()
	h.set("2026-03-05")
	party, _, _ := h.hosted("Kund i Norden AB")
	r := request(h.at, gdpr.Email(annas), subjectrights.Access)
	r.Case = "2026-99"
	r.Reply = subjectrights.Address{Contact: annas}
	c, err := h.desk.Receive(ctx, dpo, r)
	require.NoError(t, err)
	require.NoError(t, h.desk.Identify(ctx, dpo, c, subjectrights.LoggedIn, subjectrights.Address{}))
	require.NoError(t, h.desk.Decide(ctx, dpo, c, grants(subjectrights.Access)...))
	h.copied(c)
	require.NoError(t, h.desk.Answer(ctx, dpo, c, subjectrights.Answer{Told: h.at}))
	require.ErrorIs(t, h.desk.Close(ctx, dpo, c), subjectrights.ErrUnfinished)
	for field, try := range map[string]error{
		"Kind": h.desk.ToldOtherwise(ctx, dpo, c, "postcard", "person", h.at),
		"To":   h.desk.ToldOtherwise(ctx, dpo, c, "forward", "somebody", h.at),
		"At":   h.desk.ToldOtherwise(ctx, dpo, c, "received", "person", h.at.AddDate(0, 0, 1)),
	} {
		var refused *gdpr.InputError
		require.ErrorAs(t, try, &refused, field)
		assert.Equal(t, field, refused.Field)
	}
	require.NoError(t, h.desk.ToldOtherwise(ctx, dpo, c, "received", "person", h.at))
	require.NoError(t, h.desk.ToldOtherwise(ctx, dpo, c, "forward", party.String(), h.at))
	assert.False(t, c.Forward()[0].PassedOn.IsZero())
	require.NoError(t, h.desk.Close(ctx, dpo, c))
	p := h.posted()
	_, err = h.desk.Deliver(ctx, dpo)
	require.NoError(t, err)
	for _, m := range p.sent {
		assert.NotEqual(t, "2026-99", m.Case)
	}
}
