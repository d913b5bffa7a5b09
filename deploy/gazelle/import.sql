-- What a running Gazelle has already, copied to where the tracker looks for it.
-- Once, before the tracker is started with ocelot_listen; later Gazelle tells each
-- change itself. Needs both databases on one server: here they are called
-- "gazelle" and "caduceus".
--   mariadb < import.sql

INSERT INTO caduceus.ocelot_member (id, passkey, can_leech, visible, updated_at)
SELECT ID, torrent_pass, can_leech, Visible = '1', UNIX_TIMESTAMP()
FROM gazelle.users_main WHERE Enabled = '1' AND LENGTH(torrent_pass) = 32;

INSERT INTO caduceus.ocelot_torrent (id, info_hash, leech, deleted_at, delete_reason, updated_at)
SELECT ID, info_hash, CASE FreeTorrent WHEN '1' THEN 'free' WHEN '2' THEN 'neutral' ELSE 'normal' END, 0, '', UNIX_TIMESTAMP()
FROM gazelle.torrents WHERE LENGTH(info_hash) = 20;

INSERT INTO caduceus.ocelot_token (torrent_id, member_id, created_at)
SELECT TorrentID, UserID, MAX(UNIX_TIMESTAMP(Time))
FROM gazelle.users_freeleeches WHERE Expired = 0 GROUP BY TorrentID, UserID;

INSERT INTO caduceus.ocelot_client (prefix, created_at)
SELECT peer_id, UNIX_TIMESTAMP()
FROM gazelle.xbt_client_whitelist WHERE LENGTH(peer_id) BETWEEN 1 AND 20 GROUP BY peer_id;
