package register

// A form says what is wrong with something that does not have it.
type form struct{ what, why, mend string }

var (
	emptyForm  = form{"empty value", "A key stands for something.", "Write a value, or delete the line."}
	anchorForm = form{"anchor", "Every line must mean what it says where it stands.", "Take the anchor away."}
	aliasForm  = form{"alias", "Every line must mean what it says where it stands.", "Write the value out."}
	tagForm    = form{"tag", "Every value is read as text and then by its own type.", "Take the tag away."}
	mergeForm  = form{"merge key", "Every line must mean what it says where it stands.", "Write the keys out."}
	keyForm    = form{"not a key", "A key is a single word.", "Write a word and a colon."}
	twiceForm  = form{"duplicate key", "Each key stands once.", "Take one of the two away."}

	idForm       = form{"not an id", "An id is a small letter a to z and then small letters, digits and hyphens, at most 40.", "Write for instance support-ticket."}
	categoryForm = form{"not a category", "A category is a small letter a to z and then small letters, digits and underscores, at most 40.", "Write for instance customer_contact."}
	languageForm = form{"not a language", "A language is a code of two small letters.", "Write for instance sv, and quotes round a text with a comma in it."}

	objectForm  = form{"not an object", "Here stand keys, each with a value of its own.", "Write one key a line, or {key: value}."}
	listForm    = form{"not a list", "Here stand one or more values.", "Write them in brackets, with commas between."}
	textForm    = form{"not a text", "A text is a string, or one for each language.", "Write for instance {sv: ..., en: ...}."}
	stringForm  = form{"not a string", "Here stands a single value.", "Write it on the same line."}
	numberForm  = form{"not a whole number", "Numbers count from 1.", "Write for instance 1."}
	dateForm    = form{"not a date", "Dates are days of the calendar as year, month and day.", "Write for instance 2026-01-01."}
	periodForm  = form{"not a period", "Periods are ISO 8601 in whole calendar units.", "Write for instance P2Y."}
	hoursForm   = form{"not a number of hours", "Hours are ISO 8601 in whole hours from 1.", "Write for instance PT24H."}
	booleanForm = form{"not true or false", "Only these two words are read.", "Write true or false."}
	ruleForm    = form{"not a rule", "A rule is a period, the word after and an event.", "Write for instance P1Y after collected."}
	cadenceForm = form{"not a cadence", "A cadence is a period and the role that sees to it.", "Write for instance P1Y by privacy."}
)
