-- +goose Up
-- internal/member: what the rows of member_cause say now.
ALTER TABLE member DROP COLUMN state;
ALTER TABLE member DROP COLUMN state_reason;
ALTER TABLE member DROP COLUMN can_leech;
ALTER TABLE member DROP COLUMN leech_off_reason;
ALTER TABLE member DROP COLUMN leech_off_at;

-- +goose Down
ALTER TABLE member ADD COLUMN state TEXT NOT NULL DEFAULT 'enabled';
ALTER TABLE member ADD COLUMN state_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN can_leech BIGINT NOT NULL DEFAULT 1;
ALTER TABLE member ADD COLUMN leech_off_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN leech_off_at BIGINT NOT NULL DEFAULT 0;
UPDATE member SET state = 'disabled', state_reason = (SELECT MAX(c.reason) FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'disabled' AND c.ended_at = 0)
WHERE EXISTS (SELECT 1 FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'disabled' AND c.ended_at = 0);
UPDATE member SET can_leech = 0, leech_off_reason = (SELECT MAX(c.reason) FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'no-download' AND c.ended_at = 0)
WHERE EXISTS (SELECT 1 FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'no-download' AND c.ended_at = 0);
