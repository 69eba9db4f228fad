package gdpr_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/gallra/gallra/gdpr"
	"github.com/gallra/gallra/gdpr/storage/sqlite"
)

// decoder opens rows with public Tink alone, as docs/format.md says and without a line of the library: what an attacker, or we in ten years, can do
// who holds the KEK, some key tables and some data tables.
type decoder struct {
	kek        tink.AEAD
	keys, data *sql.DB
}

// associated is AD(kind) of docs/format.md part 2.
func associated(kind byte, controller, subject, record []byte, part uint16, version uint32, name string) []byte {
	id := func(b []byte) []byte { return append(b, make([]byte, 16-len(b))...) }
	ad := append([]byte("gallra"), 1, kind)
	ad = append(append(append(ad, id(controller)...), id(subject)...), id(record)...)
	ad = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(ad, part), version)
	return append(append(ad, byte(len(name))), name...)
}

func (d *decoder) one(db *sql.DB, query string, args ...any) (b []byte) {
	_ = db.QueryRow(query, args...).Scan(&b)
	return b
}

func (d *decoder) controller(id []byte) (tink.AEAD, error) {
	sum := sha256.Sum256(associated(2, id, nil, nil, 0, 0, ""))
	wrapped := d.one(d.keys, `SELECT wrapped FROM gallra_controller_keys WHERE id = ?`, id)
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), d.kek, sum[:])
	if err != nil {
		return nil, err
	}
	return aead.New(h)
}

func (d *decoder) subject(controller, id []byte) (tink.AEAD, error) {
	by, err := d.controller(controller)
	if err != nil {
		return nil, err
	}
	wrapped := d.one(d.keys, `SELECT wrapped FROM gallra_subject_keys WHERE id = ?`, id)
	return rawKey(by, wrapped, associated(3, controller, id, nil, 0, 0, ""), 1)
}

// rawKey opens a wrapped key of 32 bytes.
func rawKey(by tink.AEAD, wrapped, ad []byte, id uint32) (tink.AEAD, error) {
	raw, err := by.Decrypt(wrapped, ad)
	if err != nil {
		return nil, err
	}
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink})
	if err != nil {
		return nil, err
	}
	key, err := aesgcm.NewKey(secretdata.NewBytesFromData(raw, insecuresecretdataaccess.Token{}), id, params)
	if err != nil {
		return nil, err
	}
	return aesgcm.NewAEAD(key)
}

// partRow is what the decoder reads of a part.
type partRow struct {
	record, controller, subject, sealed []byte
	part                                uint16
	version                             uint32
	family                              string
}

func (d *decoder) part(p partRow) ([]byte, error) {
	person, err := d.subject(p.controller, p.subject)
	if err != nil {
		return nil, err
	}
	wrapped := d.one(d.keys, `SELECT wrapped FROM gallra_part_keys WHERE record = ? AND part = ? AND version = ?`, p.record, p.part, p.version)
	key, err := rawKey(person, wrapped, associated(4, p.controller, p.subject, p.record, p.part, p.version, p.family), p.version)
	if err != nil {
		return nil, err
	}
	return key.Decrypt(p.sealed, associated(5, p.controller, p.subject, p.record, p.part, p.version, p.family))
}

// decoderOf reads the KEK of a site, its key tables of today, and the data tables of some file.
func decoderOf(t *testing.T, s *site, keys, data *sql.DB) *decoder {
	t.Helper()
	f, err := os.Open(s.path(kekFile))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(f))
	require.NoError(t, err)
	kek, err := aead.New(h)
	require.NoError(t, err)
	return &decoder{kek: kek, keys: keys, data: data}
}

