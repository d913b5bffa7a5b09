-- Lets a Gazelle on the same MariaDB read what the tracker has counted, with the
-- databases called "gazelle" and "caduceus" and Gazelle's user gazelle@localhost.
-- Run it once, as an administrator, while neither is running:
--   mariadb < sums.sql

-- Sums go to Gazelle's tables in the very transaction that writes ours, so each
-- byte is there once, or not yet. Gazelle may change its own numbers as before.
CREATE TRIGGER caduceus.gazelle_member_new AFTER INSERT ON caduceus.transfer_member FOR EACH ROW
UPDATE gazelle.users_main SET Uploaded = Uploaded + NEW.uploaded, Downloaded = Downloaded + NEW.downloaded WHERE ID = NEW.member_id;

CREATE TRIGGER caduceus.gazelle_member_more AFTER UPDATE ON caduceus.transfer_member FOR EACH ROW
UPDATE gazelle.users_main SET Uploaded = Uploaded + NEW.uploaded - OLD.uploaded, Downloaded = Downloaded + NEW.downloaded - OLD.downloaded WHERE ID = NEW.member_id;

CREATE TRIGGER caduceus.gazelle_torrent_new AFTER INSERT ON caduceus.transfer_torrent FOR EACH ROW
UPDATE gazelle.torrents SET Snatched = Snatched + NEW.snatches WHERE ID = NEW.torrent_id;

CREATE TRIGGER caduceus.gazelle_torrent_more AFTER UPDATE ON caduceus.transfer_torrent FOR EACH ROW
UPDATE gazelle.torrents SET Snatched = Snatched + NEW.snatches - OLD.snatches WHERE ID = NEW.torrent_id;

CREATE TRIGGER caduceus.gazelle_swarm_new AFTER INSERT ON caduceus.swarm_count FOR EACH ROW
UPDATE gazelle.torrents SET Seeders = NEW.seeders, Leechers = NEW.leechers,
    last_action = IF(NEW.seeders > 0, FROM_UNIXTIME(NEW.updated_at), last_action) WHERE ID = NEW.torrent_id;

CREATE TRIGGER caduceus.gazelle_swarm_more AFTER UPDATE ON caduceus.swarm_count FOR EACH ROW
UPDATE gazelle.torrents SET Seeders = NEW.seeders, Leechers = NEW.leechers,
    last_action = IF(NEW.seeders > 0, FROM_UNIXTIME(NEW.updated_at), last_action) WHERE ID = NEW.torrent_id;

-- Who seeds and fetches what, and who has fetched it. Gazelle may only read these:
-- its scheduled cleaning of xbt_files_users has nothing to do any more, and fails.
RENAME TABLE gazelle.xbt_files_users TO gazelle.xbt_files_users_before;
RENAME TABLE gazelle.xbt_snatched TO gazelle.xbt_snatched_before;

CREATE SQL SECURITY INVOKER VIEW gazelle.xbt_files_users AS
SELECT member_id AS uid, torrent_id AS fid, active > 0 AS active, 0 AS announced, snatched_at > 0 AS completed, 0 AS connectable,
    raw_up AS uploaded, raw_down AS downloaded, bytes_left AS remaining, 0 AS upspeed, 0 AS downspeed, 0 AS corrupt,
    seedtime AS timespent, '' AS useragent, '' AS peer_id, '' AS ip, last_at AS mtime
FROM caduceus.transfer_member_torrent;

CREATE SQL SECURITY INVOKER VIEW gazelle.xbt_snatched AS
SELECT member_id AS uid, snatched_at AS tstamp, torrent_id AS fid, '' AS IP, seedtime DIV 3600 AS seedtime
FROM caduceus.transfer_member_torrent WHERE snatched_at > 0
UNION ALL
SELECT uid, tstamp, fid, IP, seedtime FROM gazelle.xbt_snatched_before;

GRANT SELECT ON caduceus.transfer_member_torrent TO 'gazelle'@'localhost';
