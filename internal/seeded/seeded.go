// Package seeded makes property tests draw from a fixed seed, so that two runs of the same code try the same: import it for its effect. With GALLRA_SEED=random, as `make soak`
// has it, each run tries something else; with a number, that one.
package seeded

import (
	"flag"
	"os"

	_ "pgregory.net/rapid" // its flags must be there
)

func init() {
	seed := os.Getenv("GALLRA_SEED")
	switch seed {
	case "":
		seed = "20181"
	case "random":
		return
	}
	if err := flag.Set("rapid.seed", seed); err != nil { // the command line comes after this, and wins
		panic("GALLRA_SEED: neither a number nor random")
	}
}
