-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/notify: what members are told. inbox says whether their inbox shows it; once is
-- what it tells of, so that nothing is told twice; times is how many alike it stands for,
-- and event_id the last event among them.
CREATE TABLE IF NOT EXISTS notification (
    id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    member_id    BIGINT NOT NULL,
    kind         VARCHAR(32) NOT NULL,
    subject_kind VARCHAR(16) NOT NULL,
    subject_id   BIGINT NOT NULL,
    title        VARCHAR(200) NOT NULL,
    body         VARCHAR(2000) NOT NULL,
    link         VARCHAR(255) NOT NULL,
    once         VARCHAR(128) NOT NULL UNIQUE,
    event_id     BIGINT NOT NULL,
    times        BIGINT NOT NULL,
    inbox        BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    read_at      BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS notification_inbox ON notification (member_id, inbox, id);
CREATE INDEX IF NOT EXISTS notification_unread ON notification (member_id, inbox, read_at);
CREATE INDEX IF NOT EXISTS notification_burst ON notification (member_id, kind, created_at);
CREATE INDEX IF NOT EXISTS notification_age ON notification (created_at);

-- What is to leave the house, or has left it, by which way.
CREATE TABLE IF NOT EXISTS delivery (
    id              BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    notification_id BIGINT NOT NULL,
    way             VARCHAR(16) NOT NULL,
    state           VARCHAR(16) NOT NULL,
    tries           BIGINT NOT NULL,
    next_at         BIGINT NOT NULL,
    UNIQUE (notification_id, way)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (state, next_at);

-- Where a member wants something else than what holds for everyone.
CREATE TABLE IF NOT EXISTS notify_choice (
    member_id BIGINT NOT NULL,
    kind      VARCHAR(32) NOT NULL,
    way       VARCHAR(16) NOT NULL,
    wanted    BIGINT NOT NULL,
    PRIMARY KEY (member_id, kind, way)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who may disable members may write to them.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.tell' FROM class_permission WHERE permission = 'member.disable'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'member.tell';
DROP TABLE notify_choice;
DROP TABLE delivery;
DROP TABLE notification;
