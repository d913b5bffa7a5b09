-- +goose Up
-- internal/member: the TLS certificates by which a member logs in to IRC.
CREATE TABLE member_certificate (
    member_id   BIGINT NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    label       VARCHAR(64) NOT NULL,
    added_at    BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    PRIMARY KEY (member_id, fingerprint)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX member_certificate_fingerprint ON member_certificate (fingerprint);

-- The other nicks of members.
CREATE TABLE member_nick (
    nick      VARCHAR(32) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY,
    member_id BIGINT NOT NULL,
    added_at  BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX member_nick_member ON member_nick (member_id);

-- internal/guess: who gave a wrong secret lately, from where and for what account,
-- as keyed hashes.
CREATE TABLE login_failure (
    mac     BINARY(32) NOT NULL PRIMARY KEY,
    tries   BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    until   BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX login_failure_last ON login_failure (last_at);

-- +goose Down
DROP TABLE login_failure;
DROP TABLE member_nick;
DROP TABLE member_certificate;
