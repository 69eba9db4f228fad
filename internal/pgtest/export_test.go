package pgtest

// For the tests.
var (
	Binaries = binaries
	Fail     = fail
)
