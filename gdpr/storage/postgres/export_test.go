package postgres

// For the tests.
var (
	State    = state
	Classify = classify
	Newest   = newest
)
