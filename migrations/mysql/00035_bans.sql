-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/ban: who is banned, from what (reach is a sum of bits), why and until when.
-- Values are sealed. slot is a keyed hash, by which there is one ban in force of a value
-- and a reach; it is NULL for one that is over. What came from irc_line is not sealed
-- (sealed is 0) and has no slot until the program has seen to it.
CREATE TABLE IF NOT EXISTS ban (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind        VARCHAR(16) NOT NULL,
    value       VARBINARY(512) NOT NULL,
    sealed      BIGINT NOT NULL,
    slot        BINARY(32) NULL UNIQUE,
    reach       BIGINT NOT NULL,
    reason      VARCHAR(255) NOT NULL,
    note        VARCHAR(255) NOT NULL,
    by_id       BIGINT NOT NULL,
    by_name     VARCHAR(64) NOT NULL,
    starts_at   BIGINT NOT NULL,
    ends_at     BIGINT NOT NULL,
    lifted_at   BIGINT NOT NULL,
    lifted_by   VARCHAR(64) NOT NULL,
    lift_reason VARCHAR(255) NOT NULL,
    KEY ban_lifted (lifted_at, ends_at),
    KEY ban_sealed (sealed)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The lines of the IRC network are bans that reach it.
INSERT INTO ban (id, kind, value, sealed, slot, reach, reason, note, by_id, by_name, starts_at, ends_at, lifted_at, lifted_by, lift_reason)
SELECT l.id, CASE WHEN l.kind = 'k' THEN 'mask' WHEN l.mask LIKE '%.%/32' OR l.mask LIKE '%:%/128' THEN 'address' ELSE 'network' END,
    l.mask, 0, NULL, 2, l.reason, '', 0, l.set_by, l.set_at, l.expires_at, 0, '', ''
FROM irc_line l WHERE NOT EXISTS (SELECT 1 FROM ban b WHERE b.id = l.id);

-- Who may keep people from IRC, addresses among them, may ban.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'ban.manage' FROM class_permission WHERE permission = 'irc.address'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'ban.manage';
DROP TABLE ban;
