-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/security: who logged in or tried to, and whose keys changed. slot is a
-- keyed hash of what makes a row, by which tries that are alike fall into one.
CREATE TABLE IF NOT EXISTS security_log (
    id        BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    slot      BINARY(32) NOT NULL UNIQUE,
    member_id BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    last_at   BIGINT NOT NULL,
    tries     BIGINT NOT NULL,
    kind      VARCHAR(32) NOT NULL,
    face      VARCHAR(16) NOT NULL,
    by_id     BIGINT NOT NULL,
    by_name   VARCHAR(64) NOT NULL,
    detail    VARCHAR(255) NOT NULL,
    address   VARBINARY(255) NOT NULL,
    KEY security_log_member (member_id, id),
    KEY security_log_lately (member_id, at),
    KEY security_log_last (last_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/member: what the member is to be told at the next login; what a name or
-- nick looks like, by which look-alikes are found; and the keyed hash by which an
-- IRC key is recognised. Of the last two nothing is read yet, and no skeleton is written.
ALTER TABLE member
    ADD COLUMN IF NOT EXISTS notice VARCHAR(500) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS skeleton VARCHAR(64) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS irc_key_mac VARBINARY(32) NOT NULL DEFAULT '';
ALTER TABLE member_nick ADD COLUMN IF NOT EXISTS skeleton VARCHAR(64) NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS member_skeleton ON member (skeleton);
CREATE INDEX IF NOT EXISTS member_irc_key ON member (irc_key_mac);
CREATE INDEX IF NOT EXISTS member_nick_skeleton ON member_nick (skeleton);

-- Who may give out keys may see from where they were used.
INSERT IGNORE INTO class_permission (class_id, permission)
SELECT class_id, 'member.see.address' FROM class_permission WHERE permission = 'member.keys';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'member.see.address';
DROP INDEX member_nick_skeleton ON member_nick;
DROP INDEX member_irc_key ON member;
DROP INDEX member_skeleton ON member;
ALTER TABLE member_nick DROP COLUMN skeleton;
ALTER TABLE member DROP COLUMN irc_key_mac;
ALTER TABLE member DROP COLUMN skeleton;
ALTER TABLE member DROP COLUMN notice;
DROP TABLE security_log;
