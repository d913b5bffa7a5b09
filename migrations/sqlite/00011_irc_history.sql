-- +goose Up
-- internal/irc: what was said on the IRC network. The id is the msgid, and holds
-- the time; target is a channel, or one member's own copy of a conversation.
CREATE TABLE irc_message (
    target     TEXT NOT NULL,
    id         BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    source     TEXT NOT NULL,
    account    TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    bot        BIGINT NOT NULL,
    text       TEXT NOT NULL,
    tags       TEXT NOT NULL,
    PRIMARY KEY (target, id)
) WITHOUT ROWID;
CREATE INDEX irc_message_account ON irc_message (account_id, id);
CREATE INDEX irc_message_id ON irc_message (id);

-- What members chose, and when their last connection ended.
CREATE TABLE irc_setting (
    member_id    BIGINT NOT NULL PRIMARY KEY,
    keep_private BIGINT NOT NULL,
    replay       BIGINT NOT NULL,
    left_at      BIGINT NOT NULL
);

-- Up to where members have read.
CREATE TABLE irc_marker (
    member_id BIGINT NOT NULL,
    target    TEXT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (member_id, target)
);

ALTER TABLE irc_channel ADD COLUMN history_days BIGINT NOT NULL DEFAULT 30;
ALTER TABLE irc_channel ADD COLUMN history_lines BIGINT NOT NULL DEFAULT 50000;

-- Who may read the audit log may search what was said.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'irc.history' FROM class_permission WHERE permission = 'audit.read';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'irc.history';
ALTER TABLE irc_channel DROP COLUMN history_lines;
ALTER TABLE irc_channel DROP COLUMN history_days;
DROP TABLE irc_marker;
DROP TABLE irc_setting;
DROP TABLE irc_message;
