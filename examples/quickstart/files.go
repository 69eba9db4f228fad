package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const registerPath = "registers/epm.yaml"

// findTestdata finds the project's testdata: above the working directory, else above this source.
func findTestdata() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	from := []string{dir}
	if _, source, _, ok := runtime.Caller(0); ok {
		from = append(from, filepath.Dir(source))
	}
	for _, dir := range from {
		for ; ; dir = filepath.Dir(dir) {
			testdata := filepath.Join(dir, "testdata")
			if _, err := os.Stat(filepath.Join(testdata, registerPath)); err == nil {
				return testdata, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("testdata not found: run this from within the project")
}

// copyFile copies a file that nobody writes to meanwhile.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return writeFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// writeFile makes a file that only its owner may read.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// file is one that this run has left.
type file struct {
	path string // below the folder
	size int
	said int // how often a word stands in it, in clear
}

// files lists a folder, and counts a word in each of its files.
func files(folder, word string) ([]file, error) {
	var all []file
	dir := os.DirFS(folder)
	err := fs.WalkDir(dir, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dir, path)
		if err != nil {
			return err
		}
		all = append(all, file{path, len(content), bytes.Count(content, []byte(word))})
		return nil
	})
	return all, err
}

// contents says what the files are.
var contents = map[string]string{
	dataFile:                         "sealed data, the trail",
	keysFile:                         "wrapped keys, tombstones",
	kekFile:                          "the key that wraps them",
	kekFile + ".ledger":              "proofs of erasure",
	copyDir + "/" + dataFile:         "the copy from before",
	reportsDir + "/2026-101-sv.html": "answer in Swedish",
	reportsDir + "/2026-101-en.html": "answer in English",
	reportsDir + "/2026-101-en.json": "answer for programs",
	reportsDir + "/2026-101.zip.age": "all of it, sealed for Anna",
}

// bytesIn is a size in words.
func bytesIn(n int) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
