-- +goose Up
-- internal/command: who asked for an act that waits until somebody else approves it, by
-- which face, and what they confirmed that it would do. Confirmations have none of these.
ALTER TABLE pending_act ADD COLUMN asker_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pending_act ADD COLUMN asker_name TEXT NOT NULL DEFAULT '';
ALTER TABLE pending_act ADD COLUMN asker_via TEXT NOT NULL DEFAULT '';
ALTER TABLE pending_act ADD COLUMN shown TEXT NOT NULL DEFAULT '';

-- internal/member: the keyed hash by which a mail address is found, since when it is known
-- to be the member's, since when mail to it fails for good and why, and a new address that
-- waits to be confirmed. The job refresh-accounts hashes the addresses of older accounts.
ALTER TABLE member ADD COLUMN email_mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE member ADD COLUMN email_confirmed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN email_failed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN email_failed_why TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN email_new_box BLOB NOT NULL DEFAULT x'';
ALTER TABLE member ADD COLUMN email_new_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX member_email ON member (email_mac);

-- internal/member: codes that let a member in who lost the passphrase. Each is used once,
-- and deleted then.
CREATE TABLE recovery_code (
    member_id  BIGINT NOT NULL,
    code_mac   BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (member_id, code_mac)
);

-- internal/member: who asked for a letter with a link, as they typed it, until a job looks
-- whose it is. The site writes the same whether it is known or not.
CREATE TABLE recovery_request (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    typed_box  BLOB NOT NULL,
    origin_box BLOB NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX recovery_request_at ON recovery_request (at);

-- +goose Down
DROP TABLE recovery_request;
DROP TABLE recovery_code;
DROP INDEX member_email;
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
