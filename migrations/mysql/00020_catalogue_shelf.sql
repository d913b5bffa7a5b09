-- +goose Up
-- Each statement can be run again, so that a migration that was interrupted can be.
-- internal/catalog: what listings are made from, one narrow row for each group that has
-- a live torrent. newest is the greatest id of these.
CREATE TABLE IF NOT EXISTS group_live (
    group_id    BIGINT NOT NULL PRIMARY KEY,
    category_id BIGINT NOT NULL,
    newest      BIGINT NOT NULL,
    torrents    BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    KEY group_live_newest (newest),
    KEY group_live_category (category_id, newest)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
REPLACE INTO group_live (group_id, category_id, newest, torrents, size)
    SELECT g.id, g.category_id, MAX(t.id), COUNT(*), SUM(t.size)
    FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE t.deleted_at = 0 GROUP BY g.id, g.category_id;

-- internal/catalog: the sums of group_live by category.
CREATE TABLE IF NOT EXISTS catalog_sum (
    category_id BIGINT NOT NULL PRIMARY KEY,
    group_count BIGINT NOT NULL,
    torrents    BIGINT NOT NULL,
    size        BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
REPLACE INTO catalog_sum (category_id, group_count, torrents, size)
    SELECT category_id, COUNT(*), SUM(torrents), SUM(size) FROM group_live GROUP BY category_id;

-- words_version is the rule by which the words of the group were made; 0 is the first.
ALTER TABLE torrent_group ADD COLUMN IF NOT EXISTS words_version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS torrent_group_words ON torrent_group (words_version, id);

-- The words of a group are looked at one by one, and rare formats and licences found.
CREATE INDEX IF NOT EXISTS group_word_words ON group_word (group_id, word);
DROP INDEX IF EXISTS group_word_group ON group_word;
CREATE INDEX IF NOT EXISTS torrent_format ON torrent (format, group_id);
CREATE INDEX IF NOT EXISTS torrent_license ON torrent (license, group_id);

-- internal/transfer: the last torrent of which is known whether it was ever seeded, in
-- one row.
CREATE TABLE IF NOT EXISTS swarm_watch_mark (
    id         BIGINT NOT NULL PRIMARY KEY,
    torrent_id BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE swarm_watch_mark;
DROP INDEX torrent_license ON torrent;
DROP INDEX torrent_format ON torrent;
CREATE INDEX group_word_group ON group_word (group_id);
DROP INDEX group_word_words ON group_word;
DROP INDEX torrent_group_words ON torrent_group;
ALTER TABLE torrent_group DROP COLUMN words_version;
DROP TABLE catalog_sum;
DROP TABLE group_live;
