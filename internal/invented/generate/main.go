// Command generate writes the files of the invented world under testdata/. Run it at the root of the module:
//
//	go run ./internal/invented/generate
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gallra/gallra/internal/invented"
)

func main() {
	if err := run("testdata"); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	if _, err := os.Stat(root); err != nil {
		return fmt.Errorf("run this at the root of the module: %w", err)
	}
	for name, text := range invented.Files() {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
