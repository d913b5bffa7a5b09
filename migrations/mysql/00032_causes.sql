-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/member: what members may not do for a while or for good, or may do besides what
-- their class allows. Each row is a cause with its reason; what holds is computed from
-- all of them, and ending one ends nothing else. permission is empty but for the effects
-- that give or take a single one. starts_at is 0 for what an older release has not dated,
-- ends_at is 0 where no end is set, and ended_at is 0 for what nobody has ended.
CREATE TABLE IF NOT EXISTS member_cause (
    id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    member_id    BIGINT NOT NULL,
    effect       VARCHAR(20) NOT NULL,
    permission   VARCHAR(64) NOT NULL,
    source       VARCHAR(32) NOT NULL,
    reason       VARCHAR(255) NOT NULL,
    starts_at    BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    begun_by     BIGINT NOT NULL,
    begun_name   VARCHAR(64) NOT NULL,
    ended_at     BIGINT NOT NULL,
    ended_by     BIGINT NOT NULL,
    ended_name   VARCHAR(64) NOT NULL,
    ended_reason VARCHAR(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS member_cause_member ON member_cause (member_id, ended_at, id);
CREATE INDEX IF NOT EXISTS member_cause_effect ON member_cause (effect, ended_at, id);

-- What was one switch for each trouble. Rows that are there already were copied before
-- an interruption.
INSERT INTO member_cause (member_id, effect, permission, source, reason, starts_at, ends_at, begun_by, begun_name, ended_at, ended_by, ended_name, ended_reason)
SELECT m.id, 'disabled', '', 'staff', m.state_reason, 0, 0, 0, '', 0, 0, '', '' FROM member m
WHERE m.state <> 'enabled' AND NOT EXISTS (SELECT 1 FROM member_cause c WHERE c.member_id = m.id AND c.effect = 'disabled');
INSERT INTO member_cause (member_id, effect, permission, source, reason, starts_at, ends_at, begun_by, begun_name, ended_at, ended_by, ended_name, ended_reason)
SELECT m.id, 'no-download', '', 'staff', m.leech_off_reason, m.leech_off_at, 0, 0, '', 0, 0, '', '' FROM member m
WHERE m.can_leech = 0 AND NOT EXISTS (SELECT 1 FROM member_cause c WHERE c.member_id = m.id AND c.effect = 'no-download');

-- Who may disable members may warn and restrict them, and who gives classes may give
-- single permissions.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.warn' FROM class_permission WHERE permission = 'member.disable'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.grant' FROM class_permission WHERE permission = 'member.class'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission IN ('member.warn', 'member.grant');
DROP TABLE member_cause;
