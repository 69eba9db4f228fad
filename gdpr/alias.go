package gdpr

import (
	"github.com/gallra/gallra/gdpr/register"
	"github.com/gallra/gallra/retention"
)

// Register is the record of processing activities (Art. 30); package register has its language.
type Register = register.Register

// Activity is one purpose of the register.
type Activity = register.Activity

// Role is controller, joint controller, processor or sub-processor (Art. 4(7), 4(8), 26, 28).
type Role = register.Role

// LoadRegister reads a register from one or more YAML files. The error lists every problem with file, line and column.
func LoadRegister(paths ...string) (*Register, error) { return register.Load(paths...) }

// The purposes that every register has beside its activities.
const (
	// SubjectRights is answering a person: access, rectification, erasure and the other rights. Alone it looks across controllers.
	SubjectRights = "subject-rights"
	// Retention is keeping deadlines: plans, sweeps, agreements, holds, grants. It opens no personal data.
	Retention = "retention"
)

// The built-in events, and those that law adds to them.
const (
	AssignmentEnded   = retention.AssignmentEnded
	AgreementEnded    = retention.AgreementEnded
	ErasureInstructed = retention.ErasureInstructed
	PurposeEnded      = retention.PurposeEnded

	// ConsentWithdrawn ends a purpose at once, whatever its rule says (Art. 7(3)).
	ConsentWithdrawn retention.Event = "consent-withdrawn"
	// ObjectionUpheld ends a purpose at once, whatever its rule says (Art. 21).
	ObjectionUpheld retention.Event = "objection-upheld"
	// AgreementNamed names the agreement or assignment of a record that had none (EPM-T4).
	AgreementNamed retention.Event = "agreement-named"
	// Reopened says that an agreement or assignment which had ended goes on: its note says why, and somebody else approves (REQUIREMENTS 3.1).
	Reopened retention.Event = "reopened"
)
