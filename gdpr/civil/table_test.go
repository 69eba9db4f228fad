package civil_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/civil"
)

// table returns the rows of a table under testdata/deadlines, each by the names
// of its columns.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "testdata", "deadlines", name))
	require.NoError(t, err)
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(lines), 10)
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, column := range lines[0] {
			row[column] = line[i]
		}
		require.NotEmpty(t, row["source"])
		rows = append(rows, row)
	}
	return rows
}

func date(t testing.TB, s string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(s)
	require.NoError(t, err)
	return d
}

func period(t testing.TB, s string) civil.Period {
	t.Helper()
	p, err := civil.ParsePeriod(s)
	require.NoError(t, err)
	return p
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := civil.LoadZone(name)
	require.NoError(t, err)
	return loc
}

func TestPeriodTable(t *testing.T) {
	t.Parallel()
	for _, row := range table(t, "periods.csv") {
		got := period(t, row["period"]).After(date(t, row["start"]))
		assert.Equal(t, row["last_day"], got.String(), "%s from %s: %s", row["period"], row["start"], row["source"])
	}
}

func TestDayTable(t *testing.T) {
	t.Parallel()
	for _, row := range table(t, "days.csv") {
		name := row["day"] + " " + row["zone"]
		d, loc := date(t, row["day"]), zone(t, row["zone"])
		start, end := d.Start(loc), d.End(loc)
		assert.Equal(t, row["start_utc"], start.Format(time.RFC3339), name)
		assert.Equal(t, row["end_utc"], end.Format(time.RFC3339), name)
		assert.Equal(t, time.UTC, start.Location(), name)
		assert.Equal(t, time.UTC, end.Location(), name)

		hours, err := strconv.Atoi(row["hours"])
		require.NoError(t, err)
		assert.InDelta(t, hours, end.Sub(start).Hours(), 0.001, name)
		if hours == 0 {
			continue
		}
		assert.Equal(t, d, civil.DateOf(start, loc), name)
		assert.Equal(t, d, civil.DateOf(end.Add(-1), loc), name)
	}
}

func TestPauseTable(t *testing.T) {
	t.Parallel()
	for _, row := range table(t, "pauses.csv") {
		var list []civil.Pause
		for word := range strings.FieldsSeq(strings.Trim(row["pauses"], "-")) {
			from, to, _ := strings.Cut(word, "/")
			list = append(list, civil.Pause{From: date(t, from), To: date(t, to)})
		}
		days, err := civil.PausedDays(list)
		if row["days"] == "refused" {
			assert.ErrorIs(t, err, civil.ErrPause, row["source"])
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, row["days"], strconv.Itoa(days), row["source"])
	}
}
