-- +goose Up
-- internal/member: torrents that a member of a class may download at once, 0 for
-- any number. Secondary classes have none of their own.
ALTER TABLE class ADD COLUMN IF NOT EXISTS leech_slots BIGINT NOT NULL DEFAULT 0;

-- internal/client: the oldest version that may announce, such as 4.0.5; empty
-- for any.
ALTER TABLE client_rule ADD COLUMN IF NOT EXISTS lowest VARCHAR(40) NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE client_rule DROP COLUMN lowest;
ALTER TABLE class DROP COLUMN leech_slots;
