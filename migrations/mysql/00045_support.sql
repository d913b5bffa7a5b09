-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/support: what people write to staff. category is "question" or "takedown", state
-- "open", "answered" or "closed". member_id is 0 for whoever is not logged in; they have a
-- mail address, which is sealed as all that they write is. form_box holds what else the form
-- of the category asks. network_mac is the keyed hash of the network that it came from, and
-- empty after a week.
CREATE TABLE IF NOT EXISTS support_ticket (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    category    VARCHAR(16) NOT NULL,
    state       VARCHAR(16) NOT NULL,
    member_id   BIGINT NOT NULL,
    mail_mac    VARBINARY(32) NOT NULL,
    mail_box    VARBINARY(512) NOT NULL,
    subject_box VARBINARY(1024) NOT NULL,
    form_box    MEDIUMBLOB NOT NULL,
    network_mac VARBINARY(32) NOT NULL,
    assignee_id BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    answered_at BIGINT NOT NULL,
    closed_at   BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS support_ticket_state ON support_ticket (state, id);
CREATE INDEX IF NOT EXISTS support_ticket_member ON support_ticket (member_id, id);
CREATE INDEX IF NOT EXISTS support_ticket_mail ON support_ticket (mail_mac);
CREATE INDEX IF NOT EXISTS support_ticket_network ON support_ticket (network_mac, created_at);
CREATE INDEX IF NOT EXISTS support_ticket_created ON support_ticket (created_at);

-- What was said about it. kind is "said" by whoever wrote, "answer" by staff, or "note" for
-- staff alone. by_mail is 1 for an answer that leaves by mail.
CREATE TABLE IF NOT EXISTS support_message (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    ticket_id   BIGINT NOT NULL,
    kind        VARCHAR(16) NOT NULL,
    author_id   BIGINT NOT NULL,
    author_name VARCHAR(64) NOT NULL,
    at          BIGINT NOT NULL,
    by_mail     BIGINT NOT NULL,
    body_box    MEDIUMBLOB NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS support_message_ticket ON support_message (ticket_id, id);

-- Who looks after applications answers those who write.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'support.answer' FROM class_permission WHERE permission = 'application.review'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'support.answer';
DROP TABLE support_message;
DROP TABLE support_ticket;
