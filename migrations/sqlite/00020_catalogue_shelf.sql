-- +goose Up
-- internal/catalog: what listings are made from, one narrow row for each group that has
-- a live torrent. newest is the greatest id of these.
CREATE TABLE group_live (
    group_id    INTEGER PRIMARY KEY,
    category_id BIGINT NOT NULL,
    newest      BIGINT NOT NULL,
    torrents    BIGINT NOT NULL,
    size        BIGINT NOT NULL
);
INSERT INTO group_live (group_id, category_id, newest, torrents, size)
    SELECT g.id, g.category_id, MAX(t.id), COUNT(*), SUM(t.size)
    FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE t.deleted_at = 0 GROUP BY g.id, g.category_id;
CREATE INDEX group_live_newest ON group_live (newest);
CREATE INDEX group_live_category ON group_live (category_id, newest);

-- internal/catalog: the sums of group_live by category.
CREATE TABLE catalog_sum (
    category_id BIGINT NOT NULL PRIMARY KEY,
    group_count BIGINT NOT NULL,
    torrents    BIGINT NOT NULL,
    size        BIGINT NOT NULL
);
INSERT INTO catalog_sum (category_id, group_count, torrents, size)
    SELECT category_id, COUNT(*), SUM(torrents), SUM(size) FROM group_live GROUP BY category_id;

-- words_version is the rule by which the words of the group were made; 0 is the first.
ALTER TABLE torrent_group ADD COLUMN words_version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX torrent_group_words ON torrent_group (words_version, id);

-- The words of a group are looked at one by one, and rare formats and licences found.
CREATE INDEX group_word_words ON group_word (group_id, word);
DROP INDEX group_word_group;
CREATE INDEX torrent_format ON torrent (format, group_id);
CREATE INDEX torrent_license ON torrent (license, group_id);

-- internal/transfer: the last torrent of which is known whether it was ever seeded, in
-- one row.
CREATE TABLE swarm_watch_mark (
    id         INTEGER PRIMARY KEY,
    torrent_id BIGINT NOT NULL
);

-- +goose Down
DROP TABLE swarm_watch_mark;
DROP INDEX torrent_license;
DROP INDEX torrent_format;
CREATE INDEX group_word_group ON group_word (group_id);
DROP INDEX group_word_words;
DROP INDEX torrent_group_words;
ALTER TABLE torrent_group DROP COLUMN words_version;
DROP TABLE catalog_sum;
DROP TABLE group_live;
