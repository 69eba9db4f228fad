package gdpr_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gallra/gallra/gdpr"
)

// tampered is a site whose rows somebody changed past the library, with its records of before.
type tampered struct {
	t          *testing.T
	h          *hamlet // closed: for its ids
	data, keys *sql.DB
}

func (d *tampered) exec(db *sql.DB, query string, args ...any) {
	d.t.Helper()
	res, err := db.Exec(query, args...)
	require.NoError(d.t, err)
	n, err := res.RowsAffected()
	require.NoError(d.t, err)
	require.NotZero(d.t, n, "nothing was changed: %s", query)
}

func (d *tampered) get(db *sql.DB, query string, args ...any) (b []byte) {
	d.t.Helper()
	require.NoError(d.t, db.QueryRow(query, args...).Scan(&b))
	return b
}

// sealed moves a ciphertext to another part.
func (d *tampered) sealed(from gdpr.ID, fromPart int, to gdpr.ID, toPart int) {
	d.t.Helper()
	b := d.get(d.data, `SELECT sealed FROM gallra_parts WHERE record = ? AND part = ?`, from[:], fromPart)
	d.exec(d.data, `UPDATE gallra_parts SET sealed = ? WHERE record = ? AND part = ?`, b, to[:], toPart)
}

// key moves a wrapped part key to another part.
func (d *tampered) key(from gdpr.ID, fromPart int, to gdpr.ID, toPart int) {
	d.t.Helper()
	b := d.get(d.keys, `SELECT wrapped FROM gallra_part_keys WHERE record = ? AND part = ? ORDER BY version DESC`, from[:], fromPart)
	d.exec(d.keys, `UPDATE gallra_part_keys SET wrapped = ? WHERE record = ? AND part = ?`, b, to[:], toPart)
}

func (d *tampered) both(from gdpr.ID, fromPart int, to gdpr.ID, toPart int) {
	d.t.Helper()
	d.sealed(from, fromPart, to, toPart)
	d.key(from, fromPart, to, toPart)
}

// subjectKey moves a person's wrapped key to another person.
func (d *tampered) subjectKey(from, to gdpr.ID) {
	d.t.Helper()
	b := d.get(d.keys, `SELECT wrapped FROM gallra_subject_keys WHERE id = ?`, d.subject(from))
	d.exec(d.keys, `UPDATE gallra_subject_keys SET wrapped = ? WHERE id = ?`, b, d.subject(to))
}

func (d *tampered) subject(record gdpr.ID) []byte {
	return d.get(d.data, `SELECT subject FROM gallra_parts WHERE record = ? LIMIT 1`, record[:])
}

// part sets a column of a record's first part.
func (d *tampered) part(column string, record gdpr.ID, v any) {
	d.t.Helper()
	d.exec(d.data, `UPDATE gallra_parts SET `+column+` = ? WHERE record = ? AND part = 1`, v, record[:])
}

