-- +goose Up
-- internal/irc: its lines are bans now (00035).
DROP TABLE irc_line;

-- +goose Down
CREATE TABLE irc_line (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    mask       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    set_by     TEXT NOT NULL,
    set_at     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (kind, mask)
);
CREATE INDEX irc_line_expires ON irc_line (expires_at);
