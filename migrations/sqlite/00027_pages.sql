-- +goose Up
-- internal/pages: pages that staff have written, and what each revision of them said. A
-- page without a row is as the program ships it. revision is the one that is shown;
-- news is the number of an item of news, 0 for any other page.
CREATE TABLE page (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    slug       TEXT NOT NULL UNIQUE,
    news       BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    html       TEXT NOT NULL,
    renderer   BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX page_news ON page (news);
CREATE INDEX page_renderer ON page (renderer);

-- A revision that is blank has no text of its own: with it the page went back to what
-- the program ships, or away.
CREATE TABLE page_revision (
    page_id     BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    blank       BIGINT NOT NULL,
    title       TEXT NOT NULL,
    source      TEXT NOT NULL,
    summary     TEXT NOT NULL,
    author_id   BIGINT NOT NULL,
    author_name TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (page_id, revision)
);

-- internal/member: staff are listed by class.
CREATE INDEX member_of_class ON member (class_id);
CREATE INDEX member_class_class ON member_class (class_id);

-- Who may disable members may write pages.
INSERT INTO class_permission (class_id, permission)
SELECT class_id, 'page.edit' FROM class_permission WHERE permission = 'member.disable';

-- +goose Down
DELETE FROM class_permission WHERE permission = 'page.edit';
DROP INDEX member_class_class;
DROP INDEX member_of_class;
DROP TABLE page_revision;
DROP TABLE page;
