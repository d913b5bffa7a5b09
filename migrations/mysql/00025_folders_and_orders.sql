-- +goose Up
-- Each statement can be run again, so that a migration that was interrupted can be.
-- internal/catalog: the folders of a torrent, numbered from 1 as they lie one behind the
-- other in the tree; 0 is the torrent's own. Folders that hold nothing but one other
-- folder are one with it. Its own files are at the own_files places from first_place on,
-- and those of its folders at the places behind them.
CREATE TABLE IF NOT EXISTS torrent_folder (
    torrent_id  BIGINT NOT NULL,
    folder      BIGINT NOT NULL,
    parent      BIGINT NOT NULL, -- -1 of the torrent's own
    name        VARCHAR(1024) NOT NULL,
    first_place BIGINT NOT NULL,
    own_files   BIGINT NOT NULL,
    files       BIGINT NOT NULL, -- in its folders, too
    size        BIGINT NOT NULL, -- of these
    PRIMARY KEY (torrent_id, folder),
    KEY torrent_folder_parent (torrent_id, parent, folder)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The place of each file in the tree, where the files of a folder lie side by side.
CREATE TABLE IF NOT EXISTS torrent_place (
    torrent_id BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    PRIMARY KEY (torrent_id, place)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- How many folders there are, the torrent's own included. Of torrents that an older
-- release has stored it is 0 until the job refresh-folders has made them.
ALTER TABLE torrent ADD COLUMN IF NOT EXISTS folder_count BIGINT NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS torrent_folder_count ON torrent (folder_count, id);

-- internal/catalog: how many seed a group and have downloaded it, as the job note-swarms
-- found it. Lists of large catalogues are ordered by it, and by the size.
ALTER TABLE group_live ADD COLUMN IF NOT EXISTS seeders BIGINT NOT NULL DEFAULT 0;
ALTER TABLE group_live ADD COLUMN IF NOT EXISTS snatches BIGINT NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS group_live_size ON group_live (size, group_id);
CREATE INDEX IF NOT EXISTS group_live_seeders ON group_live (seeders, group_id);
CREATE INDEX IF NOT EXISTS group_live_snatches ON group_live (snatches, group_id);

-- +goose Down
DROP INDEX group_live_snatches ON group_live;
DROP INDEX group_live_seeders ON group_live;
DROP INDEX group_live_size ON group_live;
ALTER TABLE group_live DROP COLUMN snatches;
ALTER TABLE group_live DROP COLUMN seeders;
DROP INDEX torrent_folder_count ON torrent;
ALTER TABLE torrent DROP COLUMN folder_count;
DROP TABLE torrent_place;
DROP TABLE torrent_folder;
