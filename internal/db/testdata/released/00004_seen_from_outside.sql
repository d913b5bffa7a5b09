-- +goose Up
-- internal/transfer: what the tracker tells beside its books; tracker/trace has
-- it written. The last announces of each member: in the ring of a torrent those
-- that were answered, in ring 0 those that were refused. A slot of a ring is
-- written over when its turn comes again.
CREATE TABLE announce_record (
    member_id      BIGINT NOT NULL,
    ring           BIGINT NOT NULL,
    slot           BIGINT NOT NULL,
    torrent_id     BIGINT NOT NULL,
    at             BIGINT NOT NULL,
    announces      BIGINT NOT NULL,
    event          VARCHAR(16) NOT NULL,
    client         VARCHAR(64) NOT NULL,
    families       BIGINT NOT NULL,
    public         BIGINT NOT NULL,
    port           VARCHAR(16) NOT NULL,
    announced_up   BIGINT NOT NULL,
    announced_down BIGINT NOT NULL,
    credited_up    BIGINT NOT NULL,
    credited_down  BIGINT NOT NULL,
    bytes_left     BIGINT NOT NULL,
    leech          VARCHAR(16) NOT NULL,
    outcome        VARCHAR(32) NOT NULL,
    PRIMARY KEY (member_id, ring, slot)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX announce_record_torrent ON announce_record (torrent_id);

-- One row for each minute of each tracker.
CREATE TABLE tracker_minute (
    tracker    VARCHAR(64) NOT NULL,
    minute     BIGINT NOT NULL,
    seconds    BIGINT NOT NULL,
    announces  BIGINT NOT NULL,
    scrapes    BIGINT NOT NULL,
    refused    BIGINT NOT NULL,
    refusals   VARCHAR(1024) NOT NULL,
    seeders    BIGINT NOT NULL,
    leechers   BIGINT NOT NULL,
    peers4     BIGINT NOT NULL,
    peers6     BIGINT NOT NULL,
    torrents   BIGINT NOT NULL,
    p50        BIGINT NOT NULL,
    p99        BIGINT NOT NULL,
    worst      BIGINT NOT NULL,
    unwritten  BIGINT NOT NULL,
    flush_age  BIGINT NOT NULL,
    event_read BIGINT NOT NULL,
    event_last BIGINT NOT NULL,
    event_lag  BIGINT NOT NULL,
    PRIMARY KEY (tracker, minute)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The torrents that one client seeds, or none, and since when.
CREATE TABLE swarm_watch (
    torrent_id BIGINT NOT NULL PRIMARY KEY,
    seeders    BIGINT NOT NULL,
    since      BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX swarm_watch_risk ON swarm_watch (seeders, since, torrent_id);

-- Who may read the audit log may see how the tracker does.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'tracker.read' FROM class_permission WHERE permission = 'audit.read';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'tracker.read';
DROP TABLE swarm_watch;
DROP TABLE tracker_minute;
DROP TABLE announce_record;
