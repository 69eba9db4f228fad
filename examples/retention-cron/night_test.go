package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/civil"
	"github.com/gallra/gallra/gdpr/storage"
)

// TestNight is a store that was not swept for long: what is due is shown, erased, and no longer overdue; what is on hold stays.
func TestNight(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, f *firm) {
		f.put(5, 3)
		fifteen := f.put(4, 15)
		f.put(3, 100)
		f.put(2, 500)
		f.put(2, -1)
		fresh := f.put(20, -200)
		_, err := f.engine.As(dpo, gdpr.Retention).Hold(t.Context(), gdpr.Hold{Record: fifteen[0], Ground: "skadeståndstalan", ReviewBy: civil.DateOf(time.Now(), time.UTC).AddDays(90)})
		require.NoError(t, err)
		f.counted()
		rule := "support-ticket P1Y after collected without agreement "
		before := f.dump()

		for _, args := range [][]string{{"plan"}, {"run", "-dry-run"}} {
			a := f.call(args...)
			a.assertCounts(t, exitDone, map[string]string{"command": args[0], "outcome": "done", "erase": "15", "stay": "1", "stored": "36", "imported": "0", "halts": "no"})
			assert.Equal(t, []string{"activity rule why parts", rule + "due 15", rule + "held 1"}, a.table())
		}
		assert.Equal(t, before, f.dump(), "nothing of this changes anything")
		asks := []string{"overdue", "-as", dpo.String()}
		a := f.call(asks...)
		a.assertCounts(t, exitDone, map[string]string{"outcome": "done", "overdue": "14", "held": "1", "unswept": "13", "days_0": "0", "days_1_6": "5",
			"days_7_29": "4", "days_30_364": "3", "days_365": "2", "holds": "1", "holds_to_review": "0", "halts": "no", "last_sweep": "never"})
		assert.Equal(t, []string{"activity rule why < 1 day 1-6 7-29 30-364 365 days +", rule + "not swept 0 5 3 3 2", rule + "on hold 0 0 1 0 0"}, a.table())
		a = f.call("overdue")
		assert.Equal(t, exitError, a.code)
		assert.Contains(t, a.err, `by -as name somebody who may read everything, or grant "job retention-cron" a role that may`)
		f.call("health").assertCounts(t, exitDone, map[string]string{"outcome": "done", "findings": "2", "parts": "36", "proofs": "0", "last_sweep": "never",
			"last_sweep_hours": "-1", "restored": "no", "ledger": "yes", "keys_apart": "no", "roles": "yes", "register": "1"})

		f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "dry_run": "no", "erased": "15", "dated": "1", "left": "0", "batches": "1", "more": "no", "late": "13"})
		assert.Equal(t, 21, f.stored())
		_, err = f.data.LastSegment(t.Context())
		require.NoError(t, err, "the trail is sealed")
		f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": "0", "persons": "0", "dated": "0", "batches": "0"})
		have := f.call(asks...).assertCounts(t, exitDone, map[string]string{"overdue": "1", "held": "1", "unswept": "0", "days_7_29": "1", "holds": "1"})
		assert.NotEqual(t, "never", have["last_sweep"])
		have = f.call("health").assertCounts(t, exitDone, map[string]string{"findings": "0", "parts": "21", "proofs": "2", "oldest_due": "never", "last_sweep_hours": "0"})
		at, err := time.Parse(time.RFC3339, have["last_sweep"])
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), at, time.Hour)
		a = f.call("health", "-silence", "0s")
		a.assertCounts(t, exitDone, map[string]string{"findings": "1"})
		assert.Contains(t, a.out, "the last sweep that came to its end is")

		who := []string{"explain", "-as", dpo.String()}
		a = f.call(append(who, fresh[0].String())...)
		want := a.assertCounts(t, exitDone, map[string]string{"activity": "support-ticket", "parts": "1", "holds": "0", "proofs": "0"})["until"]
		assert.Contains(t, a.out, "P1Y after collected without agreement: collected on ")
		assert.Contains(t, a.out, ", last day "+want+" (Policy för integritet")
		a = f.call(append(who, fifteen[0].String())...)
		a.assertCounts(t, exitDone, map[string]string{"holds": "1", "until": "released"})
		assert.Contains(t, a.out, "On hold: skadeståndstalan, to be reviewed by ")
		a = f.call(append(who, fifteen[1].String())...)
		a.assertCounts(t, exitDone, map[string]string{"parts": "0", "proofs": "1", "until": "erased"})
		assert.Contains(t, a.out, "Erased on ")
		a = f.call("explain", fresh[0].String())
		assert.Equal(t, exitError, a.code)
		assert.Contains(t, a.err, `grant "job retention-cron" a role that may`)
		a = f.call(append(who, storage.NewID().String())...)
		assert.Equal(t, exitError, a.code)
		assert.Equal(t, "retention-cron explain: explain: not found\n", a.err)
	})
}

