-- +goose Up

CREATE TABLE gallra_meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE gallra_subjects (
    bucket     INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    controller BLOB    NOT NULL,
    rev        INTEGER NOT NULL,
    held       INTEGER NOT NULL,
    created    INTEGER,
    PRIMARY KEY (bucket, id)
) WITHOUT ROWID;
CREATE INDEX gallra_subjects_controller ON gallra_subjects (controller);

CREATE TABLE gallra_parts (
    bucket     INTEGER NOT NULL,
    record     BLOB    NOT NULL,
    part       INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    controller BLOB    NOT NULL,
    subject    BLOB    NOT NULL,
    family     TEXT    NOT NULL,
    purposes   TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    class      TEXT    NOT NULL,
    agreement  BLOB,
    assignment BLOB,
    owner      BLOB,
    hangs      INTEGER NOT NULL,
    due        INTEGER,
    held       INTEGER NOT NULL,
    restricted INTEGER NOT NULL,
    labels     TEXT    NOT NULL,
    facts      BLOB,
    sealed     BLOB    NOT NULL,
    PRIMARY KEY (bucket, record, part)
);
CREATE INDEX gallra_parts_subject ON gallra_parts (bucket, subject, record, part);
CREATE INDEX gallra_parts_due ON gallra_parts (due, bucket, record, part) WHERE due IS NOT NULL;
CREATE INDEX gallra_parts_hanging ON gallra_parts (owner, family, bucket, record, part) WHERE hangs;

CREATE TABLE gallra_links (
    bucket INTEGER NOT NULL,
    record BLOB    NOT NULL,
    other  INTEGER NOT NULL,
    PRIMARY KEY (bucket, record, other)
) WITHOUT ROWID;

CREATE TABLE gallra_index (
    bucket     INTEGER NOT NULL,
    subject    BLOB    NOT NULL,
    record     BLOB    NOT NULL,
    part       INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    token      BLOB    NOT NULL,
    controller BLOB    NOT NULL,
    sealed     BLOB,
    PRIMARY KEY (bucket, subject, record, part, kind, token)
);
CREATE INDEX gallra_index_token ON gallra_index (token);
-- An identifier has part 0. Were it written so, SQLite would plan each statement with a placeholder for the part anew, every time.
CREATE UNIQUE INDEX gallra_index_identifier ON gallra_index (controller, kind, token) WHERE part < 1;

CREATE TABLE gallra_schedules (
    owner  BLOB    NOT NULL,
    family TEXT    NOT NULL,
    rev    INTEGER NOT NULL,
    held   INTEGER NOT NULL,
    due    INTEGER,
    facts  BLOB,
    PRIMARY KEY (owner, family)
) WITHOUT ROWID;
CREATE INDEX gallra_schedules_due ON gallra_schedules (due, owner, family) WHERE due IS NOT NULL;

CREATE TABLE gallra_events (
    object BLOB    NOT NULL,
    seq    INTEGER NOT NULL,
    id     BLOB    NOT NULL,
    at     INTEGER,
    body   BLOB    NOT NULL,
    PRIMARY KEY (object, seq)
) WITHOUT ROWID;

CREATE TABLE gallra_files (
    kind      TEXT    NOT NULL,
    id        BLOB    NOT NULL,
    rev       INTEGER NOT NULL,
    held      INTEGER NOT NULL,
    parent    BLOB    NOT NULL,
    state     TEXT    NOT NULL,
    name      BLOB    NOT NULL,
    is_unique INTEGER NOT NULL,
    due       INTEGER,
    body      BLOB    NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX gallra_files_name ON gallra_files (kind, name, id);
CREATE UNIQUE INDEX gallra_files_unique ON gallra_files (kind, name) WHERE is_unique;
CREATE INDEX gallra_files_parent ON gallra_files (kind, parent, id);
CREATE INDEX gallra_files_due ON gallra_files (kind, due, id) WHERE due IS NOT NULL;

CREATE TABLE gallra_leases (
    name  TEXT    NOT NULL PRIMARY KEY,
    owner TEXT    NOT NULL,
    until INTEGER NOT NULL,
    fence INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE gallra_lanes (
    id   BLOB    NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE gallra_entries (
    lane BLOB    NOT NULL,
    seq  INTEGER NOT NULL,
    at   INTEGER,
    body BLOB    NOT NULL,
    mac  BLOB    NOT NULL,
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;

CREATE TABLE gallra_segments (
    n    INTEGER NOT NULL PRIMARY KEY,
    body BLOB    NOT NULL
);

CREATE TABLE gallra_proofs (
    n         INTEGER NOT NULL PRIMARY KEY,
    id        BLOB    NOT NULL,
    at        INTEGER,
    prev      BLOB    NOT NULL,
    digest    BLOB    NOT NULL,
    mac       BLOB    NOT NULL,
    body      BLOB    NOT NULL,
    confirmed INTEGER NOT NULL
);
CREATE INDEX gallra_proofs_open ON gallra_proofs (n) WHERE NOT confirmed;

CREATE TABLE gallra_store_keys (
    name     TEXT NOT NULL PRIMARY KEY,
    wrapped  BLOB,
    recovery BLOB
) WITHOUT ROWID;

CREATE TABLE gallra_controller_keys (
    id        BLOB    NOT NULL PRIMARY KEY,
    wrapped   BLOB,
    recovery  BLOB,
    destroyed INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE gallra_subject_keys (
    bucket     INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    controller BLOB    NOT NULL,
    wrapped    BLOB,
    destroyed  INTEGER NOT NULL,
    PRIMARY KEY (bucket, id)
) WITHOUT ROWID;

CREATE TABLE gallra_part_keys (
    bucket  INTEGER NOT NULL,
    record  BLOB    NOT NULL,
    part    INTEGER NOT NULL,
    version INTEGER NOT NULL,
    wrapped BLOB    NOT NULL,
    PRIMARY KEY (bucket, record, part, version)
) WITHOUT ROWID;

-- +goose Down

DROP TABLE gallra_part_keys;
DROP TABLE gallra_subject_keys;
DROP TABLE gallra_controller_keys;
DROP TABLE gallra_store_keys;
DROP TABLE gallra_proofs;
DROP TABLE gallra_segments;
DROP TABLE gallra_entries;
DROP TABLE gallra_lanes;
DROP TABLE gallra_leases;
DROP TABLE gallra_files;
DROP TABLE gallra_events;
DROP TABLE gallra_schedules;
DROP TABLE gallra_index;
DROP TABLE gallra_links;
DROP TABLE gallra_parts;
DROP TABLE gallra_subjects;
DROP TABLE gallra_meta;
