// Package webhook carries messages between two organizations over HTTPS: a Sender is a subjectrights.Transport, a Receiver an http.Handler for the other end.
// So a customer's own Gallra takes the requests that are passed on to it (Art. 28(3)(e)), and we take its instructions.
//
//	sender, err := webhook.NewSender("https://kund.example/gallra", secrets, nil)
//	desk, err := subjectrights.New(eng, &subjectrights.Options{Transport: sender})
//
//	receiver, err := webhook.NewReceiver(secrets, &webhook.Options{Instruction: carryOut})
//	mux.Handle("/gallra", receiver)
//
// A Sender has one address, and a Receiver one other party, whose secrets it knows: with several customers there is one of each for every customer, and a
// transport of a few lines chooses by Message.Party.
//
// # The request
//
// It is a POST of JSON, signed as Standard Webhooks 1 says (https://www.standardwebhooks.com), so that other software can send and receive it as well:
//
//	Content-Type: application/json
//	Webhook-Id: the message's id, the same in every try
//	Webhook-Timestamp: seconds since 1970 of this try
//	Webhook-Signature: v1,BASE64 - one for each secret, with spaces between
//	Idempotency-Key: the message's id
//
// A signature is HMAC-SHA256 under a secret of at least 32 random bytes over "id.timestamp.body". To change a secret, the receiver takes the new one beside the
// old, then the sender does the same or changes over, and then the receiver drops the old one.
//
// The body is one object; type is "message" or "instruction", v is 1, unknown keys are refused. Ids are as in gdpr.ID, instants as in RFC 3339, data is base64:
//
//	{"type":"message","v":1,"id":"...","message":{"kind":"forward","case":"2026-17","party":"...","to":{"name":"...","contact":"..."},
//	 "language":"sv","subject":"...","text":"...","attachment":{"name":"...","data":"..."}}}
//	{"type":"instruction","v":1,"id":"...","instruction":{"action":"erase","agreement":"...","subject":{"email":"..."},"records":["..."],
//	 "fields":{"name":"..."},"received":"2026-11-22T09:00:00Z"}}
//
// What is personal stands in the body alone. It goes over TLS; plain http is for loopback only.
//
// # The answer
//
// Any status of 2xx says that the message was taken, and nothing else does: redirects are not followed. A JSON answer {"receipt":"..."} gives the receipt: one
// word of letters, digits and -._: that names nobody. A Receiver answers what it refuses with {"error":"..."}, which says why and repeats nothing of what was
// sent:
//
//	401 not signed by a secret that is known, or older or newer than five minutes
//	405, 415, 413 not POST, not application/json, over 1 MiB (which is not read)
//	400, 422 headers, or a verified body, that are not of this form
//	409 a copy of a request that was taken, or the same message twice at a time
//	501 a type of message that this receiver does not take
//	503 not carried out: try again
//
// A sender tries again under the same id until it hears 2xx. A receiver that has taken the message and is asked with a newer timestamp answers 200 again, and
// does nothing.
package webhook
