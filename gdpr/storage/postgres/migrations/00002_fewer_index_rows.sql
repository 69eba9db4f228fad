-- +goose Up

-- A record has rows here only for values that are not the person's own identifiers: few, and found by their token or their part. Identifiers are
-- found by index_identifier.
DROP INDEX gallra.index_token;
CREATE INDEX index_token ON gallra.index (token) WHERE part > 0;
CREATE INDEX index_part ON gallra.index (bucket, record, part) WHERE part > 0;

-- The records of an activity are read in the order of their ids.
CREATE INDEX parts_family ON gallra.parts (family, bucket, record, part);

-- +goose Down

DROP INDEX gallra.parts_family;
DROP INDEX gallra.index_part;
DROP INDEX gallra.index_token;
CREATE INDEX index_token ON gallra.index (token);
