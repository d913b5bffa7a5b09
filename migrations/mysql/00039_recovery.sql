-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/command: who asked for an act that waits until somebody else approves it, by
-- which face, and what they confirmed that it would do. Confirmations have none of these.
ALTER TABLE pending_act
    ADD COLUMN IF NOT EXISTS asker_id BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS asker_name VARCHAR(64) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS asker_via VARCHAR(16) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS shown VARCHAR(2000) NOT NULL DEFAULT '';

-- internal/member: the keyed hash by which a mail address is found, since when it is known
-- to be the member's, since when mail to it fails for good and why, and a new address that
-- waits to be confirmed. The job refresh-accounts hashes the addresses of older accounts.
ALTER TABLE member
    ADD COLUMN IF NOT EXISTS email_mac VARBINARY(32) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS email_confirmed_at BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS email_failed_at BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS email_failed_why VARCHAR(255) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS email_new_box VARBINARY(512) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS email_new_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS member_email ON member (email_mac);

-- internal/member: codes that let a member in who lost the passphrase. Each is used once,
-- and deleted then.
CREATE TABLE IF NOT EXISTS recovery_code (
    member_id  BIGINT NOT NULL,
    code_mac   BINARY(32) NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (member_id, code_mac)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/member: who asked for a letter with a link, as they typed it, until a job looks
-- whose it is. The site writes the same whether it is known or not.
CREATE TABLE IF NOT EXISTS recovery_request (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    typed_box  VARBINARY(512) NOT NULL,
    origin_box VARBINARY(255) NOT NULL,
    at         BIGINT NOT NULL,
    KEY recovery_request_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose Down
DROP TABLE recovery_request;
DROP TABLE recovery_code;
DROP INDEX member_email ON member;
ALTER TABLE member DROP COLUMN email_new_at;
ALTER TABLE member DROP COLUMN email_new_box;
ALTER TABLE member DROP COLUMN email_failed_why;
ALTER TABLE member DROP COLUMN email_failed_at;
ALTER TABLE member DROP COLUMN email_confirmed_at;
ALTER TABLE member DROP COLUMN email_mac;
ALTER TABLE pending_act DROP COLUMN shown;
ALTER TABLE pending_act DROP COLUMN asker_via;
ALTER TABLE pending_act DROP COLUMN asker_name;
ALTER TABLE pending_act DROP COLUMN asker_id;
