// Package subjectrights answers a person who uses a right of GDPR Art. 7(3) and 15 to 22, and carries out what a customer instructs its processor to.
//
// A Desk stands on an engine. Receive takes a request in, from whatever channel it came, splits it by role, and opens a case:
//
//	desk, err := subjectrights.New(eng, &subjectrights.Options{Transport: drafts})
//	c, err := desk.Receive(ctx, dpo, subjectrights.Request{
//		Rights: []subjectrights.Right{subjectrights.Access}, Channel: subjectrights.Email,
//		Received: received, Subject: gdpr.Email("anna@kund.example"),
//	})
//	desk.Due(c)  // the last day to answer, Art. 12(3)
//	err = desk.Identify(ctx, dpo, c, subjectrights.LoggedIn, subjectrights.Address{Contact: "anna@kund.example"})
//	err = desk.Decide(ctx, dpo, c, subjectrights.Decision{Right: subjectrights.Access, Grant: true})
//	r, err := desk.Access(ctx, dpo, c)
//	sum := sha256.New()
//	_, err = report.Package(ctx, io.MultiWriter(file, sum), r, report.PackageOptions{Passphrase: agreed, Signer: eng})
//	err = desk.SealedCopy(ctx, dpo, c, sum.Sum(nil))
//	err = desk.Answer(ctx, dpo, c, subjectrights.Answer{Told: now})
//	err = desk.Close(ctx, dpo, c)
//
// # The case
//
// A case is stored, with its states and its clock: Transitions is the table of all that can happen, and docs/requests.md shows it. What is personal in it is sealed under a
// key of its own, which is destroyed when the register's period for case files is over. A Case value is the case as it was read; an act on one that somebody else has
// changed meanwhile fails with gdpr.ErrConflict: read it again.
//
// # Two roles
//
// What the organization holds as controller it answers itself: Access, Portable, Rectify, Erase, Restrict, Object, WithdrawConsent. What it holds as processor it never opens,
// judges or answers (Art. 28(3)(e), REQUIREMENTS 3.3): each customer's part is one Forward, which names that customer and no other. The person is told
// that the request was passed on, and to whom only where the terms in the register say name-controller. What the customer then instructs is an Order: Instruct, Carry.
//
// # Who acts
//
// Every act needs an actor with a grant, as everywhere in the engine, and stands in the trail under the case's number. To decide, to rectify, to erase, to give up on an identity
// is a person's; a job is refused with ErrPersonDecides.
//
// # Copies first
//
// While a copy is asked for, nothing that we hold about the person goes (REQUIREMENTS 4.9), and an erasure in the same request waits (ErrCopyFirst). A report is made for
// somebody who is identified, and whose request was granted; whoever seals it has read the free text in it for data about others (Art. 15(4)).
//
// # Notices
//
// What is to be told (receipt, extension, refusal, answer, what goes to customers and recipients) waits in an outbox, written together with what it tells of. Deliver sends it
// through Options.Transport, at least once, noted once. What is told by other means is noted with ToldOtherwise. A case
// in hand is old after Deliver: read it again with Desk.Case.
//
// # Errors
//
// Input is refused with *gdpr.InputError, before anything is written; a step that the table does not have with *StateError. An identifier of several persons is
// an *AmbiguousError. The engine's own conditions (gdpr.ErrOnHold, gdpr.ErrNotAllowed, ...) come through as they are.
package subjectrights
