-- +goose Up
-- What each tracker did in each whole hour: the sums of its minutes, kept for longer.
CREATE TABLE IF NOT EXISTS tracker_hour (
    tracker   VARCHAR(64) NOT NULL,
    hour      BIGINT NOT NULL,
    seconds   BIGINT NOT NULL,
    announces BIGINT NOT NULL,
    scrapes   BIGINT NOT NULL,
    refused   BIGINT NOT NULL,
    seeders   BIGINT NOT NULL,
    leechers  BIGINT NOT NULL,
    p50       BIGINT NOT NULL,
    p99       BIGINT NOT NULL,
    worst     BIGINT NOT NULL,
    PRIMARY KEY (tracker, hour)
);

-- +goose Down
DROP TABLE tracker_hour;