// TestMovedIsRefused: a ciphertext or wrapped key that was moved to another row, part, version, subject, activity or controller does not open, and nothing of
// the record is returned (Art. 32(1)(b)). Anna has two records; Bo is another person; guest and neighbor are persons of two customers.
func TestMovedIsRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		move   func(d *tampered, h *hamlet)
		victim func(h *hamlet) gdpr.ID // whose record is read; default Anna's newer one
		gone   bool                    // the part looks as if it were erased: the rest of the record may be read
	}{
		{name: "content to another record of the person", move: func(d *tampered, h *hamlet) { d.sealed(h.expired, 2, h.live, 2) }},
		{name: "content and key to another record of the person", move: func(d *tampered, h *hamlet) { d.both(h.expired, 2, h.live, 2) }},
		{name: "content to another part", move: func(d *tampered, h *hamlet) { d.sealed(h.live, 2, h.live, 1) }},
		{name: "content and key to another part", move: func(d *tampered, h *hamlet) { d.both(h.live, 2, h.live, 1) }},
		{name: "content to another person", move: func(d *tampered, h *hamlet) { d.sealed(h.bo, 2, h.live, 2) }},
		{name: "content and key to another person", move: func(d *tampered, h *hamlet) { d.both(h.bo, 2, h.live, 2) }},
		{name: "content, key and person's key to another person", move: func(d *tampered, h *hamlet) { d.both(h.bo, 2, h.live, 2); d.subjectKey(h.bo, h.live) }},
		{name: "key to another record of the person", move: func(d *tampered, h *hamlet) { d.key(h.expired, 2, h.live, 2) }},
		{name: "key to another part", move: func(d *tampered, h *hamlet) { d.key(h.live, 1, h.live, 2) }},
		{name: "key to another person", move: func(d *tampered, h *hamlet) { d.key(h.bo, 2, h.live, 2) }},
		{name: "person's key to another person", move: func(d *tampered, h *hamlet) { d.subjectKey(h.bo, h.live) }},
		{name: "row to another person", gone: true, move: func(d *tampered, h *hamlet) { d.part("subject", h.live, d.subject(h.bo)) }},
		{name: "row to another activity", move: func(d *tampered, h *hamlet) { d.part("family", h.live, "hosted") }},
		{name: "row to another controller", gone: true, move: func(d *tampered, h *hamlet) { d.part("controller", h.live, h.party[:]) }},
		{name: "row to another version", gone: true, move: func(d *tampered, h *hamlet) { d.part("version", h.live, 2) }},
		{name: "row and key to another version", move: func(d *tampered, h *hamlet) {
			d.part("version", h.live, 2)
			d.exec(d.keys, `UPDATE gallra_part_keys SET version = 2 WHERE record = ? AND part = 1`, h.live[:])
		}},
		{name: "old content under the new version", victim: func(h *hamlet) gdpr.ID { return h.changed }, move: func(d *tampered, h *hamlet) {
			d.exec(d.data, `UPDATE gallra_parts SET sealed = ? WHERE record = ? AND part = 2`, h.oldSealed, h.changed[:])
		}},
		{name: "old content and old key under the new version", victim: func(h *hamlet) gdpr.ID { return h.changed }, move: func(d *tampered, h *hamlet) {
			d.exec(d.data, `UPDATE gallra_parts SET sealed = ? WHERE record = ? AND part = 2`, h.oldSealed, h.changed[:])
			d.exec(d.keys, `UPDATE gallra_part_keys SET wrapped = ? WHERE record = ? AND part = 2`, h.oldKey, h.changed[:])
		}},
		{name: "content and key to another customer", victim: func(h *hamlet) gdpr.ID { return h.guest }, move: func(d *tampered, h *hamlet) { d.both(h.neighbor, 1, h.guest, 1) }},
		{name: "content and all keys to another customer", victim: func(h *hamlet) gdpr.ID { return h.guest }, move: func(d *tampered, h *hamlet) {
			d.both(h.neighbor, 1, h.guest, 1)
			d.subjectKey(h.neighbor, h.guest)
			d.exec(d.keys, `UPDATE gallra_controller_keys SET wrapped = ? WHERE id = ?`,
				d.get(d.keys, `SELECT wrapped FROM gallra_controller_keys WHERE id = ?`, h.other[:]), h.party[:])
		}},
		{name: "keyset of another customer", victim: func(h *hamlet) gdpr.ID { return h.guest }, move: func(d *tampered, h *hamlet) {
			d.exec(d.keys, `UPDATE gallra_controller_keys SET wrapped = ? WHERE id = ?`,
				d.get(d.keys, `SELECT wrapped FROM gallra_controller_keys WHERE id = ?`, h.other[:]), h.party[:])
		}},
		{name: "person's key of another customer", victim: func(h *hamlet) gdpr.ID { return h.guest }, move: func(d *tampered, h *hamlet) { d.subjectKey(h.neighbor, h.guest) }},
		{name: "row to another customer", victim: func(h *hamlet) gdpr.ID { return h.guest }, move: func(d *tampered, h *hamlet) { d.part("controller", h.guest, h.other[:]) }},
		{name: "one bit", move: func(d *tampered, h *hamlet) {
			b := d.get(d.data, `SELECT sealed FROM gallra_parts WHERE record = ? AND part = 1`, h.live[:])
			b[len(b)/2] ^= 1
			d.part("sealed", h.live, b)
		}},
	}
	for _, layout := range bothLayouts {
		t.Run(layout.name, func(t *testing.T) {
			t.Parallel()
			h := tamperable(t, layout.apart)
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					victim := h.live
					if c.victim != nil {
						victim = c.victim(h)
					}
					s := h.tamper(t, func(d *tampered) { c.move(d, h) })
					r := s.run(t)
					for what, session := range h.readers(r, victim) {
						got, err := session.Get(t.Context(), victim)
						if c.gone && err == nil {
							require.Empty(t, got.Text("name")+got.Text("email"), what)
							continue
						}
						require.Error(t, err, what)
						require.Nil(t, got, what)
						require.NotErrorIs(t, err, gdpr.ErrNotAllowed, "%s: refused for the wrong reason", what)
					}
					for rec, err := range r.As(dpo, gdpr.SubjectRights).Find(t.Context(), h.identity(victim)) {
						require.False(t, err == nil && !rec.Sealed() && rec.ID == victim && rec.Text("name") != "", "found all the same")
					}
				})
			}
			t.Run("nothing moved", func(t *testing.T) {
				r := h.tamper(t, func(*tampered) {}).run(t)
				for _, victim := range []gdpr.ID{h.live, h.changed, h.guest} {
					for what, session := range h.readers(r, victim) {
						_, err := session.Get(t.Context(), victim)
						require.NoError(t, err, what)
					}
				}
			})
		})
	}
}