// TestReadmeNamesEveryKey: what stands on the line of counts is explained.
func TestReadmeNamesEveryKey(t *testing.T) {
	t.Parallel()
	f := onSQLite(t)
	id := f.put(1, -200)[0]
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, args := range [][]string{{"plan"}, {"run"}, {"explain", "-as", dpo.String(), id.String()}, {"overdue", "-as", dpo.String()}, {"health"}} {
		for key := range f.call(args...).assertCounts(t, exitDone, nil) {
			assert.Contains(t, string(text), "`"+key+"`", args[0])
		}
	}
}

// TestReadmeSchedules: the three schedules are of one hour, and not of the one that a spring day lacks.
func TestReadmeSchedules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	hours := regexp.MustCompile(`(?m)^(15 (\d+) \* \* \* |OnCalendar=\*-\*-\* (\d\d):15:00 Europe/Stockholm$)`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, hours, 2)
	assert.Equal(t, []string{"4", "04"}, []string{hours[0][2], hours[1][3]})
	_, manifest, _ := strings.Cut(string(text), "```yaml\n")
	manifest, _, _ = strings.Cut(manifest, "```")
	var job struct {
		Spec struct {
			Schedule          string
			TimeZone          string `yaml:"timeZone"`
			ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(manifest), &job))
	assert.Equal(t, "15 4 * * *", job.Spec.Schedule)
	assert.Equal(t, "Europe/Stockholm", job.Spec.TimeZone)
	assert.Equal(t, "Forbid", job.Spec.ConcurrencyPolicy)
}

// TestApprovedPlan is more than a run may erase unasked: it goes by a plan, made by one process and run by another.
func TestApprovedPlan(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, f *firm) {
		f.put(130, 30)
		f.put(10, -200)
		f.counted()
		file := filepath.Join(f.dir, "plan.json")

		a := f.call("overdue", "-as", dpo.String())
		a.assertCounts(t, exitDone, map[string]string{"overdue": "130", "halts": "yes"})
		assert.Contains(t, a.out, "waits for a plan")
		a = f.call("run")
		a.assertCounts(t, exitError, map[string]string{"outcome": "halted", "erased": "0"})
		assert.Contains(t, a.err, "look at the plan, and sweep with it")
		f.call("run", "-dry-run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erase": "130", "halts": "yes"})
		f.call("plan", "-out", file).assertCounts(t, exitDone, map[string]string{"erase": "130", "halts": "yes"})

		a = f.call("run", "-plan", file, "-as", clerk.String())
		a.assertCounts(t, exitError, map[string]string{"outcome": "failed", "erased": "0"})
		assert.Contains(t, a.err, "not allowed")
		late := f.put(1, 30)
		for _, args := range [][]string{{"run", "-plan", file}, {"run", "-plan", file, "-dry-run"}} {
			a = f.call(args...)
			a.assertCounts(t, exitError, map[string]string{"outcome": "changed"})
			assert.Contains(t, a.err, "what is due has changed since the plan; make a new one")
		}
		assert.Equal(t, 141, f.stored(), "nothing was erased so far")

		a = f.call("plan", "-out", file)
		a.assertCounts(t, exitDone, map[string]string{"erase": "131"})
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		answer{out: string(text)}.assertSilent(t, append(slices.Clone(f.never), late[0].String()))
		f.call("run", "-plan", file, "-dry-run").assertCounts(t, exitDone, map[string]string{"dry_run": "yes", "erase": "131"})
		assert.Equal(t, 141, f.stored())
		f.call("run", "-plan", file, "-as", dpo.String(), "-batch", "50").assertCounts(t, exitDone,
			map[string]string{"outcome": "done", "erased": "131", "batches": "3"})
		assert.Equal(t, 10, f.stored())
		f.call("health").assertCounts(t, exitDone, map[string]string{"findings": "0"})
	})
}

// TestPlanFile: a plan comes out of a file as it went in, and no other file passes for one.
func TestPlanFile(t *testing.T) {
	t.Parallel()
	f := onSQLite(t)
	f.put(3, 30)
	path := filepath.Join(f.dir, "plan.json")
	p, err := f.engine.Plan(t.Context())
	require.NoError(t, err)
	require.NoError(t, writePlan(path, f.engine.StoreID(), p))
	back, err := readPlan(path, f.engine.StoreID())
	require.NoError(t, err)
	assert.Equal(t, p, back)

	_, err = readPlan(path, storage.NewID())
	require.EqualError(t, err, "read plan: it was made of another store")
	of := `{"store":"` + f.engine.StoreID().String() + `"`
	for _, text := range []string{"", "[]", "{}", of + "}", of + `,"plan":null}`, of + `,"plan":{}}`, of + `,"plan":{"Digest":"00"},"approved":true}`} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		a := f.call("run", "-plan", path)
		a.assertCounts(t, exitError, map[string]string{"outcome": "failed"})
		assert.Contains(t, a.err, "not a file that plan -out has written", text)
	}
	a := f.call("run", "-plan", path+".gone")
	a.assertCounts(t, exitError, map[string]string{"outcome": "failed"})
	assert.Equal(t, 3, f.stored())
}

