-- +goose Up
-- internal/guess: tries at secrets, under keyed hashes of who tries and what. kind is 1
-- (an account), 2 (an address) or 3 (a network). name_box is what was hashed, sealed;
-- account is the hash of the account that was tried last. It is in place of login_failure,
-- whose rows were forgotten after an hour anyway.
CREATE TABLE IF NOT EXISTS guess (
    mac      BLOB NOT NULL PRIMARY KEY,
    kind     BIGINT NOT NULL,
    name_box BLOB NOT NULL,
    account  BLOB NOT NULL,
    ends     BIGINT NOT NULL,
    last_at  BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS guess_ends ON guess (ends);
DROP TABLE IF EXISTS login_failure;

-- internal/rate: whom each process has refused most within a minute, as it last said. who
-- is a keyed hash, name_box what was hashed, sealed.
CREATE TABLE IF NOT EXISTS rate_worst (
    process    TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    who        BLOB NOT NULL,
    name_box   BLOB NOT NULL,
    refused    BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (process, limit_name, who)
);
CREATE INDEX IF NOT EXISTS rate_worst_at ON rate_worst (at);

-- +goose Down
DROP TABLE IF EXISTS rate_worst;
DROP TABLE IF EXISTS guess;
CREATE TABLE IF NOT EXISTS login_failure (
    mac     BLOB NOT NULL PRIMARY KEY,
    tries   BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    until   BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS login_failure_last ON login_failure (last_at);
