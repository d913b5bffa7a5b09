-- +goose Up
-- internal/member: how a member wants to see the site. An empty zone is UTC, and an empty
-- theme the one of their machine.
ALTER TABLE member ADD COLUMN zone TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN theme TEXT NOT NULL DEFAULT '';

-- internal/irc: by what one knows the network's own certificate, where nobody else has
-- signed it; empty where somebody has. There is one row at most.
CREATE TABLE irc_certificate (
    id          BIGINT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL
);

-- +goose Down
DROP TABLE irc_certificate;
ALTER TABLE member DROP COLUMN theme;
ALTER TABLE member DROP COLUMN zone;
