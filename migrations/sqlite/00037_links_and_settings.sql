-- +goose Up
-- internal/credential: links that are good for one use. The token is kept as a keyed hash,
-- and sealed for whoever writes the mail; both boxes are empty once nobody may open them.
-- used_at and revoked_at are 0 while neither has happened.
CREATE TABLE one_time_link (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose     TEXT NOT NULL,
    token_mac   BLOB NOT NULL UNIQUE,
    token_box   BLOB NOT NULL,
    subject_id  BIGINT NOT NULL,
    member_id   BIGINT NOT NULL,
    content_box BLOB NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    revoked_at  BIGINT NOT NULL
);
CREATE INDEX one_time_link_subject ON one_time_link (purpose, subject_id);
CREATE INDEX one_time_link_expires ON one_time_link (expires_at);

-- internal/setting: what staff have changed of the settings that may be changed while the
-- site runs. A setting without a row has its default.
CREATE TABLE setting (
    name       TEXT NOT NULL PRIMARY KEY,
    value      TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by BIGINT NOT NULL
);

-- Who may run jobs may change settings.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'setting.manage' FROM class_permission WHERE permission = 'job.manage';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'setting.manage';
DROP TABLE setting;
DROP TABLE one_time_link;
