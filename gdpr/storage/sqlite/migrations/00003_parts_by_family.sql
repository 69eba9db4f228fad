-- +goose Up

-- The records of an activity are read in the order of their ids.
CREATE INDEX gallra_parts_family ON gallra_parts (family, bucket, record, part);

-- +goose Down

DROP INDEX gallra_parts_family;
