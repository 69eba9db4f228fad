-- +goose Up

-- A person's id says it all: no bucket is needed to find what is about them.
DROP INDEX gallra_parts_subject;
CREATE INDEX gallra_parts_subject ON gallra_parts (subject, record, part);

-- +goose Down

DROP INDEX gallra_parts_subject;
CREATE INDEX gallra_parts_subject ON gallra_parts (bucket, subject, record, part);
