-- +goose Up
-- internal/irc: channels that staff change, and what is kept of them.
ALTER TABLE irc_channel MODIFY modes VARCHAR(255) NOT NULL;
ALTER TABLE irc_channel ADD COLUMN IF NOT EXISTS join_class BIGINT NOT NULL DEFAULT 0;
ALTER TABLE irc_channel ADD COLUMN IF NOT EXISTS speak_class BIGINT NOT NULL DEFAULT 0;
ALTER TABLE irc_channel ADD COLUMN IF NOT EXISTS disabled BIGINT NOT NULL DEFAULT 0;

CREATE TABLE IF NOT EXISTS irc_mask (
    channel  VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL,
    kind     VARCHAR(1) NOT NULL,
    mask     VARCHAR(128) NOT NULL,
    set_by   VARCHAR(64) NOT NULL,
    set_at   BIGINT NOT NULL,
    PRIMARY KEY (channel, kind, mask)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who is kept from the whole network.
CREATE TABLE IF NOT EXISTS irc_line (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind       VARCHAR(1) NOT NULL,
    mask       VARCHAR(128) NOT NULL,
    reason     VARCHAR(255) NOT NULL,
    set_by     VARCHAR(64) NOT NULL,
    set_at     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (kind, mask)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS irc_line_expires ON irc_line (expires_at);

-- A site that runs already gets the channel for disabled members, and its staff
-- what they may do to the network.
INSERT INTO irc_channel (name, position, purpose, modes, join_permission, speak_permission, guests, autojoin, topic, topic_by, topic_at, disabled)
SELECT '#disabled', MAX(position) + 1, 'Ask here why your account is disabled', '+nstu', 'irc.staff', '', 0, 0, '', '', 0, 1
FROM irc_channel HAVING COUNT(*) > 0 AND SUM(name = '#disabled') = 0;
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'irc.remove' FROM class_permission WHERE permission = 'member.disable'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'irc.address' FROM class_permission WHERE permission = 'member.disable'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'irc.channels' FROM class_permission WHERE permission = 'job.manage'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'irc.override' FROM class_permission WHERE permission = 'job.manage'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission IN ('irc.remove', 'irc.address', 'irc.channels', 'irc.override');
DROP TABLE irc_line;
DROP TABLE irc_mask;
ALTER TABLE irc_channel DROP COLUMN disabled;
ALTER TABLE irc_channel DROP COLUMN speak_class;
ALTER TABLE irc_channel DROP COLUMN join_class;
