-- +goose Up
-- internal/member: what the site remembers that a member has done, such as putting
-- the first steps away.
CREATE TABLE member_mark (
    member_id BIGINT NOT NULL,
    mark      TEXT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (member_id, mark)
);

-- +goose Down
DROP TABLE member_mark;
