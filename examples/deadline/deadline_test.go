package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeadline(t *testing.T) {
	t.Parallel()
	const at = `"zone":"Europe/Stockholm",`
	for _, test := range []struct{ name, in, want string }{
		{"a month from the last day of one", `{"id":"å","kind":"response","start":"2026-01-31T23:30:00+01:00",` + at + `"period":"P1M"}`,
			`{"id":"å","date":"2026-02-28","end":"2026-02-28T23:00:00Z"}`},
		{"the day is where the zone is", `{"id":"1","kind":"erasure","start":"2026-01-31T23:30:00Z",` + at + `"period":"P1D"}`,
			`{"id":"1","date":"2026-02-02","end":"2026-02-02T23:00:00Z"}`},
		{"forward over a weekend", `{"id":"2","kind":"response","start":"2026-01-30T09:00:00+01:00",` + at + `"period":"P1M","roll":"forward"}`,
			`{"id":"2","date":"2026-03-02","end":"2026-03-02T23:00:00Z"}`},
		{"back over one", `{"id":"3","kind":"erasure","start":"2026-01-30T09:00:00+01:00",` + at + `"period":"P1M","roll":"back"}`,
			`{"id":"3","date":"2026-02-27","end":"2026-02-27T23:00:00Z"}`},
		{"Christmas Eve is a working day", `{"id":"4","kind":"response","start":"2026-11-24T09:00:00+01:00",` + at + `"period":"P1M","roll":"forward"}`,
			`{"id":"4","date":"2026-12-24","end":"2026-12-24T23:00:00Z"}`},
		{"or is not", `{"id":"5","kind":"response","start":"2026-11-24T09:00:00+01:00",` + at + `"period":"P1M","roll":"forward","eves":true}`,
			`{"id":"5","date":"2026-12-28","end":"2026-12-28T23:00:00Z"}`},
		{"pauses that overlap count once", `{"id":"6","kind":"response","start":"2026-06-01T09:00:00+02:00",` + at +
			`"period":"P1M","pauses":[{"from":"2026-06-03","to":"2026-06-08"},{"from":"2026-06-05","to":"2026-06-10"}]}`,
			`{"id":"6","date":"2026-07-08","end":"2026-07-08T22:00:00Z"}`},
		{"an agreed day wins when it is earlier", `{"id":"7","kind":"erasure","start":"2026-06-01T09:00:00+02:00",` + at + `"period":"P3M","due":"2026-07-15"}`,
			`{"id":"7","date":"2026-07-15","end":"2026-07-15T22:00:00Z"}`},
		{"and else does not", `{"id":"8","kind":"erasure","start":"2026-06-01T09:00:00+02:00",` + at + `"period":"P1M","due":"2026-07-15"}`,
			`{"id":"8","date":"2026-07-01","end":"2026-07-01T22:00:00Z"}`},
		{"72 hours over the change of the clock", `{"id":"9","kind":"breach","start":"2026-03-28T12:00:00+01:00",` + at + `"period":"PT72H"}`,
			`{"id":"9","date":"2026-03-31","end":"2026-03-31T11:00:00Z"}`},
		{"hours that end at midnight end the day before", `{"id":"10","kind":"breach","start":"2026-06-01T00:00:00+02:00",` + at + `"period":"PT72H"}`,
			`{"id":"10","date":"2026-06-03","end":"2026-06-03T22:00:00Z"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			ok, err := run(strings.NewReader(test.in), &out)
			require.NoError(t, err)
			assert.True(t, ok)
			assert.Equal(t, test.want+"\n", out.String())
		})
	}
}

// Each line that is wrong says what, never what stood there; the others are answered.
func TestDeadlineRefuses(t *testing.T) {
	t.Parallel()
	good := `{"id":"a","kind":"response","start":"2026-01-30T09:00:00+01:00","zone":"Europe/Stockholm","period":"P1M"}`
	for _, test := range []struct{ from, to, want string }{
		{`"response"`, `"hemlig"`, "kind: want response, extension, erasure or breach"},
		{`"start":"2026-01-30T09:00:00+01:00",`, ``, "start: want an instant"},
		{`Europe/Stockholm`, `Local`, "zone: "},
		{`Europe/Stockholm`, ``, "zone: "},
		{`P1M`, `1 hemlig`, "period: "},
		{`P1M"`, `PT72H","roll":"forward"`, "period: hours are neither rolled nor paused"},
		{`P1M"`, `P1M","roll":"hemlig"`, "roll: want none, forward or back"},
		{`P1M"`, `P1M","pauses":[{"from":"2026-02-02","to":"2026-02-01"}]`, "pauses: "},
		{`P1M"`, `P1M","hemlig":1`, "not a question: "},
		{`"a","kind"`, `"a","kind":"hemlig`, "not a question: "},
		{`"P1M"`, `17`, "period: a value of another kind"},
		{`2026-01-30T09:00:00+01:00`, `2026-01-30 hemlig`, "start: want an instant"},
		{`2026-01-30T09:00:00+01:00","zone":"Europe/Stockholm","period":"P1M`, `9999-12-30T09:00:00Z","zone":"Europe/Stockholm","period":"PT999H`, "period: it ends after"},
		{`P1M`, `PT99999999H`, "period: parse hours"},
		{`P1M"`, `P1M","due":"2026-02-30"`, "due: "},
	} {
		bad := strings.Replace(good, test.from, test.to, 1)
		require.NotEqual(t, good, bad)
		var out strings.Builder
		ok, err := run(strings.NewReader(bad+"\n"+good+"\n"), &out)
		require.NoError(t, err)
		assert.False(t, ok)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2)
		assert.Contains(t, lines[0], `"error":"`+test.want, bad)
		assert.NotContains(t, lines[0], "hemlig")
		assert.Equal(t, `{"id":"a","date":"2026-02-28","end":"2026-02-28T23:00:00Z"}`, lines[1])
	}
}
