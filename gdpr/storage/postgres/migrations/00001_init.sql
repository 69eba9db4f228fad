-- +goose Up

-- Ids are 16 bytes; instants are microseconds since 1970 in UTC, NULL for none; text is compared byte by byte.

CREATE TABLE gallra.meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE gallra.subjects (
    rev        BIGINT   NOT NULL,
    created    BIGINT,
    held       INTEGER  NOT NULL,
    bucket     SMALLINT NOT NULL,
    id         BYTEA    NOT NULL,
    controller BYTEA    NOT NULL,
    PRIMARY KEY (bucket, id)
);
CREATE INDEX subjects_controller ON gallra.subjects (controller, id);

CREATE TABLE gallra.parts (
    rev        BIGINT   NOT NULL,
    due        BIGINT,
    version    INTEGER  NOT NULL,
    part       INTEGER  NOT NULL,
    held       INTEGER  NOT NULL,
    bucket     SMALLINT NOT NULL,
    hangs      BOOLEAN  NOT NULL,
    restricted BOOLEAN  NOT NULL,
    record     BYTEA    NOT NULL,
    controller BYTEA    NOT NULL,
    subject    BYTEA    NOT NULL,
    family     TEXT COLLATE "C" NOT NULL,
    purposes   TEXT COLLATE "C" NOT NULL,
    role       TEXT COLLATE "C" NOT NULL,
    class      TEXT COLLATE "C" NOT NULL,
    agreement  BYTEA,
    assignment BYTEA,
    owner      BYTEA,
    labels     TEXT COLLATE "C" NOT NULL,
    facts      BYTEA,
    sealed     BYTEA    NOT NULL,
    PRIMARY KEY (bucket, record, part)
);
CREATE INDEX parts_subject ON gallra.parts (bucket, subject, record, part);
CREATE INDEX parts_due ON gallra.parts (due, bucket, record, part) WHERE due IS NOT NULL;
CREATE INDEX parts_hanging ON gallra.parts (owner, family, bucket, record, part) WHERE hangs;

CREATE TABLE gallra.links (
    bucket SMALLINT NOT NULL,
    other  SMALLINT NOT NULL,
    record BYTEA    NOT NULL,
    PRIMARY KEY (bucket, record, other)
);

CREATE TABLE gallra.index (
    part       INTEGER  NOT NULL,
    bucket     SMALLINT NOT NULL,
    subject    BYTEA    NOT NULL,
    record     BYTEA    NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    token      BYTEA    NOT NULL,
    controller BYTEA    NOT NULL,
    sealed     BYTEA,
    PRIMARY KEY (bucket, subject, record, part, kind, token)
);
CREATE INDEX index_token ON gallra.index (token);
-- Of one node. A cluster leaves it out, and doubles are merged when they are found.
CREATE UNIQUE INDEX index_identifier ON gallra.index (token, controller, kind) WHERE part < 1;

CREATE TABLE gallra.schedules (
    rev    BIGINT  NOT NULL,
    due    BIGINT,
    held   INTEGER NOT NULL,
    owner  BYTEA   NOT NULL,
    family TEXT COLLATE "C" NOT NULL,
    facts  BYTEA,
    PRIMARY KEY (owner, family)
);
CREATE INDEX schedules_due ON gallra.schedules (due, owner, family) WHERE due IS NOT NULL;

CREATE TABLE gallra.events (
    seq    BIGINT NOT NULL,
    at     BIGINT,
    object BYTEA  NOT NULL,
    id     BYTEA  NOT NULL,
    body   BYTEA  NOT NULL,
    PRIMARY KEY (object, seq)
);

CREATE TABLE gallra.files (
    rev       BIGINT  NOT NULL,
    due       BIGINT,
    held      INTEGER NOT NULL,
    is_unique BOOLEAN NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    id        BYTEA   NOT NULL,
    parent    BYTEA   NOT NULL,
    state     TEXT COLLATE "C" NOT NULL,
    name      BYTEA   NOT NULL,
    body      BYTEA   NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX files_name ON gallra.files (kind, name, id);
CREATE UNIQUE INDEX files_unique ON gallra.files (kind, name) WHERE is_unique;
CREATE INDEX files_parent ON gallra.files (kind, parent, id);
CREATE INDEX files_due ON gallra.files (kind, due, id) WHERE due IS NOT NULL;

CREATE TABLE gallra.leases (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    fence BIGINT NOT NULL
);

CREATE TABLE gallra.lanes (
    last BIGINT NOT NULL,
    id   BYTEA  NOT NULL PRIMARY KEY
);

-- Lanes that transactions of the application write to: one row for each that was ever needed at once.
CREATE TABLE gallra.free_lanes (
    id BYTEA NOT NULL PRIMARY KEY
);

CREATE TABLE gallra.entries (
    seq  BIGINT NOT NULL,
    at   BIGINT,
    lane BYTEA  NOT NULL,
    body BYTEA  NOT NULL,
    mac  BYTEA  NOT NULL,
    PRIMARY KEY (lane, seq)
);

CREATE TABLE gallra.segments (
    n    BIGINT NOT NULL PRIMARY KEY,
    body BYTEA  NOT NULL
);

CREATE TABLE gallra.proofs (
    n         BIGINT  NOT NULL PRIMARY KEY,
    at        BIGINT,
    confirmed BOOLEAN NOT NULL,
    id        BYTEA   NOT NULL,
    prev      BYTEA   NOT NULL,
    digest    BYTEA   NOT NULL,
    mac       BYTEA   NOT NULL,
    body      BYTEA   NOT NULL
);
CREATE INDEX proofs_open ON gallra.proofs (n) WHERE NOT confirmed;

CREATE TABLE gallra.store_keys (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    wrapped  BYTEA,
    recovery BYTEA
);

CREATE TABLE gallra.controller_keys (
    destroyed BOOLEAN NOT NULL,
    id        BYTEA   NOT NULL PRIMARY KEY,
    wrapped   BYTEA,
    recovery  BYTEA
);

CREATE TABLE gallra.subject_keys (
    bucket     SMALLINT NOT NULL,
    destroyed  BOOLEAN  NOT NULL,
    id         BYTEA    NOT NULL,
    controller BYTEA    NOT NULL,
    wrapped    BYTEA,
    PRIMARY KEY (bucket, id)
);

CREATE TABLE gallra.part_keys (
    part    INTEGER  NOT NULL,
    version INTEGER  NOT NULL,
    bucket  SMALLINT NOT NULL,
    record  BYTEA    NOT NULL,
    wrapped BYTEA    NOT NULL,
    PRIMARY KEY (bucket, record, part, version)
);

-- +goose Down

DROP TABLE gallra.part_keys;
DROP TABLE gallra.subject_keys;
DROP TABLE gallra.controller_keys;
DROP TABLE gallra.store_keys;
DROP TABLE gallra.proofs;
DROP TABLE gallra.segments;
DROP TABLE gallra.entries;
DROP TABLE gallra.free_lanes;
DROP TABLE gallra.lanes;
DROP TABLE gallra.leases;
DROP TABLE gallra.files;
DROP TABLE gallra.events;
DROP TABLE gallra.schedules;
DROP TABLE gallra.index;
DROP TABLE gallra.links;
DROP TABLE gallra.parts;
DROP TABLE gallra.subjects;
DROP TABLE gallra.meta;