// TestLeased: another process sweeps. That is success, and no sweep of ours.
func TestLeased(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, f *firm) {
		f.put(3, 30)
		fence, err := f.data.Acquire(t.Context(), "sweep", "another", time.Now(), time.Now().Add(time.Minute))
		require.NoError(t, err)
		f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "leased", "erased": "0"})
		assert.Equal(t, 3, f.stored())
		f.call("health").assertCounts(t, exitDone, map[string]string{"last_sweep": "never"})
		require.NoError(t, f.data.Release(t.Context(), "sweep", fence))
		f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": "3"})
	})
}

// TestOutOfTime: a run that stops at its time is no error, and no sweep that came to its end.
func TestOutOfTime(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, f *firm) {
		f.put(3, 30)
		f.call("run", "-max-time", "1ns").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": "0", "more": "yes"})
		f.call("health").assertCounts(t, exitDone, map[string]string{"last_sweep": "never"})
		f.call("run", "-max-time", "1h").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": "3", "more": "no"})
	})
}

// TestHoldPastReview: a hold keeps until it is released, and somebody is told when its day has come.
func TestHoldPastReview(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, f *firm) {
		id := f.put(1, 30)[0]
		f.now = time.Now().AddDate(0, 0, -40)
		_, err := f.engine.As(dpo, gdpr.Retention).Hold(t.Context(), gdpr.Hold{Record: id, Ground: "skadeståndstalan", ReviewBy: civil.DateOf(f.now, time.UTC).AddDays(20)})
		require.NoError(t, err)
		f.now = time.Time{}
		for range 2 {
			f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": "0"})
			a := f.call("health")
			a.assertCounts(t, exitDone, map[string]string{"findings": "1", "holds": "1", "holds_to_review": "1"})
			assert.Contains(t, a.out, "of 1 holds in force 1 are due for review")
		}
	})
}

// TestRestored brings back a copy from before a run.
func TestRestored(t *testing.T) {
	t.Parallel()
	f := onSQLite(t)
	f.put(3, 30)
	f.call("run", "-dry-run").assertCounts(t, exitDone, map[string]string{"erase": "3"})
	require.NoError(t, f.engine.Close())
	require.NoError(t, f.data.Close())
	require.NoError(t, f.db.Close())
	path := strings.TrimPrefix(f.env["GALLRA_DSN"], "sqlite:")
	copied, err := os.ReadFile(path)
	require.NoError(t, err)
	f.call("run").assertCounts(t, exitDone, map[string]string{"erased": "3"})
	for _, log := range []string{"-wal", "-shm"} {
		require.NoFileExists(t, path+log)
	}
	require.NoError(t, os.WriteFile(path, copied, 0o600))

	for _, command := range []string{"plan", "run", "overdue"} {
		a := f.call(command)
		a.assertCounts(t, exitError, map[string]string{"outcome": "restored"})
		assert.Contains(t, a.err, "restored from a copy")
	}
	a := f.call("health")
	a.assertCounts(t, exitDone, map[string]string{"outcome": "done", "restored": "yes", "findings": "3"})
	assert.Contains(t, a.out, "stays closed")

	a = f.call("replay")
	assert.Equal(t, exitError, a.code, "a job without a role")
	a = f.call("replay", "-as", dpo.String())
	a.assertCounts(t, exitDone, map[string]string{"outcome": "done", "proofs": "2", "parts": "3", "persons": "3", "controllers": "0", "restricted": "0", "holds": "0"})
	assert.Contains(t, a.out, "is lost, except erasures")
	f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": "0"})
	a = f.call("replay", "-as", dpo.String())
	a.assertCounts(t, exitDone, map[string]string{"outcome": "done", "proofs": "0"})
	assert.Contains(t, a.out, "nothing to do")
}

// TestKeysApart: the keys of a store lie in another, and the ledger anywhere.
func TestKeysApart(t *testing.T) {
	t.Parallel()
	f := newFirm(t)
	data, keys := filepath.Join(f.dir, "data.db"), filepath.Join(f.dir, "nycklar.db")
	f.data, f.keys = openSQLite(t, data), openSQLite(t, keys)
	f.env["GALLRA_DSN"] = data + "\n"
	f.open()
	f.put(3, 30)
	require.NoError(t, f.engine.Close())

	a := f.call("run")
	a.assertCounts(t, exitError, map[string]string{"outcome": "failed"})
	assert.Contains(t, a.err, "the key store holds no keys of this store")
	f.env["GALLRA_KEYS_DSN"] = "sqlite:" + keys
	beside := f.env["GALLRA_KEK"] + ".ledger"
	f.env["GALLRA_LEDGER"] = filepath.Join(t.TempDir(), "bevis.ledger")
	require.NoError(t, os.Rename(beside, f.env["GALLRA_LEDGER"]))
	f.call("run").assertCounts(t, exitDone, map[string]string{"outcome": "done", "erased": "3"})
	f.call("health").assertCounts(t, exitDone, map[string]string{"keys_apart": "yes", "ledger": "yes", "findings": "0"})
	require.NoFileExists(t, beside)
	text, err := os.ReadFile(f.env["GALLRA_LEDGER"])
	require.NoError(t, err)
	assert.Len(t, strings.Split(strings.TrimSpace(string(text)), "\n"), 3, "its head, a proof of the parts and one of the persons")
}
