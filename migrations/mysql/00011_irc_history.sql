-- +goose Up
-- internal/irc: what was said on the IRC network. The id is the msgid, and holds
-- the time; target is a channel, or one member's own copy of a conversation.
CREATE TABLE IF NOT EXISTS irc_message (
    target     VARCHAR(80) NOT NULL,
    id         BIGINT NOT NULL,
    kind       VARCHAR(8) NOT NULL,
    source     VARCHAR(255) NOT NULL,
    account    VARCHAR(64) NOT NULL,
    account_id BIGINT NOT NULL,
    bot        BIGINT NOT NULL,
    text       TEXT COLLATE utf8mb4_general_ci NOT NULL,
    tags       TEXT NOT NULL,
    PRIMARY KEY (target, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS irc_message_account ON irc_message (account_id, id);
CREATE INDEX IF NOT EXISTS irc_message_id ON irc_message (id);

-- What members chose, and when their last connection ended.
CREATE TABLE IF NOT EXISTS irc_setting (
    member_id    BIGINT NOT NULL PRIMARY KEY,
    keep_private BIGINT NOT NULL,
    replay       BIGINT NOT NULL,
    left_at      BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Up to where members have read.
CREATE TABLE IF NOT EXISTS irc_marker (
    member_id BIGINT NOT NULL,
    target    VARCHAR(80) NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (member_id, target)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE irc_channel ADD COLUMN IF NOT EXISTS history_days BIGINT NOT NULL DEFAULT 30;
ALTER TABLE irc_channel ADD COLUMN IF NOT EXISTS history_lines BIGINT NOT NULL DEFAULT 50000;

-- Who may read the audit log may search what was said.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'irc.history' FROM class_permission WHERE permission = 'audit.read'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'irc.history';
ALTER TABLE irc_channel DROP COLUMN history_lines;
ALTER TABLE irc_channel DROP COLUMN history_days;
DROP TABLE irc_marker;
DROP TABLE irc_setting;
DROP TABLE irc_message;
