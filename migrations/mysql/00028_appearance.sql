-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/member: how a member wants to see the site. An empty zone is UTC, and an empty
-- theme the one of their machine.
ALTER TABLE member ADD COLUMN IF NOT EXISTS zone VARCHAR(64) NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN IF NOT EXISTS theme VARCHAR(8) NOT NULL DEFAULT '';

-- internal/irc: by what one knows the network's own certificate, where nobody else has
-- signed it; empty where somebody has. There is one row at most.
CREATE TABLE IF NOT EXISTS irc_certificate (
    id          BIGINT NOT NULL PRIMARY KEY,
    fingerprint VARCHAR(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE irc_certificate;
ALTER TABLE member DROP COLUMN theme;
ALTER TABLE member DROP COLUMN zone;
