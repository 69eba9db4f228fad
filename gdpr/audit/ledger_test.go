package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
)

func openTest(t *testing.T, path string) *FileLedger {
	t.Helper()
	l, err := OpenLedger(path, storeID, generation)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// writeLedger makes a ledger of n proofs and returns its path and bytes.
func writeLedger(t *testing.T, n int) (path string, text []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "dev.kek.ledger")
	l := openTest(t, path)
	require.NoError(t, l.Append(t.Context(), testChain(n)...))
	require.NoError(t, l.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, text
}

func collect(t *testing.T, l Ledger, after uint64) ([]storage.Proof, error) {
	t.Helper()
	var out []storage.Proof
	for row, err := range l.Proofs(t.Context(), after) {
		if err != nil {
			return out, err
		}
		out = append(out, row)
	}
	return out, nil
}

func TestLedgerKeepsProofs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	l := openTest(t, path)
	head, err := l.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, LedgerHead{N: 0, Digest: make([]byte, 32), Store: storeID, Generation: generation}, head)

	chain := testChain(5)
	require.NoError(t, l.Append(t.Context(), chain[:2]...))
	require.NoError(t, l.Append(t.Context(), chain[2]))
	require.NoError(t, l.Append(t.Context()))
	require.NoError(t, l.Append(t.Context(), chain...), "those that are there are skipped")
	require.NoError(t, l.Append(t.Context(), chain[1]))
	require.NoError(t, l.Close())
	require.NoError(t, l.Close(), "a second Close does nothing")
	require.ErrorIs(t, l.Append(t.Context(), chain[0]), os.ErrClosed)

	l, err = OpenLedger(path, storeID, testID(0x62))
	require.NoError(t, err)
	defer l.Close()
	head, err = l.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, LedgerHead{N: 5, Digest: chain[4].Digest, Store: storeID, Generation: generation}, head, "the generation is that of the creation")
	for after := range 6 {
		got, err := collect(t, l, uint64(after))
		require.NoError(t, err)
		require.Equal(t, len(chain)-after, len(got))
		require.True(t, slices.EqualFunc(chain[after:], got, func(a, b storage.Proof) bool { return fmt.Sprint(a) == fmt.Sprint(b) }))
	}
	for _, after := range []uint64{6, math.MaxUint64} {
		got, err := collect(t, l, after)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	n, err := VerifyLedger(t.Context(), l, newMAC())
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
	_, err = VerifyLedger(t.Context(), l, testMAC{[]byte("another")})
	requireBroken(t, err, KindProof, storage.ID{}, 1)
}

func TestLedgerFile(t *testing.T) {
	t.Parallel()
	path, _ := writeLedger(t, 1)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	_, err = OpenLedger(path, testID(1), generation)
	require.ErrorIs(t, err, ErrOtherStore)
	_, err = OpenLedger(filepath.Join(path, "x"), storeID, generation)
	require.ErrorContains(t, err, "open ledger: ")
	_, err = OpenLedger(filepath.Join(t.TempDir(), "x"), storeID, storage.ID{})
	require.Error(t, err)
	_, err = OpenLedger(filepath.Join(t.TempDir(), "x"), storage.ID{}, generation)
	require.Error(t, err)

	for _, foreign := range []string{"dear diary", "\n", "{}\n", strings.Repeat("x", 1000), `{"gallra":"ledger","v":2,"store":"` + storeID.String() + "\"}\n"} {
		other := filepath.Join(t.TempDir(), "notes.txt")
		require.NoError(t, os.WriteFile(other, []byte(foreign), 0o600))
		_, err = OpenLedger(other, storeID, generation)
		requireBroken(t, err, KindLedger, storage.ID{}, 1)
		kept, err := os.ReadFile(other)
		require.NoError(t, err)
		assert.Equal(t, foreign, string(kept), "somebody's file is left alone")
	}
}

// A crash in the middle of any line, at every byte: what was whole stays, the rest is cut off by the next append.
func TestLedgerCrashAtEveryByte(t *testing.T) {
	t.Parallel()
	path, whole := writeLedger(t, 3)
	chain := testChain(3)
	for size := range len(whole) {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		l, err := OpenLedger(path, storeID, generation)
		require.NoError(t, err, "cut at %d", size)
		lines := max(bytes.Count(whole[:size], []byte("\n")), 1)
		head, err := l.Head(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, lines-1, head.N, "cut at %d", size)
		got, err := collect(t, l, 0)
		require.NoError(t, err)
		require.Len(t, got, lines-1)

		r := &rows{proofs: chain}
		state, err := Reconcile(t.Context(), r, l, newMAC())
		require.NoError(t, err)
		require.Equal(t, StoreAhead, state)
		require.NoError(t, l.Close())
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(whole), string(now), "cut at %d", size)
	}
}

