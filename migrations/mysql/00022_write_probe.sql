-- +goose Up
-- internal/db: what each process writes to see whether changes are taken.
CREATE TABLE IF NOT EXISTS write_probe (
    name VARCHAR(64) NOT NULL PRIMARY KEY, -- of the process
    at BIGINT NOT NULL,
    tries BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE write_probe;
