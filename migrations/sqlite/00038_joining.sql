-- +goose Up
-- internal/member: how many invites members of a class may make within 30 days.
ALTER TABLE class ADD COLUMN invites BIGINT NOT NULL DEFAULT 0;

-- internal/invite: invites, and what came of each. via is "invite", or "application" of one
-- that staff gave to an applicant. source says what it was taken from: 0 what the class is
-- given, 1 the stock, 2 nothing. The mail address is sealed, and empty where there is none
-- or once the invite is over. used_at and revoked_at are 0 while neither has happened.
CREATE TABLE invite (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    inviter_id BIGINT NOT NULL,
    via        TEXT NOT NULL,
    source     BIGINT NOT NULL,
    note       TEXT NOT NULL,
    mail_mac   BLOB NOT NULL,
    mail_box   BLOB NOT NULL,
    link_id    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    used_by    BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL,
    revoked_by BIGINT NOT NULL
);
CREATE INDEX invite_inviter ON invite (inviter_id, id);
CREATE INDEX invite_expires ON invite (expires_at);

-- Invites that a member was given once, besides those of the class.
CREATE TABLE invite_stock (
    member_id BIGINT NOT NULL PRIMARY KEY,
    given     BIGINT NOT NULL
);

-- Below whom somebody stands in the invite tree, and how they came. inviter_id is 0 for the
-- shell, and for whoever joined by themselves. network_mac is the keyed hash of the network
-- that they came from, and empty after some days.
CREATE TABLE member_inviter (
    member_id   BIGINT NOT NULL PRIMARY KEY,
    inviter_id  BIGINT NOT NULL,
    via         TEXT NOT NULL,
    invite_id   BIGINT NOT NULL,
    network_mac BLOB NOT NULL,
    at          BIGINT NOT NULL
);
CREATE INDEX member_inviter_inviter ON member_inviter (inviter_id, member_id);
CREATE INDEX member_inviter_network ON member_inviter (network_mac, at);

-- Causes that one act began for a whole branch of the tree. The act is called by the first.
CREATE TABLE branch_cause (
    cause_id BIGINT NOT NULL PRIMARY KEY,
    act      BIGINT NOT NULL
);
CREATE INDEX branch_cause_act ON branch_cause (act);

-- Which revision of the rules somebody has accepted.
CREATE TABLE rules_accepted (
    member_id BIGINT NOT NULL,
    revision  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (member_id, revision)
);

-- What applicants are asked.
CREATE TABLE application_question (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    position   BIGINT NOT NULL,
    question   TEXT NOT NULL,
    optional   BIGINT NOT NULL,
    removed_at BIGINT NOT NULL
);
INSERT INTO application_question (id, position, question, optional, removed_at) VALUES
    (1, 1, 'What do you work on, and which data would you bring or look for?', 0, 0),
    (2, 2, 'Where else do you share data, and by which name are you known there?', 1, 0),
    (3, 3, 'How did you hear of this site?', 0, 0);

-- Applications. The code that an applicant follows theirs by is a keyed hash, and the mail
-- address is sealed; both boxes and the hashes of network and address are emptied when
-- it is long over.
CREATE TABLE application (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    code_mac    BLOB NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    mail_mac    BLOB NOT NULL,
    mail_box    BLOB NOT NULL,
    place_mac   BLOB NOT NULL,
    network_mac BLOB NOT NULL,
    state       TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    claimed_by  BIGINT NOT NULL,
    claimed_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    ended_by    BIGINT NOT NULL,
    reason      TEXT NOT NULL,
    wait_until  BIGINT NOT NULL,
    invite_id   BIGINT NOT NULL
);
CREATE INDEX application_state ON application (state, id);
CREATE INDEX application_network ON application (network_mac, created_at);
CREATE INDEX application_place ON application (place_mac, wait_until);
CREATE INDEX application_mail ON application (mail_mac, wait_until);
CREATE INDEX application_ended ON application (ended_at);

CREATE TABLE application_answer (
    application_id BIGINT NOT NULL,
    position       BIGINT NOT NULL,
    question       TEXT NOT NULL,
    answer         TEXT NOT NULL,
    PRIMARY KEY (application_id, position)
);

CREATE TABLE application_note (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id BIGINT NOT NULL,
    author_id      BIGINT NOT NULL,
    author_name    TEXT NOT NULL,
    at             BIGINT NOT NULL,
    note           TEXT NOT NULL
);
CREATE INDEX application_note_application ON application_note (application_id, id);

-- Whoever may upload may invite. Who may disable members looks after invites and applications.
UPDATE class SET invites = 2 WHERE secondary = 0 AND id IN (SELECT class_id FROM class_permission WHERE permission = 'torrent.upload');
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'invite.send' FROM class_permission WHERE permission = 'torrent.upload';
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'invite.manage' FROM class_permission WHERE permission = 'member.disable';
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'application.review' FROM class_permission WHERE permission = 'member.disable';

-- +goose Down
DELETE FROM class_permission WHERE permission IN ('invite.send', 'invite.manage', 'application.review');
DROP TABLE application_note;
DROP TABLE application_answer;
DROP TABLE application;
DROP TABLE application_question;
DROP TABLE rules_accepted;
DROP TABLE branch_cause;
DROP TABLE member_inviter;
DROP TABLE invite_stock;
DROP TABLE invite;
ALTER TABLE class DROP COLUMN invites;
