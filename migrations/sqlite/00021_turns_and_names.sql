-- +goose Up
-- internal/db: decisions that no two may take at once. On SQLite nobody needs it: a
-- transaction is the only writer anyway.
CREATE TABLE turn (
    name TEXT NOT NULL PRIMARY KEY
);

-- +goose Down
DROP TABLE turn;
