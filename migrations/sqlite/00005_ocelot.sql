-- +goose Up
-- tracker/ocelot: what an existing Gazelle has said, where one drives the tracker.
CREATE TABLE ocelot_member (
    id         BIGINT NOT NULL PRIMARY KEY,
    passkey    TEXT NOT NULL,
    can_leech  BIGINT NOT NULL,
    visible    BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (passkey)
);

CREATE TABLE ocelot_torrent (
    id            BIGINT NOT NULL PRIMARY KEY,
    info_hash     BLOB NOT NULL,
    leech         TEXT NOT NULL,
    deleted_at    BIGINT NOT NULL,
    delete_reason TEXT NOT NULL,
    updated_at    BIGINT NOT NULL,
    UNIQUE (info_hash)
);
CREATE INDEX ocelot_torrent_deleted ON ocelot_torrent (deleted_at);

CREATE TABLE ocelot_token (
    torrent_id BIGINT NOT NULL,
    member_id  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (torrent_id, member_id)
);

CREATE TABLE ocelot_client (
    prefix     TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE ocelot_setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

-- +goose Down
DROP TABLE ocelot_setting;
DROP TABLE ocelot_client;
DROP TABLE ocelot_token;
DROP TABLE ocelot_torrent;
DROP TABLE ocelot_member;
