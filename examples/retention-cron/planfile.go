package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/gallra/gallra/gdpr"
)

// planFile is a plan on its way from the process that made it, past the people who approve it, to the one that runs it. It holds counts and
// a digest, and names no person. Who changes it gains nothing: the engine compares the digest with what is due.
type planFile struct {
	Store gdpr.ID    `json:"store"`
	Plan  *gdpr.Plan `json:"plan"`
}

func writePlan(path string, store gdpr.ID, p *gdpr.Plan) error {
	text, err := json.MarshalIndent(planFile{store, p}, "", "  ")
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

// readPlan reads a plan that was made of the same store.
func readPlan(path string, store gdpr.ID) (*gdpr.Plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	var f planFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&f); {
	case err != nil || f.Plan == nil || f.Plan.Digest == "":
		return nil, errors.New("read plan: not a file that plan -out has written")
	case f.Store != store:
		return nil, errors.New("read plan: it was made of another store")
	}
	return f.Plan, nil
}
