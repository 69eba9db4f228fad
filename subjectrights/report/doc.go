// Package report is the answer to a request for access (GDPR Art. 15): a copy of the data that an organization holds about one
// person as controller, and the statements of Art. 15(1)(a) to (h) and (2), in words that a person without legal training
// understands. The statements come from the register, and how long each record stays from its clocks.
//
//	r, err := desk.Access(ctx, actor, c) // package subjectrights
//	m, err := report.Package(ctx, w, r, report.PackageOptions{Recipients: []string{key}, Signer: engine})
//
// HTML writes one page that needs nothing else: no script, no outside request, readable on a screen, on paper and by a screen reader. JSON and
// JSONLines write the same for programs, CSV the values alone for a spreadsheet, and PDF what the page prints. Package puts them into one sealed file
// with a signed manifest. Records that are streamed are held one at a time.
//
// # What is not in it
//
// Data held as processor: that is for the controller to answer, and New refuses it. Other persons in the same record: their fields are left
// out, and the report says that they are and why (Art. 15(4)). Free text is shown whole, since only a reader can tell whether it is about
// somebody else: whoever hands out the report reads it first. A hold is reported, not its ground.
//
// # JSON, format 1
//
// Schema is its JSON Schema. Keys stand in this order; those marked ? are left out when empty. Texts are in the language of the report. A later edition of the
// format may add keys.
//
//	format               1
//	language             "sv" or "en"
//	case, received, answer_by, made   number of the case; days 2006-01-02
//	controller           name, contact, number?, address?, country {code, text}, dpo?
//	authority            where to complain, Art. 15(1)(f)
//	register             version, from: the register that the statements come from
//	holds_data           true or false: the confirmation of Art. 15(1)
//	activities[]         what records were collected for, in the order of the register
//	  id, title
//	  purposes[]         first the one they were collected for, then further ones
//	    id, purpose, basis[] {code, text}, interest?, compatible?, direct_marketing?
//	    categories[]     {code, text}: kinds of data, Art. 15(1)(b)
//	    joint_with[]?    joint controllers, as recipients
//	    recipients[]     name, contact, role {code, text}, country {code, text}, categories[], transfer? {code, text}: Art. 15(1)(c), (2)
//	    period[]         rule, text, event?: how long, Art. 15(1)(d); event is the register's own, which the text ends with
//	    reference?       law or policy that the period comes from
//	    rights[]         article, limited?: those that exist under this basis, Art. 15(1)(e)
//	    automated_decisions  taken, text: Art. 15(1)(h)
//	  records[]          number, id, collected
//	    source?          Art. 15(1)(g)
//	    restricted?      true: may only be stored
//	    fields[]         name, category {code, text}, type, value
//	    supplement?      type, value: what the person has added, Art. 16
//	    until?           the last day of the record, if it is known
//	    kept[]           purpose, fields[]?, until?, text, event?: how long it, or some of its fields, stays for each purpose; without
//	                     a purpose, what holds for all of them
//	    others?          count, text: persons whose data is left out
//	sources[]?           other places: name, complete, text?
//	  items[]            activity, title, collected?, fields[]
//	erased[]?            day, activity, title, records?, rule?, ground?, text, event?
//	reads[]?             day, purpose, title, count
//	consents[]?          activity, title, given, withdrawn?, version?, how?
//	suppressions[]?      activity, title, since: objections
//	restrictions[]?      ground, text, since, record?
//	passed_on?           to[]?, text: what is held for other organizations
//	rights[]             article, name, text, purposes[], limited_for[]?
//	backups?, case_file  text
//
// JSON lines are the same values, one a line, each with its kind first: "report" (what comes before the activities), then for each activity
// "activity" and its "record" lines (with the activity's id), then for each source "source" and its "item" lines (with the source's name), and last
// "end" with the number of records and what comes after them.
//
// The type of a field is text, number, yes-no, time (RFC 3339, UTC), file (base64) or list (of {type, value}).
package report
