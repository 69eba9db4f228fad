package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra/gdpr"
)

// The headers of a request.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	headerKey       = "Idempotency-Key"
)

// minSecret is the shortest secret, in bytes.
const minSecret = 32

// signer makes the signatures of one secret. It is a function, so that nothing that prints a Sender or a Receiver prints a secret.
type signer func() hash.Hash

func signers(secrets [][]byte) ([]signer, error) {
	if len(secrets) == 0 {
		return nil, refuse("Secrets", "missing")
	}
	out := make([]signer, len(secrets))
	for i, s := range secrets {
		if len(s) < minSecret {
			return nil, refuse("Secrets", "shorter than 32 bytes")
		}
		key := append([]byte(nil), s...)
		out[i] = func() hash.Hash { return hmac.New(sha256.New, key) }
	}
	return out, nil
}

func (s signer) sum(id, timestamp string, body []byte) []byte {
	h := s()
	h.Write([]byte(id + "." + timestamp + "."))
	h.Write(body)
	return h.Sum(nil)
}

// sign is the header with the signatures of all secrets.
func sign(keys []signer, id gdpr.ID, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	all := make([]string, len(keys))
	for i, key := range keys {
		all[i] = "v1," + base64.StdEncoding.EncodeToString(key.sum(id.String(), timestamp, body))
	}
	return timestamp, strings.Join(all, " ")
}

// signed reports whether one of the signatures is that of one of the secrets.
func signed(keys []signer, id, timestamp, signature string, body []byte) bool {
	ok := false
	for _, key := range keys {
		want := key.sum(id, timestamp, body)
		for _, is := range strings.Fields(signature) {
			text, v1 := strings.CutPrefix(is, "v1,")
			got, err := base64.StdEncoding.DecodeString(text)
			if v1 && err == nil && hmac.Equal(got, want) {
				ok = true
			}
		}
	}
	return ok
}

func refuse(field, reason string) error { return &gdpr.InputError{Field: field, Reason: reason} }
