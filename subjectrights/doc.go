// Package subjectrights answers a person who uses a right of GDPR Art. 15 to 17: access, rectification, erasure.
//
// A Desk stands on an engine. Receive takes a request in, from whatever channel it came, and splits it by role:
//
//	desk, err := subjectrights.New(eng, nil)
//	c, err := desk.Receive(ctx, gdpr.Person("dpo"), subjectrights.Request{
//		Rights: []subjectrights.Right{subjectrights.Access}, Channel: subjectrights.Email,
//		Received: received, Subject: gdpr.Email("anna@kund.example"),
//	})
//	c.Due()     // the last day to answer, Art. 12(3)
//	c.Own()     // what we hold as controller, and answer ourselves
//	c.Forward() // what we hold as processor: one item for each customer, who answers
//
// # Two roles
//
// What the organization holds as controller it answers itself: Access makes a report (package report), Rectify changes
// a record, Erase erases the person. What it holds as processor it never opens, judges or answers (Art. 28(3)(e),
// REQUIREMENTS 3.3): each customer's part is one Forward, which names that customer and no other. The person is told
// that the request was passed on, and to whom only where the terms in the register say name-controller.
//
// # Who acts
//
// Every act needs an actor with a grant, as everywhere in the engine, and stands in the trail under the case's id. To rectify
// and to erase is a decision: a person makes it, a job is refused with ErrPersonDecides.
//
// # Time
//
// The answer is due one month after the day of receipt in the organization's zone, rolled over weekends and public
// holidays (Art. 12(3), Regulation 1182/71). A request is passed on by the next working day.
//
// # What it does not do yet
//
// A Case is a value: it is not stored, and has neither states, pauses nor extensions. Identity is not checked: whoever
// hands out a report has made sure to whom (Art. 12(6)), and has read the free text in it for data about others (Art. 15(4)).
//
// # Errors
//
// Input is refused with *gdpr.InputError, before anything is read. An identifier of several persons is
// an *AmbiguousError. The engine's own conditions (gdpr.ErrOnHold, gdpr.ErrNotAllowed, ...) come through as they are.
package subjectrights
