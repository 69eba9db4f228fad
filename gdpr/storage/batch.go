package storage

import "time"

// Batch is what must be stored together. Apply checks every condition, then writes in the order of the fields.
// Where two batches lock the same rows, an adapter must lock subjects, identifiers, files, schedules and parts in that order, each by id.
type Batch struct {
	// Conditions on rows that the batch does not write.
	Subjects  []SubjectCond
	Index     []IndexCond
	Files     []FileCond
	Schedules []ScheduleCond
	Lease     *LeaseCond

	// Writes.
	PutMeta      map[string][]byte // replaces
	PutSubjects  []Subject         // must be new
	PutParts     []Part            // must be new; Held starts at 0
	RevisePart   []Part            // new content: replaces the row whose Rev is one less; Held must stay as stored
	RetimeParts  []Retime
	EraseParts   []PartErase // with all their find-by rows
	HoldParts    []PartHold
	HoldSubjects []Count
	HoldFiles    []Count

	PutIndex      []IndexRow // an identifier must be new for (controller, kind, token): else KindIndex, Exists; a find-by row replaces itself
	EraseIndex    []IndexRow // by (Subject, Record, Part, Kind, Token); absent is no error
	EraseSubjects []SubjectErase
	PutSchedules  []Schedule // Rev 1: must be new; else replaces the row whose Rev is one less; Held must stay as stored
	HoldSchedules []Count
	PutEvents     []Event
	PutFiles      []File    // as PutSchedules; of a Unique file (Kind, Name) must be new: else KindFile, Exists
	EraseFiles    []FileRef // absent is no error

	// EraseController removes at most Limit rows (parts, index rows, subjects) of a controller, in any order, held or not, with the keys
	// of those parts and subjects, but no tombstone; Apply sets Erased.
	EraseController *ControllerErase

	Entries  []Entry   // (Lane, Seq) must be new and Seq one over the lane's last: else KindEntry, Stale
	Segments []Segment // N must be one over the last: else KindSegment, Stale
	Proofs   []Proof   // N must be one over the last and Prev its digest: else KindProof, Stale
	Confirm  []uint64  // proofs to mark as confirmed

	// Keys is for the store's own key tables; empty when keys live in a store of their own.
	Keys KeyBatch
}

// KeyBatch is what must happen to keys together. Destroying comes first.
type KeyBatch struct {
	DestroyControllers []ID
	DestroySubjects    []SubjectKey // ID and Controller
	DestroyParts       []PartKeyRef // absent is no error
	DestroyAllOf       []PartRef    // all versions of these parts

	PutStore       []StoreKey
	PutControllers []ControllerKey
	PutSubjects    []SubjectKey
	PutParts       []PartKey
}

// Empty reports whether the batch does nothing.
func (b *KeyBatch) Empty() bool {
	return len(b.DestroyControllers)+len(b.DestroySubjects)+len(b.DestroyParts)+len(b.DestroyAllOf)+
		len(b.PutStore)+len(b.PutControllers)+len(b.PutSubjects)+len(b.PutParts) == 0
}

// SubjectCond demands that the subject exists (else KindSubject, Missing). A batch that writes rows of a subject takes it shared;
// one that destroys takes it exclusive, so that neither misses the other.
type SubjectCond struct {
	ID        ID
	Exclusive bool
	NotHeld   bool // its hold counter must be 0 (else Held)
	// Bare requires that no part of the subject is left, looked at after the lock was taken and after EraseParts of this batch (else Exists).
	Bare bool
	// Left requires, unless empty, that these parts of the subject are left and no others, looked at as for Bare (else Changed).
	Left []PartRef
}

// IndexCond demands that an identifier is there (else KindIndex, Missing). A batch that leaned on it to know the subject takes it shared.
type IndexCond struct {
	Subject ID
	Kind    string
	Token   []byte
}

// FileCond demands that the file exists, with that revision unless Rev is 0, and that state unless State is empty (else Changed).
type FileCond struct {
	Kind    string
	ID      ID
	Rev     int64
	State   string
	NotHeld bool
}

// ScheduleCond demands that the schedule has that revision; Rev 0 means that it must not exist.
type ScheduleCond struct {
	Owner   ID
	Family  string
	Rev     int64
	NotHeld bool
}

// LeaseCond demands that the lease still has that fence.
type LeaseCond struct {
	Name  string
	Fence int64
}

// PartErase removes a part of Subject (else Changed) whose revision is Rev (0: any) and whose hold counter is 0.
type PartErase struct {
	PartRef
	Subject ID
	Rev     int64
}

// Retime changes what dates or marks a part, never its content. Rev is the revision that the part must have; it is raised by one.
type Retime struct {
	PartRef
	Rev        int64
	Agreement  ID
	Assignment ID
	Owner      ID
	Hangs      bool
	Due        time.Time
	Restricted bool
	Purposes   []string
	Facts      []byte
}

// PartHold adds N (1 or -1) to the hold counter of a part, re-dates it when Due is not nil, and raises its revision. The part must exist
// and the counter must not fall below 0 (else Changed).
type PartHold struct {
	PartRef
	N   int
	Due *time.Time
}

// Count adds N (1 or -1) to the hold counter of a subject, a file (Name: its kind) or a schedule (Name: its family). The row must exist
// and the counter must not fall below 0 (else Changed). Its revision stays.
type Count struct {
	ID   ID
	Name string
	N    int
}

// SubjectErase removes a subject's row, which must exist, and every index row of it. It must fail (KindSubject, Held) while a hold
// counts on it.
type SubjectErase struct{ ID ID }

// FileRef names a file.
type FileRef struct {
	Kind string
	ID   ID
}

// ControllerErase bounds one step of off-boarding.
type ControllerErase struct {
	Controller ID
	Limit      int // must be over 0
	Erased     int // set by Apply: rows removed; 0 means nothing is left
}
