-- +goose Up

-- What is about a person is read page by page in this order. With the bucket in front, the planner takes the primary key for nearly as good, and sorts.
DROP INDEX gallra.parts_subject;
CREATE INDEX parts_subject ON gallra.parts (subject, record, part);

-- +goose Down

DROP INDEX gallra.parts_subject;
CREATE INDEX parts_subject ON gallra.parts (bucket, subject, record, part);
