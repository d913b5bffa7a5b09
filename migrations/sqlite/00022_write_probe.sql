-- +goose Up
-- internal/db: what each process writes to see whether changes are taken.
CREATE TABLE write_probe (
    name TEXT NOT NULL PRIMARY KEY, -- of the process
    at BIGINT NOT NULL,
    tries BIGINT NOT NULL
);

-- +goose Down
DROP TABLE write_probe;
