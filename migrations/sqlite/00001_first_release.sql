-- +goose Up
-- internal/eventlog: the outbox and how far each consumer has read it.
-- event_sequence has one row; whoever appends locks it until the commit, so
-- that ids become visible in order.
CREATE TABLE event_sequence (
    id      BIGINT NOT NULL PRIMARY KEY,
    last_id BIGINT NOT NULL
);
INSERT INTO event_sequence (id, last_id) VALUES (1, 0);

CREATE TABLE event (
    id   BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    at   BIGINT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE event_cursor (
    consumer   TEXT NOT NULL PRIMARY KEY,
    position   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- internal/db: who does a thing that only one process may do.
CREATE TABLE lease (
    name   TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until  BIGINT NOT NULL
);

-- internal/member: accounts, classes, sessions, keys.
CREATE TABLE class (
    id        BIGINT NOT NULL PRIMARY KEY,
    name      TEXT COLLATE NOCASE NOT NULL UNIQUE,
    level     BIGINT NOT NULL,
    secondary BIGINT NOT NULL
);

CREATE TABLE class_permission (
    class_id   BIGINT NOT NULL,
    permission TEXT NOT NULL,
    PRIMARY KEY (class_id, permission)
);

CREATE TABLE member (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT COLLATE NOCASE NOT NULL UNIQUE,
    class_id      BIGINT NOT NULL,
    state         TEXT NOT NULL,
    state_reason  TEXT NOT NULL,
    can_leech     BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    passkey_mac   BLOB NOT NULL UNIQUE,
    passkey_box   BLOB NOT NULL,
    irc_key_box   BLOB NOT NULL,
    email_box     BLOB NOT NULL,
    key_epoch     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL
);

CREATE TABLE member_class (
    member_id BIGINT NOT NULL,
    class_id  BIGINT NOT NULL,
    PRIMARY KEY (member_id, class_id)
);

CREATE TABLE session (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_mac  BLOB NOT NULL UNIQUE,
    member_id  BIGINT NOT NULL,
    agent      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_member ON session (member_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE api_token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_mac  BLOB NOT NULL UNIQUE,
    member_id  BIGINT NOT NULL,
    name       TEXT NOT NULL,
    scope      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX api_token_member ON api_token (member_id);

-- internal/catalog: vocabularies, groups, torrents.
CREATE TABLE category (
    id          BIGINT NOT NULL PRIMARY KEY,
    slug        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    description TEXT NOT NULL
);

-- kind is platform, format, archive, scope or licence; family groups the terms
-- of one kind in a form (such as the format family "Sequences").
CREATE TABLE term (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    family   TEXT NOT NULL,
    name     TEXT NOT NULL,
    detail   TEXT NOT NULL,
    position BIGINT NOT NULL,
    UNIQUE (kind, family, name)
);

CREATE TABLE term_extension (
    term_id   BIGINT NOT NULL,
    extension TEXT NOT NULL,
    PRIMARY KEY (term_id, extension)
);
CREATE INDEX term_extension_name ON term_extension (extension);

CREATE TABLE category_term (
    category_id BIGINT NOT NULL,
    term_id     BIGINT NOT NULL,
    PRIMARY KEY (category_id, term_id)
);
CREATE INDEX category_term_term ON category_term (term_id);

CREATE TABLE torrent_group (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    category_id BIGINT NOT NULL,
    title       TEXT NOT NULL,
    subject     TEXT NOT NULL,
    object      TEXT NOT NULL,
    year        BIGINT NOT NULL,
    workgroup   TEXT NOT NULL,
    location    TEXT NOT NULL,
    identifier  TEXT NOT NULL,
    picture     TEXT NOT NULL,
    description TEXT NOT NULL,
    revision    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX torrent_group_category ON torrent_group (category_id, id);
CREATE INDEX torrent_group_identifier ON torrent_group (identifier);

CREATE TABLE creator (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE group_creator (
    group_id   BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    creator_id BIGINT NOT NULL,
    PRIMARY KEY (group_id, position)
);
CREATE INDEX group_creator_creator ON group_creator (creator_id);

CREATE TABLE tag (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE group_tag (
    group_id BIGINT NOT NULL,
    tag_id   BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (group_id, tag_id)
);
CREATE INDEX group_tag_tag ON group_tag (tag_id, group_id);

CREATE TABLE group_literature (
    group_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    doi      TEXT NOT NULL,
    PRIMARY KEY (group_id, position)
);

-- One row for each word of a group, for search.
CREATE TABLE group_word (
    word     TEXT NOT NULL,
    group_id BIGINT NOT NULL,
    PRIMARY KEY (word, group_id)
);
CREATE INDEX group_word_group ON group_word (group_id);

CREATE TABLE torrent (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id        BIGINT NOT NULL,
    uploader_id     BIGINT NOT NULL,
    anonymous       BIGINT NOT NULL,
    platform        TEXT NOT NULL,
    format          TEXT NOT NULL,
    archive         TEXT NOT NULL,
    scope           TEXT NOT NULL,
    license         TEXT NOT NULL,
    version         TEXT NOT NULL,
    annotated       BIGINT NOT NULL,
    description     TEXT NOT NULL,
    seqhash         TEXT NOT NULL,
    leech           TEXT NOT NULL,
    leech_reason    TEXT NOT NULL,
    name            TEXT NOT NULL,
    info_hash       BLOB,
    info_hash_v2    BLOB,
    announce_hash_2 BLOB,
    source          TEXT NOT NULL,
    size            BIGINT NOT NULL,
    file_count      BIGINT NOT NULL,
    piece_length    BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    deleted_at      BIGINT NOT NULL,
    deleted_by      BIGINT NOT NULL,
    delete_reason   TEXT NOT NULL,
    UNIQUE (info_hash),
    UNIQUE (info_hash_v2),
    UNIQUE (announce_hash_2)
);
CREATE INDEX torrent_group_id ON torrent (group_id);
CREATE INDEX torrent_uploader ON torrent (uploader_id, id);

-- What data the live torrents hold: one row for each version (v1, v2) of a
-- torrent. The key is what keeps the same data from being uploaded twice.
CREATE TABLE torrent_content (
    content_hash BLOB NOT NULL PRIMARY KEY,
    torrent_id   BIGINT NOT NULL
);
CREATE INDEX torrent_content_torrent ON torrent_content (torrent_id);

CREATE TABLE torrent_mirror (
    torrent_id BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    url        TEXT NOT NULL,
    PRIMARY KEY (torrent_id, position)
);

CREATE TABLE torrent_file (
    torrent_id BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    path       TEXT NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (torrent_id, position)
);

CREATE TABLE torrent_meta (
    torrent_id BIGINT NOT NULL PRIMARY KEY,
    data       BLOB NOT NULL
);

-- internal/client: which BitTorrent clients may announce.
CREATE TABLE client_rule (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    prefix     TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- internal/economy: freeleech windows, and which of their edges were told.
CREATE TABLE leech_window (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    source     TEXT NOT NULL,
    state      TEXT NOT NULL,
    torrent_id BIGINT NOT NULL,
    member_id  BIGINT NOT NULL,
    starts_at  BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    reason     TEXT NOT NULL,
    created_by BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_by   BIGINT NOT NULL
);
CREATE INDEX leech_window_end ON leech_window (ends_at);

CREATE TABLE leech_notice (
    notice TEXT NOT NULL PRIMARY KEY,
    told   BIGINT NOT NULL,
    at     BIGINT NOT NULL
);

-- internal/command: what was asked for by whom, and what came of it.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         BIGINT NOT NULL,
    actor_id   BIGINT NOT NULL,
    actor_name TEXT NOT NULL,
    via        TEXT NOT NULL,
    command    TEXT NOT NULL,
    arguments  TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT NOT NULL,
    undo_with  TEXT NOT NULL
);
CREATE INDEX audit_actor ON audit (actor_id, id);

-- tracker/ledger: transfer sums, swarm counts, and how far they are applied.
CREATE TABLE transfer_member (
    member_id  BIGINT NOT NULL PRIMARY KEY,
    uploaded   BIGINT NOT NULL,
    downloaded BIGINT NOT NULL
);

CREATE TABLE transfer_torrent (
    torrent_id BIGINT NOT NULL PRIMARY KEY,
    uploaded   BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    snatches   BIGINT NOT NULL
);

CREATE TABLE swarm_count (
    torrent_id BIGINT NOT NULL PRIMARY KEY,
    seeders    BIGINT NOT NULL,
    leechers   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE transfer_member_torrent (
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
);
CREATE INDEX transfer_member_torrent_torrent ON transfer_member_torrent (torrent_id);

CREATE TABLE ledger_mark (
    ledger     TEXT NOT NULL PRIMARY KEY,
    position   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- ircd: channels and what is kept of them.
CREATE TABLE irc_channel (
    name              TEXT COLLATE NOCASE NOT NULL PRIMARY KEY,
    position          BIGINT NOT NULL,
    purpose           TEXT NOT NULL,
    modes             TEXT NOT NULL,
    join_permission   TEXT NOT NULL,
    speak_permission  TEXT NOT NULL,
    guests            BIGINT NOT NULL,
    autojoin          BIGINT NOT NULL,
    topic             TEXT NOT NULL,
    topic_by          TEXT NOT NULL,
    topic_at          BIGINT NOT NULL
);

-- internal/schedule: one row for each run of a job, and for each run asked for.
CREATE TABLE job_run (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job        TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    holder     TEXT NOT NULL,
    started_by TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    items      BIGINT NOT NULL,
    detail     TEXT NOT NULL
);
CREATE INDEX job_run_job ON job_run (job, id);

CREATE TABLE job_request (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job        TEXT NOT NULL UNIQUE,
    asked_by   TEXT NOT NULL,
    asked_at   BIGINT NOT NULL
);

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
