-- +goose Up
-- internal/catalog: whether a group has a creator is looked up by both.
CREATE INDEX IF NOT EXISTS group_creator_group ON group_creator (creator_id, group_id);
DROP INDEX IF EXISTS group_creator_creator ON group_creator;

-- +goose Down
CREATE INDEX group_creator_creator ON group_creator (creator_id);
DROP INDEX group_creator_group ON group_creator;
