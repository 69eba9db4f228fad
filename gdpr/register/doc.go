// Package register reads the record of processing activities (GDPR Art. 30),
// the file that a data protection officer writes and a program obeys: roles,
// purposes, bases, fields, clocks, recipients, reminders, the marketing gate.
// Package gdpr gives its types to programs under its own name.
//
// # Reading
//
// Load reads YAML files, Parse the same from memory. The smallest register has
// five lines:
//
//	register: {format: 1, version: 1, from: 2026-01-01, author: Owner of the firm}
//	organization: {name: Exempel AB, contact: privacy@exempel.example, country: SE}
//	accountability: {audit-log: P2Y, case-files: P3Y}
//	activities:
//	  inquiry: {role: controller, class: internal, subjects: [prospect], fields: {email: user.contact.email, question: user.content.private}, purpose: Answer those who ask for an offer, basis: A6-1-b, erase: P1Y after collected}
//
// A file is UTF-8, at most 1 MiB, one YAML document without anchors, aliases,
// tags and merge keys. Every scalar is read as text and then by its own type:
// NO is Norway. Several files are one register of several policy sets: each has
// its own register key, with the same version and date; organization,
// accountability and backups stand in one of them, and so does everything that
// has an id. A category of data subjects belongs to the activities of one file;
// what another file says of it under elsewhere then no longer counts.
//
// A Register can also be written as a Go value. Check then fills in defaults and
// looks for the same mistakes.
//
// # Errors
//
// The error of Load, Parse and Check is Problems: everything that is wrong, in
// order of position, each as
//
//	FILE:LINE:COLUMN: PATH: what. Why. How to mend.
//
// One cause gives one error. No text repeats what stood in the file, since that
// might be about a person: paths have valid ids and known keys only, and a word
// that was probably meant comes from a closed list. Register.Warnings has the
// same form and stops nothing.
//
// # Versions
//
// Every deadline names the version of the register by which it was computed.
// Register.Stamp is what a store remembers, Register.Follows refuses changed
// content under an old number, and Register.Digest is the fingerprint of what a
// register means.
//
// # Words
//
// Kinds of data and of data subjects are those of Fideslang 3.2, bases and
// grounds for transfer are written as in the Data Privacy Vocabulary, countries
// are ISO 3166 codes. All are closed lists in this package.
package register
