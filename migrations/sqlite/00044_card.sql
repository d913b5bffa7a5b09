-- +goose Up
-- internal/member: what staff wrote down about members, for staff alone. removed_at is 0
-- while nobody has taken the note away.
CREATE TABLE member_note (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    member_id    BIGINT NOT NULL,
    text         TEXT NOT NULL,
    by_id        BIGINT NOT NULL,
    by_name      TEXT NOT NULL,
    at           BIGINT NOT NULL,
    removed_at   BIGINT NOT NULL,
    removed_by   BIGINT NOT NULL,
    removed_name TEXT NOT NULL
);
CREATE INDEX member_note_member ON member_note (member_id, removed_at, id);
CREATE INDEX member_note_removed ON member_note (removed_at);

-- internal/security: the keyed hash of the place that an entry is from, by which others at
-- the same place are found. It is empty for what an older release wrote, until the job
-- refresh-accounts has seen to it.
ALTER TABLE security_log ADD COLUMN place BLOB NOT NULL DEFAULT x'';
CREATE INDEX security_log_place ON security_log (place);

-- Members are found by class, by client and by what concerns them, in the order of names.
CREATE INDEX member_class_name ON member (class_id, name);
DROP INDEX member_of_class;
CREATE INDEX announce_record_client ON announce_record (client, member_id);
CREATE INDEX member_cause_running ON member_cause (ended_at, id);

-- Who may see what members hide may write down what they find.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.note' FROM class_permission WHERE permission = 'member.see.private';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'member.note';
DROP INDEX member_cause_running;
DROP INDEX announce_record_client;
CREATE INDEX member_of_class ON member (class_id);
DROP INDEX member_class_name;
DROP INDEX security_log_place;
ALTER TABLE security_log DROP COLUMN place;
DROP TABLE member_note;
