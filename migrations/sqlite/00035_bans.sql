-- +goose Up
-- internal/ban: who is banned, from what (reach is a sum of bits), why and until when.
-- Values are sealed. slot is a keyed hash, by which there is one ban in force of a value
-- and a reach; it is NULL for one that is over. What came from irc_line is not sealed
-- (sealed is 0) and has no slot until the program has seen to it.
CREATE TABLE ban (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    value       BLOB NOT NULL,
    sealed      BIGINT NOT NULL,
    slot        BLOB NULL UNIQUE,
    reach       BIGINT NOT NULL,
    reason      TEXT NOT NULL,
    note        TEXT NOT NULL,
    by_id       BIGINT NOT NULL,
    by_name     TEXT NOT NULL,
    starts_at   BIGINT NOT NULL,
    ends_at     BIGINT NOT NULL,
    lifted_at   BIGINT NOT NULL,
    lifted_by   TEXT NOT NULL,
    lift_reason TEXT NOT NULL
);
CREATE INDEX ban_lifted ON ban (lifted_at, ends_at);
CREATE INDEX ban_sealed ON ban (sealed);

-- The lines of the IRC network are bans that reach it.
INSERT INTO ban (id, kind, value, sealed, slot, reach, reason, note, by_id, by_name, starts_at, ends_at, lifted_at, lifted_by, lift_reason)
SELECT l.id, CASE WHEN l.kind = 'k' THEN 'mask' WHEN l.mask LIKE '%.%/32' OR l.mask LIKE '%:%/128' THEN 'address' ELSE 'network' END,
    CAST(l.mask AS BLOB), 0, NULL, 2, l.reason, '', 0, l.set_by, l.set_at, l.expires_at, 0, '', ''
FROM irc_line l;

-- Who may keep people from IRC, addresses among them, may ban.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'ban.manage' FROM class_permission WHERE permission = 'irc.address';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'ban.manage';
DROP TABLE ban;
