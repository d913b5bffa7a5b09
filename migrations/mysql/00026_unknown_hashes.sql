-- +goose Up
-- Each statement can be run again, so that a migration that was interrupted can be.
-- internal/transfer: the info-hashes that members asked each tracker for most although
-- they are not registered, in the hour from since on; the tracker counts in fixed memory.
CREATE TABLE IF NOT EXISTS tracker_unknown (
    tracker   VARCHAR(64) NOT NULL,
    since     BIGINT NOT NULL,
    info_hash BINARY(20) NOT NULL,
    asked     BIGINT NOT NULL, -- at most
    surplus   BIGINT NOT NULL, -- by which that may be too much
    last_at   BIGINT NOT NULL,
    PRIMARY KEY (tracker, since, info_hash),
    KEY tracker_unknown_since (since)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE tracker_unknown;