// tamperable is a hamlet, closed, in which one record was updated once.
func tamperable(t *testing.T, apart bool) *hamlet {
	t.Helper()
	s := newSite(t, village, apart)
	h := newHamlet(t, s)
	require.NoError(t, s.raw(t, dataFile).QueryRow(`SELECT sealed FROM gallra_parts WHERE record = ? AND part = 2`, h.changed[:]).Scan(&h.oldSealed))
	require.NoError(t, s.raw(t, s.keyFile()).QueryRow(`SELECT wrapped FROM gallra_part_keys WHERE record = ? AND part = 2`, h.changed[:]).Scan(&h.oldKey))
	require.NoError(t, h.As(support, "inquiry").Update(t.Context(), h.changed, gdpr.Change{Fields: gdpr.Fields{"question": "Efter"}}))
	h.stop()
	return h
}

// tamper changes a copy of the site.
func (h *hamlet) tamper(t *testing.T, change func(*tampered)) *site {
	t.Helper()
	s, err := h.site.copyTo(t.TempDir())
	require.NoError(t, err)
	d := &tampered{t: t, h: h, data: s.raw(t, dataFile)}
	d.keys = d.data
	if s.apart {
		d.keys = s.raw(t, keysFile)
	}
	change(d)
	require.NoError(t, d.data.Close())
	require.NoError(t, d.keys.Close())
	return s
}

// readers are the sessions that may read a record.
func (h *hamlet) readers(r *running, record gdpr.ID) map[string]*gdpr.Session {
	if record == h.guest {
		return map[string]*gdpr.Session{"clerk": r.As(support, "hosted").Under(h.agreement)}
	}
	return map[string]*gdpr.Session{"clerk": r.As(support, "inquiry"), "subject rights": r.As(dpo, gdpr.SubjectRights)}
}

func (h *hamlet) identity(record gdpr.ID) gdpr.Identity {
	switch record {
	case h.changed:
		return gdpr.Email("cajsa@byn.example")
	case h.guest:
		return gdpr.Ref("gäst-1")
	}
	return gdpr.Email("anna@byn.example")
}