// A crash can leave zeros, or the length of a line without its bytes.
func TestLedgerCrashWithRubbish(t *testing.T) {
	t.Parallel()
	path, whole := writeLedger(t, 2)
	chain := testChain(3)
	require.NoError(t, os.WriteFile(path, append(slices.Clone(whole), make([]byte, 5000)...), 0o600))
	l := openTest(t, path)
	require.NoError(t, l.Append(t.Context(), chain[2]))
	n, err := VerifyLedger(t.Context(), l, newMAC())
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(now, whole))
	require.NotContains(t, string(now), "\x00")
}

func TestLedgerBitFlips(t *testing.T) {
	t.Parallel()
	path, whole := writeLedger(t, 3)
	for bit := range bits(whole) {
		changed := slices.Clone(whole)
		changed[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		line := uint64(bytes.Count(whole[:bit/8], []byte("\n"))) + 1
		l, err := OpenLedger(path, storeID, generation)
		if err == nil {
			head, headErr := l.Head(t.Context())
			require.NoError(t, headErr)
			_, err = VerifyLedger(t.Context(), l, newMAC())
			require.NoError(t, l.Close())
			switch {
			case bit/8 == len(whole)-1: // the last newline: as if the line had not been finished
				require.NoError(t, err)
				require.EqualValues(t, 2, head.N)
				continue
			case line == 1: // the generation, which the engine compares with the store's
				require.NoError(t, err)
				require.NotEqual(t, generation, head.Generation)
				continue
			}
			requireBroken(t, err, KindProof, storage.ID{}, line-1) // the mac, which needs the store's key
			continue
		}
		if errors.Is(err, ErrOtherStore) {
			require.EqualValues(t, 1, line)
			continue
		}
		requireBroken(t, err, KindLedger, storage.ID{}, line)
	}
}

func TestLedgerNamesTheLine(t *testing.T) {
	t.Parallel()
	path, whole := writeLedger(t, 4)
	lines := slices.Collect(bytes.Lines(whole))
	broken := func(what string, n int, changed [][]byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, bytes.Join(changed, nil), 0o600))
		_, err := OpenLedger(path, storeID, generation)
		require.Error(t, err, what)
		requireBroken(t, err, KindLedger, storage.ID{}, uint64(n))
	}
	for i := range lines {
		if i < len(lines)-1 {
			broken("dropped", i+1, slices.Delete(slices.Clone(lines), i, i+1))
		}
		broken("doubled", i+2, slices.Insert(slices.Clone(lines), i, lines[i]))
		broken("empty line", i+1, slices.Insert(slices.Clone(lines), i, []byte("\n")))
		for j := range i {
			swapped := slices.Clone(lines)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			broken("exchanged", j+1, swapped)
		}
		spaced := slices.Clone(lines)
		spaced[i] = slices.Concat([]byte(" "), lines[i])
		broken("another form", i+1, spaced)
	}
}

func TestLedgerAppendRefuses(t *testing.T) {
	t.Parallel()
	path, whole := writeLedger(t, 2)
	l := openTest(t, path)
	chain := testChain(5)
	fork := testProof(2)
	fork.Case = "another"
	other, err := NextProof(newMAC(), &chain[1], fork)
	require.NoError(t, err)
	second, err := NextProof(newMAC(), &chain[0], fork)
	require.NoError(t, err)
	third, err := NextProof(newMAC(), &second, fork)
	require.NoError(t, err)

	require.ErrorIs(t, l.Append(t.Context(), chain[3]), ErrGap)
	require.ErrorIs(t, l.Append(t.Context(), chain[2], chain[4]), ErrGap)
	require.ErrorIs(t, l.Append(t.Context(), storage.Proof{}), ErrGap)
	require.ErrorIs(t, l.Append(t.Context(), second), ErrForked, "another proof of a number that is there")
	require.ErrorIs(t, l.Append(t.Context(), third), ErrForked, "the next number after another proof")
	require.ErrorIs(t, l.Append(t.Context(), other, chain[3]), ErrForked)
	for what, change := range map[string]func(p *storage.Proof){
		"body":   func(p *storage.Proof) { p.Body = bytes.Clone(p.Body); p.Body[20]++ },
		"digest": func(p *storage.Proof) { p.Digest = make([]byte, 32) },
	} {
		row := chain[2]
		change(&row)
		requireBroken(t, l.Append(t.Context(), row), KindProof, storage.ID{}, 3)
		t.Log(what)
	}
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(now), "nothing was written")
	require.NoError(t, l.Append(t.Context(), chain...))
}

func TestLedgerOfSeveralHandles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	a, b := openTest(t, path), openTest(t, path)
	chain := testChain(4)
	require.NoError(t, a.Append(t.Context(), chain[0]))
	require.NoError(t, b.Append(t.Context(), chain[1]))
	require.NoError(t, a.Append(t.Context(), chain[1], chain[2]))
	head, err := b.Head(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, head.N)
	got, err := collect(t, a, 0)
	require.NoError(t, err)
	require.Len(t, got, 3)

	// An iteration that has begun sees what was there, and holds nobody up.
	seen := 0
	for row, err := range b.Proofs(t.Context(), 1) {
		require.NoError(t, err)
		seen++
		if row.N == 2 {
			require.NoError(t, b.Append(t.Context(), chain[3]))
		}
	}
	require.Equal(t, 2, seen)
	for range b.Proofs(t.Context(), 0) {
		break
	}
}