// opens returns the content of every part, identifier and party of the data tables that opens, and the names of what stays shut.
func (d *decoder) opens(t *testing.T) (open map[string]string, shut []string) {
	t.Helper()
	open = map[string]string{}
	note := func(name string, plain []byte, err error) {
		if err != nil {
			shut = append(shut, name)
			return
		}
		open[name] = string(plain)
	}
	rows, err := d.data.Query(`SELECT record, part, version, controller, subject, family, sealed FROM gallra_parts ORDER BY record, part`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var p partRow
		require.NoError(t, rows.Scan(&p.record, &p.part, &p.version, &p.controller, &p.subject, &p.family, &p.sealed))
		plain, err := d.part(p)
		note(fmt.Sprintf("%x/%d/%d", p.record, p.part, p.version), plain, err)
	}
	require.NoError(t, rows.Err())
	index, err := d.data.Query(`SELECT subject, controller, kind, sealed FROM gallra_index WHERE part = 0`)
	require.NoError(t, err)
	defer func() { _ = index.Close() }()
	for index.Next() {
		var subject, controller, sealed []byte
		var kind string
		require.NoError(t, index.Scan(&subject, &controller, &kind, &sealed))
		key, err := d.subject(controller, subject)
		var plain []byte
		if err == nil {
			plain, err = key.Decrypt(sealed, associated(6, controller, subject, nil, 0, 0, kind))
		}
		note(fmt.Sprintf("%x %s", subject, kind), plain, err)
	}
	require.NoError(t, index.Err())
	files, err := d.data.Query(`SELECT id, rev, body FROM gallra_files WHERE kind = 'party'`)
	require.NoError(t, err)
	defer func() { _ = files.Close() }()
	for files.Next() {
		var id, body []byte
		var rev uint32
		require.NoError(t, files.Scan(&id, &rev, &body))
		key, err := d.controller(id)
		var plain []byte
		if err == nil {
			plain, err = key.Decrypt(body, associated(7, id, nil, id, 0, rev, "party"))
		}
		note(fmt.Sprintf("party %x", id), plain, err)
	}
	require.NoError(t, files.Err())
	sort.Strings(shut)
	return open, shut
}

