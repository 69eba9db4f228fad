// Package crashtest kills: processes that keep, hold and erase records at the same time, and the servers below them, at random moments and by
// SIGKILL. After each round it compares what is stored with a journal of what was begun and what was acknowledged. It has no code of its own.
//
//	go test ./internal/crashtest -rounds 500 -seed 17
//
// A seed makes the same choices again; what they meet is decided by the moment. So run it several times.
package crashtest
