// Package archtest keeps the plan of the house: its tests fail when a package imports something from its own floor or above, when the SQL that
// several databases share uses a word that one of them lacks, and when a pinned module drifts from the module it is pinned for. It has no
// code of its own; each rule is a table at the top of its test file.
package archtest
