-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/mail: letters that wait, and for a while those that went. once_mac is a keyed
-- hash of what a letter is about, so that there are never two for one thing; to_mac is one of
-- its address. box holds address and text, sealed, and is empty once they are not needed.
CREATE TABLE IF NOT EXISTS mail (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    once_mac   BINARY(32) NOT NULL UNIQUE,
    to_mac     BINARY(32) NOT NULL,
    member_id  BIGINT NOT NULL,
    kind       VARCHAR(32) NOT NULL,
    bulk       BIGINT NOT NULL,
    state      VARCHAR(16) NOT NULL,
    kept       BIGINT NOT NULL,
    box        MEDIUMBLOB NOT NULL,
    tries      BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    last_error VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    KEY mail_next (state, bulk, next_at),
    KEY mail_member (member_id, state),
    KEY mail_to (to_mac, created_at),
    KEY mail_ended (state, ended_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who runs the jobs looks after the mail.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'mail.manage' FROM class_permission WHERE permission = 'job.manage'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'mail.manage';
DROP TABLE mail;
