-- +goose Up
-- internal/member: what members may not do for a while or for good, or may do besides what
-- their class allows. Each row is a cause with its reason; what holds is computed from
-- all of them, and ending one ends nothing else. permission is empty but for the effects
-- that give or take a single one. starts_at is 0 for what an older release has not dated,
-- ends_at is 0 where no end is set, and ended_at is 0 for what nobody has ended.
CREATE TABLE member_cause (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    member_id    BIGINT NOT NULL,
    effect       TEXT NOT NULL,
    permission   TEXT NOT NULL,
    source       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    starts_at    BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    begun_by     BIGINT NOT NULL,
    begun_name   TEXT NOT NULL,
    ended_at     BIGINT NOT NULL,
    ended_by     BIGINT NOT NULL,
    ended_name   TEXT NOT NULL,
    ended_reason TEXT NOT NULL
);
CREATE INDEX member_cause_member ON member_cause (member_id, ended_at, id);
CREATE INDEX member_cause_effect ON member_cause (effect, ended_at, id);

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
ON CONFLICT (class_id, permission) DO NOTHING;
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.grant' FROM class_permission WHERE permission = 'member.class'
ON CONFLICT (class_id, permission) DO NOTHING;

-- +goose Down
DELETE FROM class_permission WHERE permission IN ('member.warn', 'member.grant');
DROP TABLE member_cause;
