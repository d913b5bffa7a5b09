-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/irc: its lines are bans now (00035).
DROP TABLE IF EXISTS irc_line;

-- +goose Down
CREATE TABLE irc_line (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind       VARCHAR(1) NOT NULL,
    mask       VARCHAR(128) NOT NULL,
    reason     VARCHAR(255) NOT NULL,
    set_by     VARCHAR(64) NOT NULL,
    set_at     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (kind, mask)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX irc_line_expires ON irc_line (expires_at);
