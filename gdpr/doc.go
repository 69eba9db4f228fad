// Package gdpr is the front door of Gallra: it holds personal data the way a privacy policy promises.
//
// A [Register] says what an organization does with personal data, as Art. 30 wants it. [Open] joins it with a store and a key to an
// [Engine]. Every act goes through a [Session], which names who acts and for which purpose:
//
//	s := eng.As(gdpr.Job("web"), "inquiry")
//	id, err := s.Put(ctx, gdpr.Record{Subject: gdpr.Email("anna@kund.example"), Fields: gdpr.Fields{"question": "Vad kostar det?"}})
//
// Role, controller, legal basis, class and deadlines follow from the activity. A processor's session also names the agreement on whose
// instructions it acts ([Session.Under]).
//
// # Reading
//
// [Session.Get], [Session.Find] and [Session.Records] open only what the session's purpose may use now: not data of another purpose, not what
// is restricted, and nothing whose time has run out, swept or not. Each read is in the trail before it returns anything.
//
// # Time
//
// Deadlines are calendar days in the organization's zone. They start with events: the registration, the end of an assignment or agreement, a
// controller's instruction, the end of a purpose, or an event of the register's own ([Session.RecordEvent]). [Session.Explain] says why a record is
// there and until when. [Engine.Plan] shows what is due; [Engine.Sweep] erases it. A [Hold] keeps something for a claim, never for ever.
//
// That it works is seen in [Engine.Health] and by an [Observer]. [Session.Overdue], [Session.ClocksNotStarted] and [Session.Holds] list what somebody must look
// at; a deadline that was missed is a [Deviation].
//
// # Erasure
//
// Each part of a record, each person and each controller has a key; to erase is to remove the rows and destroy the key, with a proof in the store and in the
// ledger. With [Options.Keys] the keys live apart, and then nothing that was erased opens from an old copy of the data.
//
// # Trail
//
// Every act, allowed or refused, is one entry that names actor, purpose and ids, never a person. [Engine.Seal] puts the entries of all writers into one
// signed log: call it after a sweep, or every hour. [Engine.Verify] reads all of it and names the first place that does not fit.
//
// # Requirements
//
// Doc comments name the articles of the GDPR that they serve, and ids such as EPM-8.1; docs/requirements.md says what each id asks for.
//
// # Errors
//
// Conditions are sentinels for errors.Is, such as [ErrErased] and [ErrOnHold]. Bad input is an [*InputError] that names the field and the reason,
// never the value. [ErrConflict] means that somebody else was first.
package gdpr
