-- +goose Up
-- Each statement looks before it acts, so that a migration that was interrupted can
-- be run again.
-- internal/pages: pages that staff have written, and what each revision of them said. A
-- page without a row is as the program ships it. revision is the one that is shown;
-- news is the number of an item of news, 0 for any other page.
CREATE TABLE IF NOT EXISTS page (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    slug       VARCHAR(40) NOT NULL UNIQUE,
    news       BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    html       MEDIUMTEXT NOT NULL,
    renderer   BIGINT NOT NULL,
    created_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS page_news ON page (news);
CREATE INDEX IF NOT EXISTS page_renderer ON page (renderer);

-- A revision that is blank has no text of its own: with it the page went back to what
-- the program ships, or away.
CREATE TABLE IF NOT EXISTS page_revision (
    page_id     BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    blank       BIGINT NOT NULL,
    title       VARCHAR(100) NOT NULL,
    source      MEDIUMTEXT NOT NULL,
    summary     VARCHAR(200) NOT NULL,
    author_id   BIGINT NOT NULL,
    author_name VARCHAR(64) NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (page_id, revision)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- internal/member: staff are listed by class.
CREATE INDEX IF NOT EXISTS member_of_class ON member (class_id);
CREATE INDEX IF NOT EXISTS member_class_class ON member_class (class_id);

-- Who may disable members may write pages.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'page.edit' FROM class_permission WHERE permission = 'member.disable'
ON DUPLICATE KEY UPDATE permission = VALUES(permission);

-- +goose Down
DELETE FROM class_permission WHERE permission = 'page.edit';
DROP INDEX member_class_class ON member_class;
DROP INDEX member_of_class ON member;
DROP TABLE page_revision;
DROP TABLE page;
