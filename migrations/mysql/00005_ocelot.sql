-- +goose Up
-- tracker/ocelot: what an existing Gazelle has said, where one drives the tracker.
CREATE TABLE IF NOT EXISTS ocelot_member (
    id         BIGINT NOT NULL PRIMARY KEY,
    passkey    VARCHAR(64) NOT NULL,
    can_leech  BIGINT NOT NULL,
    visible    BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (passkey)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS ocelot_torrent (
    id            BIGINT NOT NULL PRIMARY KEY,
    info_hash     BINARY(20) NOT NULL,
    leech         VARCHAR(8) NOT NULL,
    deleted_at    BIGINT NOT NULL,
    delete_reason VARCHAR(64) NOT NULL,
    updated_at    BIGINT NOT NULL,
    UNIQUE (info_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS ocelot_torrent_deleted ON ocelot_torrent (deleted_at);

CREATE TABLE IF NOT EXISTS ocelot_token (
    torrent_id BIGINT NOT NULL,
    member_id  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (torrent_id, member_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS ocelot_client (
    prefix     VARCHAR(20) NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS ocelot_setting (
    name  VARCHAR(32) NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE ocelot_setting;
DROP TABLE ocelot_client;
DROP TABLE ocelot_token;
DROP TABLE ocelot_torrent;
DROP TABLE ocelot_member;
