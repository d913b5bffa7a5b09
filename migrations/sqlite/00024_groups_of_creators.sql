-- +goose Up
-- internal/catalog: whether a group has a creator is looked up by both.
CREATE INDEX group_creator_group ON group_creator (creator_id, group_id);
DROP INDEX group_creator_creator;

-- +goose Down
CREATE INDEX group_creator_creator ON group_creator (creator_id);
DROP INDEX group_creator_group;
