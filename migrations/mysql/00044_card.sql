-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/member: what staff wrote down about members, for staff alone. removed_at is 0
-- while nobody has taken the note away.
CREATE TABLE IF NOT EXISTS member_note (
    id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    member_id    BIGINT NOT NULL,
    text         VARCHAR(1000) NOT NULL,
    by_id        BIGINT NOT NULL,
    by_name      VARCHAR(64) NOT NULL,
    at           BIGINT NOT NULL,
    removed_at   BIGINT NOT NULL,
    removed_by   BIGINT NOT NULL,
    removed_name VARCHAR(64) NOT NULL,
    KEY member_note_member (member_id, removed_at, id),
    KEY member_note_removed (removed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/security: the keyed hash of the place that an entry is from, by which others at
-- the same place are found. It is empty for what an older release wrote, until the job
-- refresh-accounts has seen to it.
ALTER TABLE security_log ADD COLUMN IF NOT EXISTS place VARBINARY(32) NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS security_log_place ON security_log (place);

-- Members are found by class, by client and by what concerns them, in the order of names.
CREATE INDEX IF NOT EXISTS member_class_name ON member (class_id, name);
DROP INDEX IF EXISTS member_of_class ON member;
CREATE INDEX IF NOT EXISTS announce_record_client ON announce_record (client, member_id);
CREATE INDEX IF NOT EXISTS member_cause_running ON member_cause (ended_at, id);

-- Who may see what members hide may write down what they find.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.note' FROM class_permission WHERE permission = 'member.see.private'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'member.note';
DROP INDEX member_cause_running ON member_cause;
DROP INDEX announce_record_client ON announce_record;
CREATE INDEX IF NOT EXISTS member_of_class ON member (class_id);
DROP INDEX member_class_name ON member;
DROP INDEX security_log_place ON security_log;
ALTER TABLE security_log DROP COLUMN place;
DROP TABLE member_note;
