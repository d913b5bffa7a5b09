-- +goose Up
-- internal/eventlog: events that a consumer has passed over and can handle later,
-- with all that is needed for it, since the log itself is pruned. state is "fault"
-- (set aside after some tries), "again" (staff want it handled again) or "unknown"
-- (of a kind that a newer program knows).
CREATE TABLE IF NOT EXISTS event_skipped (
    id       BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    consumer VARCHAR(64) NOT NULL,
    event_id BIGINT NOT NULL,
    kind     VARCHAR(64) NOT NULL,
    at       BIGINT NOT NULL,
    body     MEDIUMTEXT NOT NULL,
    state    VARCHAR(16) NOT NULL,
    error    TEXT NOT NULL,
    tries    BIGINT NOT NULL,
    since    BIGINT NOT NULL,
    UNIQUE (consumer, event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE IF EXISTS event_skipped;
