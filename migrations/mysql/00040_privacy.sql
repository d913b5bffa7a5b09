-- +goose Up
-- internal/member: what a member keeps from other members, as a sum of bits: ratio 1,
-- uploads 2, downloads 4, seeding 8, last seen 16, invites 32, IRC 64. Nobody's last visit,
-- invites or visits to IRC were shown to other members before, so they stay hidden.
ALTER TABLE member ADD COLUMN IF NOT EXISTS hides BIGINT NOT NULL DEFAULT 112;

-- +goose Down
ALTER TABLE member DROP COLUMN hides;
