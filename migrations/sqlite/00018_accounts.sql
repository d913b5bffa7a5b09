-- +goose Up
-- internal/security: who logged in or tried to, and whose keys changed. slot is a
-- keyed hash of what makes a row, by which tries that are alike fall into one.
CREATE TABLE security_log (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    slot      BLOB NOT NULL UNIQUE,
    member_id BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    last_at   BIGINT NOT NULL,
    tries     BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    face      TEXT NOT NULL,
    by_id     BIGINT NOT NULL,
    by_name   TEXT NOT NULL,
    detail    TEXT NOT NULL,
    address   BLOB NOT NULL
);
CREATE INDEX security_log_member ON security_log (member_id, id);
CREATE INDEX security_log_lately ON security_log (member_id, at);
CREATE INDEX security_log_last ON security_log (last_at);

-- internal/member: what the member is to be told at the next login; what a name or
-- nick looks like, by which look-alikes are found; and the keyed hash by which an
-- IRC key is recognised. Of the last two nothing is read yet, and no skeleton is written.
ALTER TABLE member ADD COLUMN notice TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN skeleton TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN irc_key_mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE member_nick ADD COLUMN skeleton TEXT NOT NULL DEFAULT '';
CREATE INDEX member_skeleton ON member (skeleton);
CREATE INDEX member_irc_key ON member (irc_key_mac);
CREATE INDEX member_nick_skeleton ON member_nick (skeleton);

-- Who may give out keys may see from where they were used.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.see.address' FROM class_permission WHERE permission = 'member.keys';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'member.see.address';
DROP INDEX member_nick_skeleton;
DROP INDEX member_irc_key;
DROP INDEX member_skeleton;
ALTER TABLE member_nick DROP COLUMN skeleton;
ALTER TABLE member DROP COLUMN irc_key_mac;
ALTER TABLE member DROP COLUMN skeleton;
ALTER TABLE member DROP COLUMN notice;
DROP TABLE security_log;
