-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/credential: links that are good for one use. The token is kept as a keyed hash,
-- and sealed for whoever writes the mail; both boxes are empty once nobody may open them.
-- used_at and revoked_at are 0 while neither has happened.
CREATE TABLE IF NOT EXISTS one_time_link (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    purpose     VARCHAR(16) NOT NULL,
    token_mac   BINARY(32) NOT NULL UNIQUE,
    token_box   VARBINARY(255) NOT NULL,
    subject_id  BIGINT NOT NULL,
    member_id   BIGINT NOT NULL,
    content_box MEDIUMBLOB NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    revoked_at  BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS one_time_link_subject ON one_time_link (purpose, subject_id);
CREATE INDEX IF NOT EXISTS one_time_link_expires ON one_time_link (expires_at);

-- internal/setting: what staff have changed of the settings that may be changed while the
-- site runs. A setting without a row has its default.
CREATE TABLE IF NOT EXISTS setting (
    name       VARCHAR(64) NOT NULL PRIMARY KEY,
    value      MEDIUMTEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who may run jobs may change settings.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'setting.manage' FROM class_permission WHERE permission = 'job.manage'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'setting.manage';
DROP TABLE setting;
DROP TABLE one_time_link;