// copyData is a backup of the data file alone, with its log, as it is now.
func (s *site) copyData(t *testing.T) *sql.DB {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{dataFile, dataFile + "-wal"} {
		require.NoError(t, copyFile(s.path(name), filepath.Join(dir, name)))
	}
	db, err := sql.Open("sqlite", sqlite.DSN(filepath.Join(dir, dataFile)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// hamlet is a village with something of each kind that can be erased.
type hamlet struct {
	*running
	t *testing.T
	// records: of Anna (expired and live), and of others
	expired, live, split, changed, eva, bo gdpr.ID
	// records of persons of two customers, and the customers
	guest, neighbor                         gdpr.ID
	party, agreement, other, otherAgreement gdpr.ID
	// the old version of changed
	oldSealed, oldKey []byte
}

func newHamlet(t *testing.T, s *site) *hamlet {
	t.Helper()
	h := &hamlet{running: s.run(t), t: t}
	h.grant(t, support, "clerk")
	h.grant(t, dpo, "privacy")
	h.party, h.agreement, _ = h.lease(t, "Kvarnen")
	h.other, h.otherAgreement, _ = h.lease(t, "Smedjan")
	h.expired = h.put(gdpr.Record{Subject: gdpr.Email("anna@byn.example"), CollectedAt: on("2025-02-01").at,
		Fields: gdpr.Fields{"name": "Anna", "question": "Gammal fråga"}, Source: "brev"})
	h.live = h.put(gdpr.Record{Subject: gdpr.Email("anna@byn.example"), Fields: gdpr.Fields{"name": "Anna", "question": "Ny fråga"}, Source: "brev"})
	h.split = h.put(gdpr.Record{Subject: gdpr.Email("dag@byn.example"), Fields: gdpr.Fields{"name": "Dag", "question": "Delad"}})
	h.changed = h.put(gdpr.Record{Subject: gdpr.Email("cajsa@byn.example"), Fields: gdpr.Fields{"name": "Cajsa", "question": "Före"}})
	h.eva = h.put(gdpr.Record{Subject: gdpr.Email("eva@byn.example"), Fields: gdpr.Fields{"name": "Eva", "question": "Evas"}})
	h.bo = h.put(gdpr.Record{Subject: gdpr.Email("bo@byn.example"), Fields: gdpr.Fields{"name": "Bo", "question": "Bos"}})
	h.guest = h.host(h.agreement, gdpr.Record{Subject: gdpr.Ref("gäst-1"), Fields: gdpr.Fields{"content": "Gästens"}})
	h.neighbor = h.host(h.otherAgreement, gdpr.Record{Subject: gdpr.Ref("gäst-1"), Fields: gdpr.Fields{"content": "Grannens"}})
	return h
}

func (h *hamlet) put(r gdpr.Record) gdpr.ID {
	h.t.Helper()
	id, err := h.As(support, "inquiry").Put(h.t.Context(), r)
	require.NoError(h.t, err)
	return id
}

func (h *hamlet) host(agreement gdpr.ID, r gdpr.Record) gdpr.ID {
	h.t.Helper()
	id, err := h.As(support, "hosted").Under(agreement).Put(h.t.Context(), r)
	require.NoError(h.t, err)
	return id
}

// eraseSome ends things in each of the five ways.
func (h *hamlet) eraseSome(ctx context.Context) {
	h.t.Helper()
	t := h.t
	require.NoError(t, h.As(support, "inquiry").Update(ctx, h.changed, gdpr.Change{Fields: gdpr.Fields{"question": "Efter"}}))
	require.NoError(t, h.As(dpo, gdpr.SubjectRights).RecordEvent(ctx, gdpr.Event{Kind: gdpr.ObjectionUpheld, Record: h.split, Purpose: "inquiry"}))
	res, err := h.Sweep(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, 2, res.Erased, "the expired part without its longer purpose, and the one whose purpose ended")
	out, err := h.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("eva@byn.example"), gdpr.NoLongerNeeded)
	require.NoError(t, err)
	require.True(t, out.Whole)
	require.NoError(t, h.As(boss, gdpr.Retention).RecordEvent(ctx, gdpr.Event{Kind: gdpr.AgreementEnded, Agreement: h.agreement}))
	_, err = h.As(dpo, gdpr.Retention).Offboard(ctx, h.party)
	require.NoError(t, err)
	res, err = h.Sweep(ctx, nil)
	require.NoError(t, err)
	require.Positive(t, res.Cleared)
}

// of are the parts of a record among what the decoder names.
func partName(record gdpr.ID, part, version int) string {
	return fmt.Sprintf("%x/%d/%d", record[:], part, version)
}

// TestErasedIsErased: with the KEK, the key store of today and the data of before, everything that lives opens and nothing that was erased (Art. 17, 5(1)(e)).
func TestErasedIsErased(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newSite(t, village, true)
	h := newHamlet(t, s)
	before := s.copyData(t)
	open, shut := decoderOf(t, s, s.raw(t, keysFile), before).opens(t)
	require.Empty(t, shut, "before, everything opens")
	require.JSONEq(t, `{"fields":{"email":"anna@byn.example","name":"Anna"},"source":"brev"}`, open[partName(h.live, 1, 1)])
	require.JSONEq(t, `{"fields":{"question":"Ny fråga"},"source":"brev"}`, open[partName(h.live, 2, 1)])

	eva, guest := h.person(t, h.eva), h.person(t, h.guest)
	h.eraseSome(ctx)
	after, shut := decoderOf(t, s, s.raw(t, keysFile), before).opens(t)
	want := []string{
		partName(h.expired, 1, 1),                                                               // an expired part; its other part serves statistics still
		partName(h.split, 1, 1),                                                                 // an ended purpose
		partName(h.changed, 2, 1),                                                               // an old version
		partName(h.eva, 1, 1), partName(h.eva, 2, 1), fmt.Sprintf("%x user.contact.email", eva), // a person
		partName(h.guest, 1, 1), fmt.Sprintf("%x user.unique_id", guest), fmt.Sprintf("party %x", h.party[:]), // a customer
	}
	sort.Strings(want)
	require.Equal(t, want, shut)
	for _, name := range want {
		delete(open, name)
	}
	require.Equal(t, open, after, "everything else opens as before")

	// The rows of today, too, are as docs/format.md says; the new version among them.
	today, shut := decoderOf(t, s, s.raw(t, keysFile), s.raw(t, dataFile)).opens(t)
	require.Equal(t, []string{fmt.Sprintf("party %x", h.party[:])}, shut, "the row of the customer stays, without content")
	require.JSONEq(t, `{"fields":{"question":"Efter"}}`, today[partName(h.changed, 2, 2)])
}

// person reads whose a record is, past the library.
func (h *hamlet) person(t *testing.T, record gdpr.ID) []byte {
	t.Helper()
	var id []byte
	require.NoError(t, h.site.raw(t, dataFile).QueryRow(`SELECT subject FROM gallra_parts WHERE record = ?`, record[:]).Scan(&id))
	return id
}

// TestFullCopyOpens: with data and keys in one file a full copy from before holds the old keys too, and opens. That is the reason for
// Options.Keys, for the ledger, and for the end of every copy.
func TestFullCopyOpens(t *testing.T) {
	t.Parallel()
	s := newSite(t, village, false)
	h := newHamlet(t, s)
	before := s.copyData(t)
	h.eraseSome(t.Context())
	open, shut := decoderOf(t, s, before, before).opens(t)
	require.Empty(t, shut)
	require.JSONEq(t, `{"fields":{"question":"Evas"}}`, open[partName(h.eva, 2, 1)])

	// The file of today holds none of them.
	_, shut = decoderOf(t, s, s.raw(t, dataFile), before).opens(t)
	require.Len(t, shut, 9)

	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	require.Contains(t, strings.Join(strings.Fields(string(readme)), " "), "With one file for both, a full copy from before does open")
}