// TestMovedFiles: sealed texts of parties, and the grants of roles, are bound to their rows too.
func TestMovedFiles(t *testing.T) {
	t.Parallel()
	h := tamperable(t, false)
	t.Run("a party's name to another party", func(t *testing.T) {
		s := h.tamper(t, func(d *tampered) {
			b := d.get(d.data, `SELECT body FROM gallra_files WHERE kind = 'party' AND id = ?`, h.other[:])
			d.exec(d.data, `UPDATE gallra_files SET body = ? WHERE kind = 'party' AND id = ?`, b, h.party[:])
		})
		p, err := s.run(t).Party(t.Context(), h.party)
		require.Error(t, err)
		require.Zero(t, p)
	})
	t.Run("a grant's body to another grant", func(t *testing.T) {
		s := h.tamper(t, func(d *tampered) {
			d.exec(d.data, `UPDATE gallra_files SET body = (SELECT body FROM gallra_files WHERE kind = 'grant' AND id <> g.id) FROM gallra_files g
				WHERE gallra_files.kind = 'grant' AND gallra_files.id = g.id`)
		})
		_, err := s.run(t).As(support, "inquiry").Get(t.Context(), h.live)
		require.Error(t, err)
	})
	t.Run("a grant to another actor", func(t *testing.T) {
		s := h.tamper(t, func(d *tampered) {
			rows := [][]byte{}
			for _, id := range column(t, d.data, `SELECT id FROM gallra_files WHERE kind = 'grant' ORDER BY id`) {
				rows = append(rows, []byte(id))
			}
			require.Len(t, rows, 2)
			name := func(i int) []byte { return d.get(d.data, `SELECT name FROM gallra_files WHERE id = ?`, rows[i]) }
			first, second := name(0), name(1)
			d.exec(d.data, `UPDATE gallra_files SET name = ? WHERE id = ?`, second, rows[0])
			d.exec(d.data, `UPDATE gallra_files SET name = ? WHERE id = ?`, first, rows[1])
		})
		r := s.run(t)
		_, err := r.As(support, "inquiry").Get(t.Context(), h.live)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed)
		_, err = r.As(support, gdpr.SubjectRights).Erase(t.Context(), gdpr.Email("bo@byn.example"), gdpr.Unlawful)
		require.ErrorIs(t, err, gdpr.ErrNotAllowed, "a clerk does not become a privacy officer by a changed row")
	})
}

// TestChangedClearColumns: what is not sealed can be changed by whoever writes to the database; the engine says so or goes on, and does not crash.
func TestChangedClearColumns(t *testing.T) {
	t.Parallel()
	h := tamperable(t, false)
	for _, column := range []string{"facts", "due", "purposes", "labels", "role", "class", "rev", "held", "agreement", "assignment", "owner", "hangs", "restricted"} {
		for name, v := range map[string]any{"text": "{", "json": `{"collected":"0000-99-99","days":{"x":1}}`, "number": -1, "huge": int64(1) << 62, "bytes": []byte{0xff, 0}} {
			t.Run(column+" "+name, func(t *testing.T) {
				s := h.tamper(t, func(d *tampered) {
					_, err := d.data.Exec(`UPDATE gallra_parts SET `+column+` = ? WHERE record = ?`, v, h.live[:])
					require.NoError(t, err)
				})
				r, err := s.start(t.Context())
				if err != nil {
					return
				}
				defer r.stop()
				ctx := t.Context()
				require.NotPanics(t, func() {
					_, _ = r.As(support, "inquiry").Get(ctx, h.live)
					_, _ = r.As(support, "inquiry").Explain(ctx, h.live)
					_ = r.As(support, "inquiry").Update(ctx, h.live, gdpr.Change{Fields: gdpr.Fields{"question": "Ny"}})
					_, _ = r.Plan(ctx)
					_, _ = r.Sweep(ctx, nil)
					_, _ = r.As(dpo, gdpr.SubjectRights).Erase(ctx, gdpr.Email("anna@byn.example"), gdpr.Unlawful)
				})
				got, err := r.As(support, "inquiry").Get(ctx, h.bo)
				require.NoError(t, err, "others are not touched")
				require.Equal(t, "Bos", got.Text("question"))
			})
		}
	}
}
