-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/member: how many invites members of a class may make within 30 days.
ALTER TABLE class ADD COLUMN IF NOT EXISTS invites BIGINT NOT NULL DEFAULT 0;

-- internal/invite: invites, and what came of each. via is "invite", or "application" of one
-- that staff gave to an applicant. source says what it was taken from: 0 what the class is
-- given, 1 the stock, 2 nothing. The mail address is sealed, and empty where there is none
-- or once the invite is over. used_at and revoked_at are 0 while neither has happened.
CREATE TABLE IF NOT EXISTS invite (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    inviter_id BIGINT NOT NULL,
    via        VARCHAR(16) NOT NULL,
    source     BIGINT NOT NULL,
    note       VARCHAR(200) NOT NULL,
    mail_mac   VARBINARY(32) NOT NULL,
    mail_box   VARBINARY(512) NOT NULL,
    link_id    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    used_by    BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL,
    revoked_by BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS invite_inviter ON invite (inviter_id, id);
CREATE INDEX IF NOT EXISTS invite_expires ON invite (expires_at);

-- Invites that a member was given once, besides those of the class.
CREATE TABLE IF NOT EXISTS invite_stock (
    member_id BIGINT NOT NULL PRIMARY KEY,
    given     BIGINT NOT NULL
);

-- Below whom somebody stands in the invite tree, and how they came. inviter_id is 0 for the
-- shell, and for whoever joined by themselves. network_mac is the keyed hash of the network
-- that they came from, and empty after some days.
CREATE TABLE IF NOT EXISTS member_inviter (
    member_id   BIGINT NOT NULL PRIMARY KEY,
    inviter_id  BIGINT NOT NULL,
    via         VARCHAR(16) NOT NULL,
    invite_id   BIGINT NOT NULL,
    network_mac VARBINARY(32) NOT NULL,
    at          BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS member_inviter_inviter ON member_inviter (inviter_id, member_id);
CREATE INDEX IF NOT EXISTS member_inviter_network ON member_inviter (network_mac, at);

-- Causes that one act began for a whole branch of the tree. The act is called by the first.
CREATE TABLE IF NOT EXISTS branch_cause (
    cause_id BIGINT NOT NULL PRIMARY KEY,
    act      BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS branch_cause_act ON branch_cause (act);

-- Which revision of the rules somebody has accepted.
CREATE TABLE IF NOT EXISTS rules_accepted (
    member_id BIGINT NOT NULL,
    revision  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (member_id, revision)
);

-- What applicants are asked.
CREATE TABLE IF NOT EXISTS application_question (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    position   BIGINT NOT NULL,
    question   VARCHAR(300) NOT NULL,
    optional   BIGINT NOT NULL,
    removed_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO application_question (id, position, question, optional, removed_at) VALUES
    (1, 1, 'What do you work on, and which data would you bring or look for?', 0, 0),
    (2, 2, 'Where else do you share data, and by which name are you known there?', 1, 0),
    (3, 3, 'How did you hear of this site?', 0, 0)
ON DUPLICATE KEY UPDATE id = VALUES(id);

-- Applications. The code that an applicant follows theirs by is a keyed hash, and the mail
-- address is sealed; both boxes and the hashes of network and address are emptied when
-- it is long over.
CREATE TABLE IF NOT EXISTS application (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    code_mac    BINARY(32) NOT NULL UNIQUE,
    name        VARCHAR(32) NOT NULL,
    mail_mac    VARBINARY(32) NOT NULL,
    mail_box    VARBINARY(512) NOT NULL,
    place_mac   VARBINARY(32) NOT NULL,
    network_mac VARBINARY(32) NOT NULL,
    state       VARCHAR(16) NOT NULL,
    created_at  BIGINT NOT NULL,
    claimed_by  BIGINT NOT NULL,
    claimed_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    ended_by    BIGINT NOT NULL,
    reason      VARCHAR(500) NOT NULL,
    wait_until  BIGINT NOT NULL,
    invite_id   BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS application_state ON application (state, id);
CREATE INDEX IF NOT EXISTS application_network ON application (network_mac, created_at);
CREATE INDEX IF NOT EXISTS application_place ON application (place_mac, wait_until);
CREATE INDEX IF NOT EXISTS application_mail ON application (mail_mac, wait_until);
CREATE INDEX IF NOT EXISTS application_ended ON application (ended_at);

CREATE TABLE IF NOT EXISTS application_answer (
    application_id BIGINT NOT NULL,
    position       BIGINT NOT NULL,
    question       VARCHAR(300) NOT NULL,
    answer         MEDIUMTEXT NOT NULL,
    PRIMARY KEY (application_id, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS application_note (
    id             BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    application_id BIGINT NOT NULL,
    author_id      BIGINT NOT NULL,
    author_name    VARCHAR(64) NOT NULL,
    at             BIGINT NOT NULL,
    note           VARCHAR(1000) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS application_note_application ON application_note (application_id, id);

-- Whoever may upload may invite. Who may disable members looks after invites and applications.
UPDATE class SET invites = 2 WHERE secondary = 0 AND id IN (SELECT class_id FROM class_permission WHERE permission = 'torrent.upload');
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'invite.send' FROM class_permission WHERE permission = 'torrent.upload'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'invite.manage' FROM class_permission WHERE permission = 'member.disable'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'application.review' FROM class_permission WHERE permission = 'member.disable'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

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
