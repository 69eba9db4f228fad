package storagetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr/storage"
	"github.com/gallra/gallra/gdpr/storage/memory"
)

// spy notes which fields of batches that succeeded, and of questions, were set.
type spy struct {
	storage.Store
	seen map[string]bool
}

func (s spy) Apply(ctx context.Context, b *storage.Batch) error {
	err := s.Store.Apply(ctx, b)
	if err == nil {
		note(s.seen, "Batch", reflect.ValueOf(*b))
	}
	return err
}

func (s spy) ApplyKeys(ctx context.Context, b *storage.KeyBatch) error {
	err := s.Store.ApplyKeys(ctx, b)
	if err == nil {
		note(s.seen, "KeyBatch", reflect.ValueOf(*b))
	}
	return err
}

func (s spy) Parts(ctx context.Context, q storage.PartQuery) ([]storage.Part, error) {
	note(s.seen, "PartQuery", reflect.ValueOf(q))
	return s.Store.Parts(ctx, q)
}

func (s spy) Due(ctx context.Context, q storage.DueQuery) ([]storage.Part, error) {
	note(s.seen, "DueQuery", reflect.ValueOf(q))
	return s.Store.Due(ctx, q)
}

func (s spy) Files(ctx context.Context, q storage.FileQuery) ([]storage.File, error) {
	note(s.seen, "FileQuery", reflect.ValueOf(q))
	return s.Store.Files(ctx, q)
}

// note walks over a value and notes each field that is set; of a truth also that it is not.
func note(seen map[string]bool, path string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Bool:
		seen[fmt.Sprint(path, " ", v.Bool())] = true
		return
	case v.IsZero():
		return
	case leaf(v.Type()):
		seen[path] = true
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		note(seen, path, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			note(seen, path, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			note(seen, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	}
}

// fields walks over a type as note does over a value.
func fields(path string, t reflect.Type) (out []string) {
	switch {
	case t.Kind() == reflect.Bool:
		return []string{path + " true", path + " false"}
	case leaf(t):
		return []string{path}
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			out = append(out, fields(path+"."+t.Field(i).Name, t.Field(i).Type)...)
		}
		return out
	}
	return fields(path, t.Elem())
}

// leaf reports whether a value is set as a whole.
func leaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[storage.ID](), reflect.TypeFor[[]byte](), reflect.TypeFor[[]string]():
		return true
	}
	return t.Kind() != reflect.Struct && t.Kind() != reflect.Slice && t.Kind() != reflect.Pointer
}

// TestModelDrawsEverything: each field of what a store can be told or asked is set in some history, in a batch that succeeds.
func TestModelDrawsEverything(t *testing.T) {
	t.Parallel()
	var want []string
	for name, of := range map[string]reflect.Type{
		"Batch": reflect.TypeFor[storage.Batch](), "KeyBatch": reflect.TypeFor[storage.KeyBatch](), "PartQuery": reflect.TypeFor[storage.PartQuery](),
		"DueQuery": reflect.TypeFor[storage.DueQuery](), "FileQuery": reflect.TypeFor[storage.FileQuery](),
	} {
		want = append(want, fields(name, of)...)
	}
	want = slices.DeleteFunc(want, func(field string) bool {
		for _, read := range []string{".Key", ".SubjectKey", ".Schedule."} { // what a read adds to a part
			if strings.HasPrefix(field, "Batch.PutParts"+read) || strings.HasPrefix(field, "Batch.RevisePart"+read) {
				return true
			}
		}
		// A new row has no hold; keys are put alive, and destroyed by being named.
		return slices.Contains([]string{"Batch.PutSubjects.Held", "Batch.PutSchedules.Held", "Batch.PutFiles.Held", "Batch.HoldSubjects.Name"}, field) ||
			strings.HasSuffix(field, ".Destroyed true") || strings.HasSuffix(field, "DestroySubjects.Destroyed false")
	})
	require.Contains(t, want, "Batch.PutParts.PartRef.Bucket")
	require.Contains(t, want, "Batch.Subjects.Exclusive false")
	require.Contains(t, want, "DueQuery.After.Part.Record")
	seen := map[string]bool{}
	open := func() storage.Store { return memory.New() }
	for range 20 {
		model(t, open, func() storage.Store { return spy{memory.New(), seen} })
		if missing(want, seen) == nil {
			return
		}
	}
	assert.Empty(t, missing(want, seen), "of %d fields", len(want))
}

func missing(want []string, seen map[string]bool) (out []string) {
	for _, field := range want {
		if !seen[field] {
			out = append(out, field)
		}
	}
	return out
}

// TestModelShrinks gives the model a store that leaves out of Due what is held. Whoever reads the failure must see little more than that: a part
// that is put, and a hold on it.
func TestModelShrinks(t *testing.T) {
	const child = "STORAGETEST_UNHELD"
	open := func(*testing.T) storage.Store { return memory.New() }
	if os.Getenv(child) != "" {
		Model(t, open, func(*testing.T) storage.Store { return unheld{memory.New()} })
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestModelShrinks$", "-rapid.nofailfile", "-rapid.seed=7", "-rapid.shrinktime=1m")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "the model notices nothing")
	_, failed, shown := strings.Cut(string(out), "Failed test output:")
	require.True(t, shown, "%s", out)
	acts := regexp.MustCompile(`(?m)^ +model\.go:\d+: (apply|apply keys|read|acquire|release|off-board) .*$`).FindAllString(failed, -1)
	require.NotEmpty(t, acts, "%s", out)
	require.LessOrEqual(t, len(acts), 4, "%s", strings.Join(acts, "\n"))
	require.Contains(t, strings.Join(acts, "\n"), "HoldParts")
}
