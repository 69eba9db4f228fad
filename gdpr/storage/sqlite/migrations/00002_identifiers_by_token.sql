-- +goose Up

-- Identifiers are looked up by their token, without a look at the find-by rows that have the same one.
DROP INDEX gallra_index_identifier;
CREATE UNIQUE INDEX gallra_index_identifier ON gallra_index (token, controller, kind) WHERE part < 1;

-- +goose Down

DROP INDEX gallra_index_identifier;
CREATE UNIQUE INDEX gallra_index_identifier ON gallra_index (controller, kind, token) WHERE part < 1;
