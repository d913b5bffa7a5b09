-- +goose Up
-- internal/support: what people write to staff. category is "question" or "takedown", state
-- "open", "answered" or "closed". member_id is 0 for whoever is not logged in; they have a
-- mail address, which is sealed as all that they write is. form_box holds what else the form
-- of the category asks. network_mac is the keyed hash of the network that it came from, and
-- empty after a week.
CREATE TABLE support_ticket (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    category    TEXT NOT NULL,
    state       TEXT NOT NULL,
    member_id   BIGINT NOT NULL,
    mail_mac    BLOB NOT NULL,
    mail_box    BLOB NOT NULL,
    subject_box BLOB NOT NULL,
    form_box    BLOB NOT NULL,
    network_mac BLOB NOT NULL,
    assignee_id BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    answered_at BIGINT NOT NULL,
    closed_at   BIGINT NOT NULL
);
CREATE INDEX support_ticket_state ON support_ticket (state, id);
CREATE INDEX support_ticket_member ON support_ticket (member_id, id);
CREATE INDEX support_ticket_mail ON support_ticket (mail_mac);
CREATE INDEX support_ticket_network ON support_ticket (network_mac, created_at);
CREATE INDEX support_ticket_created ON support_ticket (created_at);

-- What was said about it. kind is "said" by whoever wrote, "answer" by staff, or "note" for
-- staff alone. by_mail is 1 for an answer that leaves by mail.
CREATE TABLE support_message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id   BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    author_id   BIGINT NOT NULL,
    author_name TEXT NOT NULL,
    at          BIGINT NOT NULL,
    by_mail     BIGINT NOT NULL,
    body_box    BLOB NOT NULL
);
CREATE INDEX support_message_ticket ON support_message (ticket_id, id);

-- Who looks after applications answers those who write.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'support.answer' FROM class_permission WHERE permission = 'application.review';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'support.answer';
DROP TABLE support_message;
DROP TABLE support_ticket;
