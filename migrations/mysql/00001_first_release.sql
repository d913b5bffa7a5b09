-- +goose Up
-- internal/eventlog: the outbox and how far each consumer has read it.
-- event_sequence has one row; whoever appends locks it until the commit, so
-- that ids become visible in order.
CREATE TABLE IF NOT EXISTS event_sequence (
    id      BIGINT NOT NULL PRIMARY KEY,
    last_id BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO event_sequence (id, last_id) VALUES (1, 0) ON DUPLICATE KEY UPDATE last_id = last_id;

CREATE TABLE IF NOT EXISTS event (
    id   BIGINT NOT NULL PRIMARY KEY,
    kind VARCHAR(64) NOT NULL,
    at   BIGINT NOT NULL,
    body MEDIUMTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS event_cursor (
    consumer   VARCHAR(64) NOT NULL PRIMARY KEY,
    position   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/db: who does a thing that only one process may do.
CREATE TABLE IF NOT EXISTS lease (
    name   VARCHAR(64) NOT NULL PRIMARY KEY,
    holder VARCHAR(128) NOT NULL,
    until  BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/member: accounts, classes, sessions, keys.
CREATE TABLE IF NOT EXISTS class (
    id        BIGINT NOT NULL PRIMARY KEY,
    name      VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL UNIQUE,
    level     BIGINT NOT NULL,
    secondary BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS class_permission (
    class_id   BIGINT NOT NULL,
    permission VARCHAR(64) NOT NULL,
    PRIMARY KEY (class_id, permission)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS member (
    id            BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name          VARCHAR(32) COLLATE utf8mb4_general_ci NOT NULL UNIQUE,
    class_id      BIGINT NOT NULL,
    state         VARCHAR(16) NOT NULL,
    state_reason  VARCHAR(255) NOT NULL,
    can_leech     BIGINT NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    passkey_mac   BINARY(32) NOT NULL UNIQUE,
    passkey_box   VARBINARY(512) NOT NULL,
    irc_key_box   VARBINARY(512) NOT NULL,
    email_box     VARBINARY(512) NOT NULL,
    key_epoch     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS member_class (
    member_id BIGINT NOT NULL,
    class_id  BIGINT NOT NULL,
    PRIMARY KEY (member_id, class_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS session (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    token_mac  BINARY(32) NOT NULL UNIQUE,
    member_id  BIGINT NOT NULL,
    agent      VARCHAR(160) NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS session_member ON session (member_id);
CREATE INDEX IF NOT EXISTS session_expiry ON session (expires_at);

CREATE TABLE IF NOT EXISTS api_token (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    token_mac  BINARY(32) NOT NULL UNIQUE,
    member_id  BIGINT NOT NULL,
    name       VARCHAR(64) NOT NULL,
    scope      VARCHAR(16) NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS api_token_member ON api_token (member_id);

-- internal/catalog: vocabularies, groups, torrents.
CREATE TABLE IF NOT EXISTS category (
    id          BIGINT NOT NULL PRIMARY KEY,
    slug        VARCHAR(32) NOT NULL UNIQUE,
    name        VARCHAR(64) NOT NULL,
    description VARCHAR(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- kind is platform, format, archive, scope or licence; family groups the terms
-- of one kind in a form (such as the format family "Sequences").
CREATE TABLE IF NOT EXISTS term (
    id       BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind     VARCHAR(16) NOT NULL,
    family   VARCHAR(64) NOT NULL,
    name     VARCHAR(64) NOT NULL,
    detail   VARCHAR(255) NOT NULL,
    position BIGINT NOT NULL,
    UNIQUE (kind, family, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS term_extension (
    term_id   BIGINT NOT NULL,
    extension VARCHAR(32) NOT NULL,
    PRIMARY KEY (term_id, extension)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS term_extension_name ON term_extension (extension);

CREATE TABLE IF NOT EXISTS category_term (
    category_id BIGINT NOT NULL,
    term_id     BIGINT NOT NULL,
    PRIMARY KEY (category_id, term_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS category_term_term ON category_term (term_id);

CREATE TABLE IF NOT EXISTS torrent_group (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    category_id BIGINT NOT NULL,
    title       VARCHAR(255) NOT NULL,
    subject     VARCHAR(255) NOT NULL,
    object      VARCHAR(255) NOT NULL,
    year        BIGINT NOT NULL,
    workgroup   VARCHAR(128) NOT NULL,
    location    VARCHAR(128) NOT NULL,
    identifier  VARCHAR(64) NOT NULL,
    picture     VARCHAR(255) NOT NULL,
    description MEDIUMTEXT NOT NULL,
    revision    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS torrent_group_category ON torrent_group (category_id, id);
CREATE INDEX IF NOT EXISTS torrent_group_identifier ON torrent_group (identifier);

CREATE TABLE IF NOT EXISTS creator (
    id   BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS group_creator (
    group_id   BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    creator_id BIGINT NOT NULL,
    PRIMARY KEY (group_id, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS group_creator_creator ON group_creator (creator_id);

CREATE TABLE IF NOT EXISTS tag (
    id   BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(64) NOT NULL UNIQUE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS group_tag (
    group_id BIGINT NOT NULL,
    tag_id   BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (group_id, tag_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS group_tag_tag ON group_tag (tag_id, group_id);

CREATE TABLE IF NOT EXISTS group_literature (
    group_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    doi      VARCHAR(255) NOT NULL,
    PRIMARY KEY (group_id, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row for each word of a group, for search.
CREATE TABLE IF NOT EXISTS group_word (
    word     VARCHAR(64) NOT NULL,
    group_id BIGINT NOT NULL,
    PRIMARY KEY (word, group_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS group_word_group ON group_word (group_id);

CREATE TABLE IF NOT EXISTS torrent (
    id              BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    group_id        BIGINT NOT NULL,
    uploader_id     BIGINT NOT NULL,
    anonymous       BIGINT NOT NULL,
    platform        VARCHAR(64) NOT NULL,
    format          VARCHAR(64) NOT NULL,
    archive         VARCHAR(64) NOT NULL,
    scope           VARCHAR(64) NOT NULL,
    license         VARCHAR(64) NOT NULL,
    version         VARCHAR(32) NOT NULL,
    annotated       BIGINT NOT NULL,
    description     MEDIUMTEXT NOT NULL,
    seqhash         VARCHAR(128) NOT NULL,
    leech           VARCHAR(8) NOT NULL,
    leech_reason    VARCHAR(255) NOT NULL,
    name            VARCHAR(255) NOT NULL,
    info_hash       BINARY(20),
    info_hash_v2    BINARY(32),
    announce_hash_2 BINARY(20),
    source          VARCHAR(96) NOT NULL,
    size            BIGINT NOT NULL,
    file_count      BIGINT NOT NULL,
    piece_length    BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    deleted_at      BIGINT NOT NULL,
    deleted_by      BIGINT NOT NULL,
    delete_reason   VARCHAR(255) NOT NULL,
    UNIQUE (info_hash),
    UNIQUE (info_hash_v2),
    UNIQUE (announce_hash_2)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS torrent_group_id ON torrent (group_id);
CREATE INDEX IF NOT EXISTS torrent_uploader ON torrent (uploader_id, id);

-- What data the live torrents hold: one row for each version (v1, v2) of a
-- torrent. The key is what keeps the same data from being uploaded twice.
CREATE TABLE IF NOT EXISTS torrent_content (
    content_hash BINARY(32) NOT NULL PRIMARY KEY,
    torrent_id   BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS torrent_content_torrent ON torrent_content (torrent_id);

CREATE TABLE IF NOT EXISTS torrent_mirror (
    torrent_id BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    url        VARCHAR(512) NOT NULL,
    PRIMARY KEY (torrent_id, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS torrent_file (
    torrent_id BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    path       MEDIUMTEXT NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (torrent_id, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS torrent_meta (
    torrent_id BIGINT NOT NULL PRIMARY KEY,
    data       LONGBLOB NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/client: which BitTorrent clients may announce.
CREATE TABLE IF NOT EXISTS client_rule (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    prefix     VARCHAR(20) NOT NULL UNIQUE,
    name       VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/economy: freeleech windows, and which of their edges were told.
CREATE TABLE IF NOT EXISTS leech_window (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    source     VARCHAR(16) NOT NULL,
    state      VARCHAR(8) NOT NULL,
    torrent_id BIGINT NOT NULL,
    member_id  BIGINT NOT NULL,
    starts_at  BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    reason     VARCHAR(255) NOT NULL,
    created_by BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_by   BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS leech_window_end ON leech_window (ends_at);

CREATE TABLE IF NOT EXISTS leech_notice (
    notice VARCHAR(96) NOT NULL PRIMARY KEY,
    told   BIGINT NOT NULL,
    at     BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/command: what was asked for by whom, and what came of it.
CREATE TABLE IF NOT EXISTS audit (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor_id   BIGINT NOT NULL,
    actor_name VARCHAR(64) NOT NULL,
    via        VARCHAR(16) NOT NULL,
    command    VARCHAR(64) NOT NULL,
    arguments  VARCHAR(512) NOT NULL,
    outcome    VARCHAR(16) NOT NULL,
    detail     VARCHAR(512) NOT NULL,
    undo_with  VARCHAR(512) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS audit_actor ON audit (actor_id, id);

-- tracker/ledger: transfer sums, swarm counts, and how far they are applied.
CREATE TABLE IF NOT EXISTS transfer_member (
    member_id  BIGINT NOT NULL PRIMARY KEY,
    uploaded   BIGINT NOT NULL,
    downloaded BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS transfer_torrent (
    torrent_id BIGINT NOT NULL PRIMARY KEY,
    uploaded   BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    snatches   BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS swarm_count (
    torrent_id BIGINT NOT NULL PRIMARY KEY,
    seeders    BIGINT NOT NULL,
    leechers   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS transfer_member_torrent (
    member_id     BIGINT NOT NULL,
    torrent_id    BIGINT NOT NULL,
    uploaded      BIGINT NOT NULL,
    downloaded    BIGINT NOT NULL,
    raw_up        BIGINT NOT NULL,
    raw_down      BIGINT NOT NULL,
    seedtime      BIGINT NOT NULL,
    bytes_left    BIGINT NOT NULL,
    active        BIGINT NOT NULL,
    first_at      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    snatched_at   BIGINT NOT NULL,
    PRIMARY KEY (member_id, torrent_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS transfer_member_torrent_torrent ON transfer_member_torrent (torrent_id);

CREATE TABLE IF NOT EXISTS ledger_mark (
    ledger     VARCHAR(64) NOT NULL PRIMARY KEY,
    position   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- ircd: channels and what is kept of them.
CREATE TABLE IF NOT EXISTS irc_channel (
    name              VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY,
    position          BIGINT NOT NULL,
    purpose           VARCHAR(255) NOT NULL,
    modes             VARCHAR(32) NOT NULL,
    join_permission   VARCHAR(64) NOT NULL,
    speak_permission  VARCHAR(64) NOT NULL,
    guests            BIGINT NOT NULL,
    autojoin          BIGINT NOT NULL,
    topic             VARCHAR(512) NOT NULL,
    topic_by          VARCHAR(64) NOT NULL,
    topic_at          BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/schedule: one row for each run of a job, and for each run asked for.
CREATE TABLE IF NOT EXISTS job_run (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    job        VARCHAR(64) NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    holder     VARCHAR(128) NOT NULL,
    started_by VARCHAR(64) NOT NULL,
    outcome    VARCHAR(16) NOT NULL,
    items      BIGINT NOT NULL,
    detail     VARCHAR(512) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS job_run_job ON job_run (job, id);

CREATE TABLE IF NOT EXISTS job_request (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    job        VARCHAR(64) NOT NULL UNIQUE,
    asked_by   VARCHAR(64) NOT NULL,
    asked_at   BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE job_request;
DROP TABLE job_run;
DROP TABLE irc_channel;
DROP TABLE ledger_mark;
DROP TABLE transfer_member_torrent;
DROP TABLE swarm_count;
DROP TABLE transfer_torrent;
DROP TABLE transfer_member;
DROP TABLE audit;
DROP TABLE leech_notice;
DROP TABLE leech_window;
DROP TABLE client_rule;
DROP TABLE torrent_meta;
DROP TABLE torrent_file;
DROP TABLE torrent_mirror;
DROP TABLE torrent_content;
DROP TABLE torrent;
DROP TABLE group_word;
DROP TABLE group_literature;
DROP TABLE group_tag;
DROP TABLE tag;
DROP TABLE group_creator;
DROP TABLE creator;
DROP TABLE torrent_group;
DROP TABLE category_term;
DROP TABLE term_extension;
DROP TABLE term;
DROP TABLE category;
DROP TABLE api_token;
DROP TABLE session;
DROP TABLE member_class;
DROP TABLE member;
DROP TABLE class_permission;
DROP TABLE class;
DROP TABLE lease;
DROP TABLE event_cursor;
DROP TABLE event;
DROP TABLE event_sequence;
