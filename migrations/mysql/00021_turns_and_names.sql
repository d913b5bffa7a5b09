-- +goose Up
-- internal/db: decisions that no two may take at once.
CREATE TABLE IF NOT EXISTS turn (
    name VARCHAR(64) NOT NULL PRIMARY KEY
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/member, internal/irc: names are ASCII, and those that differ in more than
-- case are different. Until now an accent made no difference. Names of other letters
-- were never accepted; a site that has some was changed by hand.
-- +goose StatementBegin
BEGIN NOT ATOMIC
    DECLARE fault VARCHAR(128);
    SELECT MIN(name) INTO fault FROM (
        SELECT name FROM member UNION SELECT nick FROM member_nick
        UNION SELECT name FROM irc_channel UNION SELECT channel FROM irc_mask) names
        WHERE HEX(name) <> HEX(CONVERT(name USING ascii));
    IF fault IS NOT NULL THEN
        SET @words = CONCAT('the name ', fault, ' is not ASCII; rename that member, nick or channel and migrate again');
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = @words;
    END IF;
END
-- +goose StatementEnd
ALTER TABLE member MODIFY name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_general_nopad_ci NOT NULL;
ALTER TABLE member_nick MODIFY nick VARCHAR(32) CHARACTER SET ascii COLLATE ascii_general_nopad_ci NOT NULL;
ALTER TABLE irc_channel MODIFY name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_general_nopad_ci NOT NULL;
ALTER TABLE irc_mask MODIFY channel VARCHAR(64) CHARACTER SET ascii COLLATE ascii_general_nopad_ci NOT NULL;

-- +goose Down
ALTER TABLE irc_mask MODIFY channel VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL;
ALTER TABLE irc_channel MODIFY name VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL;
ALTER TABLE member_nick MODIFY nick VARCHAR(32) COLLATE utf8mb4_general_ci NOT NULL;
ALTER TABLE member MODIFY name VARCHAR(32) COLLATE utf8mb4_general_ci NOT NULL;
DROP TABLE turn;
