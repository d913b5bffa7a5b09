-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/member: what the rows of member_cause say now.
ALTER TABLE member DROP COLUMN IF EXISTS state;
ALTER TABLE member DROP COLUMN IF EXISTS state_reason;
ALTER TABLE member DROP COLUMN IF EXISTS can_leech;
ALTER TABLE member DROP COLUMN IF EXISTS leech_off_reason;
ALTER TABLE member DROP COLUMN IF EXISTS leech_off_at;

-- +goose Down
ALTER TABLE member ADD COLUMN state VARCHAR(20) NOT NULL DEFAULT 'enabled';
ALTER TABLE member ADD COLUMN state_reason VARCHAR(255) NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN can_leech BIGINT NOT NULL DEFAULT 1;
ALTER TABLE member ADD COLUMN leech_off_reason VARCHAR(255) NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN leech_off_at BIGINT NOT NULL DEFAULT 0;
UPDATE member SET state = 'disabled', state_reason = (SELECT MAX(c.reason) FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'disabled' AND c.ended_at = 0)
WHERE EXISTS (SELECT 1 FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'disabled' AND c.ended_at = 0);
UPDATE member SET can_leech = 0, leech_off_reason = (SELECT MAX(c.reason) FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'no-download' AND c.ended_at = 0)
WHERE EXISTS (SELECT 1 FROM member_cause c WHERE c.member_id = member.id AND c.effect = 'no-download' AND c.ended_at = 0);
