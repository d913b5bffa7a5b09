-- +goose Up
-- internal/notify: what members are told. inbox says whether their inbox shows it; once is
-- what it tells of, so that nothing is told twice; times is how many alike it stands for,
-- and event_id the last event among them.
CREATE TABLE notification (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    member_id    BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   BIGINT NOT NULL,
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,
    link         TEXT NOT NULL,
    once         TEXT NOT NULL UNIQUE,
    event_id     BIGINT NOT NULL,
    times        BIGINT NOT NULL,
    inbox        BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    read_at      BIGINT NOT NULL
);
CREATE INDEX notification_inbox ON notification (member_id, inbox, id);
CREATE INDEX notification_unread ON notification (member_id, inbox, read_at);
CREATE INDEX notification_burst ON notification (member_id, kind, created_at);
CREATE INDEX notification_age ON notification (created_at);

-- What is to leave the house, or has left it, by which way.
CREATE TABLE delivery (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    notification_id BIGINT NOT NULL,
    way             TEXT NOT NULL,
    state           TEXT NOT NULL,
    tries           BIGINT NOT NULL,
    next_at         BIGINT NOT NULL,
    UNIQUE (notification_id, way)
);
CREATE INDEX delivery_due ON delivery (state, next_at);

-- Where a member wants something else than what holds for everyone.
CREATE TABLE notify_choice (
    member_id BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    way       TEXT NOT NULL,
    wanted    BIGINT NOT NULL,
    PRIMARY KEY (member_id, kind, way)
);

-- Who may disable members may write to them.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'member.tell' FROM class_permission WHERE permission = 'member.disable';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'member.tell';
DROP TABLE notify_choice;
DROP TABLE delivery;
DROP TABLE notification;
