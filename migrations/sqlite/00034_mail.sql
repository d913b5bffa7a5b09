-- +goose Up
-- internal/mail: letters that wait, and for a while those that went. once_mac is a keyed
-- hash of what a letter is about, so that there are never two for one thing; to_mac is one of
-- its address. box holds address and text, sealed, and is empty once they are not needed.
CREATE TABLE mail (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    once_mac   BLOB NOT NULL UNIQUE,
    to_mac     BLOB NOT NULL,
    member_id  BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    bulk       BIGINT NOT NULL,
    state      TEXT NOT NULL,
    kept       BIGINT NOT NULL,
    box        BLOB NOT NULL,
    tries      BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL
);
CREATE INDEX mail_next ON mail (state, bulk, next_at);
CREATE INDEX mail_member ON mail (member_id, state);
CREATE INDEX mail_to ON mail (to_mac, created_at);
CREATE INDEX mail_ended ON mail (state, ended_at);

-- Who runs the jobs looks after the mail.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'mail.manage' FROM class_permission WHERE permission = 'job.manage';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'mail.manage';
DROP TABLE mail;
