-- +goose Up
-- internal/eventlog: events that a consumer has passed over and can handle later,
-- with all that is needed for it, since the log itself is pruned. state is "fault"
-- (set aside after some tries), "again" (staff want it handled again) or "unknown"
-- (of a kind that a newer program knows).
CREATE TABLE IF NOT EXISTS event_skipped (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    kind     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    body     TEXT NOT NULL,
    state    TEXT NOT NULL,
    error    TEXT NOT NULL,
    tries    BIGINT NOT NULL,
    since    BIGINT NOT NULL,
    UNIQUE (consumer, event_id)
);

-- +goose Down
DROP TABLE IF EXISTS event_skipped;