func TestLedgerHonorsTheContext(t *testing.T) {
	t.Parallel()
	path, whole := writeLedger(t, 1)
	l, other := openTest(t, path), openTest(t, path)
	require.NoError(t, lockFile(t.Context(), other.file), "somebody holds the lock")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.Append(ctx, testChain(2)...), context.DeadlineExceeded)
	require.NoError(t, unlockFile(other.file))
	require.ErrorIs(t, l.Append(ctx, testChain(2)...), context.DeadlineExceeded, "the lock is free, the time is over")
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(now))

	require.NoError(t, l.Append(t.Context(), testChain(3)...))
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range l.Proofs(ctx, 0) {
		last = err
		cancel()
	}
	require.ErrorIs(t, last, context.Canceled)
}

func TestLedgerThatIsTakenAway(t *testing.T) {
	t.Parallel()
	chain := testChain(3)
	t.Run("removed", func(t *testing.T) {
		t.Parallel()
		path, _ := writeLedger(t, 1)
		l := openTest(t, path)
		require.NoError(t, os.Remove(path))
		require.ErrorIs(t, l.Append(t.Context(), chain...), os.ErrNotExist, "what is written to a removed file is lost")
	})
	t.Run("replaced", func(t *testing.T) {
		t.Parallel()
		path, text := writeLedger(t, 1)
		l := openTest(t, path)
		require.NoError(t, os.WriteFile(path+".new", text, 0o600))
		require.NoError(t, os.Rename(path+".new", path))
		require.ErrorContains(t, l.Append(t.Context(), chain...), "replaced")
	})
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		path, text := writeLedger(t, 3)
		l := openTest(t, path)
		lines := slices.Collect(bytes.Lines(text))
		require.NoError(t, os.Truncate(path, int64(len(lines[0])+len(lines[1]))))
		requireBroken(t, l.Append(t.Context(), chain...), KindLedger, storage.ID{}, 3)
	})
	t.Run("changed", func(t *testing.T) {
		t.Parallel()
		path, text := writeLedger(t, 3)
		l := openTest(t, path)
		at := bytes.LastIndex(text, []byte("sweep"))
		text[at]++
		require.NoError(t, os.WriteFile(path, text, 0o600))
		got, err := collect(t, l, 0)
		require.Len(t, got, 2)
		requireBroken(t, err, KindLedger, storage.ID{}, 4)
	})
}

func TestLedgerUnderGoroutines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	chain := testChain(40)
	l, other := openTest(t, path), openTest(t, path)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range chain {
				assert.NoError(t, []*FileLedger{l, other}[g%2].Append(t.Context(), chain[i]))
			}
		})
	}
	all.Wait()
	n, err := VerifyLedger(t.Context(), l, newMAC())
	require.NoError(t, err)
	require.EqualValues(t, 40, n)
}

const (
	envLedger = "GALLRA_TEST_LEDGER"
	envTurn   = "GALLRA_TEST_LEDGER_TURN"
	turns     = 60
)

func ledgerToAppendTo() string { return os.Getenv(envLedger) }

// appendInChild writes every second proof of a chain and waits for the other process to write those between.
func appendInChild(path string) {
	turn := 0
	if os.Getenv(envTurn) == "1" {
		turn = 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := OpenLedger(path, storeID, generation)
	for i, row := range testChain(turns) {
		if i%2 != turn || err != nil {
			continue
		}
		err = ErrGap
		for errors.Is(err, ErrGap) {
			err = l.Append(ctx, row)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestLedgerOfTwoProcesses(t *testing.T) {
	t.Parallel()
	_, want := writeLedger(t, turns)
	path := filepath.Join(t.TempDir(), "ledger")
	var children []*exec.Cmd
	for turn := range 2 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), envLedger+"="+path, fmt.Sprintf("%s=%d", envTurn, turn))
		child.Stderr = os.Stderr
		require.NoError(t, child.Start())
		children = append(children, child)
	}
	for _, child := range children {
		require.NoError(t, child.Wait())
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestLedgerAppendThatFails(t *testing.T) {
	t.Parallel()
	path, whole := writeLedger(t, 2)
	l := openTest(t, path)
	writable := l.file
	readOnly, err := os.Open(path)
	require.NoError(t, err)
	defer readOnly.Close()
	l.file = readOnly
	require.ErrorContains(t, l.Append(t.Context(), testChain(4)...), "append to ledger: ")
	l.file = writable
	head, err := l.Head(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, head.N, "what was not written is not believed")
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(now))
	require.NoError(t, l.Append(t.Context(), testChain(4)...))
	n, err := VerifyLedger(t.Context(), l, newMAC())
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
}
