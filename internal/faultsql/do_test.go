package faultsql_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/internal/faultsql"
)

// TestDo breaks a call that is none of a database's.
func TestDo(t *testing.T) {
	t.Parallel()
	faults := faultsql.New(nil)
	busy := errors.New("busy")
	done := 0
	act := func() error { return faults.Do("write", func() error { done++; return nil }) }
	require.NoError(t, act())
	faults.At(2, faultsql.Before)
	require.ErrorIs(t, act(), faultsql.ErrInjected)
	assert.Equal(t, 1, done)
	faults.At(3, faultsql.After)
	require.ErrorIs(t, act(), faultsql.ErrInjected)
	assert.Equal(t, 2, done)
	faults.Refuse(4, busy)
	require.ErrorIs(t, act(), busy)
	assert.Equal(t, 2, done)
	require.NoError(t, act())
	assert.Equal(t, []faultsql.Op{"write", "write", "write", "write", "write"}, faults.Log())

	failed := errors.New("disk full")
	faults.At(6, faultsql.After)
	require.ErrorIs(t, faults.Do(faultsql.Commit, func() error { return failed }), failed, "its own failure comes first")
}
