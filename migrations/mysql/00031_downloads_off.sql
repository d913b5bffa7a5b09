-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/member: why a member's downloads are off, which the member is shown, and since
-- when. Both are empty where they are on, or were switched off before reasons were kept.
ALTER TABLE member ADD COLUMN IF NOT EXISTS leech_off_reason VARCHAR(255) NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN IF NOT EXISTS leech_off_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE member DROP COLUMN leech_off_at;
ALTER TABLE member DROP COLUMN leech_off_reason;
