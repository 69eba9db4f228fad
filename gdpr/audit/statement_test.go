package audit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatement(t *testing.T) {
	t.Parallel()
	signer := newSigner()
	key, err := CheckpointKey(storeID, signer.PublicKey())
	require.NoError(t, err)
	sig, err := SignStatement(signer, storeID, "report", []byte("text"))
	require.NoError(t, err)
	assert.Len(t, sig, 64)
	require.NoError(t, VerifyStatement(key, "report", []byte("text"), sig))
	for _, c := range [][2]string{{"report", "texT"}, {"report", ""}, {"reporttext", ""}, {"repor", "ttext"}, {"proof", "text"}} {
		require.ErrorIs(t, VerifyStatement(key, c[0], []byte(c[1]), sig), ErrStatement, c)
	}
	require.ErrorIs(t, VerifyStatement(key, "report", []byte("text"), sig[:63]), ErrStatement)
	require.ErrorIs(t, VerifyStatement(key, "report", []byte("text"), nil), ErrStatement)
	require.Error(t, VerifyStatement("no key", "report", []byte("text"), sig))
	for _, kind := range []string{"", "a\x00b"} {
		_, err = SignStatement(signer, storeID, kind, nil)
		require.Error(t, err)
		require.Error(t, VerifyStatement(key, kind, nil, sig))
	}
	// A checkpoint is no statement: its bare text signs to something else.
	text := checkpointText(storeID, 1, make([]byte, 32), time.Unix(0, 0))
	bare, err := signer.Sign([]byte(text))
	require.NoError(t, err)
	require.ErrorIs(t, VerifyStatement(key, "report", []byte(text), bare), ErrStatement)
}
