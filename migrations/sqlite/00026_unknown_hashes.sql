-- +goose Up
-- internal/transfer: the info-hashes that members asked each tracker for most although
-- they are not registered, in the hour from since on; the tracker counts in fixed memory.
CREATE TABLE tracker_unknown (
    tracker   TEXT NOT NULL,
    since     BIGINT NOT NULL,
    info_hash BLOB NOT NULL,
    asked     BIGINT NOT NULL, -- at most
    surplus   BIGINT NOT NULL, -- by which that may be too much
    last_at   BIGINT NOT NULL,
    PRIMARY KEY (tracker, since, info_hash)
);
CREATE INDEX tracker_unknown_since ON tracker_unknown (since);

-- +goose Down
DROP TABLE tracker_unknown;
